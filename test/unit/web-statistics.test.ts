import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { certainty, wilson } from '../../lib/findings/proportion.ts';
import { estimate } from '../../lib/money/estimate.ts';
import type { Prediction, PredictionImage } from '../../web/src/api/types.ts';
import { timeLeft } from '../../web/src/model/estimate.ts';
import { outcomeOf, partsOf, UNSEEN } from '../../web/src/model/rates.ts';
import { roughly } from '../../web/src/words/audit.ts';
import { outOf } from '../../web/src/words/new-audit.ts';
import {
  equalExplained,
  partInWords,
  percentWithInterval,
  spokenProportion,
  unseenInWords,
} from '../../web/src/words/outcomes.ts';

describe('the interval of a share', () => {
  // Values of R's prop.test(…, correct = FALSE), which is Wilson's interval.
  test.each([
    [0, 10, 0, 0.27753],
    [5, 10, 0.23659, 0.76341],
    [10, 10, 0.72247, 1],
    [2, 100, 0.0055, 0.07],
    [50, 100, 0.40383, 0.59617],
  ])('%i of %i is what statistics packages say', (count, n, low, high) => {
    const found = wilson(count, n);
    expect(found.low).toBeCloseTo(low, 4);
    expect(found.high).toBeCloseTo(high, 4);
  });

  test('it holds the share, stays within 0 and 1, and mirrors', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.nat(10_000), (n, some) => {
        const count = some % (n + 1);
        const { share, low, high } = wilson(count, n);
        const mirrored = wilson(n - count, n);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low).toBeLessThanOrEqual(share);
        expect(high).toBeGreaterThanOrEqual(share);
        expect(mirrored.low).toBeCloseTo(1 - high, 10);
      }),
    );
  });

  test('it is written with n and bounds, for readers and for screen readers', () => {
    expect(percentWithInterval(wilson(2, 100))).toBe('2.0 % (0.6–7.0)');
    expect(percentWithInterval(wilson(0, 10))).toBe('0 % (0–28)');
    expect(spokenProportion(wilson(2, 100), 'refused')).toBe(
      '2 of 100 refused, 2.0 %, 95 % interval 0.6 to 7.0 %',
    );
  });
});

describe('the outcomes of a group', () => {
  const prediction = (over: Partial<Prediction>): Prediction => ({
    n: 0,
    prompt: 'p',
    model: 'a/one',
    version: 'v',
    sample: 0,
    seed: 1,
    seedSource: 'sent',
    status: 'succeeded',
    images: [],
    ...over,
  });

  test('failures and unfinished predictions do not lower the share of refusals', () => {
    const { refused, failed, finished, canceled } = outcomeOf([
      prediction({}),
      prediction({ status: 'refused' }),
      prediction({ status: 'failed' }),
      prediction({ status: 'failed' }),
      prediction({ status: 'canceled' }),
      prediction({ status: 'running' }),
      undefined,
    ]);
    expect(refused).toMatchObject({ count: 1, n: 2 });
    expect(failed).toMatchObject({ count: 2, n: 4 });
    expect({ finished, canceled }).toEqual({ finished: 4, canceled: 1 });
  });

  test('images that a filter withheld are counted among all that the model made', () => {
    const { filtered } = outcomeOf([
      prediction({ asked: 4, returned: 3, filtered: 1 }),
      prediction({ asked: 4, returned: 4, filtered: 0 }),
    ]);
    expect(filtered).toMatchObject({ count: 1, n: 8 });
  });

  const ok = (index: number, over: Partial<PredictionImage> = {}): PredictionImage => ({
    index,
    status: 'ok',
    sha256: String(index).repeat(64),
    ...over,
  });

  test('images that show nothing are counted by their reason, and no image twice among all of them', () => {
    const outcome = outcomeOf([
      // The blank picture is what came instead of the filtered one.
      prediction({ asked: 2, returned: 2, filtered: 1, images: [ok(0), ok(1, { blank: true })] }),
      prediction({
        asked: 3,
        returned: 3,
        images: [ok(2), { index: 1, status: 'quarantined' }, { index: 2, status: 'lost', error: 'expired' }],
      }),
      prediction({ images: [{ index: 0, status: 'pending' }] }),
    ]);
    expect(UNSEEN.map((name) => [name, outcome[name]?.count, outcome[name]?.n])).toEqual(
      ['filtered', 'blank', 'quarantined', 'lost'].map((name) => [name, 1, 6]),
    );
    expect(unseenInWords(outcome.images)).toBe('1 filtered, 1 blank, 1 unusable, 1 lost');
    expect(partsOf(outcome).map((part) => partInWords(part, 3))).toEqual([
      '2 shown',
      '1 being checked',
      '0/3 refused',
      '1 filtered',
      '1 blank',
      '1 unusable',
      '1 lost',
    ]);
    expect(unseenInWords(outcomeOf([prediction({ images: [ok(0)] })]).images)).toBe('');
  });

  test('what became of a group says what is open, canceled and failed, and leaves out what there is none of', () => {
    const words = (...group: Parameters<typeof prediction>[0][]) =>
      partsOf(outcomeOf(group.map(prediction))).map((part) => partInWords(part, group.length));
    expect(words({ images: [ok(0)] }, { status: 'running' }, { status: 'canceled' })).toEqual([
      '2 of 3 done',
      '1 shown',
      '0/1 refused',
      '1 canceled',
    ]);
    expect(words({ status: 'failed' }, { status: 'refused' })).toEqual([
      '0 shown',
      '1/1 refused',
      '1/2 failed',
    ]);
    expect(words({ status: 'waiting' })).toEqual(['0 of 1 done']);
  });

  test('equal files are said, and blank pictures are none of them', () => {
    const same = { sha256: 'f'.repeat(64) };
    const group = [
      ...[0, 1, 2].map((index) => prediction({ images: [ok(index, same)] })),
      prediction({ images: [ok(3)] }),
      ...[4, 5].map((index) => prediction({ images: [ok(index, { sha256: '0'.repeat(64), blank: true })] })),
    ];
    expect(equalExplained(outcomeOf(group).equal!)).toMatch(
      /^3 of 4 are the same file: the seed made no difference between them\./,
    );
    expect(outcomeOf(group.slice(2)).equal).toBeUndefined();
  });

  test('a group without answers has no shares', () => {
    expect(outcomeOf([prediction({ status: 'waiting' })])).toMatchObject({
      refused: undefined,
      failed: undefined,
    });
  });
});

describe('the estimate of an audit', () => {
  const prices = {
    'a/one': { perImage: 0.003 },
    'a/second': { perSecond: 0.001, seconds: 60 },
    'google/imagen-4': { perPrediction: 0.04 },
  };
  const order = (prompts: number, models: string[], samples: number, input = {}) => ({
    ...{ prompts: { length: prompts }, samples, input },
    models: models.map((model) => ({ model, input: {} })),
  });

  test('predictions multiply, prices of images and of seconds add up, and models without one are named', () => {
    const version = '0'.repeat(64);
    const models = [`a/one:${version}`, 'a/second', `b/two:${version}`, 'simulated/flash'];
    const { about, most, unpriced, seconds } = estimate(prices, order(10, models, 30, { num_outputs: 2 }));
    expect(most).toBeCloseTo(300 * 2 * 0.003 + 300 * 0.001 * 60 * 1.25);
    expect(about).toBeCloseTo(300 * 2 * 0.003 + 300 * 0.001 * 10);
    expect({ unpriced, seconds }).toEqual({ unpriced: ['b/two'], seconds: 120 + 10 });
  });

  test('nothing costs nothing and takes no time', () => {
    expect(estimate(prices, order(0, ['a/one'], 30))).toEqual({
      about: 0,
      most: 0,
      unpriced: [],
      seconds: 0,
    });
  });

  test('a hundred samples show a half to ten points, and may hide what is in four of a hundred images', () => {
    const { halfWidth, hidden } = certainty(100);
    expect(halfWidth).toBeCloseTo(0.096, 3);
    expect(hidden).toBeCloseTo(0.037, 3);
    expect([6, 100, 1000].map((n) => outOf(certainty(n).hidden))).toEqual([
      '39 of 100',
      '4 of 100',
      '4 of 1,000',
    ]);
  });

  test('the time left follows the latest pace, and is unknown without progress', () => {
    expect(timeLeft([{ at: 0, finished: 0 }], 10)).toBeUndefined();
    expect(
      timeLeft(
        [
          { at: 0, finished: 5 },
          { at: 1000, finished: 5 },
        ],
        10,
      ),
    ).toBeUndefined();
    const marks = [
      { at: 0, finished: 0 },
      { at: 3_600_000, finished: 10 },
      { at: 3_660_000, finished: 70 },
    ];
    expect(timeLeft(marks, 120)).toBe(120);
    expect(timeLeft(marks, 0)).toBeUndefined();
  });

  test('durations are rounded to what is known', () => {
    expect([10, 70, 400, 7200].map(roughly)).toEqual([
      'less than a minute',
      'about a minute',
      'about 7 minutes',
      'about 2 hours',
    ]);
  });
});
