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
    const seen = await look();
    if (seen !== false && seen !== null && seen !== undefined)
      return seen as Exclude<T, false | null | undefined>;
    if (Date.now() > end) throw new Error(`Waited ${BOUND_MS / 1_000} s without result: ${what}`);
    await sleep(pause);
  }
}
