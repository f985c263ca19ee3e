import { asError } from '../errors.ts';
import type { CellQueue, Chance, ObjectStore, Time } from '../ports.ts';
import type { Range } from '../records/blocks.ts';
import { acquireLease, type ExistingLease, type HeldLease } from '../records/lease.ts';
import type { CellProgress } from '../records/progress.ts';

/** One run of a function over one message of a chain. */
export interface Turn {
  /** No cell is started after this. */
  stopAt: Date;
  /** When Lambda ends the function. */
  endsAt: Date;
  /** The queue will not try again: what cannot be asked now ends as failed. */
  last: boolean;
}

/** The longest delay that SQS knows. */
export const MAX_DELAY_SECONDS = 900;
/** So many faults in a row mean that the other side is down. */
const MAX_FAULTS_IN_A_ROW = 5;
/** First pause before a cell is asked for again whose prediction was aborted, as a share of `overdueMs`. It doubles each time. */
const ABORTED_SHARE = 1 / 10;

/** When a cell whose prediction was aborted is to be asked for again. */
export const askedAgainAt = ({ attempt, abortedAt }: CellProgress, overdueMs: number): number =>
  (abortedAt?.getTime() ?? 0) +
  Math.min(2 ** (attempt - 2) * overdueMs * ABORTED_SHARE, MAX_DELAY_SECONDS * 1_000);

/** Whether a cell is to be asked for now. */
export const isPending = (progress: CellProgress, now: Date, overdueMs: number): boolean =>
  !progress.ended &&
  !progress.boundAt &&
  (!progress.abortedAt || askedAgainAt(progress, overdueMs) <= now.getTime());

/** Most predictions have ended by then. */
export const firstPollSeconds = (overdueMs: number): number => Math.ceil(overdueMs / 60_000);

/** A message of a chain, and where the chain's messages go. */
interface Link {
  key: string;
  /** The lease, as it was read a moment ago. */
  existing: ExistingLease;
  range: Range;
  link: number;
  queue: CellQueue;
}

/**
 * Works on a message of a chain while nobody else does, and then lets the next message in.
 * @param work sets in `end` what the lease is released with
 * @returns undefined if the message is old, or comes later because another turn is at work
 */
export async function inTurn<Done>(
  deps: { store: ObjectStore; time: Time; chance: Chance },
  { key, existing, range, link, queue }: Link,
  endsAt: Date,
  work: (lease: HeldLease, end: Parameters<HeldLease['release']>[0]) => Promise<Done>,
): Promise<Done | undefined> {
  const lease = await acquireLease(deps, key, existing, link, endsAt);
  if ('why' in lease) {
    if (lease.why === 'held')
      await queue.send([{ ...range, link }], Math.min(lease.seconds, MAX_DELAY_SECONDS));
    return undefined;
  }
  const end = { isDone: false, isSoon: false, idle: lease.idle };
  try {
    return await work(lease, end);
  } finally {
    // It runs out by itself; what the turn has to say is not lost over it.
    await lease.release(end).catch(() => {});
  }
}

/** Faults of single cells; the others continue. */
export class CellFaults {
  readonly all: { cell: number; error: Error }[] = [];
  #inARow = 0;

  get areMany(): boolean {
    return this.#inARow >= MAX_FAULTS_IN_A_ROW;
  }

  note(cell: number, error: unknown): void {
    this.all.push({ cell, error: asError(error) });
  }

  /** Takes steps for cells, several at once, until all are done, `isOver`, or too many fail. */
  async each(
    cells: readonly [number, CellProgress][],
    workers: number,
    isOver: () => boolean,
    step: (cell: number, progress: CellProgress) => Promise<void>,
  ): Promise<void> {
    const next = cells.values();
    const worker = async () => {
      for (const [cell, progress] of next) {
        if (isOver() || this.areMany) return;
        try {
          await step(cell, progress);
          this.#inARow = 0;
        } catch (error) {
          this.#inARow++;
          this.note(cell, error);
        }
      }
    };
    await Promise.all(Array.from({ length: workers }, worker));
  }
}
