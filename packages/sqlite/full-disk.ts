import { setTimeout as sleep } from 'node:timers/promises';

/** Primary result code of SQLite: there is no room for a write. */
const SQLITE_FULL = 13;
const PAUSE_MS = 1000;

/** True for an error of a file system or of SQLite that says there is no room. What was being written is not. */
export function isDiskFull(error: unknown): boolean {
  const { code, errcode = 0 } = (error ?? {}) as { code?: string; errcode?: number };
  return code === 'ENOSPC' || code === 'EDQUOT' || (errcode & 0xff) === SQLITE_FULL;
}

/**
 * Runs `work`, which writes; again each second while the disk is full. For work that nobody waits for.
 * @param full called with the error of each attempt that found no room
 * @returns undefined if the signal aborted while there was no room
 */
export async function whenRoom<T>(
  work: () => T | Promise<T>,
  signal: AbortSignal,
  full: (error: unknown) => void = () => {},
): Promise<T | undefined> {
  while (!signal.aborted) {
    try {
      return await work();
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      full(error);
      await sleep(PAUSE_MS, undefined, { signal }).catch(() => {});
    }
  }
  return undefined;
}
