import { messageOf } from '../errors.ts';
import type { Chance } from '../ports.ts';
import { type BoundBinding, isClosed, readBinding } from '../records/binding.ts';
import { blockOf, type Range } from '../records/blocks.ts';
import { acquireLease, readLease } from '../records/lease.ts';
import { cellAt, type Plan } from '../records/plan.ts';
import { type CellProgress, readProgress } from '../records/progress.ts';
import { recordResult } from '../records/result.ts';
import { readStop, type Stop } from '../records/stop.ts';
import { type WaitingReason, writeWaiting } from '../records/waiting.ts';
import { AnswerTooLarge, ReplicateRefusal } from '../replicate/errors.ts';
import { hasEnded, type Prediction } from '../replicate/prediction.ts';
import { shuffled } from '../shuffled.ts';
import { type AskDeps, askCell, closeCell, closing, MustWait, Unrecorded, waitingOf } from './ask.ts';
import { closedResult } from './derive.ts';
import { type FinishDeps, finishCell } from './finish.ts';
import type { Pacer } from './pacer.ts';

export interface AdvanceDeps extends FinishDeps, AskDeps {
  readPlan: (audit: string) => Promise<Plan | undefined>;
  pacer: Pacer;
  chance: Chance;
  /** A bound cell without a result is polled when it is older than this. */
  overdueMs: number;
}

export interface Turn {
  /** No cell is started after this. */
  stopAt: Date;
  /** When Lambda ends the function. */
  endsAt: Date;
  /** The queue will not try again: what cannot be asked now ends as failed. */
  last: boolean;
}

export interface Advanced {
  /**
   * What did not fit into this turn, and how long it should wait. Never beside faults: their message comes back
   * as it is, later, when the webhook of what was paid has mostly come.
   */
  rest?: { range: Range; delaySeconds: number };
  /** Predictions asked for in this turn. */
  asked: number;
  /** What Replicate last wanted it to wait for, if anything. */
  waitedFor?: WaitingReason;
  /** Faults of single cells; the others continued. Redelivering the message repeats only what is missing. */
  faults: { cell: number; error: Error }[];
}

const PARALLEL_ASKS = 10;
/** Each holds Replicate's answer and, where outputs have no length, their bytes on the function's small disk. */
const PARALLEL_LOOKS = 2;
/** So many faults in a row mean that the other side is down. */
const MAX_FAULTS_IN_A_ROW = 5;
/** How often a turn looks whether the audit was canceled or deleted meanwhile. */
const STOP_CHECK_MS = 3_000;
/** The longest delay that SQS knows. */
const MAX_DELAY_SECONDS = 900;
/** Longer waits for what Replicate said are cheaper in the queue than in a running function. */
const MAX_WAIT_SECONDS = 15;
/**
 * A turn begins so long to wait for the rate, and for its first cell as long as it takes. At a low rate the turns
 * of many blocks share the time: a block's overdue cells are looked after once a turn, and have an hour.
 */
const PACING_SECONDS = 30;
/** What is open for so long ends: outputs live an hour, and Replicate itself cancels after half of one. */
const GIVE_UP_MS = 24 * 3_600_000;
/** Where it stays open whether Replicate accepts a cell, and no other of its block is, it is asked again for so long. */
const GIVE_UP_ASKING_MS = 6 * 3_600_000;

/**
 * Moves every cell of a range one step on: asks for those that were not asked, looks after those that are
 * overdue, ends those of a canceled audit. Any number of such turns, in any order, comes to the same end.
 */
export async function advanceRange(deps: AdvanceDeps, range: Range, turn: Turn): Promise<Advanced> {
  const plan = await deps.readPlan(range.audit);
  if (!plan) return { asked: 0, faults: [] };
  const within = { ...range, to: Math.min(range.to, plan.cells - 1) };
  if (within.from > within.to) return { asked: 0, faults: [] };
  const block = blockOf(plan, within.from);
  const [progress, existing] = await Promise.all([
    readProgress(deps.store, within),
    range.look ? undefined : readLease(deps.store, plan.id, block),
  ]);
  // A late copy of a message leaves no lease behind in an audit that is over.
  if ([...progress.values()].every(({ ended }) => ended)) return { asked: 0, faults: [] };
  // One lease is for one block: a range of two would leave the second to two dispatchers at once.
  if (blockOf(plan, within.to) !== block)
    throw new Error(`cells ${within.from} to ${within.to} do not lie in one block of audit ${plan.id}`);
  // Looking twice at once pays nothing and is safe; a lease would say that the block was worked on.
  if (range.look) return new RangeTurn(deps, plan, within, turn).run(progress);
  const lease = await acquireLease(deps, { audit: plan.id, block }, existing, turn.endsAt);
  if ('waitSeconds' in lease)
    return {
      rest: { range, delaySeconds: Math.min(lease.waitSeconds, MAX_DELAY_SECONDS) },
      asked: 0,
      faults: [],
    };
  try {
    const work = new RangeTurn(deps, plan, within, turn);
    work.lookForStop();
    // The previous holder of the lease may have requested some since.
    return await work.run(await readProgress(deps.store, within));
  } finally {
    // It runs out by itself; what the turn has to say is not lost over it.
    await lease.release().catch(() => {});
  }
}

/** One turn over one range: what its workers share. */
class RangeTurn {
  readonly #deps: AdvanceDeps;
  readonly #plan: Plan;
  readonly #range: Range;
  readonly #turn: Turn;
  readonly #signal: AbortSignal;
  readonly #faults: Advanced['faults'] = [];
  #faultsInARow = 0;
  #waitedFor: WaitingReason | undefined;
  /** Cells of the range are left to the next turn. */
  #leaves = false;
  /** When the first of this turn's cells began to wait for the rate, by the process's clock. */
  #pacedSince: number | undefined;
  readonly #askedCells: number[] = [];
  /** When a cell of the range was last asked for with success, in milliseconds; at first, when the audit began. */
  #progressAt = 0;
  #stop: { value: Promise<Stop | undefined>; readAt: number } | undefined;

  constructor(deps: AdvanceDeps, plan: Plan, range: Range, turn: Turn) {
    this.#deps = deps;
    this.#plan = plan;
    this.#range = range;
    this.#turn = turn;
    this.#signal = deps.time.timeout(Math.max(1, turn.endsAt.getTime() - deps.time.now().getTime() - 1_000));
  }

  /** Begins to read whether the audit was ended, which every cell wants to know first: nobody has to wait for it then. */
  lookForStop(): void {
    // The next request would meet the same error.
    this.#stopped().catch(() => {});
  }

  async run(progress: Map<number, CellProgress>): Promise<Advanced> {
    this.#progressAt = Math.max(
      Date.parse(this.#plan.createdAt),
      ...[...progress.values()].map(({ boundAt }) => boundAt?.getTime() ?? 0),
    );
    const worker = async (cells: Iterable<[number, CellProgress]>) => {
      for (const [cell, state] of cells) {
        if (this.#faultsInARow >= MAX_FAULTS_IN_A_ROW) return;
        if (this.#leaves || this.#secondsLeft() <= 0) return this.#leave();
        await this.#advance(cell, state);
      }
    };
    const work = async (cells: [number, CellProgress][], workers: number) => {
      const next = cells.values();
      await Promise.all(Array.from({ length: workers }, () => worker(next)));
    };
    // What is overdue has an hour; what waits has time. In any order, so that a few that fail hold up nobody for long.
    const bound = [...progress].filter(([, { boundAt, ended }]) => boundAt && !ended);
    await work(shuffled(bound, this.#deps.chance), PARALLEL_LOOKS);
    if (!this.#range.look) {
      // That took its time, in which a webhook may have bound a cell that waited: it is not paid again.
      const now = bound.length > 0 ? await readProgress(this.#deps.store, this.#range) : progress;
      await work(
        [...now].filter(([, { boundAt, ended }]) => !boundAt && !ended),
        PARALLEL_ASKS,
      );
    }
    await this.#cancelAsked();
    const done = {
      asked: this.#askedCells.length,
      ...(this.#waitedFor && { waitedFor: this.#waitedFor }),
      faults: this.#faults,
    };
    if (!this.#leaves || this.#faults.length > 0) return done;
    // As long as the rate, or what Replicate said, keeps the next turn from asking anything.
    const delaySeconds = Math.min(MAX_DELAY_SECONDS, Math.floor(this.#deps.pacer.waitMs / 1_000));
    return { rest: { range: this.#range, delaySeconds }, ...done };
  }

  async #advance(cell: number, { boundAt, attempt }: CellProgress): Promise<void> {
    await this.#try(cell, async () => {
      const stop = await this.#stopped();
      if (!boundAt) {
        if (stop === 'deleted') return;
        if (stop === 'canceled')
          await this.#end(
            cell,
            attempt,
            'canceled',
            'the audit was canceled before this prediction was requested',
          );
        else await this.#ask(cell, attempt);
      } else if (stop || this.#deps.time.now().getTime() - boundAt.getTime() >= this.#deps.overdueMs) {
        await this.#look(cell, stop);
      }
    });
  }

  /** A fault of one cell is noted and does not hold up the others. */
  async #try(cell: number, step: () => Promise<void>): Promise<void> {
    try {
      await step();
      this.#faultsInARow = 0;
    } catch (error) {
      this.#faultsInARow++;
      this.#faults.push({ cell, error: error instanceof Error ? error : new Error(messageOf(error)) });
    }
  }

  /** A caller that ended the audit during this turn did not see the predictions that the turn has requested since. */
  async #cancelAsked(): Promise<void> {
    const [first] = this.#askedCells;
    if (first === undefined) return;
    await this.#try(first, async () => {
      const stop = await readStop(this.#deps.store, this.#plan.id);
      if (stop) for (const cell of this.#askedCells) await this.#try(cell, () => this.#look(cell, stop));
    });
  }

  /** Asks as soon as the rate allows it, and again where Replicate wants to be asked later within this turn. */
  async #ask(cell: number, attempt: 1 | 2): Promise<void> {
    const { pacer } = this.#deps;
    for (;;) {
      if (this.#leaves || pacer.waitMs > this.#patienceMs()) return this.#leave();
      this.#pacedSince ??= this.#deps.time.monotonic();
      if (!(await pacer.take())) continue;
      if (await this.#stopped()) return this.#leave();
      try {
        await askCell(this.#deps, this.#plan, cellAt(this.#plan, cell), attempt);
        this.#askedCells.push(cell);
        return;
      } catch (error) {
        if (error instanceof MustWait) await this.#wait(error);
        else if (this.#turn.last && this.#isHopeless(error))
          return await this.#end(
            cell,
            attempt,
            'failed',
            `the prediction could not be requested in many attempts: ${messageOf(error)}`,
          );
        else throw error;
      }
    }
  }

  /** How long a cell may wait for the rate. */
  #patienceMs(): number {
    const left = this.#secondsLeft() * 1_000;
    if (this.#pacedSince === undefined) return left;
    return Math.min(left, this.#pacedSince + PACING_SECONDS * 1_000 - this.#deps.time.monotonic());
  }

  /** Replicate said no, or has not said yes for hours. Else a prediction may run, whose webhook will say so. */
  #isHopeless(error: unknown): boolean {
    if (error instanceof Unrecorded) return false;
    if (error instanceof ReplicateRefusal && error.status < 500 && error.status !== 408) return true;
    return this.#deps.time.now().getTime() - this.#progressAt > GIVE_UP_ASKING_MS;
  }

  async #wait({ why, message, seconds: wanted }: MustWait): Promise<void> {
    const { pacer, store, time } = this.#deps;
    // Whatever Replicate said is asked again after the longest delay that a message can have, and never at once: a
    // refused request has its place back.
    const seconds = Math.min(Math.max(1, wanted), MAX_DELAY_SECONDS);
    const until = new Date(time.now().getTime() + seconds * 1_000);
    this.#waitedFor = why;
    pacer.pause(seconds);
    // Before anything is awaited: the others would sleep it out.
    if (seconds > Math.min(MAX_WAIT_SECONDS, this.#secondsLeft())) this.#leave();
    await writeWaiting(store, this.#plan, {
      why,
      detail: message,
      at: time.now().toISOString(),
      until: until.toISOString(),
    });
  }

  /** Polls the prediction of a bound cell, or cancels it, and finishes the cell if it has ended. */
  async #look(cell: number, stop: Stop | undefined): Promise<void> {
    const { store } = this.#deps;
    const binding = await readBinding(store, this.#plan.id, cell);
    if (!binding) return;
    if (isClosed(binding)) {
      if (stop === 'deleted') return;
      return recordResult(store, this.#plan, closedResult(this.#plan, cell, binding));
    }
    const prediction = await this.#endingOf(binding, stop);
    if (prediction && hasEnded(prediction))
      await finishCell(this.#deps, { plan: this.#plan, n: cell, prediction, signal: this.#signal });
  }

  /** What Replicate says of a prediction, or what has to stand for it; undefined where it is to be asked later. */
  async #endingOf(
    { predictionId: id, askedAt }: BoundBinding,
    stop: Stop | undefined,
  ): Promise<Prediction | undefined> {
    const { replicate, time } = this.#deps;
    const isOld = time.now().getTime() - Date.parse(askedAt) > GIVE_UP_MS;
    const failed = (error: string): Prediction => ({ id, status: 'failed', error });
    try {
      const prediction = await (stop ? replicate.cancel(id) : replicate.get(id));
      return isOld && !hasEnded(prediction)
        ? failed(`Replicate still reported "${prediction.status}" a day after the request`)
        : prediction;
    } catch (error) {
      const wait = waitingOf(error);
      if (wait) {
        await this.#wait(wait);
        this.#leave();
        return undefined;
      }
      if (error instanceof ReplicateRefusal && error.status === 404)
        return failed('Replicate no longer knows this prediction');
      if (error instanceof AnswerTooLarge) return failed(`too large: ${error.message}`);
      if (isOld) return failed(`Replicate could not be polled for a day: ${messageOf(error)}`);
      throw error;
    }
  }

  async #end(cell: number, attempt: 1 | 2, status: 'failed' | 'canceled', error: string): Promise<void> {
    const { store, time } = this.#deps;
    await closeCell(store, { plan: this.#plan, n: cell }, attempt, closing(status, error, time));
  }

  #leave(): void {
    this.#leaves = true;
  }

  #secondsLeft(): number {
    return (this.#turn.stopAt.getTime() - this.#deps.time.now().getTime()) / 1_000;
  }

  #stopped(): Promise<Stop | undefined> {
    const now = this.#deps.time.monotonic();
    if (!this.#stop || now - this.#stop.readAt > STOP_CHECK_MS) {
      const reading = { value: readStop(this.#deps.store, this.#plan.id), readAt: now };
      this.#stop = reading;
      // One refused call is one cell's fault, not that of all who look within these seconds.
      reading.value.catch(() => {
        if (this.#stop === reading) this.#stop = undefined;
      });
    }
    return this.#stop.value;
  }
}
