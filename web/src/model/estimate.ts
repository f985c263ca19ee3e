/** How many cells had finished at a moment. */
export interface Mark {
  /** Milliseconds. */
  at: number;
  finished: number;
}

/** Fewer say nothing of a pace. */
const LEAST_FINISHED = 3;

/**
 * Seconds until the open cells have finished, at the pace of the last two minutes; undefined with too little progress.
 * @param marks oldest first; the first may be the start of the audit
 */
export function timeLeft(marks: readonly Mark[], open: number): number | undefined {
  const last = marks.at(-1);
  // Older marks would mislead: an audit that waited an hour for credit runs at its current pace again.
  const first = marks.find(({ at }) => last && last.at - at <= 120_000);
  if (!last || !first || open === 0 || last.finished - first.finished < LEAST_FINISHED) return undefined;
  return (open * (last.at - first.at)) / (last.finished - first.finished) / 1000;
}
