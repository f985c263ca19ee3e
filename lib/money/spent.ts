import type { ObjectStore } from '../ports.ts';
import { type Binding, isClosed, readBinding } from '../records/binding.ts';
import { blocksOf, type Range } from '../records/blocks.ts';
import { blockSpentKey, extraSpentKey, resultKey, spentPrefix } from '../records/keys.ts';
import { cellAt, type Plan } from '../records/plan.ts';
import { readProgress } from '../records/progress.ts';
import type { Result } from '../records/result.ts';
import type { Entry } from './ledger.ts';
import { type Micros, modelCeiling, resultCost } from './price.ts';

/** `00025.81000`, `extra-<prediction>.3000` */
const NAME = /^(?:(\d{5})|extra-([a-z0-9]{1,64}))\.(\d{1,15})$/;

/** What LISTs show of what an audit has cost. */
export interface Spent {
  /** By the first cell of each block whose cells have all ended. */
  blocks: Map<number, Micros>;
  /** Of predictions that no cell needed, together. */
  extra: Micros;
}

export async function readSpent(store: ObjectStore, audit: string): Promise<Spent> {
  const prefix = spentPrefix(audit);
  const blocks = new Map<number, Micros>();
  const extras = new Map<string, Micros>();
  for await (const { key } of store.list(prefix)) {
    const [, block, prediction, amount] = NAME.exec(key.slice(prefix.length)) ?? [];
    if (block) blocks.set(Number(block), Number(amount));
    // First its ceiling may be noted, and then what it cost.
    else if (prediction)
      extras.set(prediction, Math.min(Number(amount), extras.get(prediction) ?? Number.POSITIVE_INFINITY));
  }
  return { blocks, extra: [...extras.values()].reduce((sum, micros) => sum + micros, 0) };
}

/** What the results of a block's cells cost together. */
export const blockCost = (plan: Plan, results: readonly Result[]): Micros =>
  results.reduce((sum, result) => sum + resultCost(cellAt(plan, result.cell).model.price, result), 0);

/** Notes what a block cost whose cells have all ended. It follows from results, which never change: twice is once. */
export const noteBlockCost = (store: ObjectStore, plan: Plan, from: number, results: readonly Result[]) =>
  store.create(blockSpentKey(plan.id, from, blockCost(plan, results)), '', {
    tags: { retention: plan.retention },
  });

/** Notes what a prediction cost that no cell needed, or may cost at most. The smallest amount counts. */
export async function noteExtra(store: ObjectStore, plan: Plan, prediction: string, micros: Micros) {
  if (micros > 0)
    await store.create(extraSpentKey(plan.id, prediction, micros), '', {
      tags: { retention: plan.retention },
    });
}

/** The most that the cells of a range may cost together. */
function rangeCeiling(plan: Plan, { from, to }: Range): Micros {
  const ceilings = plan.models.map((model) => modelCeiling(plan, model));
  let sum = 0;
  for (let n = from; n <= to; n++) sum += ceilings[Math.floor(n / plan.samples) % ceilings.length]!;
  return sum;
}

/** The most that an audit may cost. */
export const planCeiling = (plan: Pick<Plan, 'input' | 'models' | 'prompts' | 'samples'>): Micros =>
  plan.models.reduce((sum, model) => sum + modelCeiling(plan, model) * plan.prompts.length * plan.samples, 0);

/** What the records of an audit that is open say: a block is reserved whole until all of its cells have ended. */
export async function entryOf(store: ObjectStore, plan: Plan): Promise<Entry> {
  const { blocks, extra } = await readSpent(store, plan.id);
  const open = blocksOf(plan).filter(({ from }) => !blocks.has(from));
  return {
    reserved: open.reduce((sum, block) => sum + rangeCeiling(plan, block), 0),
    spent: [...blocks.values()].reduce((sum, micros) => sum + micros, extra),
  };
}

/**
 * What an audit has cost, for good: nothing of it is requested any more. A prediction whose end nobody recorded counts
 * with its ceiling.
 */
export async function finalEntryOf(store: ObjectStore, plan: Plan): Promise<Entry> {
  const { blocks, extra } = await readSpent(store, plan.id);
  let spent = [...blocks.values()].reduce((sum, micros) => sum + micros, extra);
  for (const block of blocksOf(plan).filter(({ from }) => !blocks.has(from)))
    spent += await openBlockCost(store, plan, block);
  return { reserved: 0, spent, final: true };
}

async function openBlockCost(store: ObjectStore, plan: Plan, block: Range): Promise<Micros> {
  let spent = 0;
  for (const [n, { boundAt, ended, attempt }] of await readProgress(store, block)) {
    const cell = cellAt(plan, n);
    const result = ended ? await store.readJson<Result>(resultKey(plan.id, n)) : undefined;
    if (result) spent += resultCost(cell.model.price, result.value);
    else if (boundAt && isPaid(await readBinding(store, plan.id, n, attempt)))
      spent += modelCeiling(plan, cell.model);
  }
  return spent;
}

const isPaid = (binding: Binding | undefined): boolean => binding !== undefined && !isClosed(binding);
