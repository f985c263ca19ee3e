import type { Proportion } from '../../../lib/findings/proportion.ts';

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
