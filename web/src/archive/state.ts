import type { AuditStatus, Study } from '../api/types.ts';
import type { Cells } from '../live/cells.ts';

/** Where the download of a whole audit stands. */
export type ArchiveState =
  | { kind: 'idle' | 'canceled' }
  /** Counts are of images and their bytes; `all` is the sum of `bytes` at the end. */
  | { kind: 'running'; done: number; of: number; bytes: number; all: number }
  | { kind: 'failed'; why: string }
  | ({ kind: 'done'; name: string; images: number; blank: number } & Written);

/** What became of the file. */
export interface Written {
  /** Of everything in the file. */
  bytes: number;
  /** Names of images that could not be fetched, and how many renditions could not. */
  missing: string[];
  withoutRendition: number;
}

/** An audit or a study that is to be saved as one file. */
export interface Saved {
  id: string;
  audits: { cells: Cells; status: AuditStatus }[];
  /** What the audits are together. */
  study?: Study;
}
