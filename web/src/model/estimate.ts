import { wilson } from './statistics.ts';

/** `prices.json` beside the page: what a prediction of a model costs and takes. An operator keeps it up to date. */
export interface Prices {
  /** ISO 4217. */
  currency: string;
  /** When somebody last looked them up, as people write it. */
  asOf: string;
  /** Predictions that the provider takes from the account in a minute. */
  createsPerMinute: number;
  models: Record<string, { perPrediction: number; seconds: number }>;
}

export interface Estimate {
  predictions: number;
  /** In the prices' currency, over the models whose price is known. */
  cost: number;
  /** Models whose price is not known. */
  unpriced: string[];
  /** At the least. */
  seconds: number;
}

/** What an audit comes to. Models may carry a version: `owner/name:version`. */
export function estimate(prices: Prices, prompts: number, models: string[], samples: number): Estimate {
  const names = models.map((model) => model.split(':')[0]!);
  const each = prompts * samples;
  const predictions = each * names.length;
  const known = names.map((name) => prices.models[name]);
  return {
    predictions,
    cost: known.reduce((sum, price) => sum + (price?.perPrediction ?? 0) * each, 0),
    unpriced: names.filter((_, i) => !known[i]),
    // Asking is what takes long; the last to be asked then runs its own time.
    seconds:
      predictions === 0
        ? 0
        : (predictions / prices.createsPerMinute) * 60 +
          Math.max(...known.map((price) => price?.seconds ?? 10)),
  };
}

/** How sure a share can be at a sample size: the widest interval's half, and what never seeing a thing still allows. */
export function certainty(n: number): { halfWidth: number; noneMeansBelow: number } {
  const middle = wilson(n / 2, n);
  return { halfWidth: (middle.high - middle.low) / 2, noneMeansBelow: wilson(0, n).high };
}

/** Progress at a moment, for telling how long the rest takes. */
export interface Mark {
  /** Milliseconds. */
  at: number;
  ended: number;
}

/**
 * Seconds until the open cells have ended, by the pace of late; undefined while nothing can be told.
 * @param marks oldest first; the first may be the audit's start
 */
export function timeLeft(marks: readonly Mark[], open: number): number | undefined {
  const last = marks.at(-1);
  // The pace of the last two minutes: an audit that waited an hour for credit goes on as fast as it goes now.
  const first = marks.find(({ at }) => last && last.at - at <= 120_000);
  if (!last || !first || open === 0 || last.ended <= first.ended) return undefined;
  return (open * (last.at - first.at)) / (last.ended - first.ended) / 1000;
}

/** `about 4 minutes`. Nobody can tell better than that. */
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
