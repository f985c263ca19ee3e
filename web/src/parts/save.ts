/** Hands bytes to the browser as a file. */
export function saveFile(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken hold of the bytes well before.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

const EXTENSIONS: Record<string, string> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/avif': 'avif',
};

/** The name that the bucket gives the image too: `<audit>-<cell>-<index>.<extension>`. */
export const imageName = (audit: string, n: number, index: number, contentType: string | undefined): string =>
  `${audit.slice(0, 8)}-${String(n).padStart(5, '0')}-${index}.${EXTENSIONS[contentType ?? ''] ?? 'bin'}`;
