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

/**
 * How accurate a share is at a sample size.
 * @returns half the widest 95 % interval, and the largest share that something with no occurrence may still have
 */
export function certainty(n: number): { halfWidth: number; hidden: number } {
  const middle = wilson(n / 2, n);
  return { halfWidth: (middle.high - middle.low) / 2, hidden: wilson(0, n).high };
}
