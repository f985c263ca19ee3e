/** Counts in English words, as the command line and the page of a download say them. */
import type { AuditStatus, CellStatus, ImageCounts } from './answers.ts';

/** `1 image`, `2 images`. */
export const count = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString('en')} ${n === 1 ? one : many}`;

/** The API calls a pending prediction `waiting`. */
export const statusWord = (status: CellStatus): string => (status === 'waiting' ? 'pending' : status);

/** `60 succeeded, 2 refused`: the counts that are not zero. */
export const describeCounts = (counts: AuditStatus['counts']): string =>
  (['succeeded', 'refused', 'failed', 'canceled', 'running', 'waiting'] as const)
    .filter((kind) => counts[kind] > 0)
    .map((kind) => `${counts[kind]} ${statusWord(kind)}`)
    .join(', ') || 'none finished';

/** `3 blank, 1 lost`: the images that are no pictures, under their names; empty if there are none. */
export const describeNoPictures = (images: Omit<ImageCounts, 'ok'>): string =>
  (['blank', 'quarantined', 'lost', 'filtered'] as const)
    .filter((kind) => images[kind] > 0)
    .map((kind) => `${images[kind]} ${kind}`)
    .join(', ');
