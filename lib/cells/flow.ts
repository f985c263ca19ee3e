import type { ObjectStore, Time } from '../ports.ts';
import { MAX_BLOCK, type Range } from '../records/blocks.ts';
import { flowKey, leaseKey, resultKey, summaryKey } from '../records/keys.ts';
import { isHeld } from '../records/lease.ts';
import { modelAt, type Plan, type PlannedModel } from '../records/plan.ts';
import { type CellProgress, readOpenProgress } from '../records/progress.ts';
import type { Result } from '../records/result.ts';
import type { Summary } from '../records/summary.ts';

/**
 * What is in flight for a model, in all audits: `flow/<sha of model>.json`. Replicate aborts what has not started half
 * an hour after it was asked for, so only so much is asked for as starts in time; the rest waits here, where it costs
 * nothing and can be canceled. Swapped by etag.
 */
interface Flow {
  /** Predictions that may be in flight. It adapts to how long they wait to start. */
  limit: number;
  /** When the limit was changed. Milliseconds since 1970. */
  changedAt: number;
  /** Predictions that ended since. */
  ended: number;
  /** Most that may be in flight, by block. Too high after a crash, never too low. */
  blocks: Record<string, InFlight>;
}

interface InFlight {
  count: number;
  /** How many of the model's cells in the block have been asked for once all that was granted is. */
  asked?: number;
  /** Which cells of the block are the model's, so that it can be counted without the plan. */
  cells: ModelCells;
}

interface ModelCells {
  to: number;
  samples: number;
  models: number;
  place: number;
  /** These alone, where not every prompt goes to every model. The other members then say that all are the model's. */
  only?: number[];
}

/** How many predictions a model has at first for each request that the account may send in a minute: ten seconds' worth. */
const START_SHARE = 1 / 6;
const LEAST_START = 16;
const MOST = 20_000;
/** A wait as long as this is too long, and one as short leaves room. */
const LONG_WAIT_MS = 84_000;
const SHORT_WAIT_MS = 20_000;
const GROW = 1.5;
/** What has not started by then is aborted: `Cancel-After`, counted from the request. */
const ABORTED_AFTER_MS = 30 * 60_000;
/** Blocks that are counted again in one turn, at most. */
const RECOUNTS = 8;
/** Predictions that these blocks had: so many times what is missing, and as many as large blocks have. */
const SPARE = { times: 2, least: 2 * MAX_BLOCK };

export interface FlowDeps {
  store: ObjectStore;
  time: Time;
  /** What the account may ask for, of all models together. */
  createsPerMinute: number;
}

/** The name of a model's queue at Replicate. */
const queueOf = ({ model, version }: PlannedModel) => (version === null ? model : `${model}:${version}`);

/** A model of a block, and what its turn knows of it. */
export interface Wish {
  plan: Plan;
  block: Range;
  model: PlannedModel;
  /** Predictions of the block that have not ended. */
  observed: number;
  /** Cells of the model in the block that were asked for, ended or not. */
  asked: number;
  /** When a prediction of the block was last found to be aborted. Milliseconds since 1970. */
  abortedAt: number;
  /** How many more are wanted. */
  wanted: number;
}

/** What is known of a model in a block, and how many more predictions of it are wanted. */
export function wishOf(
  { plan, block, model }: Pick<Wish, 'plan' | 'block' | 'model'>,
  progress: Map<number, CellProgress>,
  wanted: number,
): Wish {
  const mine = [...progress].filter(([n]) => modelAt(plan, n) === model).map(([, state]) => state);
  return {
    ...{ plan, block, model, wanted },
    observed: mine.filter(({ boundAt, ended }) => boundAt && !ended).length,
    asked: mine.filter(isAsked).length,
    abortedAt: Math.max(0, ...mine.map(({ abortedAt }) => abortedAt?.getTime() ?? 0)),
  };
}

const isAsked = ({ boundAt, ended }: CellProgress): boolean => boundAt !== undefined || ended;

/**
 * How many predictions more may be in flight for a model in a block. The number is durable before anything is asked
 * for, and absolute, so that writing it again is harmless. Only the holder of the block's lease may call this.
 */
export async function grantFlow(deps: FlowDeps, wish: Wish): Promise<number> {
  const { store, time } = deps;
  const key = flowKey(queueOf(wish.model));
  const name = nameOf(wish.block);
  let wasCounted = false;
  for (;;) {
    const existing = await store.readJson<Flow>(key);
    const flow = existing?.value ?? newFlow(deps, time.now());
    if (wish.abortedAt - ABORTED_AFTER_MS > flow.changedAt) adapt(flow, ABORTED, time.now());
    const counts = !wasCounted && roomFor(flow, name, wish) < wish.wanted;
    if (counts) {
      wasCounted = true;
      await recount(deps, flow, name, wish.wanted - roomFor(flow, name, wish));
    }
    const granted = Math.max(0, Math.min(roomFor(flow, name, wish), wish.wanted));
    const [count, asked] = [wish.observed + granted, wish.asked + granted];
    if (granted > 0) flow.blocks[name] = { count, asked, cells: cellsOf(wish) };
    else if (!counts || !existing) return 0;
    // Against what was read before the LISTs: a turn that was granted something since has changed it, and its number stays.
    if ((await store.swapJson(key, flow, existing?.etag)) !== undefined || granted === 0) return granted;
  }
}

const roomFor = (flow: Flow, name: string, wish: Wish): number =>
  flow.limit - inFlight(flow, name) - wish.observed;

const newFlow = ({ createsPerMinute }: FlowDeps, now: Date): Flow => ({
  limit: Math.max(LEAST_START, Math.round(createsPerMinute * START_SHARE)),
  changedAt: now.getTime(),
  ended: 0,
  blocks: {},
});

const nameOf = ({ audit, from }: Range) => `${audit}/${from}`;

/** Of all blocks, or of all but one. */
const inFlight = ({ blocks }: Flow, without?: string): number =>
  Object.entries(blocks).reduce((sum, [name, { count }]) => sum + (name === without ? 0 : count), 0);

function cellsOf({ plan, block, model }: Wish): ModelCells {
  const { from, to } = block;
  const { samples, models, pairs } = plan;
  if (!pairs) return { to, samples, models: models.length, place: models.indexOf(model) };
  const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const only = numbers.filter((n) => modelAt(plan, n) === model);
  return { ...{ to, samples: 1, models: 1, place: 0 }, only };
}

/** Whether a cell is one of the model's. */
const isOf = ({ samples, models, place, only }: ModelCells, cell: number): boolean =>
  only ? only.includes(cell) : Math.floor(cell / samples) % models === place;

/**
 * Counts blocks again that may give the room that is missing, those first that were not counted for longest.
 * @param missing how many predictions
 */
async function recount(deps: FlowDeps, flow: Flow, own: string, missing: number): Promise<void> {
  const chosen: [string, InFlight][] = [];
  let sum = 0;
  for (const [name, entry] of Object.entries(flow.blocks)) {
    if (name === own) continue;
    if (chosen.length === RECOUNTS || sum >= Math.max(missing * SPARE.times, SPARE.least)) break;
    chosen.push([name, entry]);
    sum += entry.count;
  }
  const counted = await Promise.all(
    chosen.map(([name, entry]) => countBlock(deps, name, entry, flow.changedAt)),
  );
  for (const [i, [name, entry]] of chosen.entries()) {
    const one = counted[i];
    // To the end: those that are counted now are counted last the next time.
    delete flow.blocks[name];
    flow.blocks[name] = { ...entry, count: one?.open ?? entry.count };
    if (!one) continue;
    if (one.open === 0) delete flow.blocks[name];
    flow.ended += Math.max(0, entry.count - one.open);
    adapt(flow, one.seen, deps.time.now());
  }
}

interface Counted {
  /** Predictions of the model in the block that have not ended. */
  open: number;
  seen: Seen | undefined;
}

/** @returns undefined where a turn may be about to ask for more, so that its number stays */
async function countBlock(
  { store, time }: FlowDeps,
  name: string,
  { cells, asked = Number.POSITIVE_INFINITY }: InFlight,
  since: number,
): Promise<Counted | undefined> {
  const [audit = '', first = ''] = name.split('/');
  const from = Number(first);
  const summary = await store.readJson<Summary>(summaryKey(audit, from));
  if (summary) {
    const mine = summary.value.filter(({ cell }) => isOf(cells, cell));
    return { open: 0, seen: lastSeen(mine, since) };
  }
  const progress = [...(await readOpenProgress(store, { audit, from, to: cells.to }))].filter(([n]) =>
    isOf(cells, n),
  );
  const isUsed = progress.filter(([, state]) => isAsked(state)).length >= asked;
  if (!isUsed && (await isHeld({ store, time }, leaseKey(audit, from)))) return undefined;
  const open = progress.filter(([, { boundAt, ended }]) => boundAt && !ended).length;
  if (progress.some(([, { abortedAt }]) => (abortedAt?.getTime() ?? 0) - ABORTED_AFTER_MS > since))
    return { open, seen: ABORTED };
  const [last] = progress
    .filter(([, { endedAt, boundAt }]) => endedAt && (boundAt ?? endedAt).getTime() > since)
    .sort(([, one], [, other]) => other.endedAt!.getTime() - one.endedAt!.getTime());
  const result = last && (await store.readJson<Result>(resultKey(audit, last[0])))?.value;
  return { open, seen: lastSeen(result ? [result] : [], since) };
}

/** How long a prediction waited to start, and then ran, in milliseconds. */
interface Seen {
  waited: number;
  ran: number;
}

const ABORTED: Seen = { waited: ABORTED_AFTER_MS, ran: 0 };

/** The last prediction to end of those that were asked for since a time. */
function lastSeen(results: readonly Result[], since: number): Seen | undefined {
  const [last] = results
    .filter(({ askedAt, prediction }) => askedAt !== null && prediction && Date.parse(askedAt) > since)
    .sort((one, other) => Date.parse(other.storedAt) - Date.parse(one.storedAt));
  if (!last?.prediction) return undefined;
  const { createdAt, startedAt, completedAt } = last.prediction;
  const [created, started, completed] = [createdAt, startedAt, completedAt].map((at) =>
    Date.parse(at ?? ''),
  ) as [number, number, number];
  const seen = { waited: started - created, ran: completed - started };
  return Number.isFinite(seen.waited) && Number.isFinite(seen.ran) ? seen : undefined;
}

/**
 * Only what was asked for since the last change shows its effect; and a queue that is growing looks short at first. The time
 * that a prediction spends at Replicate is proportional to what is in flight (Little's law): what was too long shrinks
 * to its target at once.
 */
function adapt(flow: Flow, seen: Seen | undefined, now: Date): void {
  if (!seen) return;
  const { waited } = seen;
  const ran = Math.max(0, seen.ran);
  const isLong = waited > LONG_WAIT_MS;
  const isShort = waited < SHORT_WAIT_MS && flow.ended >= flow.limit;
  if (!isLong && !isShort) return;
  const most = Math.min(flow.limit, Math.max(1, inFlight(flow)));
  flow.limit = isLong
    ? Math.max(1, Math.floor((most * (ran + LONG_WAIT_MS)) / (ran + waited)))
    : Math.min(MOST, Math.ceil(flow.limit * GROW));
  flow.changedAt = now.getTime();
  flow.ended = 0;
}
