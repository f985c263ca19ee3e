import type { ObjectStore } from '../ports.ts';
import { blockAt, placeOf, type Range } from './blocks.ts';
import { parseCellName, resultKey, summariesPrefix, summaryKey } from './keys.ts';
import type { Plan } from './plan.ts';
import type { Result } from './result.ts';

/**
 * The results of all cells of a block, in their order: `audits/<a>/blocks/<first cell>.json`. It says nothing that the
 * results do not say, so it may be deleted and made again at any time. Judgements are not in it: they can change.
 */
export type Summary = Result[];

/** The results of a block whose cells are all finished, for its summary. */
export function readBlock(store: ObjectStore, { audit, from, to }: Range): Promise<Summary> {
  const cells = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  return Promise.all(cells.map((cell) => readResult(store, audit, cell)));
}

/** Creates the summary of a block. One that exists is kept: results never change. */
export async function createSummary(
  store: ObjectStore,
  plan: Plan,
  from: number,
  summary: Summary,
): Promise<void> {
  await store.createJson(summaryKey(plan.id, from), summary, { tags: { retention: plan.retention } });
}

/** The result of a cell that is known to be finished. @throws {Error} where there is none */
export async function readResult(store: ObjectStore, audit: string, cell: number): Promise<Result> {
  const result = (await store.readJson<Result>(resultKey(audit, cell)))?.value;
  if (!result) throw new Error(`cell ${cell} of audit ${audit} had a result a moment ago and has none now`);
  return result;
}

/** The results of the cells of a range, by cell, as far as their blocks are summed up: one GET a block. */
export async function readSummaries(
  store: ObjectStore,
  plan: Pick<Plan, 'id' | 'cells'>,
  { from, to }: Pick<Range, 'from' | 'to'>,
): Promise<Map<number, Result>> {
  const [first, last] = [placeOf(plan, from), placeOf(plan, to)];
  const keys = Array.from({ length: last - first + 1 }, (_, i) =>
    summaryKey(plan.id, blockAt(plan, first + i)!.from),
  );
  const summaries = await Promise.all(keys.map((key) => store.readJson<Summary>(key)));
  return new Map(summaries.flatMap((read) => read?.value ?? []).map((result) => [result.cell, result]));
}

/** Which blocks of an audit are summed up, by their first cells: one LIST. */
export async function listSummaries(store: ObjectStore, audit: string): Promise<Set<number>> {
  const prefix = summariesPrefix(audit);
  const blocks = new Set<number>();
  for await (const { key } of store.list(prefix)) {
    const block = parseCellName(key.slice(prefix.length, prefix.length + 5));
    if (block !== undefined) blocks.add(block);
  }
  return blocks;
}
