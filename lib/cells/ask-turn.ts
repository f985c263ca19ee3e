import { messageOf } from '../errors.ts';
import { COUNTED } from '../log-lines.ts';
import { modelCeiling } from '../money/cost.ts';
import { dollarsOf } from '../money/price.ts';
import type { CellQueue, Chance, SecretValue } from '../ports.ts';
import { blockAt, type Message, placeOf, type Range, rangeOf } from '../records/blocks.ts';
import { leaseKey, openKey, pollLeaseKey } from '../records/keys.ts';
import { beginChain, readLease, restartChain, SOON_SECONDS } from '../records/lease.ts';
import { cellAt, isImported, modelAt, type Plan, type PlannedModel, secretsOf } from '../records/plan.ts';
import { type CellProgress, noProgress, readProgress } from '../records/progress.ts';
import { readStop } from '../records/stop.ts';
import { readWaiting, type WaitingReason, waitingFor, writeWaiting } from '../records/waiting.ts';
import { ReplicateRefusal } from '../replicate/errors.ts';
import {
  type AskDeps,
  askCell,
  closeCell,
  closing,
  DEFAULT_WAIT_SECONDS,
  MustWait,
  Unrecorded,
} from './ask.ts';
import { type Filled, fillSecrets, SecretUnavailable } from './fill-secrets.ts';
import { type FlowDeps, grantFlow, wishOf } from './flow.ts';
import type { Pacer } from './pacer.ts';
import { CellFaults, firstPollSeconds, inTurn, isPending, MAX_DELAY_SECONDS, type Turn } from './turn.ts';

export interface AskTurnDeps extends AskDeps, FlowDeps {
  readPlan: (audit: string) => Promise<Plan | undefined>;
  pacer: Pacer;
  secretValue: SecretValue;
  /** How many work at once: an audit has as many chains. */
  dispatchers: number;
  chance: Chance;
  /** Where the next link of the chain goes. */
  queue: CellQueue;
  /** Where what was asked for is looked after. */
  polls: CellQueue;
  /** When the webhook of a prediction should have come by. */
  overdueMs: number;
}

export interface Asked {
  /** Predictions asked for in this turn. */
  asked: number;
  /** What Replicate last wanted it to wait for, if anything. */
  waitedFor?: WaitingReason;
  /**
   * Faults of single cells; the others continued. The message has to come back: by then the webhook of what was paid has
   * mostly come.
   */
  faults: CellFaults['all'];
}

const PARALLEL_ASKS = 10;
/** How often a turn looks whether the audit was canceled or deleted meanwhile. */
const STOP_CHECK_MS = 3_000;
/** Longer waits for what Replicate said are cheaper in the queue than in a running function. */
const MAX_WAIT_SECONDS = 15;
/**
 * A turn begins so long to wait for the rate, and for its first cell as long as it takes. At a low rate the turns of
 * many audits share the time.
 */
const PACING_SECONDS = 30;
/** Time to record what a request brought. */
const RECORD_MS = 5_000;
/** Cells of the first turns of an audit: everybody who starts at the same time sees first images soon. */
const FIRST_TURNS = [2, 4, 8];
/** Longest pauses of a chain whose models have no room: at first, and of one that has waited for so many turns. */
const ROOM_SECONDS = 60;
const MAX_ROOM_SECONDS = 300;
/** Where it stays open whether Replicate accepts a cell, and no other of its block is, it is asked again for so long. */
const GIVE_UP_ASKING_MS = 6 * 3_600_000;

const NO_SECRETS: Filled = { input: {}, redact: (value) => value };

/**
 * Asks for cells of one block, and sends the message of the next turn: of this block or, when all of it is asked for, of
 * the next one. Any number of such turns, in any order, comes to the same end.
 */
export async function askTurn(deps: AskTurnDeps, message: Message, turn: Turn): Promise<Asked> {
  const { store, queue } = deps;
  const nothing = { asked: 0, faults: [] };
  const plan = await deps.readPlan(message.audit);
  if (!plan || isImported(plan) || message.from >= plan.cells) return nothing;
  const place = placeOf(plan, message.from);
  const block = blockAt(plan, place)!;
  const link = message.link ?? 0;
  const key = leaseKey(plan.id, block.from);
  const readAt = deps.time.monotonic();
  const [existing, stop, isOpen] = await Promise.all([
    readLease(store, key),
    readStop(store, plan.id),
    store.exists(openKey(plan.id)),
  ]);
  // A late copy of a message leaves no lease behind in an audit that is over; what was ended is the work of polls.
  if (stop || !isOpen) return nothing;
  const here = { key, existing, range: block, link, queue };
  const asked = await inTurn(deps, here, turn.endsAt, async (lease, end) => {
    if (lease.isTakenOver) noteDeadTurn(deps, plan, block);
    const work = new AskTurn(deps, plan, block, turn, readAt);
    try {
      const most = (place < deps.dispatchers && FIRST_TURNS[link]) || Number.POSITIVE_INFINITY;
      const { isFull, ...done } = await work.run(most, lease.isNew && message.link === 0);
      if (done.faults.length > 0) return done;
      const begun = blocksToBegin(deps.dispatchers, plan, place, {
        isFirst: place === 0 && (link === 1 || (link === 0 && isFull)),
        isFull,
      });
      if (begun.length > 0) await queue.send(begun.map((range) => ({ ...range, link: 0 })));
      const delaySeconds = work.delaySeconds(lease.idle);
      // Last: it ends the lease.
      if (!isFull) await queue.send([{ ...block, link: link + 1 }], delaySeconds);
      end.isSoon = isFull || delaySeconds <= SOON_SECONDS;
      end.isDone = true;
      return done;
    } finally {
      end.idle = work.asked > 0 ? 0 : lease.idle + 1;
    }
  });
  return asked ?? nothing;
}

/** Says what the turn before may have requested without recording it: webhooks will name it, or nothing does. */
function noteDeadTurn({ log }: AskTurnDeps, plan: Plan, block: Range): void {
  const dearest = Math.max(...plan.models.map((model) => modelCeiling(plan, model)));
  log.warn(COUNTED.died, {
    ...block,
    unrecordedAtMost: PARALLEL_ASKS,
    dollarsAtMost: dollarsOf(PARALLEL_ASKS * dearest),
  });
}

/** A full block is followed by another, and the first turn of an audit begins the chains of the other dispatchers. */
function blocksToBegin(
  dispatchers: number,
  plan: Plan,
  place: number,
  { isFirst, isFull }: { isFirst: boolean; isFull: boolean },
): Range[] {
  const others = isFirst ? Array.from({ length: dispatchers - 1 }, (_, i) => i + 1) : [];
  return [...others, ...(isFull ? [place + dispatchers] : [])]
    .map((one) => blockAt(plan, one))
    .filter((block) => block !== undefined);
}

/** One turn over one block: what its workers share. */
class AskTurn {
  readonly #deps: AskTurnDeps;
  readonly #plan: Plan;
  readonly #block: Range;
  readonly #turn: Turn;
  readonly #faults = new CellFaults();
  #waitedFor: WaitingReason | undefined;
  /** Cells of the block are left to the next turn. */
  #leaves = false;
  /** What is sent to the models of the block for inputs that name secrets. */
  readonly #secrets = new Map<PlannedModel, Filled>();
  /** Models of the block whose secrets cannot be sent. */
  readonly #withoutSecrets = new Set<PlannedModel>();
  /** When the first of this turn's cells began to wait for the rate, by the process's clock. */
  #pacedSince: number | undefined;
  asked = 0;
  /** When a cell of the block was last asked for with success, in milliseconds; at first, when the audit began. */
  #progressAt = 0;
  #stop: { value: Promise<boolean>; readAt: number } | undefined;

  /** @param readAt when the audit was last seen not to be ended, by the process's clock */
  constructor(deps: AskTurnDeps, plan: Plan, block: Range, turn: Turn, readAt: number) {
    this.#stop = { value: Promise.resolve(false), readAt };
    this.#deps = deps;
    this.#plan = plan;
    this.#block = block;
    this.#turn = turn;
  }

  /**
   * @param isNew nobody has asked for anything of the block
   * @returns `isFull` if nothing of the block is left to ask for now
   */
  async run(most: number, isNew: boolean): Promise<Asked & { isFull: boolean }> {
    const { store, time, pacer, overdueMs } = this.#deps;
    const [progress, waiting] = await Promise.all([
      isNew ? noProgress(this.#block) : readProgress(store, this.#block),
      readWaiting(store, this.#plan.id, time.now()),
    ]);
    this.#progressAt = Math.max(
      Date.parse(this.#plan.createdAt),
      ...[...progress.values()].map(({ boundAt }) => boundAt?.getTime() ?? 0),
    );
    const pending = [...progress].filter(([, state]) => isPending(state, time.now(), overdueMs));
    await this.#fillSecrets(pending);
    const sendable = pending.filter(([n]) => !this.#withoutSecrets.has(modelAt(this.#plan, n)));
    const chosen = await this.#choose(progress, sendable, most);
    if (waiting && waiting.why !== 'secret') pacer.probeFirst();
    // Beside the requests. Of ended cells too, also if all was refused: only that chain sums the block up.
    const isWaiting = pending.length === progress.size && chosen.length === 0;
    const looking = isWaiting ? undefined : this.#beginPolls();
    looking?.catch(() => {});
    const isOver = () => {
      if (this.#secondsLeft() <= 0 && !this.#faults.areMany) this.#leave();
      return this.#leaves;
    };
    await this.#faults.each(chosen, PARALLEL_ASKS, isOver, (cell, { attempt }) => this.#ask(cell, attempt));
    const isFull = !this.#leaves && chosen.length === pending.length;
    // It may wait for long, because nothing was about to end.
    const isBegun = await looking;
    await Promise.all(
      this.asked > 0 ? [this.#endIfStopped(), isFull && isBegun === false && this.#hurryPolls()] : [],
    );
    return {
      asked: this.asked,
      ...(this.#waitedFor && { waitedFor: this.#waitedFor }),
      faults: this.#faults.all,
      isFull,
    };
  }

  /** Cells of a model whose secret is missing wait; those of other models do not. */
  async #fillSecrets(pending: [number, CellProgress][]): Promise<void> {
    for (const model of new Set(pending.map(([n]) => modelAt(this.#plan, n)))) {
      if (secretsOf(this.#plan, model).length === 0) continue;
      try {
        this.#secrets.set(model, await fillSecrets(this.#deps, this.#plan, model));
      } catch (error) {
        if (!(error instanceof SecretUnavailable)) throw error;
        this.#withoutSecrets.add(model);
        await this.#sayWaiting('secret', error.message, DEFAULT_WAIT_SECONDS.secret);
      }
    }
  }

  /** As many of the pending cells as the turn may ask for and their models have room for, in their order. */
  async #choose(
    progress: Map<number, CellProgress>,
    pending: [number, CellProgress][],
    most: number,
  ): Promise<[number, CellProgress][]> {
    const full = new Set<PlannedModel>();
    const granted = new Map<PlannedModel, number>();
    const chosen: [number, CellProgress][] = [];
    const modelOf = ([n]: [number, CellProgress]) => modelAt(this.#plan, n);
    let rest = pending;
    while (chosen.length < most) {
      const batch = rest.filter((cell) => !full.has(modelOf(cell))).slice(0, most - chosen.length);
      if (batch.length === 0) break;
      rest = rest.filter((cell) => !batch.includes(cell));
      for (const model of new Set(batch.map(modelOf))) {
        const wanted = batch.filter((cell) => modelOf(cell) === model);
        const before = granted.get(model) ?? 0;
        const wish = wishOf({ plan: this.#plan, block: this.#block, model }, progress, wanted.length);
        const got = await grantFlow(this.#deps, {
          ...wish,
          observed: wish.observed + before,
          asked: wish.asked + before,
        });
        granted.set(model, before + got);
        if (got < wanted.length) full.add(model);
        chosen.push(...wanted.slice(0, got));
      }
    }
    return chosen.sort(([one], [other]) => one - other);
  }

  /** Who ended the audit during this turn did not see what the turn has asked for since: that is canceled now. */
  async #endIfStopped(): Promise<void> {
    if (await readStop(this.#deps.store, this.#plan.id)) await this.#deps.polls.send([this.#block]);
  }

  /**
   * Begins the chain that looks after the block's range. If this process dies before, its message comes back and does it.
   * @returns false if it was begun before
   */
  async #beginPolls(): Promise<boolean> {
    const isNew = await beginChain(this.#deps, this.#pollKey, firstPollSeconds(this.#deps.overdueMs));
    if (isNew) await this.#sendPoll(0);
    return isNew;
  }

  /** Cells that wait may have let it look rarely. */
  async #hurryPolls(): Promise<void> {
    const link = await restartChain(this.#deps, this.#pollKey);
    if (link !== undefined) await this.#sendPoll(link);
  }

  get #range(): Range {
    return rangeOf(this.#plan, this.#block.from);
  }

  get #pollKey(): string {
    return pollLeaseKey(this.#plan.id, this.#range.from);
  }

  #sendPoll(link: number): Promise<void> {
    const { polls, overdueMs } = this.#deps;
    return polls.send([{ ...this.#range, link }], firstPollSeconds(overdueMs));
  }

  /** Asks as soon as the rate allows it, and again where Replicate wants to be asked later within this turn. */
  async #ask(cell: number, attempt: number): Promise<void> {
    const { pacer, time } = this.#deps;
    for (;;) {
      if (this.#leaves || pacer.waitMs > this.#patienceMs()) return this.#leave();
      this.#pacedSince ??= time.monotonic();
      const settle = await pacer.take();
      if (!settle) continue;
      try {
        if (await this.#stopped()) return this.#leave();
        const ms = this.#turn.endsAt.getTime() - time.now().getTime() - RECORD_MS;
        await askCell(
          this.#deps,
          this.#plan,
          cellAt(this.#plan, cell),
          attempt,
          this.#secrets.get(modelAt(this.#plan, cell)) ?? NO_SECRETS,
          time.timeout(Math.max(1, ms)),
        );
        this.asked++;
        return;
      } catch (error) {
        if (error instanceof MustWait) await this.#wait(error);
        else if (this.#turn.last && this.#isHopeless(error))
          return await this.#close(
            cell,
            attempt,
            `the prediction could not be requested in many attempts: ${messageOf(error)}`,
          );
        else throw error;
      } finally {
        settle();
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
    // Whatever Replicate said is asked again after the longest delay that a message can have, and never at once: a
    // refused request has its place back.
    const seconds = Math.min(Math.max(1, wanted), MAX_DELAY_SECONDS);
    this.#deps.pacer.pause(seconds);
    // Before anything is awaited: the others would sleep it out.
    if (seconds > Math.min(MAX_WAIT_SECONDS, this.#secondsLeft())) this.#leave();
    await this.#sayWaiting(why, message, seconds);
  }

  async #sayWaiting(why: WaitingReason, detail: string, seconds: number): Promise<void> {
    const { store, time } = this.#deps;
    const isSaid = this.#waitedFor === why;
    this.#waitedFor = why;
    if (!isSaid) await writeWaiting(store, this.#plan, waitingFor(why, detail, time.now(), seconds));
  }

  async #close(cell: number, attempt: number, error: string): Promise<void> {
    const { store, time } = this.#deps;
    await closeCell(store, { plan: this.#plan, n: cell }, attempt, closing('failed', error, time));
  }

  /** As long as the rate, or what Replicate said, or a model without room or secret keeps the next turn from asking anything. */
  delaySeconds(idle: number): number {
    const paced = Math.floor(this.#deps.pacer.waitMs / 1_000);
    const idleSeconds = this.#withoutSecrets.size > 0 ? DEFAULT_WAIT_SECONDS.secret : roomSeconds(idle);
    const room = this.asked > 0 || this.#leaves ? 0 : idleSeconds;
    return Math.min(MAX_DELAY_SECONDS, Math.max(paced, room));
  }

  #leave(): void {
    this.#leaves = true;
  }

  #secondsLeft(): number {
    return (this.#turn.stopAt.getTime() - this.#deps.time.now().getTime()) / 1_000;
  }

  #stopped(): Promise<boolean> {
    const now = this.#deps.time.monotonic();
    if (!this.#stop || now - this.#stop.readAt > STOP_CHECK_MS) {
      const value = readStop(this.#deps.store, this.#plan.id).then((stop) => stop !== undefined);
      const reading = { value, readAt: now };
      this.#stop = reading;
      // One refused call is one cell's fault, not that of all who look within these seconds.
      value.catch(() => {
        if (this.#stop === reading) this.#stop = undefined;
      });
    }
    return this.#stop.value;
  }
}

/** Others keep the model busy while a chain waits for long: it looks a tenth later than it might. */
function roomSeconds(idle: number): number {
  const first = Math.ceil(Math.log2(ROOM_SECONDS));
  return idle < first
    ? 2 ** idle
    : Math.min(MAX_ROOM_SECONDS, Math.round(ROOM_SECONDS * 1.1 ** (idle - first)));
}
