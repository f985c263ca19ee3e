import { fileName } from '../../../lib/image-file.ts';

/** Hands bytes to the browser as a file. */
export function saveFile(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // By then the browser has read the bytes.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** The bucket suggests the same file name: `<audit>-<cell>-<index>.<extension>`. */
export const imageName = (audit: string, n: number, index: number, contentType: string | undefined): string =>
  `${audit.slice(0, 8)}-${fileName(n, index, contentType)}`;
