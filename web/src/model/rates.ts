import type { Prediction } from '../api/types.ts';
import { type Proportion, wilson } from './statistics.ts';

/** How the predictions of a group stand. */
export interface Outcome {
  predictions: number;
  /** Succeeded, refused or failed: what a model has answered or should have. */
  ended: number;
  /** Share of refusals among the predictions that a model answered, one way or the other; undefined at n = 0. */
  refused: Proportion | undefined;
  /** Share of failures among all that ended; undefined at n = 0. */
  failed: Proportion | undefined;
  canceled: number;
  /** Images that a filter dropped from predictions that otherwise succeeded, among all those asked for. */
  filtered: Proportion | undefined;
}

/**
 * Counts a group. Failures are no answers, so they do not dilute the share of refusals; they have a share of
 * their own.
 */
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
  const ended = answered + count.failed;
  return {
    predictions: count.all,
    ended,
    refused: answered > 0 ? wilson(count.refused, answered) : undefined,
    failed: ended > 0 ? wilson(count.failed, ended) : undefined,
    canceled: count.canceled,
    filtered: count.filtered > 0 ? wilson(count.filtered, count.made) : undefined,
  };
}
