/** A share of n with the bounds of its 95 % interval. Share and bounds are from 0 to 1. */
export interface Proportion {
  count: number;
  n: number;
  share: number;
  low: number;
  high: number;
}

/** The standard normal distribution's 97.5 % quantile. */
const Z = 1.959964;

/**
 * The Wilson score interval (Wilson 1927). Unlike the textbook's ±, it holds for small n and stays within 0 and 1, also
 * for outcomes that never or always happen.
 * @param n at least 1
 */
export function wilson(count: number, n: number): Proportion {
  const share = count / n;
  const center = (share + Z ** 2 / (2 * n)) / (1 + Z ** 2 / n);
  const half = (Z / (1 + Z ** 2 / n)) * Math.sqrt((share * (1 - share)) / n + Z ** 2 / (4 * n ** 2));
  return {
    count,
    n,
    share,
    low: count === 0 ? 0 : Math.max(0, center - half),
    high: count === n ? 1 : Math.min(1, center + half),
  };
}

/** A share as a percentage: one decimal below 10 % and above 90 %, none in between. */
export function percent(share: number): string {
  const value = share * 100;
  const digits = value === 0 || value === 100 || (value >= 9.95 && value <= 90.05) ? 0 : 1;
  return value.toFixed(digits);
}

/** `2.0 % (0.6–7.0)` */
export const percentWithInterval = ({ share, low, high }: Proportion): string =>
  `${percent(share)} % (${percent(low)}–${percent(high)})`;

/** `2 of 100 refused, 2.0 %, 95 % interval 0.6 to 7.0 %`, for screen readers. */
export const spokenProportion = ({ count, n, share, low, high }: Proportion, what: string): string =>
  `${count} of ${n} ${what}, ${percent(share)} %, 95 % interval ${percent(low)} to ${percent(high)} %`;
