import type { ObjectStore } from '../ports.ts';
import { cancelKey, deletedKey } from './keys.ts';

/** Why an audit goes no further. */
export type Stop = 'canceled' | 'deleted';

/** Whether somebody asked for the audit's end. A tombstone weighs more than a cancellation. */
export async function readStop(store: ObjectStore, audit: string): Promise<Stop | undefined> {
  const [deleted, canceled] = await Promise.all([
    store.exists(deletedKey(audit)),
    store.exists(cancelKey(audit)),
  ]);
  return deleted ? 'deleted' : canceled ? 'canceled' : undefined;
}
