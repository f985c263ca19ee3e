import type { StandInEvent } from '@weaudit/replicate-stand-in';

/** The percentile of the values, by nearest rank. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** The share of creates that is left out at each end: functions start, and one dispatcher finishes before the other. */
const EDGE = 0.1;

/** Creates a minute that the stand-in accepted in its steady state, and the number it refused with 429. */
export function rateOf(log: readonly StandInEvent[], permitted: number) {
  const at = log.flatMap((entry) => (entry.kind === 'create' ? [Date.parse(entry.at)] : []));
  const edge = Math.max(1, Math.floor(Math.min(at.length * EDGE, permitted / 2)));
  const steady = at.slice(edge, Math.max(edge + 2, at.length - edge));
  const minutes = (steady.at(-1)! - steady[0]!) / 60_000;
  const refused = log.filter((entry) => entry.kind === 'refusal' && entry.status === 429).length;
  return { perMinute: (steady.length - 1) / minutes, minutes, refused };
}
