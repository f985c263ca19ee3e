import { countImages, isBlank } from '../../../lib/contract/counted.ts';
import type { Prediction, PredictionImage } from '../api/types.ts';
import type { Cells } from '../live/cells.ts';
import { unseenInWords } from '../words/outcomes.ts';

/** What the archive of an audit will have. */
export interface Contents {
  predictions: Prediction[];
  /** Those that can be downloaded, blank ones too. */
  images: { n: number; image: PredictionImage }[];
  blank: number;
  /** Of the images, without their renditions. */
  bytes: number;
  /** Outputs without bytes to download. */
  withheld: PredictionImage[];
}

/** What several have together, in words and numbers. */
export function sumOf(contents: readonly Contents[]) {
  const withheld = contents.flatMap((one) => one.withheld);
  const sum = (count: (one: Contents) => number) => contents.reduce((before, one) => before + count(one), 0);
  return {
    images: sum(({ images }) => images.length),
    blank: sum(({ blank }) => blank),
    bytes: sum(({ bytes }) => bytes),
    /** How many, and why, such as `2 unusable, 1 lost`. */
    withheld: { count: withheld.length, why: unseenInWords(countImages([{ images: withheld }])) },
  };
}

/** @returns undefined while predictions are still loading, or something in them may still change */
export function contentsOf(cells: Cells): Contents | undefined {
  if (cells.hasOpen) return undefined;
  const predictions = Array.from({ length: cells.plan.cells }, (_, n) => cells.at(n)!);
  const all = predictions.flatMap(({ n, images }) => images.map((image) => ({ n, image })));
  const images = all.filter(({ image }) => image.url);
  return {
    predictions,
    images,
    blank: images.filter(({ image }) => isBlank(image)).length,
    bytes: images.reduce((sum, { image }) => sum + (image.bytes ?? 0), 0),
    withheld: all.flatMap(({ image }) => (image.url ? [] : [image])),
  };
}
