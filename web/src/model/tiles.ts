import type { CellStatus, Plan, Prediction, PredictionImage } from '../api/types.ts';

/** One square of a wall: an image, or what there is in its place. */
export type Tile =
  | { n: number; index: number; kind: 'image'; image: PredictionImage }
  | { n: number; index: number; kind: 'pending' | 'quarantined' | 'lost'; image: PredictionImage }
  | { n: number; index: number; kind: 'filtered' }
  | { n: number; index: number; kind: Exclude<CellStatus, 'succeeded'> | 'unknown'; error?: string };

/**
 * The tiles of a prediction. An image that the model's filter dropped is a tile as well: leaving it out would
 * make refusals invisible.
 * @param prediction undefined where it is not loaded yet
 */
export function tilesOf(n: number, prediction: Prediction | undefined): Tile[] {
  if (!prediction) return [{ n, index: 0, kind: 'unknown' }];
  const { status, error, images, filtered = 0 } = prediction;
  if (status !== 'succeeded' && images.length === 0)
    return [{ n, index: 0, kind: status, ...(error ? { error } : {}) }];
  const shown = images.map(
    (image): Tile => ({ n, index: image.index, kind: image.status === 'ok' ? 'image' : image.status, image }),
  );
  const dropped = Array.from(
    { length: filtered },
    (_, i): Tile => ({ n, index: images.length + i, kind: 'filtered' }),
  );
  return [...shown, ...dropped];
}

const WORDS: Record<Tile['kind'], string> = {
  image: 'image',
  pending: 'being checked',
  quarantined: 'set aside',
  lost: 'lost',
  filtered: 'filtered',
  unknown: 'loading',
  waiting: 'waiting',
  running: 'running',
  refused: 'refused',
  failed: 'failed',
  canceled: 'canceled',
};

export const wordFor = (tile: Tile): string => WORDS[tile.kind];

/** Why there is no picture to see, in a sentence; undefined for an image. */
export function explain(tile: Tile): string | undefined {
  switch (tile.kind) {
    case 'image':
      return undefined;
    case 'pending':
      return 'The image is stored and is being checked. It shows in a moment.';
    case 'quarantined':
      return 'What the model returned is not a whole, known image. It is kept as evidence, but not shown.';
    case 'lost':
      return `This output could not be stored: ${tile.image.error ?? 'no reason is known'}.`;
    case 'filtered':
      return 'The model made this image and its own safety filter withheld it.';
    case 'unknown':
      return 'Loading.';
    case 'waiting':
      return 'Not asked yet.';
    case 'running':
      return 'The model is at work.';
    case 'refused':
      return `The model refused: ${tile.error ?? 'no reason was given'}.`;
    case 'failed':
      return `The prediction failed: ${tile.error ?? 'no reason was given'}.`;
    case 'canceled':
      return `The prediction was canceled${tile.error ? `: ${tile.error}` : ''}.`;
  }
}

/** Inputs by which models are asked for several images at once. */
const COUNTS = ['num_outputs', 'number_of_images', 'num_images', 'batch_size'];

/** How many images a prediction of an audit is asked for at the most. */
export function imagesEach({ input, models }: Plan): number {
  const asked = models.flatMap((model) => {
    const all = { ...input, ...model.input };
    return COUNTS.map((name) => all[name]).filter((value) => typeof value === 'number');
  });
  return Math.max(1, ...asked);
}
