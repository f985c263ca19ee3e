import { wilson } from './statistics.ts';

/** `prices.json` beside the page: the price and duration of a prediction by model. An operator keeps it up to date. */
export interface Prices {
  /** ISO 4217. */
  currency: string;
  /** When the prices were last looked up, as text. */
  asOf: string;
  /** The account's rate limit: predictions per minute. */
  createsPerMinute: number;
  models: Record<string, { perPrediction: number; seconds: number }>;
}

export interface Estimate {
  predictions: number;
  /** In the currency of the prices, for models with a known price. */
  cost: number;
  /** Models without a known price. */
  unpriced: string[];
  /** Without delays. */
  seconds: number;
}

/** The size, price and duration of an audit. Models may have a version: `owner/name:version`. */
export function estimate(prices: Prices, prompts: number, models: string[], samples: number): Estimate {
  const names = models.map((model) => model.split(':')[0]!);
  const each = prompts * samples;
  const predictions = each * names.length;
  const known = names.map((name) => prices.models[name]);
  return {
    predictions,
    cost: known.reduce((sum, price) => sum + (price?.perPrediction ?? 0) * each, 0),
    unpriced: names.filter((_, i) => !known[i]),
    // The rate limit takes most of the time; the last prediction then runs for its own duration.
    seconds:
      predictions === 0
        ? 0
        : (predictions / prices.createsPerMinute) * 60 +
          Math.max(...known.map((price) => price?.seconds ?? 10)),
  };
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

export function money(amount: number, currency: string): string {
  const small = amount > 0 && amount < 0.01;
  return new Intl.NumberFormat('en', {
    style: 'currency',
    currency,
    maximumFractionDigits: small ? 4 : 2,
  }).format(amount);
}
