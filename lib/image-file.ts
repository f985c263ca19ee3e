const EXTENSIONS: Record<string, string> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/avif': 'avif',
  'image/svg+xml': 'svg',
};

/** `00017-0.png`: the name of an image in a download, from cell, output and content type. */
export const fileName = (n: number, index: number, contentType: string | undefined): string =>
  `${String(Number(n)).padStart(5, '0')}-${Number(index)}.${EXTENSIONS[contentType ?? ''] ?? 'bin'}`;
