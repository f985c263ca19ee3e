import { wilson } from '../../../lib/findings/proportion.ts';
import { modelCosts, type Order } from '../../../lib/money/cost.ts';
import { countCells } from '../../../lib/records/pairs.ts';
import type { Budget } from '../api/types.ts';

/** Replicate's ordinary rate limit. */
const CREATES_PER_MINUTE = 600;
/** How long a prediction usually runs, in seconds. Where it is not known, `OTHERS`. */
const SECONDS: Record<string, number> = {
  'black-forest-labs/flux-schnell': 2,
  'black-forest-labs/flux-dev': 4,
  'google/imagen-4': 9,
  'stability-ai/sdxl': 6,
  'simulated/slow': 10,
};
const OTHERS = 10;

const usualSeconds = (model: string) => SECONDS[model] ?? (model.startsWith('simulated/') ? 1 : OTHERS);

export interface Estimate {
  /** What it will probably cost, in dollars, for models with a known price. */
  about: number;
  /** What these models may cost at most. */
  most: number;
  /** Models without a known price. */
  unpriced: string[];
  /** Without delays. */
  seconds: number;
}

/** The price and duration of an audit, by the prices that the API reserves with. */
export function estimate(prices: Budget['prices'], order: Order): Estimate {
  const found: Estimate = { about: 0, most: 0, unpriced: [], seconds: 0 };
  for (const { model, price, predictions, most } of modelCosts(order, prices)) {
    const name = model.split(':')[0]!;
    const seconds = usualSeconds(name);
    if (predictions > 0) found.seconds = Math.max(found.seconds, seconds);
    if (!price) found.unpriced.push(name);
    const micros =
      price?.unit === 'second' ? price.micros * Math.min(seconds, price.seconds) * predictions : most;
    found.about += (micros ?? 0) / 1e6;
    found.most += (most ?? 0) / 1e6;
  }
  // The rate limit takes most of the time; the last prediction then runs for its own duration.
  found.seconds += (countCells(order) / CREATES_PER_MINUTE) * 60;
  return found;
}

/**
 * How accurate a share is at a sample size.
 * @returns half the widest 95 % interval, and the largest share that something with no occurrence may still have
 */
export function certainty(n: number): { halfWidth: number; hidden: number } {
  const middle = wilson(n / 2, n);
  return { halfWidth: (middle.high - middle.low) / 2, hidden: wilson(0, n).high };
}

/** `39 of 100`, or `4 of 1,000` for a share below one percent. */
export const outOf = (share: number): string =>
  share >= 0.0095 ? `${Math.round(share * 100)} of 100` : `${Math.max(1, Math.round(share * 1000))} of 1,000`;

/** How many cells had finished at a moment. */
export interface Mark {
  /** Milliseconds. */
  at: number;
  finished: number;
}

/**
 * Seconds until the open cells have finished, at the pace of the last two minutes; undefined without progress.
 * @param marks oldest first; the first may be the start of the audit
 */
export function timeLeft(marks: readonly Mark[], open: number): number | undefined {
  const last = marks.at(-1);
  // Older marks would mislead: an audit that waited an hour for credit runs at its current pace again.
  const first = marks.find(({ at }) => last && last.at - at <= 120_000);
  if (!last || !first || open === 0 || last.finished <= first.finished) return undefined;
  return (open * (last.at - first.at)) / (last.finished - first.finished) / 1000;
}

/** A duration as accurately as it is known, such as `about 4 minutes`. */
export function roughly(seconds: number): string {
  if (seconds < 50) return 'less than a minute';
  const minutes = Math.round(seconds / 60);
  if (minutes < 2) return 'about a minute';
  if (minutes < 90) return `about ${minutes} minutes`;
  const hours = Math.round(minutes / 30) / 2;
  return `about ${hours} hours`;
}
