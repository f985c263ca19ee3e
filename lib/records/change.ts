import type { Chance, ObjectStore, Time } from '../ports.ts';

export interface ChangeDeps {
  store: ObjectStore;
  time: Time;
  chance: Chance;
}

/** Swaps that are tried while others are quicker. */
const TRIES = 40;
const LONGEST_PAUSE_MS = 1_000;

/**
 * Changes a JSON record by compare-and-swap: no change of another writer is lost.
 * @param next what follows from the record, which is undefined where there is none. It may be called several times; undefined
 *   leaves the record as it is
 * @returns false if others were quicker each time: then nothing is changed
 */
export async function changeJson<T>(
  { store, time, chance }: ChangeDeps,
  key: string,
  next: (record: T | undefined) => T | undefined | Promise<T | undefined>,
): Promise<boolean> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const existing = await store.readJson<T>(key);
    const changed = await next(existing?.value);
    if (!changed || (await store.swapJson(key, changed, existing?.etag))) return true;
    // Many at once come at different times.
    await time.sleep(chance.fraction() * Math.min(LONGEST_PAUSE_MS, 50 * 2 ** attempt));
  }
  return false;
}
