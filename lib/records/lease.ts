import { randomUUID } from 'node:crypto';
import type { ObjectStore } from '../aws/objects.ts';
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

/** A lease as it stands. */
export type StandingLease = { value: Lease; etag: string } | undefined;

/** @param block its first cell */
export const readLease = (store: ObjectStore, audit: string, block: number): Promise<StandingLease> =>
  store.readJson<Lease>(leaseKey(audit, block));

/**
 * Lets one dispatcher at a time work on a block of cells. The queue delivers more than once, and Replicate has
 * no idempotency key: two dispatchers at once would ask, and pay, twice. A lease is no fact; it is swapped by
 * etag, and a dead holder's runs out by itself.
 * @param block its first cell
 * @param standing as it was read a moment ago
 * @param until when the function that holds it is ended by Lambda at the latest
 * @returns the lease, or the seconds to wait for somebody else's
 */
export async function acquireLease(
  store: ObjectStore,
  audit: string,
  block: number,
  standing: StandingLease,
  until: Date,
  now: () => Date,
): Promise<HeldLease | { waitSeconds: number }> {
  const key = leaseKey(audit, block);
  const lease: Lease = { holder: randomUUID(), until: until.getTime() };
  if (standing && standing.value.until > now().getTime()) return waitFor(standing.value, now);
  let etag = await store.swapJson(key, lease, standing?.etag);
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

const waitFor = ({ until }: Lease, now: () => Date) => ({
  waitSeconds: Math.max(1, Math.ceil((until - now().getTime()) / 1000)),
});
