import type { Prediction } from '../api-client.ts';

/** One image of a downloaded audit. */
export interface ImageEntry {
  index: number;
  /** Path inside the folder, with `/`; undefined for what is not there: lost, quarantined, not judged yet. */
  file: string | undefined;
  status: string;
  sha256: string | undefined;
  bytes: number | undefined;
  width: number | undefined;
  height: number | undefined;
  error: string | undefined;
}

/** One prediction of a downloaded audit: what the pages about it need, without its addresses. */
export type Entry = Omit<Prediction, 'images'> & { images: ImageEntry[] };

const EXTENSIONS: Record<string, string> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/avif': 'avif',
};

/** `00017-0.png`: the cell, the output, and what the bytes are. */
export function fileName(n: number, index: number, contentType: string | undefined): string {
  return `${String(Number(n)).padStart(5, '0')}-${Number(index)}.${EXTENSIONS[contentType ?? ''] ?? 'bin'}`;
}

/** @param folder of the images inside the download */
export function entryOf(prediction: Prediction, folder: string): Entry {
  return {
    ...prediction,
    images: prediction.images.map(
      ({ index, status, sha256, bytes, width, height, error, url, contentType }) => ({
        index,
        file: url && sha256 ? `${folder}/${fileName(prediction.n, index, contentType)}` : undefined,
        status,
        sha256,
        bytes,
        width,
        height,
        error,
      }),
    ),
  };
}
