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

/** Places that are given without any wait. */
async function atOnce(pacer: Pacer): Promise<number> {
  for (let given = 0; ; given++) {
    if (pacer.waitMs > 0) return given;
    await pacer.take();
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

test('two that were idle together ask together for little more than a second’s worth', async () => {
  const pacers = [new Pacer(600, 2), new Pacer(600, 2)];
  await jest.advanceTimersByTimeAsync(60_000);
  const given = await Promise.all(pacers.map((pacer) => atOnce(pacer)));
  expect(given[0]! + given[1]!).toBeLessThanOrEqual(12);
});

test('two that work together keep to the rate of both', async () => {
  const pacer = new Pacer(600, 2);
  const steady = (await places(pacer, 61_000)).filter((at) => at > 1_000).length;
  expect(steady).toBeGreaterThan(294);
  expect(steady).toBeLessThanOrEqual(300);
});
