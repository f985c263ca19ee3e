/** Shares of one prompt and model, or of several. */
import { type Interval, wilson } from './proportion.ts';
import { LEVEL, tOf, zOf } from './quantiles.ts';

/** One picture, or the mean of several, whose answer is known. */
export interface Observation {
  /** 1 if the picture shows what is counted, else 0. */
  value: number;
  /** The number of its prompt and model: each has the same weight, whatever became of its other pictures. */
  pair: number;
  /** What it shares with other pictures that chance moves together: the seed that was really sent. */
  seed: string;
  /** Pictures that it stands for. */
  weight: number;
}

/** A share of one pair, or of several with equal weight. */
export interface Measured extends Interval {
  share: number;
  /** Distinct pictures. */
  n: number;
  pairs: number;
  seeds: number;
  /** How many independent pictures are as accurate. */
  effective: number;
}

/**
 * The share of a pair with Wilson's interval, or the mean share of several with equal weight. Pictures with one seed go together, so that
 * a Wilson interval over n pictures would be too narrow: with a moderate effect of seeds over 40 prompts it covers 81 % instead of 95 %.
 * That of several is Wilson's over as many independent pictures as vary so much: the variance of the mean is estimated between seeds.
 * @returns undefined without observations. With several pairs and one seed the interval is from 0 to 1: one seed says nothing of others
 */
export const measure = (observations: readonly Observation[], level = LEVEL): Measured | undefined =>
  measureAt(observations)?.(level);

/** As `measure`, for several levels of the same observations. */
export function measureAt(observations: readonly Observation[]): ((level: number) => Measured) | undefined {
  if (observations.length === 0) return undefined;
  const sizes = new Map<number, number>();
  const counts = new Map<number, number>();
  for (const { pair, weight, value } of observations) {
    sizes.set(pair, (sizes.get(pair) ?? 0) + weight);
    counts.set(pair, (counts.get(pair) ?? 0) + weight * value);
  }
  const n = sum([...sizes.values()]);
  const partOf = ({ pair, weight }: Observation) => weight / (sizes.size * sizes.get(pair)!);
  const share = clip(sum([...counts].map(([pair, count]) => count / sizes.get(pair)!)) / sizes.size, 0, 1);
  const deviations = new Map<string, number>();
  for (const one of observations)
    deviations.set(one.seed, (deviations.get(one.seed) ?? 0) + partOf(one) * (one.value - share));
  const seeds = deviations.size;
  const about = { share, n, pairs: sizes.size, seeds };
  const over = (effective: number, level: number): Measured => {
    const { low, high } = wilson(share * effective, effective, zOf(level));
    return { ...about, low, high, effective };
  };
  if (sizes.size === 1) return (level) => over(n, level);
  if (seeds < 2) return () => ({ ...about, low: 0, high: 1, effective: 0 });
  const variance = (seeds / (seeds - 1)) * sum([...deviations.values()].map((value) => value ** 2));
  const alone = variance > 0 ? (share * (1 - share)) / variance : n;
  const independent = clip(alone, Math.min(seeds, n), n);
  return (level) => over(independent * (zOf(level) / tOf(level, seeds - 1)) ** 2, level);
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const clip = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value));
