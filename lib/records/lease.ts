import type { Chance, ObjectStore, Time } from '../ports.ts';
import { leaseKey } from './keys.ts';

/** What a lease holds; its object's date says when the block was worked on last. */
interface Lease {
  holder: string;
  /** Milliseconds since 1970. Free from then on. */
  until: number;
}

export interface HeldLease {
  /** Lets the next one in at once, instead of when the time is over. */
  release(): Promise<void>;
}

/** A lease as it was read. */
export type ExistingLease = { value: Lease; etag: string } | undefined;

/** @param block its first cell */
export const readLease = (store: ObjectStore, audit: string, block: number): Promise<ExistingLease> =>
  store.readJson<Lease>(leaseKey(audit, block));

/**
 * Lets one dispatcher at a time work on a block of cells. The queue delivers more than once, and Replicate has
 * no idempotency key: two dispatchers at once would ask, and pay, twice. A lease is no fact; it is swapped by
 * etag, and a dead holder's runs out by itself.
 * @param block of an audit, by its first cell
 * @param existing as it was read a moment ago
 * @param until when Lambda ends the function that holds it
 * @returns the lease, or the seconds to wait for the present holder's
 */
export async function acquireLease(
  { store, time, chance }: { store: ObjectStore; time: Time; chance: Chance },
  { audit, block }: { audit: string; block: number },
  existing: ExistingLease,
  until: Date,
): Promise<HeldLease | { waitSeconds: number }> {
  const key = leaseKey(audit, block);
  const lease: Lease = { holder: chance.id(), until: until.getTime() };
  const now = time.now().getTime();
  if (existing && existing.value.until > now) return waitFor(existing.value, now);
  let etag = await store.swapJson(key, lease, existing?.etag);
  if (etag === undefined) {
    // Lost the race, unless the answer to our own write was lost and the SDK sent it again.
    const winner = await store.readJson<Lease>(key);
    if (winner?.value.holder !== lease.holder)
      return winner ? waitFor(winner.value, now) : { waitSeconds: 1 };
    etag = winner.etag;
  }
  const held = etag;
  return {
    release: async () => {
      await store.swapJson(key, { ...lease, until: 0 }, held);
    },
  };
}

const waitFor = ({ until }: Lease, now: number) => ({
  waitSeconds: Math.max(1, Math.ceil((until - now) / 1000)),
});
