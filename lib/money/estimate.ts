import type { PriceEntry } from '../contract/price-entry.ts';
import { countCells } from '../records/pairs.ts';
import { modelCosts, type Order } from './cost.ts';

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
export function estimate(prices: Record<string, PriceEntry>, order: Order): Estimate {
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
