import type { ObjectStore } from '../ports.ts';
import { bindingsPrefix, failuresPrefix, manifestKey, resultsPrefix } from '../records/keys.ts';
import { listCells } from '../records/progress.ts';
import type { CellStatus } from '../records/result.ts';

/** Cells by status. */
export interface Counts extends Record<CellStatus, number> {
  /** Not requested from Replicate yet. */
  waiting: number;
  /** Requested, and not finished. */
  running: number;
}

/** Cells that one LIST covers if each has one object: S3 returns at most 1,000 keys. */
const CHUNK = 1_000;

/** The numbers of all cells that have an object under a prefix, by parallel LISTs. */
async function cellsUnder(store: ObjectStore, audit: string, prefix: string, cells: number) {
  const found: { cell: number; rest: string }[][] = await Promise.all(
    Array.from({ length: Math.ceil(cells / CHUNK) }, async (_, chunk) => {
      const part = [];
      const range = { audit, from: chunk * CHUNK, to: Math.min(cells, (chunk + 1) * CHUNK) - 1 };
      for await (const object of listCells(store, prefix, range)) part.push(object);
      return part;
    }),
  );
  return found.flat();
}

/**
 * Counts an audit's cells by LISTs alone. The LISTs are not simultaneous: a cell that finishes between two of them is
 * counted with its old or its new status.
 */
export async function countProgress(store: ObjectStore, audit: string, cells: number): Promise<Counts> {
  const finished = await finishedCounts(store, audit);
  if (finished) return finished;
  const [bound, ended, failures] = await Promise.all([
    cellsUnder(store, audit, bindingsPrefix(audit), cells),
    cellsUnder(store, audit, resultsPrefix(audit), cells),
    cellsUnder(store, audit, failuresPrefix(audit), cells),
  ]);
  const endedCells = new Set(ended.map(({ cell }) => cell));
  const asked = new Set([...bound.map(({ cell }) => cell), ...endedCells]).size;
  const counts = {
    waiting: cells - asked,
    running: asked - endedCells.size,
    failed: 0,
    refused: 0,
    canceled: 0,
  };
  for (const { cell, rest } of failures) {
    const status = rest.slice(1) as 'failed' | 'refused' | 'canceled';
    if (endedCells.has(cell) && status in counts) counts[status]++;
  }
  return { ...counts, succeeded: endedCells.size - counts.failed - counts.refused - counts.canceled };
}

/** A finished audit has its counts in the metadata of its manifest: one HEAD instead of many LISTs. */
async function finishedCounts(store: ObjectStore, audit: string): Promise<Counts | undefined> {
  const manifest = await store.head(manifestKey(audit, 'json'));
  if (!manifest) return undefined;
  const count = (name: string) => Number(manifest.metadata[name] ?? 0);
  return {
    waiting: 0,
    running: 0,
    succeeded: count('succeeded'),
    failed: count('failed'),
    refused: count('refused'),
    canceled: count('canceled'),
  };
}
