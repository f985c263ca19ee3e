/** Shares of pictures with their intervals. Shares and bounds are from 0 to 1. */
import jstat from 'jstat';

const { jStat } = jstat;

/** A share of n with the bounds of its interval. */
export interface Proportion {
  count: number;
  n: number;
  share: number;
  low: number;
  high: number;
}

export type Interval = Pick<Proportion, 'low' | 'high'>;

/** The level of an interval if nothing else is said. */
export const LEVEL = 0.95;

/** The quantile of the standard normal distribution that two-sided intervals of a level use: 1.96 for 0.95. */
export const zOf = (level: number): number => jStat.normal.inv((1 + level) / 2, 0, 1);
/** As `zOf`, of Student's distribution. @param df degrees of freedom, at least 1 */
export const tOf = (level: number, df: number): number => jStat.studentt.inv((1 + level) / 2, df);

/**
 * The Wilson score interval (Wilson 1927). Unlike the textbook's ±, it holds for small n and stays within 0 and 1, also
 * for outcomes that never or always happen.
 * @param count of n; neither needs to be whole
 * @param n more than 0
 */
export function wilson(count: number, n: number, level = LEVEL): Proportion {
  const z = zOf(level);
  const share = count / n;
  const center = (share + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
  const half = (z / (1 + z ** 2 / n)) * Math.sqrt((share * (1 - share)) / n + z ** 2 / (4 * n ** 2));
  return {
    count,
    n,
    share,
    low: count <= 0 ? 0 : Math.max(0, center - half),
    high: count >= n ? 1 : Math.min(1, center + half),
  };
}

/** One picture, or the mean of several, whose answer is known. */
export interface Observation {
  /** 1 if the picture shows what is counted, else 0. */
  value: number;
  /** Its prompt and model: each has the same weight, whatever became of its other pictures. */
  cell: string;
  /** What it shares with other pictures that chance moves together: the seed that was really sent. */
  seed: string;
}

/** A share over several cells. */
export interface Pooled extends Interval {
  share: number;
  /** Pictures. */
  n: number;
  cells: number;
  seeds: number;
}

/**
 * The mean share of cells with equal weight. Pictures with one seed go together, so that a Wilson interval over n pictures
 * would be too narrow: with a moderate effect of seeds over 40 prompts it covers 81 % instead of 95 %. The interval here is
 * Wilson's over as many independent pictures as vary so much: the variance of the mean is estimated between seeds.
 * @returns undefined without observations. With one seed the interval is from 0 to 1: one seed says nothing of others
 */
export function pooled(observations: readonly Observation[], level = LEVEL): Pooled | undefined {
  if (observations.length === 0) return undefined;
  const n = observations.length;
  const sizes = countBy(observations, ({ cell }) => cell);
  const weight = ({ cell }: Observation) => 1 / (sizes.size * sizes.get(cell)!);
  const share = clip(sum(observations.map((one) => weight(one) * one.value)), 0, 1);
  const deviations = new Map<string, number>();
  for (const one of observations)
    deviations.set(one.seed, (deviations.get(one.seed) ?? 0) + weight(one) * (one.value - share));
  const seeds = deviations.size;
  const about = { share, n, cells: sizes.size, seeds };
  if (seeds < 2) return { ...about, low: 0, high: 1 };
  const variance = (seeds / (seeds - 1)) * sum([...deviations.values()].map((value) => value ** 2));
  const alone = variance > 0 ? (share * (1 - share)) / variance : n;
  const effective = clip(alone, seeds, n) * (zOf(level) / tOf(level, seeds - 1)) ** 2;
  const { low, high } = wilson(share * effective, effective, level);
  return { ...about, low, high };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const clip = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value));

function countBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

/** What became of the pictures of a group for one answer. */
export interface Tally {
  /** Pictures with the answer. */
  with: number;
  /** Pictures with another one. */
  without: number;
  /** Pictures on which raters could not tell, or had no majority. */
  unclear: number;
  /** What was asked for and shows nothing: refused, filtered, blank, quarantined. Technical failures are not asked. */
  missing: number;
}

/** A share, and between which shares it would be if what is unclear and missing were known. */
export interface Bounded {
  /** Undefined if no picture has an answer. */
  shown: Proportion | undefined;
  /** If none, or all, of what is unclear and missing had the answer. */
  least: number;
  most: number;
  /** From the lower bound of the least to the upper bound of the most. */
  outer: Interval;
}

/** What is missing is not nothing: a model that refuses would otherwise look as if its other pictures were all. */
export function bounded({ with: w, without, unclear, missing }: Tally, level = LEVEL): Bounded | undefined {
  const asked = w + without + unclear + missing;
  if (asked === 0) return undefined;
  const [least, most] = [wilson(w, asked, level), wilson(w + unclear + missing, asked, level)];
  return {
    shown: w + without > 0 ? wilson(w, w + without, level) : undefined,
    least: least.share,
    most: most.share,
    outer: { low: least.low, high: most.high },
  };
}
