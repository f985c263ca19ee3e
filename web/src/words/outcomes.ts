import type { Equal } from '../../../lib/contract/counted.ts';
import { type Proportion, wilson } from '../../../lib/findings/proportion.ts';
import type { ImageCounts } from '../api/types.ts';
import { type Outcome, type OutcomePart, partsOf, UNSEEN } from '../model/rates.ts';
import type { Tile } from '../model/tiles.ts';
import { percent, some, whole } from './locale.ts';

/** What became of predictions and of their images, in words. */
export const words = {
  refused: 'refused',
  failed: 'failed',
  imagesUnseen: (counted: string) => `images: ${counted}`,
  sameFile: (count: number, of: number) => `${whole(count)}/${whole(of)} same file`,
  noDifference: (equal: string) => `${equal}: the seed made no difference between them`,
};

const PARTS: Record<Exclude<OutcomePart['kind'], 'done'>, string> = {
  shown: 'shown',
  checking: 'being checked',
  refused: 'refused',
  failed: 'failed',
  canceled: 'canceled',
  filtered: 'filtered',
  blank: 'blank',
  quarantined: 'unusable',
  lost: 'lost',
};

/** `4 shown`, `1/10 refused`, `2 blank`. Of refusals and failures, what they are a share of is said. */
export function partInWords({ kind, count, share }: OutcomePart, predictions: number): string {
  if (kind === 'done') return `${whole(count)} of ${whole(predictions)} done`;
  const isRate = kind === 'refused' || kind === 'failed';
  return `${whole(count)}${isRate && share ? `/${whole(share.n)}` : ''} ${PARTS[kind]}`;
}

/**
 * The most characters of each part of the line about a cell, without breaks, with the separator.
 * @param all the outcome of the whole audit, whose kinds any cell may have
 * @param most tiles of a cell
 */
export function outcomeLengths(all: Outcome, most: number): number[] {
  const share = { ...wilson(1, 3), n: most };
  return partsOf(all).flatMap(({ kind }) => {
    const text = partInWords({ kind, count: most, share }, most);
    return [text.length + 3, ...(kind === 'refused' ? ['100 % (99.9–99.9)'.length] : [])];
  });
}

/** How many predictions came to no picture and how many pictures are not shown, and why. */
export function missingInWords(outcome: Outcome): string {
  const { predictions, finished, refused, failed, canceled, images, withheld } = outcome;
  const parts = (counted: [number, string][]) =>
    counted.flatMap(([n, what]) => (n > 0 ? [`${whole(n)} ${what}`] : [])).join(', ');
  const ended: [number, string][] = [
    [refused?.count ?? 0, words.refused],
    [failed?.count ?? 0, words.failed],
    [canceled, PARTS.canceled],
    [predictions - finished - canceled, 'not done yet'],
  ];
  const without = ended.reduce((sum, [n]) => sum + n, 0);
  const unseen: [number, string][] = [
    [withheld, 'withheld by the model’s filter'],
    [images.blank, PARTS.blank],
    [images.quarantined, PARTS.quarantined],
    [images.lost, PARTS.lost],
  ];
  const hidden = unseen.reduce((sum, [n]) => sum + n, 0);
  return [
    without === 0
      ? 'Every prediction was answered with pictures.'
      : `${whole(without)} of ${some(predictions, 'prediction', 'predictions')} came to no picture: ${parts(ended)}.`,
    ...(hidden === 0
      ? []
      : [`Of the others, ${some(hidden, 'picture shows', 'pictures show')} nothing: ${parts(unseen)}.`]),
  ].join(' ');
}

/** A part with its share and interval, for those who point at it; undefined if it has none. */
export function explainPart({ kind, share }: OutcomePart): string | undefined {
  if (kind === 'done' || !share) return undefined;
  const isOfImages = kind !== 'refused' && kind !== 'failed';
  return spokenProportion(share, isOfImages ? `images ${PARTS[kind]}` : PARTS[kind]);
}

/** What equal files of samples mean, as far as that is known. */
export const equalSaid = (equal: Equal): string =>
  equal.isImported ? equalInWords(equal) : words.noDifference(equalInWords(equal));

/** `2.0 % (0.6–7.0)` */
export const percentWithInterval = ({ share, low, high }: Proportion): string =>
  `${percent(share)} % (${percent(low)}–${percent(high)})`;

/** `2 of 100 refused, 2.0 %, 95 % interval 0.6 to 7.0 %`, for screen readers. */
export const spokenProportion = ({ count, n, share, low, high }: Proportion, what: string): string =>
  `${whole(count)} of ${whole(n)} ${what}, ${percent(share)} %, 95 % interval ${percent(low)} to ${percent(high)} %`;

/**
 * `2 filtered, 1 blank`; empty if all images show something.
 * @param refused predictions beside it, whose images may be among the filtered ones: who adds both would count them twice
 */
export const unseenInWords = (images: ImageCounts, refused = 0): string =>
  UNSEEN.filter((name) => images[name] > 0)
    .map(
      (name) =>
        `${whole(images[name])} ${PARTS[name]}${name === 'filtered' && refused > 0 ? ' (those of refusals included)' : ''}`,
    )
    .join(', ');

/** `7 of 10 are the same file` */
export const equalInWords = ({ count, of }: Equal): string =>
  `${whole(count)} of ${whole(of)} are the same file`;

/** What equal files of samples mean, in sentences. */
export const equalExplained = (equal: Equal): string =>
  `${equalSaid(equal)}. Equal files are one answer, not several, so shares and intervals are less certain than they look.`;

const TILES: Record<Tile['kind'], string> = {
  image: 'image',
  blank: 'blank',
  pending: 'checking',
  quarantined: 'unusable',
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
  tile.kind === 'quarantined' && tile.image.reason !== undefined ? tile.image.reason : TILES[tile.kind];

/** A reason as the end of a sentence: models' messages may or may not have their own period. */
const ended = (reason: string | undefined, unknown = 'no reason was given') =>
  (reason ?? unknown).trim().replace(/(?<![.!?](\s*\([^()]*\))?)$/, '.');

/** As `explain`, of an imported picture, where it is no matter of a model. */
function explainImported(tile: Tile): string | undefined {
  switch (tile.kind) {
    case 'waiting':
      return 'This picture has not been uploaded yet.';
    case 'failed':
    case 'canceled':
      return `Not imported: ${ended(tile.error)}`;
    case 'quarantined':
      return `This picture is unusable and not shown: ${ended(tile.image.reason, 'the reason is unknown')}`;
    case 'blank':
      return 'This picture is one even area.';
    default:
      return undefined;
  }
}

/** Why a tile has no image, in a sentence; undefined for an image. */
export function explain(tile: Tile): string | undefined {
  const imported = tile.isImported && explainImported(tile);
  if (imported) return imported;
  switch (tile.kind) {
    case 'image':
      return undefined;
    case 'blank':
      return 'The model returned one even area instead of a picture. Several models do so instead of refusing.';
    case 'pending':
      return 'The image is stored and is being checked. It appears in a moment.';
    case 'quarantined':
      return tile.image.reason === undefined
        ? 'The model returned something that is not a valid image. It is kept as evidence, but not shown.'
        : `This output is unusable and not shown: ${ended(tile.image.reason)}`;
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
