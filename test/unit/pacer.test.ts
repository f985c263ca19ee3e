// biome-ignore-all lint/plugin: jest moves the clocks here
import { jest } from '@jest/globals';
import { Pacer } from '../../lib/cells/pacer.ts';
import type { Time } from '../../lib/ports.ts';
import { systemTime } from '../../lib/system.ts';

/** By the clocks that jest moves. */
const time: Time = {
  ...systemTime,
  monotonic: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/** Places that are given until `end` (milliseconds from now) to callers who always want the next. */
async function places(
  pacer: Pacer,
  end: number,
  meanwhile: (at: number) => void = () => {},
): Promise<number[]> {
  const start = performance.now();
  const given: number[] = [];
  for (;;) {
    const take = pacer.take();
    await jest.advanceTimersByTimeAsync(Math.max(0, Math.ceil(pacer.waitMs)));
    (await take)?.();
    const at = performance.now() - start;
    if (at > end) return given;
    given.push(at);
    meanwhile(at);
  }
}

/** Places that are given without any wait. */
async function atOnce(pacer: Pacer): Promise<number> {
  for (let given = 0; ; given++) {
    if (pacer.waitMs > 0) return given;
    (await pacer.take())?.();
  }
}

beforeEach(() => {
  jest.useFakeTimers({ now: 0 });
});
afterEach(() => {
  jest.useRealTimers();
});

test('keeps to between 98 and 100 percent of the rate over a minute, the first second aside', async () => {
  const pacer = new Pacer(time, 600);
  const given = await places(pacer, 61_000);
  const steady = given.filter((at) => at > 1_000).length;
  expect(steady).toBeGreaterThan(588);
  expect(steady).toBeLessThanOrEqual(600);
});

test('what a pause of a second lost is caught up', async () => {
  const pacer = new Pacer(time, 600);
  let paused = 0;
  const given = await places(pacer, 61_000, (at) => {
    if (at < (paused + 1) * 10_000) return;
    paused++;
    pacer.pause(1);
  });
  expect(paused).toBe(6);
  expect(given.filter((at) => at > 1_000).length).toBeGreaterThan(585);
});

test('after a long pause it gives no more at once than a second holds', async () => {
  const pacer = new Pacer(time, 600);
  (await pacer.take())?.();
  pacer.pause(60);
  const given = await places(pacer, 60_999);
  expect(given.filter((at) => at < 60_000)).toEqual([]);
  expect(given.length).toBeLessThanOrEqual(21);
});

test('two that were idle together ask together for little more than a second’s worth', async () => {
  const pacers = [new Pacer(time, 600, 2), new Pacer(time, 600, 2)];
  await jest.advanceTimersByTimeAsync(60_000);
  const given = await Promise.all(pacers.map((pacer) => atOnce(pacer)));
  expect(given[0]! + given[1]!).toBeLessThanOrEqual(12);
});

test('two that work together keep to the rate of both', async () => {
  const pacer = new Pacer(time, 600, 2);
  const steady = (await places(pacer, 61_000)).filter((at) => at > 1_000).length;
  expect(steady).toBeGreaterThan(294);
  expect(steady).toBeLessThanOrEqual(300);
});

/**
 * Two dispatchers, ten cells at a time each, ask a service that lets `perMinute` through, `burst` of them at once, and
 * tells a refused one when to come back. @returns when each request was let through, and how many were refused
 */
async function askTogether(perMinute: number, burst: number, seconds: number) {
  const intervalMs = 60_000 / perMinute;
  const accepted: number[] = [];
  let refused = 0;
  let tokens = burst;
  let filledAt = 0;
  let over = false;
  const ask = (): number => {
    const now = performance.now();
    tokens = Math.min(burst, tokens + (now - filledAt) / intervalMs);
    filledAt = now;
    if (tokens < 1) {
      refused++;
      return Math.ceil(((1 - tokens) * intervalMs) / 1_000);
    }
    tokens--;
    accepted.push(now);
    return 0;
  };
  const cell = async (pacer: Pacer) => {
    while (!over) {
      const settle = await pacer.take();
      if (!settle || over) continue;
      await new Promise((resolve) => setTimeout(resolve, 50));
      const wait = ask();
      if (wait > 0) pacer.pause(wait);
      settle();
    }
  };
  const pacers = [new Pacer(time, perMinute, 2), new Pacer(time, perMinute, 2)];
  const cells = pacers.flatMap((pacer) => Array.from({ length: 10 }, () => cell(pacer)));
  await jest.advanceTimersByTimeAsync(seconds * 1_000);
  over = true;
  await jest.advanceTimersByTimeAsync(seconds * 1_000);
  await Promise.all(cells);
  return { accepted: accepted.length, refused };
}

test.each([
  [6, 1, 600],
  [60, 1, 120],
  [100, 2, 120],
  [600, 10, 120],
])(
  'two that begin together come to the whole rate of %i a minute with a burst of %i',
  async (perMinute, burst, seconds) => {
    const { accepted, refused } = await askTogether(perMinute, burst, seconds);
    expect(accepted).toBeGreaterThanOrEqual(0.85 * perMinute * (seconds / 60));
    expect(refused).toBeLessThanOrEqual(0.02 * accepted + 2);
  },
);

test('a pause takes back a place that is waited for, and gives it again afterwards', async () => {
  const pacer = new Pacer(time, 60);
  await pacer.take();
  const waiting = pacer.take();
  pacer.pause(5);
  await jest.advanceTimersByTimeAsync(2_000);
  expect(await waiting).toBeUndefined();
  expect(Math.round(pacer.waitMs)).toBe(3_000);
});

test('after a pause one request goes first, whatever becomes of those that were on their way', async () => {
  const pacer = new Pacer(time, 600);
  const settleEarly = (await pacer.take())!;
  pacer.pause(5);
  const [first, second] = [pacer.take(), pacer.take()];
  await jest.advanceTimersByTimeAsync(5_000);
  const settleFirst = (await first)!;
  settleEarly();
  let isGiven = false;
  second.then(() => {
    isGiven = true;
  });
  await jest.advanceTimersByTimeAsync(60_000);
  expect(isGiven).toBe(false);
  settleFirst();
  await jest.advanceTimersByTimeAsync(0);
  expect(isGiven).toBe(true);
  expect(await second).toBeUndefined();
  expect(await pacer.take()).toBeDefined();
});
