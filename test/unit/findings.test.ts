import {
  alpha,
  coincidences,
  majority,
  percentAgreement,
  type Ratings,
} from '../../lib/findings/agreement.ts';
import {
  bySeed,
  exploratoryLevel,
  independent,
  isCertain,
  mcNemar,
  paired,
  primaryLevel,
} from '../../lib/findings/difference.ts';
import { measure, type Observation } from '../../lib/findings/pooled.ts';
import { wilson, Z } from '../../lib/findings/proportion.ts';
import { tOf, zOf } from '../../lib/findings/quantiles.ts';

const DIGITS = 6;

/** A rater each row, a picture each column; `-` where there is no rating. */
function units(rows: string[]): Ratings[] {
  const columns = rows.map((row) => row.split(' '));
  return columns[0]!.map((_, unit) =>
    columns.flatMap((row) => (row[unit] === '-' ? [] : [Number(row[unit])])),
  );
}

describe('quantiles', () => {
  // scipy 1.x: stats.norm.ppf, stats.t.ppf
  test.each([
    [0.95, 1.9599639845],
    [0.99, 2.5758293035],
    [0.998, 3.0902323062],
  ])('a level of %d needs z = %d', (level, z) => {
    expect(zOf(level)).toBeCloseTo(z, DIGITS);
  });

  test.each([
    [0.95, 1, 12.7062047362],
    [0.95, 4, 2.7764451052],
    [0.95, 19, 2.0930240544],
    [0.99, 19, 2.8609346065],
    [0.99, 3, 5.8409093097],
  ])('a level of %d with %d degrees of freedom needs t = %d', (level, df, t) => {
    expect(tOf(level, df)).toBeCloseTo(t, DIGITS);
  });
});

describe('a share of one cell', () => {
  test('has the level of the others if none is said', () => {
    expect(Z).toBeCloseTo(zOf(0.95), DIGITS);
  });

  // statsmodels: proportion_confint(count, n, method="wilson")
  test.each([
    [8, 10, 0.4901624715, 0.9433178485],
    [0, 10, 0, 0.2775327999],
    [10, 20, 0.2992980082, 0.7007019918],
    [97, 100, 0.9154806357, 0.989745476],
    [3, 7, 0.1582198553, 0.7495416355],
  ])('%d of %d has the interval of statsmodels', (count, n, low, high) => {
    const found = wilson(count, n);
    expect(found.low).toBeCloseTo(low, DIGITS);
    expect(found.high).toBeCloseTo(high, DIGITS);
  });
});

describe('a share of several cells', () => {
  const grid = (rows: number[][]): Observation[] =>
    rows.flatMap((row, seed) => row.map((value, pair) => ({ value, pair, seed: String(seed), weight: 1 })));

  test('has the interval that the variance between seeds gives', () => {
    // numpy and statsmodels: 7.474966638718117 independent pictures
    const found = measure(
      grid([
        [1, 0, 1],
        [1, 1, 1],
        [0, 0, 1],
        [1, 0, 0],
        [1, 1, 0],
      ]),
    )!;
    expect(found).toMatchObject({ n: 15, pairs: 3, seeds: 5 });
    expect(found.share).toBeCloseTo(0.6, DIGITS);
    expect(found.low).toBeCloseTo(0.2786129999, DIGITS);
    expect(found.high).toBeCloseTo(0.8534952646, DIGITS);
  });

  test('weighs cells, not pictures', () => {
    const cell = (pair: number, value: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({ value, pair, seed: `${pair} ${i}`, weight: 1 }));
    expect(measure([...cell(0, 1, 2), ...cell(1, 0, 98)])!.share).toBe(0.5);
  });

  test('says nothing of other seeds if there is one seed', () => {
    expect(measure(grid([[1, 1, 1, 1]]))).toMatchObject({ share: 1, low: 0, high: 1 });
  });

  test('does not exist without pictures', () => {
    expect(measure([])).toBeUndefined();
  });

  test('that always or never happens keeps an interval with a width', () => {
    const found = measure(grid(Array.from({ length: 10 }, () => [1, 1])))!;
    expect(found.high).toBe(1);
    expect(found.low).toBeGreaterThan(0.6);
    expect(found.low).toBeLessThan(0.9);
  });
});

describe('a difference', () => {
  // statsmodels: confint_proportions_2indep(…, method="newcomb", compare="diff")
  test.each([
    [56, 70, 48, 80, 0.0524314724, 0.333872654],
    [9, 10, 3, 10, 0.1705227239, 0.8090179735],
    [10, 10, 0, 20, 0.6790860371, 1],
    [0, 15, 0, 12, -0.2424940067, 0.203883301],
  ])('of %d of %d and %d of %d has the interval of statsmodels', (a, m, b, n, low, high) => {
    const found = independent({ count: a, n: m }, { count: b, n });
    expect(found.low).toBeCloseTo(low, DIGITS);
    expect(found.high).toBeCloseTo(high, DIGITS);
  });

  // Fagerland, Lydersen and Laake 2014, by their formula in numpy to ten digits; the first two are printed there to four.
  test.each([
    [59, 6, 16, 80, -0.1186211956, -0.0046251139],
    [1, 1, 7, 12, -0.5069202267, -0.0255591242],
    [20, 0, 0, 30, -0.0403803316, 0.0403803316],
    [0, 9, 1, 0, 0.1916999464, 0.9642475738],
    [3, 9, 8, 2, -0.2990769459, 0.3781044589],
  ])(
    'of pairs %d, %d, %d, %d has the interval of Newcombe',
    (both, onlyOne, onlyOther, neither, low, high) => {
      const found = paired({ both, onlyOne, onlyOther, neither });
      expect(found.low).toBeCloseTo(low, DIGITS);
      expect(found.high).toBeCloseTo(high, DIGITS);
    },
  );

  // scipy: stats.binomtest(b, b + c, 0.5).pvalue
  test.each([
    [5, 1, 0.21875],
    [0, 8, 0.0078125],
    [12, 12, 1],
    [20, 7, 0.0191572905],
    [0, 0, 1],
  ])('of %d against %d pairs has the exact p of scipy', (onlyOne, onlyOther, p) => {
    expect(mcNemar({ onlyOne, onlyOther })).toBeCloseTo(p, DIGITS);
  });

  /** Pairs of one prompt, each with a seed of its own. */
  const ofSeeds = (differences: readonly number[]) =>
    differences.map((difference, seed) => ({ difference, weight: 1, seed: String(seed), stratum: 0 }));

  test('by seed has the interval of Student with a seed added for each side', () => {
    // numpy and scipy: mean and standard deviation of 0.1, -0.05, 0.2, 0.15, 0.1, 1, -1; stats.t.ppf(0.975, 6)
    const found = bySeed(ofSeeds([0.1, -0.05, 0.2, 0.15, 0.1]));
    expect(found.difference).toBeCloseTo(0.1, DIGITS);
    expect(found.low).toBeCloseTo(-0.4690704792, DIGITS);
    expect(found.high).toBeCloseTo(0.6119276221, DIGITS);
    expect(isCertain(found)).toBe(false);
  });

  test('by seed is not certain of a few differences that happen to be equal', () => {
    expect(isCertain(bySeed(ofSeeds([1, 1, 1])))).toBe(false);
    // Of 5 pairs that differ the exact test has p = 0.0625, of 6 it has 0.03125.
    const among20 = (differ: number) =>
      bySeed(ofSeeds(Array.from({ length: 20 }, (_, i) => (i < differ ? 1 : 0))));
    expect([5, 6].map((differ) => isCertain(among20(differ)))).toEqual([false, true]);
  });

  test('is tested more strictly beside others', () => {
    expect(primaryLevel(5)).toBeCloseTo(0.99, DIGITS);
    expect(exploratoryLevel(3, 120)).toBeCloseTo(1 - (0.05 * 3) / 120, DIGITS);
  });
});

describe('agreement', () => {
  const KRIPPENDORFF = units([
    '1 2 3 3 2 1 4 1 2 - - -',
    '1 2 3 3 2 2 4 1 2 5 - 3',
    '- 3 3 3 2 3 4 2 2 5 1 -',
    '1 2 3 3 2 4 4 1 2 5 1 -',
  ]);
  const OTHER = units(['1 2 5 4', '1 3 5 -', '2 2 4 4']);

  // Python's krippendorff: alpha(…, level_of_measurement=…)
  test.each([
    ["Krippendorff's matrix", 'nominal', KRIPPENDORFF, 0.7434210526],
    ["Krippendorff's matrix", 'ordinal', KRIPPENDORFF, 0.8153875038],
    ['another', 'nominal', OTHER, 0.3617021277],
    ['another', 'ordinal', OTHER, 0.8571428571],
    ['few with gaps', 'nominal', units(['1 1 2', '1 1 -', '- 1 2']), 1],
    [
      '97 unanimous and 3 split',
      'nominal',
      [...Array(97).fill([1, 1, 1]), ...Array(3).fill([1, 1, 2])],
      -0.006734006734,
    ],
  ] as const)('of %s, %s, has the α of the reference', (_name, scale, ratings, expected) => {
    expect(alpha(coincidences(ratings), scale)).toBeCloseTo(expected, DIGITS);
  });

  test('has no α where all answers are equal, or no picture has two', () => {
    expect(
      alpha(
        coincidences([
          [1, 1, 1],
          [1, 1],
        ]),
        'nominal',
      ),
    ).toBeUndefined();
    expect(alpha(coincidences([[1], [2]]), 'nominal')).toBeUndefined();
  });

  test('in percent counts pairs of ratings, each picture alike', () => {
    expect(percentAgreement([[1, 1], [1, 1, 2], [3]])).toBeCloseTo((1 + 1 / 3) / 2, DIGITS);
    expect(percentAgreement([[1]])).toBeUndefined();
  });

  test('has a majority only where more than half say the same', () => {
    expect(majority([1, 2, 2])).toBe(2);
    expect(majority([1, 2])).toBeUndefined();
    expect(majority([1, 2, 3])).toBeUndefined();
  });
});
