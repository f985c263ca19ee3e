import { messageOf } from '../errors.ts';
import type { CellQueue, Chance, ReplicateClient } from '../ports.ts';
import { type BoundBinding, isClosed, readBinding } from '../records/binding.ts';
import { blockAt, blocksIn, type Message, placeOf, type Range, rangeOf } from '../records/blocks.ts';
import { leaseKey, openKey, pollLeaseKey, unsafeKey } from '../records/keys.ts';
import { readLease, restartChain, SOON_SECONDS } from '../records/lease.ts';
import { isImported, modelAt, type Plan, secretsOf } from '../records/plan.ts';
import { type CellProgress, readOpenProgress } from '../records/progress.ts';
import { recordResult } from '../records/result.ts';
import { readRedactor } from '../records/secret.ts';
import { readStop, type Stop } from '../records/stop.ts';
import { waitingFor, writeWaiting } from '../records/waiting.ts';
import { AnswerTooLarge, ReplicateRefusal } from '../replicate/errors.ts';
import { redactError } from '../replicate/fingerprints.ts';
import { hasEnded, type Prediction } from '../replicate/prediction.ts';
import { shuffled } from '../shuffled.ts';
import { closeCell, closing, type MustWait, waitingOf } from './ask.ts';
import { closedResult } from './derive.ts';
import { type FinishDeps, finishCell } from './finish.ts';
import { listArrived, takeIn } from './take-in.ts';
import {
  askedAgainAt,
  CellFaults,
  firstPollSeconds,
  inTurn,
  isPending,
  MAX_DELAY_SECONDS,
  type Turn,
} from './turn.ts';

export interface PollTurnDeps extends FinishDeps {
  readPlan: (audit: string) => Promise<Plan | undefined>;
  replicate: ReplicateClient;
  chance: Chance;
  /** Where cells are asked for again. */
  queue: CellQueue;
  /** Where the next link of the chain goes. */
  polls: CellQueue;
  /** A bound cell without a result is polled when it is older than this. */
  overdueMs: number;
  /** A chain that has not moved for so long is restarted. */
  resendMs: number;
  /** Called for a cell that polling finished, although a webhook should have. */
  onFound: (cell: number) => void;
  /**
   * Sums up blocks whose cells are all finished.
   * @returns those that have to wait, because an image lacks its judgement or its copy
   */
  sumUp: (plan: Plan, blocks: readonly Range[]) => Promise<readonly Range[]>;
}

export interface Polled {
  /** Faults of single cells; the others continued. */
  faults: CellFaults['all'];
}

/** Each holds Replicate's answer and, where outputs have no length, their bytes on the function's small disk. */
const PARALLEL_POLLS = 2;
const PARALLEL_CLOSES = 10;
/** What is open for so long ends: outputs live an hour, and Replicate itself cancels after half of one. */
const GIVE_UP_MS = 24 * 3_600_000;
/** Predictions of an audit that was ended are looked at again so soon. */
const STOPPED_SECONDS = 10;
/** A finished block is looked at again so soon while its images are being judged and copied. */
const UNSAFE_SECONDS = { least: 2, most: 8 };
/** Judging and copying take so long; a look costs three LISTs. */
const SAFE_SECONDS = 3;
/** Pictures that are being uploaded are looked for so often. */
const ARRIVAL_SECONDS = 2;
/** While cells of the range are open, so long after the end of its first block all that have ended are summed up. */
const GATHER_MS = 60_000;

/**
 * Looks after the cells of a range: finishes what is overdue, ends the cells of a canceled audit, has asked for again
 * what was aborted. A link of the chain sends the next one, until the range is summed up.
 */
export async function pollTurn(deps: PollTurnDeps, message: Message, turn: Turn): Promise<Polled> {
  const plan = await deps.readPlan(message.audit);
  if (!plan || message.from >= plan.cells) return { faults: [] };
  if (message.link === undefined) {
    // A late copy of a message leaves nothing behind in an audit that is over.
    if (!(await deps.store.exists(openKey(plan.id)))) return { faults: [] };
    const range = { ...message, to: Math.min(message.to, plan.cells - 1) };
    const { faults, tookIn } = await new PollTurn(deps, plan, range, turn).run({ isOnly: true });
    // More pictures are on their way, and the chain may have let itself look rarely.
    if (tookIn > 0) await hurry(deps, rangeOf(plan, range.from));
    return { faults };
  }
  const { polls } = deps;
  const { link } = message;
  const range = rangeOf(plan, message.from);
  const key = pollLeaseKey(plan.id, range.from);
  const existing = await readLease(deps.store, key);
  // The audit is over, and its leases are deleted. Only the chains of an import begin with their first message.
  if (!existing && !(isImported(plan) && link === 0 && (await deps.store.exists(openKey(plan.id)))))
    return { faults: [] };
  const here = { key, existing, range, link, queue: polls };
  const polled = await inTurn(deps, here, turn.endsAt, async ({ idle }, end) => {
    const { faults, delaySeconds } = await new PollTurn(deps, plan, range, turn).run({ isOnly: false });
    end.idle = faults.length > 0 ? idle + 1 : 0;
    const pause = end.idle > 0 ? Math.min(2 ** Math.min(end.idle, 8), longestPause(plan)) : 0;
    const seconds = Math.min(MAX_DELAY_SECONDS, Math.max(delaySeconds ?? 0, pause));
    if (delaySeconds !== undefined) await polls.send([{ ...range, link: link + 1 }], seconds);
    end.isSoon = delaySeconds === undefined || seconds <= SOON_SECONDS;
    end.isDone = true;
    return { faults };
  });
  return polled ?? { faults: [] };
}

/** Has the chain of a range look soon. */
async function hurry(deps: PollTurnDeps, range: Range): Promise<void> {
  const link = await restartChain(deps, pollLeaseKey(range.audit, range.from));
  if (link !== undefined) await deps.polls.send([{ ...range, link }]);
}

/** Faults of one cell must not keep poll from canceling another one that is paid by the second. In seconds. */
const longestPause = ({ models }: Plan): number =>
  Math.min(
    ...models.map(({ price }) =>
      price?.unit === 'second' ? Math.max(1, price.seconds / 4) : MAX_DELAY_SECONDS,
    ),
  );

/** One turn over one range: what its workers share. */
class PollTurn {
  readonly #deps: PollTurnDeps;
  readonly #plan: Plan;
  readonly #range: Range;
  readonly #turn: Turn;
  readonly #signal: AbortSignal;
  readonly #faults = new CellFaults();
  /** Replicate wants to be left alone. */
  #leaves = false;
  /** The time was over before all was done. */
  #isLate = false;
  #waitSeconds = 0;
  #stop: Stop | undefined;
  /** Cells of imported pictures that ended in this turn. */
  #tookIn = 0;
  /** Cells whose predictions have ended, as Replicate said in this turn. A deleted audit keeps no record of it. */
  readonly #ended = new Set<number>();

  constructor(deps: PollTurnDeps, plan: Plan, range: Range, turn: Turn) {
    this.#deps = deps;
    this.#plan = plan;
    this.#range = range;
    this.#turn = turn;
    this.#signal = deps.time.timeout(Math.max(1, turn.endsAt.getTime() - deps.time.now().getTime() - 1_000));
  }

  /**
   * @param isOnly nobody looks again, so nothing waits for a better moment
   * @returns when to look again; undefined if there is nothing left to do
   */
  async run({
    isOnly,
  }: {
    isOnly: boolean;
  }): Promise<Polled & { delaySeconds: number | undefined; tookIn: number }> {
    const { store, chance } = this.#deps;
    this.#stop = await readStop(store, this.#plan.id);
    const cells = [...(await readOpenProgress(store, this.#range))];
    if (isImported(this.#plan)) return this.#import(cells, isOnly);
    const overdue = cells.filter(([cell, state]) => this.#isOverdue(cell, state));
    // In any order, so that a few that fail hold up nobody for long.
    await this.#each(shuffled(overdue, chance), PARALLEL_POLLS, (cell, { attempt }) =>
      this.#look(cell, attempt),
    );
    if (this.#stop === 'canceled') {
      const waiting = cells.filter(([, { boundAt, ended }]) => !boundAt && !ended);
      await this.#each(waiting, PARALLEL_CLOSES, (cell, { attempt }) => this.#cancel(cell, attempt));
    }
    const touched = overdue.length > 0 || this.#stop !== undefined;
    const now = touched ? [...(await readOpenProgress(store, this.#range))] : cells;
    const unsafeSeconds = await this.#sumUp(new Map(now), isOnly);
    const open = now.filter(([, { ended }]) => !ended);
    if (!this.#stop) await this.#askAgain(open);
    return { faults: this.#faults.all, delaySeconds: this.#delaySeconds(open) ?? unsafeSeconds, tookIn: 0 };
  }

  /** As `run`, for an audit whose pictures are uploaded. */
  async #import(
    cells: [number, CellProgress][],
    isOnly: boolean,
  ): Promise<Polled & { delaySeconds: number | undefined; tookIn: number }> {
    const { store } = this.#deps;
    const open = cells.filter(([, { ended }]) => !ended);
    if (this.#stop !== 'deleted' && open.length > 0) {
      const arrived = await listArrived(store, this.#range);
      const isCanceled = this.#stop === 'canceled';
      await this.#each(open, PARALLEL_CLOSES, async (cell) => {
        const how = { hasArrived: arrived.has(cell), isCanceled };
        if (await takeIn(this.#deps, this.#plan, cell, how)) this.#tookIn++;
      });
    }
    const now = this.#tookIn > 0 ? [...(await readOpenProgress(store, this.#range))] : cells;
    const unsafeSeconds = await this.#sumUp(new Map(now), isOnly);
    const delaySeconds = this.#importSeconds(now) ?? unsafeSeconds;
    return { faults: this.#faults.all, delaySeconds, tookIn: this.#tookIn };
  }

  /** When to look again at pictures that have not come: soon while they come, ever more rarely afterwards. */
  #importSeconds(cells: [number, CellProgress][]): number | undefined {
    if (this.#stop === 'deleted' || cells.every(([, { ended }]) => ended)) return undefined;
    if (this.#stop || this.#isLate) return 1;
    const last = Math.max(
      Date.parse(this.#plan.createdAt),
      ...cells.map(([, { endedAt }]) => endedAt?.getTime() ?? 0),
    );
    const most = Math.min(MAX_DELAY_SECONDS, this.#deps.resendMs / 3_000);
    return Math.ceil(Math.min(Math.max(this.#age(new Date(last)) / 4_000, ARRIVAL_SECONDS), most));
  }

  #isOverdue(cell: number, { boundAt, ended }: CellProgress): boolean {
    if (!boundAt || ended) return false;
    return this.#stop !== undefined || this.#age(boundAt) >= this.#overdueMs(cell);
  }

  /** What is paid by the second is looked at as soon as it may have run for too long. */
  #overdueMs(cell: number): number {
    const { overdueMs } = this.#deps;
    const { price } = modelAt(this.#plan, cell);
    return price?.unit === 'second' ? Math.min(overdueMs, price.seconds * 1_000) : overdueMs;
  }

  #age(since: Date): number {
    return this.#deps.time.now().getTime() - since.getTime();
  }

  #each(
    cells: [number, CellProgress][],
    workers: number,
    step: (cell: number, progress: CellProgress) => Promise<void>,
  ): Promise<void> {
    const isOver = () => {
      this.#isLate ||= this.#turn.stopAt.getTime() <= this.#deps.time.now().getTime();
      return this.#leaves || this.#isLate;
    };
    return this.#faults.each(cells, workers, isOver, step);
  }

  /** Sums up blocks whose cells are all finished, several at once. @returns when to look again at those that have to wait */
  async #sumUp(cells: ReadonlyMap<number, CellProgress>, isOnly: boolean): Promise<number | undefined> {
    const { store, resendMs, time, sumUp } = this.#deps;
    // Nothing is created behind a tombstone.
    if (this.#stop === 'deleted') return undefined;
    const endedAt = ({ from, to }: Range): number => {
      let last = 0;
      for (let cell = from; cell <= to; cell++)
        last = Math.max(last, cells.get(cell)?.endedAt?.getTime() ?? Number.POSITIVE_INFINITY);
      return last;
    };
    const blocks = blocksIn(this.#plan, this.#range);
    const ended = blocks.filter((block) => Number.isFinite(endedAt(block)));
    if (ended.length === 0) return undefined;
    if (!isOnly) {
      const ages = ended.map((block) => time.now().getTime() - endedAt(block));
      if (ended.length < blocks.length && Math.max(...ages) < GATHER_MS) return undefined;
      const left = SAFE_SECONDS - Math.min(...ages) / 1_000;
      if (ended.length === blocks.length && left > 0) return Math.ceil(left);
    }
    if (this.#turn.stopAt.getTime() <= time.now().getTime()) return 1;
    try {
      const unsafe = await sumUp(this.#plan, ended);
      if (unsafe.length === 0) return undefined;
      const waits = unsafe.map((block) => ({ block, ms: time.now().getTime() - endedAt(block) }));
      // By now it is reconcile that has to help. It finds the blocks by their marks.
      const late = waits.filter(({ ms }) => ms > resendMs / 3);
      for (const { block } of late) await store.create(unsafeKey(this.#plan.id, block.from), '');
      if (late.length === waits.length) return Math.ceil(resendMs / 3_000);
      const since = Math.min(...waits.map(({ ms }) => ms)) / 1_000;
      return Math.ceil(Math.min(Math.max(since / 4, UNSAFE_SECONDS.least), UNSAFE_SECONDS.most));
    } catch (error) {
      this.#faults.note(ended[0]!.from, error);
      return UNSAFE_SECONDS.most;
    }
  }

  /** Aborted predictions, and cells whose chain was lost, are asked for by their block's chain, which is restarted. */
  async #askAgain(open: [number, CellProgress][]): Promise<void> {
    const { store, time, queue, resendMs, overdueMs } = this.#deps;
    const pending = open.filter(([, state]) => isPending(state, time.now(), overdueMs));
    for (const place of new Set(pending.map(([cell]) => placeOf(this.#plan, cell)))) {
      const block = blockAt(this.#plan, place)!;
      const key = leaseKey(this.#plan.id, block.from);
      const mine = pending.filter(([cell]) => cell >= block.from && cell <= block.to);
      const worked = await store.head(key);
      // Nobody has begun it: it follows another block, or reconcile begins it.
      if (!worked) continue;
      const isSilent = this.#age(worked.modified) > resendMs;
      const wasAborted = mine.some(
        ([, state]) => state.abortedAt && askedAgainAt(state, overdueMs) > worked.modified.getTime(),
      );
      if (!isSilent && !wasAborted) continue;
      const link = await restartChain(this.#deps, key);
      if (link !== undefined) await queue.send([{ ...block, link }]);
    }
  }

  #delaySeconds(open: [number, CellProgress][]): number | undefined {
    const { time } = this.#deps;
    // What waits in a deleted audit is never asked for, and what was canceled is canceled once.
    const runs = ([cell, { boundAt }]: [number, CellProgress]) => boundAt && !this.#ended.has(cell);
    const left = this.#stop === 'deleted' ? open.filter(runs) : open;
    if (left.length === 0) return undefined;
    if (this.#stop) return Math.max(STOPPED_SECONDS, this.#waitSeconds);
    if (this.#isLate) return Math.max(1, this.#waitSeconds);
    const now = time.now().getTime();
    const least = firstPollSeconds(this.#deps.overdueMs) * 1_000;
    // A quarter as long again as it took so far: often at first, when most end, and at the moment when one is overdue.
    const due = left.map(([cell, state]) => {
      const overdueMs = this.#overdueMs(cell);
      // What waits is asked for by a chain of its own.
      if (!state.boundAt)
        return isPending(state, time.now(), overdueMs) ? overdueMs : askedAgainAt(state, overdueMs) - now;
      const age = this.#age(state.boundAt);
      return age >= overdueMs ? overdueMs / 4 : Math.min(Math.max(age / 4, least), overdueMs - age);
    });
    return Math.max(
      1,
      this.#waitSeconds,
      Math.ceil(Math.min(...due.map((ms) => Math.max(ms, 1_000))) / 1_000),
    );
  }

  /** Polls the prediction of a bound cell, or cancels it, and finishes the cell if it has ended. */
  async #look(cell: number, attempt: number): Promise<void> {
    const { store } = this.#deps;
    const binding = await readBinding(store, this.#plan.id, cell, attempt);
    if (!binding) return;
    if (isClosed(binding)) {
      if (this.#stop === 'deleted') {
        this.#ended.add(cell);
        return;
      }
      return recordResult(store, this.#plan, closedResult(this.#plan, cell, binding));
    }
    const prediction = await this.#endingOf(cell, binding);
    if (!prediction || !hasEnded(prediction)) return;
    const ending = { plan: this.#plan, n: cell, prediction, signal: this.#signal };
    const finished = await finishCell(this.#deps, ending);
    // What this side has just ended is not overdue.
    if (finished === 'stored' && !this.#stop) this.#deps.onFound(cell);
    this.#ended.add(cell);
  }

  /** What Replicate says of a prediction, or what has to stand for it; undefined where it is to be asked later. */
  async #endingOf(
    cell: number,
    { predictionId: id, askedAt }: BoundBinding,
  ): Promise<Prediction | undefined> {
    const { time } = this.#deps;
    const isOld = time.now().getTime() - Date.parse(askedAt) > GIVE_UP_MS;
    const failed = (error: string): Prediction => ({ id, status: 'failed', error });
    try {
      const prediction = await (this.#stop ? this.#end(id) : this.#get(cell, id));
      return isOld && !hasEnded(prediction)
        ? failed(`Replicate still reported "${prediction.status}" a day after the request`)
        : prediction;
    } catch (thrown) {
      const names = secretsOf(this.#plan, modelAt(this.#plan, cell)).map(([, name]) => name);
      const error = redactError(thrown, await readRedactor(this.#deps.store, names));
      const wait = waitingOf(error);
      if (wait) {
        await this.#wait(wait);
        return undefined;
      }
      if (error instanceof ReplicateRefusal && error.status === 404)
        return failed('Replicate no longer knows this prediction');
      if (error instanceof AnswerTooLarge) return failed(`too large: ${error.message}`);
      if (isOld) return failed(`Replicate could not be polled for a day: ${messageOf(error)}`);
      throw error;
    }
  }

  /** The prediction, which is canceled if it has run for longer than its price allows. */
  async #get(cell: number, id: string): Promise<Prediction> {
    const prediction = await this.#deps.replicate.get(id);
    const { price } = modelAt(this.#plan, cell);
    if (price?.unit !== 'second' || hasEnded(prediction)) return prediction;
    const ran = this.#deps.time.now().getTime() - Date.parse(prediction.started_at ?? '');
    return ran >= price.seconds * 1_000 ? this.#end(id) : prediction;
  }

  async #wait({ why, message, seconds }: MustWait): Promise<void> {
    const { store, time } = this.#deps;
    const isSaid = this.#leaves;
    this.#leaves = true;
    this.#waitSeconds = Math.min(MAX_DELAY_SECONDS, Math.max(1, Math.ceil(seconds)));
    if (!isSaid)
      await writeWaiting(store, this.#plan, waitingFor(why, message, time.now(), this.#waitSeconds));
  }

  /** Cancels a prediction. Replicate may refuse that of one that has ended: then it tells how it ended. */
  async #end(id: string): Promise<Prediction> {
    const { replicate } = this.#deps;
    try {
      return await replicate.cancel(id);
    } catch (error) {
      const isRefused = error instanceof ReplicateRefusal && error.status >= 400 && error.status < 500;
      if (!isRefused || error.status === 404 || waitingOf(error)) throw error;
      return replicate.get(id);
    }
  }

  async #cancel(cell: number, attempt: number): Promise<void> {
    const { store, time } = this.#deps;
    const why = 'the audit was canceled before this prediction was requested';
    await closeCell(store, { plan: this.#plan, n: cell }, attempt, closing('canceled', why, time));
  }
}
