import { droppedOf, isBlank } from '../../../lib/contract/counted.ts';
import { imagesAsked } from '../../../lib/records/images-asked.ts';
import type { CellStatus, Plan, Prediction, PredictionImage } from '../api/types.ts';

/** One square of a wall: an image, or the reason why there is none. */
export type Tile = TileKind & { isImported?: true };
type TileKind =
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
  const about = prediction.source === 'imported' ? { isImported: true as const } : {};
  if (status !== 'succeeded' && images.length === 0)
    return [{ n, index: 0, kind: status, ...(error ? { error } : {}), ...about }];
  const shown = images.map(
    (image): Tile => ({
      n,
      index: image.index,
      kind: isBlank(image) ? 'blank' : image.status === 'ok' ? 'image' : image.status,
      image,
      ...about,
    }),
  );
  const dropped = Array.from(
    { length: droppedOf(prediction) },
    (_, i): Tile => ({ n, index: images.length + i, kind: 'filtered' }),
  );
  return [...shown, ...dropped];
}

/** Whether a person can open a picture: one that is shown, or a blank one. */
export const hasPicture = (tile: Tile): tile is Extract<Tile, { kind: 'image' | 'blank' }> =>
  tile.kind === 'image' || tile.kind === 'blank';

/** The most images that a prediction of an audit requests. */
export const imagesEach = ({ input, models }: Plan): number =>
  Math.max(1, ...models.map((model) => imagesAsked({ ...input, ...model.input })));
