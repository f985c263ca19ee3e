export { certainty } from '../../../lib/findings/proportion.ts';
export { type Estimate, estimate } from '../../../lib/money/estimate.ts';

/** `39 of 100`, or `4 of 1,000` for a share below one percent. */
export const outOf = (share: number): string =>
  share >= 0.0095 ? `${Math.round(share * 100)} of 100` : `${Math.max(1, Math.round(share * 1000))} of 1,000`;

/** How many cells had finished at a moment. */
export interface Mark {
  /** Milliseconds. */
  at: number;
  finished: number;
}

/**
 * Seconds until the open cells have finished, at the pace of the last two minutes; undefined without progress.
 * @param marks oldest first; the first may be the start of the audit
 */
export function timeLeft(marks: readonly Mark[], open: number): number | undefined {
  const last = marks.at(-1);
  // Older marks would mislead: an audit that waited an hour for credit runs at its current pace again.
  const first = marks.find(({ at }) => last && last.at - at <= 120_000);
  if (!last || !first || open === 0 || last.finished <= first.finished) return undefined;
  return (open * (last.at - first.at)) / (last.finished - first.finished) / 1000;
}

/** A duration as accurately as it is known, such as `about 4 minutes`. */
export function roughly(seconds: number): string {
  if (seconds < 50) return 'less than a minute';
  const minutes = Math.round(seconds / 60);
  if (minutes < 2) return 'about a minute';
  if (minutes < 90) return `about ${minutes} minutes`;
  const hours = Math.round(minutes / 30) / 2;
  return `about ${hours} hours`;
}
