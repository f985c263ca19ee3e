import type { Prediction } from '../contract/answers.ts';
import { fileName } from '../image-file.ts';

/** Folders of the images and of their renditions in a download. */
export const IMAGES = 'images';
export const THUMBNAILS = 'thumbnails';

/** One image of a downloaded audit. */
export interface ImageEntry {
  index: number;
  /** Path inside the folder, with `/`; undefined for images that are lost, quarantined or pending. */
  file: string | undefined;
  /** Path of its rendition inside the folder; undefined if it has none there. */
  thumbnail: string | undefined;
  status: string;
  sha256: string | undefined;
  bytes: number | undefined;
  width: number | undefined;
  height: number | undefined;
  error: string | undefined;
  /** Why it is quarantined. */
  reason: string | undefined;
  /** Undefined if it was never decoded. */
  animated: boolean | undefined;
  alpha: boolean | undefined;
  c2pa: boolean | undefined;
  blank: boolean | undefined;
}

/** One prediction of a downloaded audit, without the addresses of its images. */
export type Entry = Omit<Prediction, 'images'> & { images: ImageEntry[] };

/** `00017-0.webp`: cell and output. */
export const thumbnailName = (n: number, index: number): string => fileName(n, index, 'image/webp');

/**
 * @param folder of the images inside the download
 * @param thumbnails folder of the renditions inside the download; undefined if it has none
 */
export function entryOf(prediction: Prediction, folder: string, thumbnails?: string): Entry {
  return {
    ...prediction,
    images: prediction.images.map(({ url, rendition, contentType, ...image }) => ({
      index: image.index,
      file: url && image.sha256 ? `${folder}/${fileName(prediction.n, image.index, contentType)}` : undefined,
      thumbnail:
        thumbnails && rendition ? `${thumbnails}/${thumbnailName(prediction.n, image.index)}` : undefined,
      status: image.status,
      sha256: image.sha256,
      bytes: image.bytes,
      width: image.width,
      height: image.height,
      error: image.error,
      reason: image.reason,
      animated: image.animated,
      alpha: image.alpha,
      c2pa: image.c2pa,
      blank: image.blank,
    })),
  };
}
