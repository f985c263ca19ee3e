import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { Label } from '../../lib/contract/round-request.ts';
import { ROUND } from '../../lib/limits.ts';
import { Outbox } from '../../web/src/rate/outbox.ts';
import { type RateApi, RateError } from '../../web/src/rate/routes.ts';

/** What 50 raters at once ask of API Gateway, whose limits are those of the template. Pictures come from S3. */

const RATERS = 50;
const MINUTES = 2;
const [, RATE, BURST] = /DefaultRouteSettings: \{ ThrottlingRateLimit: (\d+), ThrottlingBurstLimit: (\d+) \}/
  .exec(readFileSync('infra/limits.yml', 'utf8'))!
  .map(Number) as [number, number, number];

beforeAll(() => void jest.useFakeTimers());
afterAll(() => void jest.useRealTimers());

/** The storage of a browser, whose names are its own properties. */
class Memory {
  [name: string]: unknown;
  getItem(key: string) {
    return Object.hasOwn(this, key) ? String(this[key]) : null;
  }
  setItem(key: string, value: string) {
    this[key] = value;
  }
  removeItem(key: string) {
    delete this[key];
  }
}

/** API Gateway's bucket of tokens, which refuses what comes too often, and the API behind it. */
class Gateway {
  requests = 0;
  refused = 0;
  isDown = false;
  #tokens = BURST;
  #at = Date.now();

  async take(): Promise<void> {
    this.requests++;
    if (this.isDown) throw new RateError(0, 'The server did not answer.');
    this.#tokens = Math.min(BURST, this.#tokens + ((Date.now() - this.#at) / 1_000) * RATE);
    this.#at = Date.now();
    if (this.#tokens < 1) {
      this.refused++;
      throw new RateError(429, 'Too many requests');
    }
    this.#tokens--;
  }
}

/** A rater, whose answers the API stores as it does: each number once. */
class Rater {
  readonly batches: Label[][] = [];
  given = 0;
  readonly #gateway: Gateway;
  readonly outbox: Outbox;

  constructor(gateway: Gateway, name: string) {
    this.#gateway = gateway;
    const api = {
      store: async (seq: number, answers: readonly Label[]) => {
        await gateway.take();
        const existing = this.batches[seq];
        if (existing)
          throw new RateError(409, '', { stored: existing.map(({ id }) => id), nextSeq: seq + 1 });
        this.batches[seq] = [...answers];
      },
    };
    this.outbox = new Outbox(api as unknown as RateApi, name, {
      storage: new Memory(),
      alone: (_, work) => work(),
      now: Date.now,
      after: (ms, act) => {
        // biome-ignore lint/plugin: the timers are fake.
        const timer = setTimeout(act, ms);
        return () => clearTimeout(timer);
      },
    });
    void gateway.take().catch(() => {});
  }

  answer(): void {
    const at = new Date().toISOString();
    this.outbox.add({ id: randomUUID(), item: 'x', question: 'q', answer: 'a', showing: 1, at });
    // One page of the list for so many pictures.
    if (++this.given % ROUND.page === 0) void this.#gateway.take().catch(() => {});
  }
}

/** All open the page in the same moment and answer in the same moments, which is worse than people are. */
async function rate(gateway: Gateway, answersPerSecond: number, each: (second: number) => void = () => {}) {
  const raters = Array.from({ length: RATERS }, (_, n) => new Rater(gateway, String(n)));
  for (let second = 0; second < MINUTES * 60; second++) {
    each(second);
    for (let n = 0; n < Math.max(1, answersPerSecond); n++) {
      if (answersPerSecond >= 1 || second % Math.round(1 / answersPerSecond) === 0)
        for (const rater of raters) rater.answer();
      await jest.advanceTimersByTimeAsync(1_000 / Math.max(1, answersPerSecond));
    }
  }
  await jest.advanceTimersByTimeAsync(300_000);
  for (const { batches, given, outbox } of raters) {
    const stored = batches.flat().map(({ id }) => id);
    expect([new Set(stored).size, stored.length, outbox.waiting.value]).toEqual([given, given, 0]);
  }
}

test.each([0.25, 1, 4])(
  'fifty raters who give %p answers a second stay within the limits of the API, and all is stored once',
  async (answersPerSecond) => {
    const gateway = new Gateway();
    await rate(gateway, answersPerSecond);
    expect(gateway.refused).toBe(0);
    // Half of it is left for auditors.
    expect(gateway.requests / (MINUTES * 60)).toBeLessThan(RATE / 2);
  },
);

test('fifty raters whose answers have waited for half a minute are throttled, send again, and lose and double nothing', async () => {
  const gateway = new Gateway();
  await rate(gateway, 4, (second) => {
    gateway.isDown = second >= 20 && second < 50;
  });
  expect(gateway.refused).toBeGreaterThan(0);
});
