import type { Chance, ObjectStore, Time } from '../ports.ts';

/**
 * What the object of a chain holds: who works on its block, and which message of the chain comes next. It is no fact; it
 * is swapped by etag. The object's date says when the chain last moved.
 */
export interface Lease {
  holder: string;
  /** Milliseconds since 1970. Free from then on; before, its turn is at work or the next message is about to come. */
  until: number;
  /** The message that is worked on, or, if the lease is free, that comes next. Those with a lower number are dropped. */
  link: number;
  /** Turns in a row that did nothing, or times that the chain was restarted without a turn in between. */
  idle: number;
  /**
   * No turn worked on this message before. Each sends the next message as the last thing that it does, so that one proves
   * that the holder is done. Where a turn died, the next message may be there already.
   */
  isFirst?: boolean;
}

export interface HeldLease {
  idle: number;
  /** The turn before died at this very message, as far as the lease shows; what it had under way may be recorded nowhere. */
  isTakenOver: boolean;
  /** Nobody has ever worked on the block. */
  isNew: boolean;
  /**
   * Lets the next message in: the one behind this turn's, or this turn's again.
   * @param next.idle see `Lease`
   * @param next.isSoon the next message comes within seconds, or never: then it needs no release
   */
  release(next: { isDone: boolean; idle: number; isSoon: boolean }): Promise<void>;
}

/** A lease without a release for so long keeps nobody from a restart that could not wait. */
export const SOON_SECONDS = 10;

/** A lease as it was read. */
export type ExistingLease = { value: Lease; etag: string } | undefined;

export const readLease = (store: ObjectStore, key: string): Promise<ExistingLease> =>
  store.readJson<Lease>(key);

/** A lease that one turn holds, or why it does not: its message is `old`, or another turn may be at work for some seconds. */
export type Acquired = HeldLease | { why: 'old' } | { why: 'held'; seconds: number };

interface Deps {
  store: ObjectStore;
  time: Time;
  chance: Chance;
}

/**
 * Lets one turn at a time work on a block. The queue delivers more than once, and Replicate has no idempotency key: two
 * turns at once would ask, and pay, twice. A dead holder's lease runs out by itself.
 * @param existing as it was read a moment ago
 * @param link the number of the turn's message
 * @param until when Lambda ends the function that holds it
 */
export async function acquireLease(
  { store, time, chance }: Deps,
  key: string,
  existing: ExistingLease,
  link: number,
  until: Date,
): Promise<Acquired> {
  const holder = chance.id();
  let isTakenOver = false;
  for (let known = existing; ; known = await readLease(store, key)) {
    // Our own write, whose answer was lost.
    if (known?.value.holder === holder)
      return held({ store, key, lease: known.value, etag: known.etag, isNew: false, isTakenOver });
    const refusal = known && refusalOf(known.value, link, time);
    if (refusal) return refusal;
    const isFirst = known?.value.link !== link;
    isTakenOver = !isFirst && (known?.value.until ?? 0) > 0;
    const lease: Lease = { holder, until: until.getTime(), link, idle: known?.value.idle ?? 0, isFirst };
    const etag = await store.swapJson(key, lease, known?.etag);
    if (etag !== undefined) return held({ store, key, lease, etag, isNew: known === undefined, isTakenOver });
  }
}

function refusalOf(lease: Lease, link: number, time: Time): Acquired | undefined {
  if (lease.link > link) return { why: 'old' };
  const left = lease.until - time.now().getTime();
  if (left <= 0) return undefined;
  // A second copy of the very message that is worked on.
  if (lease.link === link) return { why: 'old' };
  if (lease.isFirst) return undefined;
  return { why: 'held', seconds: Math.max(1, Math.ceil(left / 1_000)) };
}

interface Held {
  store: ObjectStore;
  key: string;
  lease: Lease;
  etag: string;
  isNew: boolean;
  isTakenOver: boolean;
}

const held = ({ store, key, lease, etag, isNew, isTakenOver }: Held): HeldLease => ({
  idle: lease.idle,
  isNew,
  isTakenOver,
  release: async ({ isDone, idle, isSoon }) => {
    if (isDone && isSoon && lease.isFirst && idle === lease.idle) return;
    await store.swapJson(key, { ...lease, until: 0, link: lease.link + (isDone ? 1 : 0), idle }, etag);
  },
});

/**
 * Begins a chain, whose first message, number 0, comes in some seconds.
 * @returns false if it was begun before
 */
export async function beginChain(
  { store, time }: Omit<Deps, 'chance'>,
  key: string,
  seconds: number,
): Promise<boolean> {
  if (await store.exists(key)) return false;
  const until = time.now().getTime() + seconds * 1_000;
  const lease: Lease = { holder: '', until, link: -1, idle: 0, isFirst: true };
  return (await store.swapJson(key, lease, undefined)) !== undefined;
}

/**
 * Restarts a chain: the message that it waits for, wherever it is, counts no longer.
 * @returns the number that the chain's next message must have, or undefined if a turn is at work or about to be
 */
export async function restartChain(
  { store, time }: Omit<Deps, 'chance'>,
  key: string,
): Promise<number | undefined> {
  const existing = await store.readJson<Lease>(key);
  const lease = existing?.value ?? { holder: '', until: 0, link: 0, idle: 0 };
  if (lease.until > time.now().getTime()) return undefined;
  // Free: the turn of the next message takes it over from nobody.
  const next = { ...lease, until: 0, link: lease.link + 1, idle: lease.idle + 1 };
  const etag = await store.swapJson(key, next, existing?.etag);
  return etag === undefined ? undefined : next.link;
}

/** Whether a turn is at work, or about to be. */
export async function isHeld({ store, time }: Omit<Deps, 'chance'>, key: string): Promise<boolean> {
  return ((await store.readJson<Lease>(key))?.value.until ?? 0) > time.now().getTime();
}
