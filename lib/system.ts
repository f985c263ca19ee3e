import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Chance, Time } from './ports.ts';

/** The time of this machine. */
export const systemTime: Time = {
  now: () => new Date(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => setTimeout(ms, undefined, signal && { signal }),
  timeout: (ms) => AbortSignal.timeout(ms),
};

/** As many values as `randomInt` can tell apart at once. */
const STEPS = 2 ** 48 - 1;

/** The chance of this machine. */
export const systemChance: Chance = {
  fraction: () => randomInt(STEPS) / STEPS,
  id: randomUUID,
};
