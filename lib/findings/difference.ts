/** Differences of two shares, one minus other, from -1 to 1. */
import { type Bounded, type Interval, wilson } from './proportion.ts';
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
  return squareAndAdd(wilson(one.count, one.n, z), wilson(other.count, other.n, z), 0);
}

/** Pairs of pictures with one seed, by whether each of the two shows what is counted. */
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

function squareAndAdd(one: Share, other: Share, correlation: number): Difference {
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

/**
 * The mean of differences by seed, with Student's interval: two models that got the same prompts and seeds.
 * @param differences for each seed the mean over prompts of one minus that of the other
 * @returns undefined for fewer than two seeds: one alone does not say how much seeds vary
 */
export function bySeed(differences: readonly number[], level = LEVEL): Difference | undefined {
  const n = differences.length;
  if (n < 2) return undefined;
  const mean = differences.reduce((sum, value) => sum + value, 0) / n;
  const variance = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = tOf(level, n - 1) * Math.sqrt(variance / n);
  return { difference: mean, low: Math.max(-1, mean - half), high: Math.min(1, mean + half) };
}

/** Whether an interval of a difference leaves out zero. */
export const isCertain = ({ low, high }: Interval): boolean => low > 0 || high < 0;

/** Whether a difference stays certain whatever the unclear and missing pictures show. */
export const survives = (one: Bounded, other: Bounded): boolean =>
  isCertain({ low: one.outer.low - other.outer.high, high: one.outer.high - other.outer.low });

/** The level of each of some primary contrasts, so that all of them together keep a level (Bonferroni). */
export const primaryLevel = (contrasts: number, level = LEVEL): number => 1 - (1 - level) / contrasts;

/**
 * The level of the intervals that are shown of exploratory contrasts (false coverage rate; Benjamini and Yekutieli 2005).
 * @param selected that are certain at the ordinary level
 * @param all that were looked at
 */
export const exploratoryLevel = (selected: number, all: number, level = LEVEL): number =>
  1 - ((1 - level) * Math.max(1, selected)) / all;
