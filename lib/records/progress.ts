import type { ObjectStore } from '../ports.ts';
import type { Range } from './blocks.ts';
import { bindingsPrefix, cellName, parseCellName, resultsPrefix } from './keys.ts';

/** An object whose name starts with a cell's number. */
export interface CellObject {
  key: string;
  cell: number;
  /** What follows the five digits. */
  rest: string;
  bytes: number;
  modified: Date;
}

/**
 * The objects under a prefix whose names start with the number of a cell in the range.
 * @param aCell how many of them a cell is likely to have
 */
export async function* listCells(
  store: ObjectStore,
  prefix: string,
  { from, to }: Range,
  aCell = 1,
): AsyncGenerator<CellObject> {
  // The key before any of cell `from`: its bare number is the beginning of all of them.
  // And one object more, which shows the end of the range.
  for await (const { key, bytes, modified } of store.list(
    prefix,
    `${prefix}${cellName(from)}`,
    (to - from + 1) * aCell + 1,
  )) {
    const name = key.slice(prefix.length);
    const cell = parseCellName(name.slice(0, 5));
    if (cell === undefined) continue;
    if (cell > to) return;
    yield { key, cell, rest: name.slice(5), bytes, modified };
  }
}

/** The progress of a cell, as LISTs show it. */
export interface CellProgress {
  /** When the binding in force was made; undefined while the cell waits to be asked. */
  boundAt?: Date;
  /** The attempt in force, or, while it waits, the next one. */
  attempt: number;
  /** When the prediction of the attempt before was found to be aborted. */
  abortedAt?: Date;
  /** When its result was written. */
  endedAt?: Date;
  ended: boolean;
}

/** `.json`, `-2.json`, `-aborted`, `-2-aborted`: what follows a cell's number, as the attempt that it is about. */
const ATTEMPT = /^(?:-(\d+))?(\.json|-aborted)$/;

type Progress = Map<number, CellProgress>;

/** The progress of cells where nothing was asked for. */
export function noProgress({ from, to }: Range): Progress {
  const progress: Progress = new Map();
  for (let cell = from; cell <= to; cell++) progress.set(cell, { attempt: 1, ended: false });
  return progress;
}

/** How far every cell of a range has come, by two LISTs. */
export async function readProgress(store: ObjectStore, range: Range): Promise<Progress> {
  const progress = noProgress(range);
  await Promise.all([addBindings(store, range, progress), addResults(store, range, progress)]);
  return progress;
}

/** As `readProgress`, by one LIST where all cells have ended: then their bindings matter to nobody. */
export async function readOpenProgress(store: ObjectStore, range: Range): Promise<Progress> {
  const progress = noProgress(range);
  await addResults(store, range, progress);
  if ([...progress.values()].some(({ ended }) => !ended)) await addBindings(store, range, progress);
  return progress;
}

async function addBindings(store: ObjectStore, range: Range, progress: Progress): Promise<void> {
  for await (const { cell, rest, modified } of listCells(store, bindingsPrefix(range.audit), range)) {
    const [, number = '1', what] = ATTEMPT.exec(rest) ?? [];
    if (!what) continue;
    const entry = progress.get(cell)!;
    const attempt = Number(number) + (what === '-aborted' ? 1 : 0);
    // The highest number counts; of one attempt, its binding.
    if (attempt < entry.attempt) continue;
    if (attempt > entry.attempt) delete entry.boundAt;
    entry.attempt = attempt;
    if (what === '-aborted') entry.abortedAt = modified;
    else entry.boundAt = modified;
  }
}

async function addResults(store: ObjectStore, range: Range, progress: Progress): Promise<void> {
  for await (const { cell, modified } of listCells(store, resultsPrefix(range.audit), range))
    Object.assign(progress.get(cell)!, { ended: true, endedAt: modified });
}
