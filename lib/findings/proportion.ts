/** Shares of pictures with their intervals. Shares and bounds are from 0 to 1. */

/** A share of n with the bounds of its interval. */
export interface Proportion {
  count: number;
  n: number;
  share: number;
  low: number;
  high: number;
}

export type Interval = Pick<Proportion, 'low' | 'high'>;

/** The standard normal distribution's 97.5 % quantile: that of a two-sided interval of 95 %. */
export const Z = 1.9599639845;

/**
 * The Wilson score interval (Wilson 1927). Unlike the textbook's ±, it holds for small n and stays within 0 and 1, also
 * for outcomes that never or always happen.
 * @param count of n; neither needs to be whole
 * @param n more than 0
 * @param z of another level than 95 %: see `zOf`
 */
export function wilson(count: number, n: number, z = Z): Proportion {
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
export function bounded({ with: w, without, unclear, missing }: Tally, z = Z): Bounded | undefined {
  const asked = w + without + unclear + missing;
  if (asked === 0) return undefined;
  const [least, most] = [wilson(w, asked, z), wilson(w + unclear + missing, asked, z)];
  return {
    shown: w + without > 0 ? wilson(w, w + without, z) : undefined,
    least: least.share,
    most: most.share,
    outer: { low: least.low, high: most.high },
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
