import { countImages, droppedOf, type Equal, equalOf } from '../../../lib/contract/counted.ts';
import { type Proportion, wilson } from '../../../lib/findings/proportion.ts';
import type { ImageCounts, Plan, Prediction } from '../api/types.ts';

/** What may have become of an image that shows nothing, in the order in which it is listed. */
export const UNSEEN = ['filtered', 'blank', 'quarantined', 'lost'] as const satisfies (keyof ImageCounts)[];

/** The outcomes of a group of predictions. Of images that show nothing: shares of all images; undefined for none. */
export interface Outcome extends Record<(typeof UNSEEN)[number], Proportion | undefined> {
  predictions: number;
  /** Succeeded, refused or failed. */
  finished: number;
  /** Share of refusals among the predictions that succeeded or were refused; undefined at n = 0, and of an import. */
  refused: Proportion | undefined;
  /** Share of failures among all that finished; undefined at n = 0. */
  failed: Proportion | undefined;
  canceled: number;
  /** Images that are stored and not checked yet. */
  checking: number;
  images: ImageCounts;
  /** Of predictions that succeeded, those images that their model's filter withheld. */
  withheld: number;
  /** The largest group of pictures with the same bytes; undefined if all differ. */
  equal: Equal | undefined;
}

/** Counts a group. A failure is not an answer of the model, so failures have a share of their own. */
export function outcomeOf(group: Iterable<Prediction | undefined>): Outcome {
  const count = {
    all: 0,
    succeeded: 0,
    refused: 0,
    failed: 0,
    canceled: 0,
    made: 0,
    checking: 0,
    withheld: 0,
  };
  const known: Prediction[] = [];
  let isImported = false;
  for (const prediction of group) {
    count.all++;
    isImported ||= prediction?.source === 'imported';
    if (!prediction || prediction.status === 'waiting' || prediction.status === 'running') continue;
    count[prediction.status]++;
    count.made += (prediction.returned ?? prediction.images.length) + droppedOf(prediction);
    count.checking += prediction.images.filter(({ status }) => status === 'pending').length;
    if (prediction.status === 'succeeded') count.withheld += droppedOf(prediction);
    known.push(prediction);
  }
  const answered = count.succeeded + count.refused;
  const finished = answered + count.failed;
  const images = countImages(known);
  const share = (name: keyof ImageCounts) =>
    images[name] > 0 ? wilson(images[name], count.made) : undefined;
  return {
    predictions: count.all,
    finished,
    // Who has only pictures does not know what was refused.
    refused: answered > 0 && !isImported ? wilson(count.refused, answered) : undefined,
    failed: finished > 0 ? wilson(count.failed, finished) : undefined,
    canceled: count.canceled,
    checking: count.checking,
    withheld: count.withheld,
    images,
    filtered: share('filtered'),
    blank: share('blank'),
    quarantined: share('quarantined'),
    lost: share('lost'),
    equal: equalOf(known),
  };
}

/** The outcomes of all of an audit's predictions that have been loaded. */
export const outcomeOfAll = (cells: { plan: Plan; at(n: number): Prediction | undefined }): Outcome =>
  outcomeOf(Array.from({ length: cells.plan.cells }, (_, n) => cells.at(n)));

/** One part of what a group came to. */
export interface OutcomePart {
  /** `done` is there as long as predictions are open. */
  kind: 'done' | 'shown' | 'refused' | 'failed' | 'canceled' | 'checking' | (typeof UNSEEN)[number];
  count: number;
  share?: Proportion;
}

/** What a group came to: the parts that there are. How many are shown and how many refused is always said, once one has answered. */
export function partsOf(outcome: Outcome): OutcomePart[] {
  const { predictions, finished, refused, failed, canceled, checking, images } = outcome;
  const open = finished + canceled < predictions;
  const found: (OutcomePart | false)[] = [
    open && { kind: 'done', count: finished + canceled },
    finished > 0 && { kind: 'shown', count: images.ok },
    checking > 0 && { kind: 'checking', count: checking },
    refused !== undefined && { kind: 'refused', count: refused.count, share: refused },
    failed !== undefined && failed.count > 0 && { kind: 'failed', count: failed.count, share: failed },
    canceled > 0 && { kind: 'canceled', count: canceled },
    ...UNSEEN.map((kind): OutcomePart | false => {
      const share = outcome[kind];
      return share !== undefined && { kind, count: share.count, share };
    }),
  ];
  return found.filter((part) => part !== false);
}
