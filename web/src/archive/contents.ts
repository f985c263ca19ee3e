import { countImages, isBlank } from '../../../lib/contract/counted.ts';
import { describeNoPictures } from '../../../lib/contract/counts-in-words.ts';
import type { Prediction, PredictionImage } from '../api/types.ts';
import type { Cells } from '../live/cells.ts';

/** What the archive of an audit will have. */
export interface Contents {
  predictions: Prediction[];
  /** Those that can be downloaded, blank ones too. */
  images: { n: number; image: PredictionImage }[];
  blank: number;
  /** Of the images, without their renditions. */
  bytes: number;
  /** Outputs without bytes to download: how many, and why, such as `2 quarantined, 1 lost`. */
  withheld: { count: number; why: string };
}

/** @returns undefined while predictions are still loading, or something in them may still change */
export function contentsOf(cells: Cells): Contents | undefined {
  if (cells.hasOpen) return undefined;
  const predictions = Array.from({ length: cells.plan.cells }, (_, n) => cells.at(n)!);
  const all = predictions.flatMap(({ n, images }) => images.map((image) => ({ n, image })));
  const images = all.filter(({ image }) => image.url);
  const withheld = all.flatMap(({ image }) => (image.url ? [] : [image]));
  return {
    predictions,
    images,
    blank: images.filter(({ image }) => isBlank(image)).length,
    bytes: images.reduce((sum, { image }) => sum + (image.bytes ?? 0), 0),
    withheld: { count: withheld.length, why: describeNoPictures(countImages([{ images: withheld }])) },
  };
}
