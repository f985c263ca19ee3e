import type { PriceEntry } from '../contract/price-entry.ts';

/** Amounts are whole millionths of a dollar: sums of them are exact. */
export type Micros = number;

/**
 * What a prediction costs. By the second it costs what its model ran for; a model that runs longer than `seconds` is
 * canceled, no later than a quarter of that after it, so that every price has a ceiling.
 */
export type Price =
  | { unit: 'image'; micros: Micros }
  | { unit: 'prediction'; micros: Micros }
  | { unit: 'second'; micros: Micros; seconds: number }
  | { unit: 'free' };

/** poll looks four times as often as that at what runs by the second. */
const SLACK = 1.25;

/** Rounded up, so that nothing that costs something is free. */
export const microsOf = (amount: number): Micros => Math.ceil(Math.round(amount * 1e9) / 1e3);
export const dollarsOf = (micros: Micros): number => micros / 1e6;

/** `$0.30`, and of less than a cent all that is there: `$0.003`. */
export const inDollars = (micros: Micros): string => {
  const amount = dollarsOf(micros);
  return `$${amount > 0 && amount < 0.01 ? amount.toFixed(6).replace(/0+$/, '') : amount.toFixed(2)}`;
};

/** As `inDollars`, of an amount that is in dollars already. */
export const formatDollars = (amount: number): string => inDollars(microsOf(amount));

/** A price in words: `$0.04 an image`. */
export function describePrice(entry: PriceEntry): string {
  if ('perImage' in entry) return `${formatDollars(entry.perImage)} an image`;
  if ('perPrediction' in entry) return `${formatDollars(entry.perPrediction)} a prediction`;
  if ('perSecond' in entry)
    return `${formatDollars(entry.perSecond)} a second, canceled after ${entry.seconds} seconds`;
  return 'free';
}

export function priceOf(entry: PriceEntry): Price {
  if ('perImage' in entry) return { unit: 'image', micros: microsOf(entry.perImage) };
  if ('perPrediction' in entry) return { unit: 'prediction', micros: microsOf(entry.perPrediction) };
  if ('perSecond' in entry)
    return { unit: 'second', micros: microsOf(entry.perSecond), seconds: entry.seconds };
  return { unit: 'free' };
}

/** The most that one prediction may cost. @param asked images that it is asked for */
export function ceilingOf(price: Price, asked: number): Micros {
  switch (price.unit) {
    case 'image':
      return price.micros * asked;
    case 'prediction':
      return price.micros;
    case 'second':
      return Math.ceil(price.micros * price.seconds * SLACK);
    case 'free':
      return 0;
  }
}

/** What is known of a prediction that has ended, as far as its cost goes. */
export interface Charged {
  status: string;
  createdAt: string | null;
  startedAt: string | null;
  completedAt: string | null;
  metrics: Record<string, unknown> | null;
  /** Images that it was asked for, and that it made, those that its own filter dropped included. */
  asked: number;
  made: number;
}

/**
 * What a prediction that has ended costs. Replicate charges none that never started. Where it does not say for how long
 * one ran, or how many images it made, this is the ceiling.
 */
export function costOf(price: Price, charged: Charged): Micros {
  const { status, createdAt, startedAt, metrics, asked, made } = charged;
  const isSuccess = status === 'succeeded';
  // Replicate did not say how it ended: it may have run.
  if (!isSuccess && !createdAt) return ceilingOf(price, asked);
  if (price.unit === 'free' || status === 'aborted' || (!isSuccess && !startedAt)) return 0;
  switch (price.unit) {
    case 'image': {
      const counted = metrics?.image_count;
      if (isCount(counted)) return price.micros * counted;
      return price.micros * (isSuccess ? made || asked : 0);
    }
    case 'prediction':
      return price.micros;
    case 'second': {
      const ran = secondsOf(charged);
      return ran === undefined ? ceilingOf(price, asked) : Math.ceil(price.micros * ran);
    }
  }
}

const isCount = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 1e5;

/** For how long a prediction ran, in seconds; undefined where nothing says. */
export function secondsOf({
  metrics,
  startedAt,
  completedAt,
}: Pick<Charged, 'metrics' | 'startedAt' | 'completedAt'>) {
  const time = metrics?.predict_time;
  if (typeof time === 'number' && time >= 0 && time < 1e6) return time;
  const ran = (Date.parse(completedAt ?? '') - Date.parse(startedAt ?? '')) / 1_000;
  return ran >= 0 ? ran : undefined;
}

/** Models of the stand-in for Replicate. */
const SIMULATED = /^simulated\//;

/**
 * The price of a model; undefined where it is not known.
 * @param prices by `owner/name`
 * @param model with or without a version
 */
export function findPrice(prices: Record<string, PriceEntry>, model: string): Price | undefined {
  const name = model.split(':')[0]!;
  if (Object.hasOwn(prices, name)) return priceOf(prices[name]!);
  return SIMULATED.test(name) ? { unit: 'free' } : undefined;
}
