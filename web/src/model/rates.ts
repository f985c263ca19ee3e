import type { Prediction } from '../api/types.ts';
import { type Proportion, wilson } from './statistics.ts';

/** The outcomes of a group of predictions. */
export interface Outcome {
  predictions: number;
  /** Succeeded, refused or failed. */
  finished: number;
  /** Share of refusals among the predictions that succeeded or were refused; undefined at n = 0. */
  refused: Proportion | undefined;
  /** Share of failures among all that finished; undefined at n = 0. */
  failed: Proportion | undefined;
  canceled: number;
  /** Share of images that a filter withheld from predictions that otherwise succeeded. */
  filtered: Proportion | undefined;
}

/** Counts a group. A failure is not an answer of the model, so failures have a share of their own. */
export function outcomeOf(predictions: Iterable<Prediction | undefined>): Outcome {
  const count = { all: 0, succeeded: 0, refused: 0, failed: 0, canceled: 0, made: 0, filtered: 0 };
  for (const prediction of predictions) {
    count.all++;
    if (!prediction || prediction.status === 'waiting' || prediction.status === 'running') continue;
    count[prediction.status]++;
    if (prediction.status !== 'succeeded') continue;
    count.filtered += prediction.filtered ?? 0;
    count.made += (prediction.filtered ?? 0) + (prediction.returned ?? prediction.images.length);
  }
  const answered = count.succeeded + count.refused;
  const finished = answered + count.failed;
  return {
    predictions: count.all,
    finished,
    refused: answered > 0 ? wilson(count.refused, answered) : undefined,
    failed: finished > 0 ? wilson(count.failed, finished) : undefined,
    canceled: count.canceled,
    filtered: count.filtered > 0 ? wilson(count.filtered, count.made) : undefined,
  };
}
