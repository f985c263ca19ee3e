// biome-ignore-all lint/plugin: the one place where tests sleep and have a deadline
import { setTimeout as sleep } from 'node:timers/promises';

/** Ends a wait that would never end. Long, so that a busy machine does not decide what a test says. */
const BOUND_MS = 180_000;
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 250;

/**
 * Waits until `look` returns something other than false, null or undefined. It looks often at first, later four times
 * a second.
 * @param what names the condition in the error
 * @returns what `look` returned
 * @throws Error when the condition has not come true within three minutes, and whatever `look` throws
 * @example const result = await waitFor('the result', () => readJson(key));
 */
export async function waitFor<T>(
  what: string,
  look: () => T | Promise<T>,
): Promise<Exclude<T, false | null | undefined>> {
  const end = Date.now() + BOUND_MS;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    const seen = await within(what, (async () => look())(), Math.max(0, end - Date.now()));
    if (seen !== false && seen !== null && seen !== undefined)
      return seen as Exclude<T, false | null | undefined>;
    if (Date.now() > end) throw late(what);
    await sleep(pause);
  }
}

/**
 * The result of something that has no bound of its own, such as what runs in a page.
 * @param what names it in the error
 * @throws Error when there is no result within three minutes, and whatever the promise rejects with
 */
export async function within<T>(what: string, promise: Promise<T>, bound = BOUND_MS): Promise<T> {
  const over = new AbortController();
  const never = sleep(bound, undefined, { signal: over.signal }).then(() => {
    throw late(what);
  });
  try {
    return await Promise.race([promise, never]);
  } finally {
    over.abort();
  }
}

const late = (what: string) => new Error(`Waited ${BOUND_MS / 1_000} s without result: ${what}`);
