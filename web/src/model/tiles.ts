import { droppedOf, isBlank } from '../../../lib/contract/counted.ts';
import { imagesAsked } from '../../../lib/records/images-asked.ts';
import type { CellStatus, Plan, Prediction, PredictionImage } from '../api/types.ts';

/** One square of a wall: an image, or the reason why there is none. */
export type Tile =
  | { n: number; index: number; kind: 'image' | 'blank'; image: PredictionImage }
  | { n: number; index: number; kind: 'pending' | 'quarantined' | 'lost'; image: PredictionImage }
  | { n: number; index: number; kind: 'filtered' }
  | { n: number; index: number; kind: Exclude<CellStatus, 'succeeded'> | 'unknown'; error?: string };

/**
 * The tiles of a prediction. An image that the model's filter withheld has a tile too, so that it is visible: a tile
 * without a picture, or the blank picture that the model returned instead. A refused prediction without images has one
 * tile, whatever its filter dropped.
 * @param prediction undefined if it is not loaded yet
 */
export function tilesOf(n: number, prediction: Prediction | undefined): Tile[] {
  if (!prediction) return [{ n, index: 0, kind: 'unknown' }];
  const { status, error, images } = prediction;
  if (status !== 'succeeded' && images.length === 0)
    return [{ n, index: 0, kind: status, ...(error ? { error } : {}) }];
  const shown = images.map(
    (image): Tile => ({
      n,
      index: image.index,
      kind: isBlank(image) ? 'blank' : image.status === 'ok' ? 'image' : image.status,
      image,
    }),
  );
  const dropped = Array.from(
    { length: droppedOf(prediction) },
    (_, i): Tile => ({ n, index: images.length + i, kind: 'filtered' }),
  );
  return [...shown, ...dropped];
}

const WORDS: Record<Tile['kind'], string> = {
  image: 'image',
  blank: 'blank',
  pending: 'checking',
  quarantined: 'quarantined',
  lost: 'lost',
  filtered: 'filtered',
  unknown: 'loading',
  waiting: 'pending',
  running: 'running',
  refused: 'refused',
  failed: 'failed',
  canceled: 'canceled',
};

/** What stands in a tile without a picture. */
export const wordFor = (tile: Tile): string =>
  tile.kind === 'quarantined' && tile.image.reason !== undefined ? tile.image.reason : WORDS[tile.kind];

/** Whether a person can open a picture: one that is shown, or a blank one. */
export const hasPicture = (tile: Tile): tile is Extract<Tile, { kind: 'image' | 'blank' }> =>
  tile.kind === 'image' || tile.kind === 'blank';

/** A reason as the end of a sentence: models' messages may or may not have their own period. */
const ended = (reason: string | undefined, unknown = 'no reason was given') =>
  (reason ?? unknown).trim().replace(/(?<![.!?](\s*\([^()]*\))?)$/, '.');

/** Why a tile has no image, in a sentence; undefined for an image. */
export function explain(tile: Tile): string | undefined {
  switch (tile.kind) {
    case 'image':
      return undefined;
    case 'blank':
      return 'The model returned one even area instead of a picture. Several models do so instead of refusing.';
    case 'pending':
      return 'The image is stored and is being checked. It appears in a moment.';
    case 'quarantined':
      return tile.image.reason === undefined
        ? 'The model returned something that is not a valid image. It is stored as evidence, but quarantined.'
        : `This output is quarantined and not shown: ${ended(tile.image.reason)}`;
    case 'lost':
      return `This output could not be stored: ${ended(tile.image.error, 'the reason is unknown')}`;
    case 'filtered':
      return 'The model made this image, but its safety filter withheld it.';
    case 'unknown':
      return 'Loading.';
    case 'waiting':
      return 'This prediction has not been requested yet.';
    case 'running':
      return 'The model is working on this prediction.';
    case 'refused':
      return `The model refused: ${ended(tile.error)}`;
    case 'failed':
      return `The prediction failed: ${ended(tile.error)}`;
    case 'canceled':
      return `The prediction was canceled${tile.error ? `: ${ended(tile.error)}` : '.'}`;
  }
}

/** The most images that a prediction of an audit requests. */
export const imagesEach = ({ input, models }: Plan): number =>
  Math.max(1, ...models.map((model) => imagesAsked({ ...input, ...model.input })));
