import { cellAt, type Plan } from '../audits/plan.ts';
import { readStop, type Stop } from '../audits/stop.ts';
import { writeWaiting } from '../audits/waiting.ts';
import { messageOf } from '../errors.ts';
import { ReplicateRefusal } from '../replicate/client.ts';
import { hasEnded, type Prediction } from '../replicate/prediction.ts';
import { type AskDeps, askCell, endCell, MustWait, type WaitingReason } from './ask.ts';
import { isClosed, readBinding } from './binding.ts';
import { type FinishDeps, finishCell } from './finish.ts';
import { acquireLease } from './lease.ts';
import { type CellProgress, type Range, readProgress } from './listing.ts';
import type { Pacer } from './pacer.ts';
import { closedResult, recordResult } from './result.ts';

export interface AdvanceDeps extends FinishDeps, AskDeps {
  readPlan: (audit: string) => Promise<Plan | undefined>;
  pacer: Pacer;
  /** A bound cell without a result is asked after when it is older than this. */
  overdueMs: number;
}

export interface Turn {
  /** No cell is started after this. */
  stopAt: Date;
  /** When Lambda ends the function at the latest. */
  endsAt: Date;
  /** The queue will not try again: what cannot be asked now ends as failed. */
  last: boolean;
}

export interface Advanced {
  /** What did not fit into this turn, and how long it should wait. */
  rest?: { range: Range; delaySeconds: number };
  /** Predictions asked for in this turn. */
  asked: number;
  /** What Replicate last wanted it to wait for, if anything. */
  waitedFor?: WaitingReason;
  /** Faults of single cells; the others went on. Delivering the message again repeats only what is missing. */
  faults: { cell: number; error: Error }[];
}

const PARALLEL_CELLS = 10;
/** So many faults in a row mean that the other side is down. */
const MAX_FAULTS_IN_A_ROW = 5;
/** How often a turn looks whether the audit was canceled or deleted meanwhile. */
const STOP_CHECK_MS = 3_000;
/** The longest delay that SQS knows. */
const MAX_DELAY_SECONDS = 900;
const MAX_WAIT_SECONDS = 15;

/**
 * Moves every cell of a range one step on: asks for those that were not asked, looks after those that are
 * overdue, ends those of a canceled audit. Any number of such turns, in any order, comes to the same end.
 */
export async function advanceRange(deps: AdvanceDeps, range: Range, turn: Turn): Promise<Advanced> {
  const plan = await deps.readPlan(range.audit);
  if (!plan) return { asked: 0, faults: [] };
  const within = { ...range, to: Math.min(range.to, plan.cells - 1) };
  // A late copy of a message leaves no lease behind in an audit that is over.
  const progress = await readProgress(deps.store, within);
  if ([...progress.values()].every(({ ended }) => ended)) return { asked: 0, faults: [] };
  const lease = await acquireLease(deps.store, range.audit, range.from, turn.endsAt, deps.now);
  if ('waitSeconds' in lease)
    return {
      rest: { range, delaySeconds: Math.min(lease.waitSeconds, MAX_DELAY_SECONDS) },
      asked: 0,
      faults: [],
    };
  try {
    return await new RangeTurn(deps, plan, within, turn).run();
  } finally {
    await lease.release();
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
  #asked = 0;
  #waitedFor: WaitingReason | undefined;
  /** The first of the cells that this turn leaves to the next. */
  #restFrom: number | undefined;
  #stop: { value: Promise<Stop | undefined>; readAt: number } | undefined;

  constructor(deps: AdvanceDeps, plan: Plan, range: Range, turn: Turn) {
    this.#deps = deps;
    this.#plan = plan;
    this.#range = range;
    this.#turn = turn;
    this.#signal = AbortSignal.timeout(Math.max(1, turn.endsAt.getTime() - deps.now().getTime() - 1_000));
  }

  async run(): Promise<Advanced> {
    const progress = await readProgress(this.#deps.store, this.#range);
    const cells = progress.entries();
    const worker = async () => {
      for (const [cell, state] of cells) {
        if (this.#faultsInARow >= MAX_FAULTS_IN_A_ROW) return;
        if (this.#restFrom !== undefined) return this.#leave(cell);
        await this.#advance(cell, state);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_CELLS }, worker));
    const done = {
      asked: this.#asked,
      ...(this.#waitedFor && { waitedFor: this.#waitedFor }),
      faults: this.#faults,
    };
    if (this.#restFrom === undefined) return done;
    // As long as the rate, or what Replicate said, keeps the next turn from asking anything.
    const delaySeconds = Math.min(MAX_DELAY_SECONDS, Math.floor(this.#deps.pacer.waitMs / 1_000));
    return { rest: { range: { ...this.#range, from: this.#restFrom }, delaySeconds }, ...done };
  }

  async #advance(cell: number, { boundAt, attempt, ended }: CellProgress): Promise<void> {
    if (ended) return;
    try {
      const stop = await this.#stopped();
      if (!boundAt) {
        if (stop === 'deleted') return;
        if (stop === 'canceled')
          await this.#end(cell, attempt, 'canceled', 'the audit was canceled before it was asked');
        else await this.#ask(cell, attempt);
      } else if (stop || this.#deps.now().getTime() - boundAt.getTime() >= this.#deps.overdueMs) {
        await this.#look(cell, stop);
      }
      this.#faultsInARow = 0;
    } catch (error) {
      this.#faultsInARow++;
      this.#faults.push({ cell, error: error instanceof Error ? error : new Error(messageOf(error)) });
    }
  }

  /** Asks as soon as the rate allows it, and again where Replicate wants to be asked later within this turn. */
  async #ask(cell: number, attempt: 1 | 2): Promise<void> {
    const { pacer } = this.#deps;
    for (;;) {
      if (this.#restFrom !== undefined || this.#secondsLeft() * 1_000 < pacer.waitMs)
        return this.#leave(cell);
      await pacer.take();
      if (await this.#stopped()) return this.#leave(cell);
      try {
        await askCell(this.#deps, this.#plan, cellAt(this.#plan, cell), attempt);
        this.#asked++;
        return;
      } catch (error) {
        if (error instanceof MustWait) await this.#wait(cell, error);
        else if (this.#turn.last)
          return await this.#end(
            cell,
            attempt,
            'failed',
            `it could not be asked after many tries: ${messageOf(error)}`,
          );
        else throw error;
      }
    }
  }

  async #wait(cell: number, { why, message, seconds: wanted }: MustWait): Promise<void> {
    const { pacer, store, now } = this.#deps;
    // Whatever Replicate said is asked again after the longest delay that a message can have.
    const seconds = Math.min(wanted, MAX_DELAY_SECONDS);
    const until = new Date(now().getTime() + seconds * 1_000);
    this.#waitedFor = why;
    pacer.pause(seconds);
    await writeWaiting(store, this.#plan, {
      why,
      detail: message,
      at: now().toISOString(),
      until: until.toISOString(),
    });
    // Longer waits are cheaper in the queue than in a running function.
    if (seconds > Math.min(MAX_WAIT_SECONDS, this.#secondsLeft())) this.#leave(cell);
  }

  /** Asks Replicate how a bound cell stands, or cancels it, and finishes it where it has ended. */
  async #look(cell: number, stop: Stop | undefined): Promise<void> {
    const { store, replicate, now } = this.#deps;
    const binding = await readBinding(store, this.#plan.id, cell);
    if (!binding) return;
    if (isClosed(binding))
      return recordResult(
        store,
        this.#plan,
        closedResult(this.#plan, cell, binding.closed, binding.error, now()),
      );
    let prediction: Prediction;
    try {
      prediction = await (stop
        ? replicate.cancel(binding.predictionId)
        : replicate.get(binding.predictionId));
    } catch (error) {
      if (!(error instanceof ReplicateRefusal) || error.status !== 404) throw error;
      prediction = {
        id: binding.predictionId,
        status: 'failed',
        error: 'Replicate no longer knows this prediction',
      };
    }
    if (hasEnded(prediction)) await finishCell(this.#deps, this.#plan, cell, prediction, this.#signal);
  }

  async #end(cell: number, attempt: 1 | 2, status: 'failed' | 'canceled', error: string): Promise<void> {
    await endCell(this.#deps.store, this.#plan, cell, attempt, status, error, this.#deps.now());
  }

  #leave(cell: number): void {
    this.#restFrom = Math.min(cell, this.#restFrom ?? cell);
  }

  #secondsLeft(): number {
    return (this.#turn.stopAt.getTime() - this.#deps.now().getTime()) / 1_000;
  }

  #stopped(): Promise<Stop | undefined> {
    const now = performance.now();
    if (!this.#stop || now - this.#stop.readAt > STOP_CHECK_MS)
      this.#stop = { value: readStop(this.#deps.store, this.#plan.id), readAt: now };
    return this.#stop.value;
  }
}
