import type { Prediction } from '../../lib/contract/answers.ts';

/** One image of a downloaded audit. */
export interface ImageEntry {
  index: number;
  /** Path inside the folder, with `/`; undefined for images that are lost, quarantined or pending. */
  file: string | undefined;
  status: string;
  sha256: string | undefined;
  bytes: number | undefined;
  width: number | undefined;
  height: number | undefined;
  error: string | undefined;
}

/** One prediction of a downloaded audit, without the addresses of its images. */
export type Entry = Omit<Prediction, 'images'> & { images: ImageEntry[] };

const EXTENSIONS: Record<string, string> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/avif': 'avif',
};

/** `00017-0.png`: cell, output, and the extension of the content type. */
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
