import fc from 'fast-check';
import * as v from 'valibot';
import { PriceEntry } from '../../lib/contract/price-entry.ts';
import { ceilingOf, costOf, findPrice, inDollars, microsOf, priceOf } from '../../lib/money/price.ts';
import { allPrices, priceModels, settingsProblem } from '../../lib/money/prices.ts';
import type { PlannedModel } from '../../lib/records/plan.ts';

const parse = (entry: unknown) => v.safeParse(PriceEntry, entry).success;

test.each([
  { perImage: -0.003 },
  { perImage: Number.NaN },
  { perImage: Number.POSITIVE_INFINITY },
  { perImage: 1.2e19 },
  { perImage: '0.003' },
  { perSecond: 0.001 },
  { perSecond: 0.001, seconds: 0 },
  { perSecond: 0.001, seconds: 1e9 },
  { perImage: 0.003, perPrediction: 0.003 },
  { free: false },
  {},
  null,
])('%j is no price', (entry) => {
  expect(parse(entry)).toBe(false);
});

test('every price of less than a thousand dollars is kept to a millionth, and nothing that costs something is free', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-9, max: 1_000, noNaN: true }), (amount) => {
      const micros = microsOf(amount);
      expect(Number.isSafeInteger(micros)).toBe(true);
      expect(micros).toBeGreaterThan(0);
      expect(Math.abs(micros - amount * 1e6)).toBeLessThanOrEqual(1.001);
    }),
  );
  expect([0.003, 0.04, 0.000975, 0.1 + 0.2, 0].map(microsOf)).toEqual([3_000, 40_000, 975, 300_000, 0]);
});

const BY_SECOND = priceOf({ perSecond: 0.000975, seconds: 60 });
const ended = (more: object) => ({
  status: 'succeeded',
  createdAt: '2026-11-26T09:59:00Z',
  startedAt: '2026-11-26T10:00:00Z',
  completedAt: '2026-11-26T10:00:04Z',
  metrics: null,
  asked: 4,
  made: 4,
  ...more,
});

describe('a prediction costs', () => {
  test.each<[string, Parameters<typeof priceOf>[0], object, number]>([
    ['its images', { perImage: 0.003 }, {}, 12_000],
    ['the images that Replicate counted', { perImage: 0.003 }, { metrics: { image_count: 3 } }, 9_000],
    ['the images that it was asked for, where nobody counted', { perImage: 0.003 }, { made: 0 }, 12_000],
    ['nothing by the image, if it failed', { perImage: 0.003 }, { status: 'failed', made: 0 }, 0],
    ['its price, if it failed after it started', { perPrediction: 0.04 }, { status: 'failed' }, 40_000],
    ['what it ran for', { perSecond: 0.001, seconds: 60 }, { metrics: { predict_time: 2.5 } }, 2_500],
    ['what it ran for by its times', { perSecond: 0.001, seconds: 60 }, {}, 4_000],
    ['its ceiling, where nothing says', { perSecond: 0.001, seconds: 60 }, { completedAt: null }, 75_000],
    [
      'what it ran for until it was canceled',
      { perSecond: 0.001, seconds: 60 },
      { status: 'canceled' },
      4_000,
    ],
    ['nothing, if it was aborted', { perPrediction: 0.04 }, { status: 'aborted' }, 0],
    [
      'nothing, if it was canceled before it started',
      { perPrediction: 0.04 },
      { status: 'canceled', startedAt: null },
      0,
    ],
    [
      'its ceiling, if Replicate no longer knew it',
      { perImage: 0.003 },
      { status: 'failed', createdAt: null, startedAt: null, made: 0 },
      12_000,
    ],
    ['nothing, if its model is free', { free: true }, {}, 0],
  ])('%s', (_what, entry, charged, micros) => {
    expect(costOf(priceOf(entry), ended(charged))).toBe(micros);
  });

  test('never less than nothing, and a whole number of millionths, whatever Replicate says', () => {
    fc.assert(
      fc.property(
        fc.anything(),
        fc.anything(),
        fc.constantFrom('image', 'prediction', 'second'),
        (time, count, unit) => {
          const price = { unit, micros: 975, seconds: 60 } as never;
          const metrics = { predict_time: time, image_count: count };
          const micros = costOf(price, ended({ metrics }));
          expect(Number.isSafeInteger(micros) && micros >= 0).toBe(true);
        },
      ),
    );
  });
});

test('the ceiling by the second is the bound that is enforced and the quarter of it by which poll may be late, not the half hour that Replicate allows', () => {
  expect(ceilingOf(BY_SECOND, 4)).toBe(1.25 * 58_500);
});

const model = (name: string): PlannedModel => ({
  model: name,
  version: null,
  input: {},
  inputs: null,
  seed: 'unknown',
});
const order = (more: object = {}) => ({
  prompts: ['a', 'b'],
  samples: 5,
  input: { num_outputs: 2 },
  ...more,
});
const KNOWN = model('black-forest-labs/flux-schnell');
const UNKNOWN = model('somebody/something');

describe('the prices of an audit', () => {
  test('are those of the operator before those that come with the pipeline', () => {
    const prices = allPrices({});
    expect(findPrice(prices, KNOWN.model)).toEqual({ unit: 'image', micros: 3_000 });
    expect(findPrice(prices, `${KNOWN.model}:${'0'.repeat(64)}`)).toEqual({ unit: 'image', micros: 3_000 });
    const own = allPrices({ prices: { [KNOWN.model]: { perImage: 0.002 } } });
    expect(findPrice(own, KNOWN.model)).toEqual({ unit: 'image', micros: 2_000 });
    expect(findPrice({}, 'simulated/flash')).toEqual({ unit: 'free' });
    expect(findPrice({}, '__proto__')).toBeUndefined();
    expect(findPrice({}, 'constructor')).toBeUndefined();
  });

  test('must all be known where there is a budget, and need not be where there is none', () => {
    expect(() => priceModels(order(), [KNOWN, UNKNOWN], { monthly: 0 })).toThrow('"somebody/something"');
    expect(priceModels(order(), [KNOWN, UNKNOWN], {})).toEqual([
      { ...KNOWN, price: { unit: 'image', micros: 3_000 } },
      UNKNOWN,
    ]);
  });

  test('that are not known share what the request allows beyond the others', () => {
    const priced = priceModels(order({ maxCost: 1 }), [KNOWN, UNKNOWN], { monthly: 100 });
    // 10 predictions of 2 images at $0.003 leave $0.94 for 10 predictions.
    expect(priced[1]!.price).toEqual({ unit: 'prediction', micros: 94_000 });
  });

  test('must fit what the request allows', () => {
    expect(() => priceModels(order({ maxCost: 0.05 }), [KNOWN], {})).toThrow('$0.06');
    expect(() => priceModels(order({ maxCost: 0.06 }), [KNOWN, UNKNOWN], {})).toThrow('not known');
    expect(priceModels(order({ maxCost: 0.06 }), [KNOWN], {})).toHaveLength(1);
  });
});

test('amounts are shown to the cent, and smaller ones whole', () => {
  expect([3_000, 300_000, 0, 1_234_567_890, 975].map(inDollars)).toEqual([
    '$0.003',
    '$0.30',
    '$0.00',
    '$1234.57',
    '$0.000975',
  ]);
});

describe('what an operator sets', () => {
  test.each([
    [{ monthly: -1 }, '"monthly" must not be negative'],
    [{ monthly: Number.NaN }, '"monthly" must be a number of dollars'],
    [{ monthly: '100' }, '"monthly" must be a number of dollars'],
    [{ monthly: 1e19 }, '"monthly" must be at most'],
    [{ prices: { 'a/b': { perImage: -0.1 } } }, '"prices.a/b.perImage" must not be negative'],
    [{ prices: { 'a/b': { perImage: 1e19 } } }, '"prices.a/b.perImage" must be at most 1000 dollars'],
    [{ prices: { 'a/b': { perSecond: 0.1, seconds: 0.5 } } }, 'must be a whole number of seconds'],
    [{ prices: { ab: { free: true } } }, 'must be owner/name'],
    [{ prices: { [`a/b:${'0'.repeat(64)}`]: { free: true } } }, 'must be owner/name'],
    [{ montly: 1 }, '"montly"'],
    ['100', '"settings"'],
  ])('is refused where it is not valid: %j', (settings, why) => {
    expect(settingsProblem(settings)).toContain(why);
  });

  test('may be a budget of nothing, or nothing at all', () => {
    expect(settingsProblem({ monthly: 0, prices: { 'a/b': { perImage: 0.0000004 } } })).toBeUndefined();
    expect(settingsProblem({})).toBeUndefined();
  });
});
