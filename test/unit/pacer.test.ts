import { jest } from '@jest/globals';
import { Pacer } from '../../lib/cells/pacer.ts';

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
    await take;
    const at = performance.now() - start;
    if (at > end) return given;
    given.push(at);
    meanwhile(at);
  }
}

beforeEach(() => {
  jest.useFakeTimers({ now: 0 });
});
afterEach(() => {
  jest.useRealTimers();
});

test('keeps to between 98 and 100 percent of the rate over a minute, the first second aside', async () => {
  const pacer = new Pacer(600);
  const given = await places(pacer, 61_000);
  const steady = given.filter((at) => at > 1_000).length;
  expect(steady).toBeGreaterThan(588);
  expect(steady).toBeLessThanOrEqual(600);
});

test('what a pause of a second lost is caught up', async () => {
  const pacer = new Pacer(600);
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
  const pacer = new Pacer(600);
  await pacer.take();
  pacer.pause(60);
  const given = await places(pacer, 60_999);
  expect(given.filter((at) => at < 60_000)).toEqual([]);
  expect(given.length).toBeLessThanOrEqual(21);
});

test('one of two keeps to its half of the rate although it loses almost two seconds between any two blocks', async () => {
  const pacer = new Pacer(600, 2);
  const take = async () => {
    const taken = pacer.take();
    await jest.advanceTimersByTimeAsync(Math.max(0, Math.ceil(pacer.waitMs)));
    await taken;
  };
  await take();
  const from = performance.now();
  for (let block = 0; block < 5; block++) {
    await jest.advanceTimersByTimeAsync(1_800);
    for (let cell = 0; cell < 100; cell++) await take();
  }
  const perSecond = 500 / ((performance.now() - from) / 1_000);
  expect(perSecond).toBeGreaterThan(4.9);
  expect(perSecond).toBeLessThanOrEqual(5.1);
});
