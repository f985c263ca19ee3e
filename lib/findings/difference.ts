/** Differences of two shares, one minus other, from -1 to 1. */
import { type Interval, wilson } from './proportion.ts';
import { coins, LEVEL, tOf, zOf } from './quantiles.ts';

export interface Difference extends Interval {
  difference: number;
}

/** `count` of `n`. */
export interface Count {
  count: number;
  n: number;
}

/** Newcombe's hybrid score interval for independent samples (Newcombe 1998, Statistics in Medicine 17:873, method 10). */
export function independent(one: Count, other: Count, level = LEVEL): Difference {
  const z = zOf(level);
  return squareAndAdd(wilson(one.count, one.n, z), wilson(other.count, other.n, z));
}

/** Pairs of pictures with one seed, by whether each of the two shows what is counted. None needs to be whole. */
export interface Pairs {
  both: number;
  onlyOne: number;
  onlyOther: number;
  neither: number;
}

/**
 * Newcombe's interval for paired samples (Newcombe 1998, Statistics in Medicine 17:2635, method 10). Only for pairs whose seed
 * was really sent for both.
 */
export function paired({ both, onlyOne, onlyOther, neither }: Pairs, level = LEVEL): Difference {
  const n = both + onlyOne + onlyOther + neither;
  const z = zOf(level);
  const [one, other] = [wilson(both + onlyOne, n, z), wilson(both + onlyOther, n, z)];
  const margins = (both + onlyOne) * (onlyOther + neither) * (both + onlyOther) * (onlyOne + neither);
  const product = both * neither - onlyOne * onlyOther;
  // A continuity correction, for positive correlations only.
  const corrected = product > 0 ? Math.max(0, product - n / 2) : product;
  return squareAndAdd(one, other, margins === 0 ? 0 : corrected / Math.sqrt(margins));
}

type Share = Interval & { share: number };

/** Newcombe's hybrid of the intervals of two shares. @param correlation of the two; 0 if they are independent */
export function squareAndAdd(one: Share, other: Share, correlation = 0): Difference {
  const add = (a: number, b: number) => Math.sqrt(Math.max(0, a ** 2 - 2 * correlation * a * b + b ** 2));
  const difference = one.share - other.share;
  return {
    difference,
    low: Math.max(-1, difference - add(one.share - one.low, other.high - other.share)),
    high: Math.min(1, difference + add(one.high - one.share, other.share - other.low)),
  };
}

/**
 * The exact test of McNemar, two-sided: how likely are pairs that differ so unevenly, or more, if both are alike.
 * @returns 1 if no pair differs
 */
export function mcNemar({ onlyOne, onlyOther }: Pick<Pairs, 'onlyOne' | 'onlyOther'>): number {
  const n = onlyOne + onlyOther;
  return n === 0 ? 1 : Math.min(1, 2 * coins(Math.min(onlyOne, onlyOther), n));
}

/** The difference of two pictures with one seed, one minus other. */
export interface SeedPair {
  difference: number;
  /** Pictures of each side that it stands for. */
  weight: number;
  seed: string;
  /** The prompt, or what else both have in common. */
  stratum: number;
}

/**
 * The mean of differences with Student's interval between seeds: groups whose pictures have the same seeds. Each stratum has the same
 * weight, as in shares: else a prompt with many refusals would count less, and the difference could have the other sign than
 * that of the shares. Two seeds are added, one for each side, as Bonett and Price (2012) add two pairs: a few differences that
 * happen to be equal have no variance, and Student's interval would have no width. Without them 12 differences of one sign among 20
 * are more certain than by an exact test.
 */
export function bySeed(pairs: readonly SeedPair[], level = LEVEL): Difference {
  const sizes = new Map<number, number>();
  const totals = new Map<number, number>();
  for (const { stratum, weight, difference } of pairs) {
    sizes.set(stratum, (sizes.get(stratum) ?? 0) + weight);
    totals.set(stratum, (totals.get(stratum) ?? 0) + weight * difference);
  }
  const difference = sum([...totals].map(([stratum, total]) => total / sizes.get(stratum)!)) / sizes.size;
  const deviations = new Map<string, number>();
  for (const pair of pairs) {
    const part = pair.weight / (sizes.size * sizes.get(pair.stratum)!);
    const deviation = part * (pair.difference - difference);
    deviations.set(pair.seed, (deviations.get(pair.seed) ?? 0) + deviation);
  }
  const seeds = deviations.size;
  // The mean difference of each seed, where all seeds have all strata.
  const means = [...deviations.values()].map((deviation) => difference + seeds * deviation);
  // As far from zero as the mean of so many pictures with and without would be by chance.
  const added = Math.sqrt(seeds / sum([...sizes.values()]));
  const all = [...means, added, -added];
  const n = all.length;
  const center = sum(all) / n;
  const variance = sum(all.map((value) => (value - center) ** 2)) / (n - 1);
  const half = tOf(level, n - 1) * Math.sqrt(variance / n);
  return {
    difference,
    low: Math.max(-1, Math.min(difference, center - half)),
    high: Math.min(1, Math.max(difference, center + half)),
  };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Whether an interval of a difference leaves out zero. */
export const isCertain = ({ low, high }: Interval): boolean => low > 0 || high < 0;

/** The level of each of some primary contrasts, so that all of them together keep a level (Bonferroni). */
export const primaryLevel = (contrasts: number, level = LEVEL): number => 1 - (1 - level) / contrasts;

/**
 * The level of the intervals that are shown of exploratory contrasts (false coverage rate; Benjamini and Yekutieli 2005).
 * @param selected that are said to differ
 * @param all that were looked at
 */
export const exploratoryLevel = (selected: number, all: number, level = LEVEL): number =>
  1 - ((1 - level) * Math.max(1, selected)) / all;
