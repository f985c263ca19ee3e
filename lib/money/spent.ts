import { inGroups } from '../in-groups.ts';
import { COUNTED } from '../log-lines.ts';
import type { Log, ObjectStore } from '../ports.ts';
import { type Binding, isClosed, readBinding } from '../records/binding.ts';
import { blocksOf, type Range } from '../records/blocks.ts';
import { blockSpentKey, extraSpentKey, resultKey, spentPrefix } from '../records/keys.ts';
import { modelAt, modelPlace, type Plan, type PlannedModel } from '../records/plan.ts';
import { readProgress } from '../records/progress.ts';
import type { Result } from '../records/result.ts';
import { modelCeiling, planCeiling, resultCost } from './cost.ts';
import type { Known } from './ledger.ts';
import { dollarsOf, type Micros } from './price.ts';

/** `00025.81000.90000`, `extra-<prediction>.most.58500`, `extra-<prediction>.3000` */
const NAME = /^(?:(\d{5})\.(\d{1,15})|extra-([\w-]{1,64}?)(\.most)?)\.(\d{1,15})$/;

/** What a LIST shows of what an audit has cost, without its plan. */
interface Spent {
  /** First cells of the blocks whose cells have all ended. */
  blocks: Set<number>;
  /** What those blocks might have cost at most. */
  most: Micros;
  /** What they and the predictions that no cell needed have cost. */
  spent: Micros;
}

/** Blocks that are read at once. */
const PARALLEL_BLOCKS = 10;

interface NoteDeps {
  store: ObjectStore;
  log: Pick<Log, 'warn'>;
}

async function readSpent(store: ObjectStore, audit: string): Promise<Spent> {
  const prefix = spentPrefix(audit);
  const found: Spent = { blocks: new Set(), most: 0, spent: 0 };
  const extras = new Map<string, Micros>();
  for await (const { key } of store.list(prefix)) {
    const [, block, cost, prediction, isMost, amount] = NAME.exec(key.slice(prefix.length)) ?? [];
    if (block && !found.blocks.has(Number(block))) {
      found.blocks.add(Number(block));
      found.spent += Number(cost);
      found.most += Number(amount);
    }
    // What it cost counts, whatever it may have cost at most.
    if (prediction && !(isMost && extras.has(prediction))) extras.set(prediction, Number(amount));
  }
  for (const micros of extras.values()) found.spent += micros;
  return found;
}

/**
 * Notes what a block cost whose cells have all ended. It follows from the plan and from results, which never change:
 * twice is once.
 */
export async function noteBlockCost(
  { store, log }: NoteDeps,
  plan: Plan,
  block: Range,
  results: readonly Result[],
): Promise<void> {
  let cost = 0;
  for (const result of results) {
    const model = modelAt(plan, result.cell);
    const [one, most] = [resultCost(model.price, result), modelCeiling(plan, model)];
    cost += one;
    if (one > most)
      log.warn(COUNTED.dearer, {
        audit: plan.id,
        cell: result.cell,
        prediction: result.prediction?.id,
        dollars: dollarsOf(one),
        ceiling: dollarsOf(most),
      });
  }
  const key = blockSpentKey(plan.id, block.from, cost, rangeCeiling(plan, block));
  await store.create(key, '', { tags: { retention: plan.retention } });
}

/** Notes what a prediction cost that no cell needed, also 0, or, before it has ended, what it may cost at most. */
export async function noteExtra(
  { store, log }: NoteDeps,
  plan: Plan,
  model: PlannedModel,
  prediction: string,
  micros: Micros,
  { isMost = false } = {},
) {
  if (modelCeiling(plan, model) === 0) return;
  const key = extraSpentKey(plan.id, prediction, micros, isMost);
  const isNew = await store.create(key, '', { tags: { retention: plan.retention } });
  if (isNew && micros > 0)
    log.warn(COUNTED.extra, { audit: plan.id, prediction, dollars: dollarsOf(micros) });
}

/** The most that the cells of a range may cost together. */
function rangeCeiling(plan: Plan, { from, to }: Range): Micros {
  const ceilings = plan.models.map((model) => modelCeiling(plan, model));
  let sum = 0;
  for (let n = from; n <= to; n++) sum += ceilings[modelPlace(plan, n)]!;
  return sum;
}

/**
 * What the records of an audit that is open say: a block is reserved whole until all of its cells have ended.
 * @param most what the audit was reserved with
 */
export async function entryOf(store: ObjectStore, audit: string, most: Micros): Promise<Known> {
  const ended = await readSpent(store, audit);
  return { most, reserved: Math.max(0, most - ended.most), spent: ended.spent };
}

/**
 * What an audit has cost, for good: nothing of it is requested any more. A prediction whose end nobody recorded counts
 * with its ceiling.
 */
export async function finalEntryOf(store: ObjectStore, plan: Plan): Promise<Known> {
  const ended = await readSpent(store, plan.id);
  let { spent } = ended;
  const open = blocksOf(plan).filter(({ from }) => !ended.blocks.has(from));
  const costs = inGroups(open, PARALLEL_BLOCKS, (block) => openBlockCost(store, plan, block));
  for await (const cost of costs) spent += cost;
  return { most: planCeiling(plan), reserved: 0, spent, final: true };
}

async function openBlockCost(store: ObjectStore, plan: Plan, block: Range): Promise<Micros> {
  let spent = 0;
  for (const [n, { boundAt, ended, attempt }] of await readProgress(store, block)) {
    const model = modelAt(plan, n);
    const result = ended ? await store.readJson<Result>(resultKey(plan.id, n)) : undefined;
    if (result) spent += resultCost(model.price, result.value);
    else if (boundAt && isPaid(await readBinding(store, plan.id, n, attempt)))
      spent += modelCeiling(plan, model);
  }
  return spent;
}

const isPaid = (binding: Binding | undefined): boolean => binding !== undefined && !isClosed(binding);
