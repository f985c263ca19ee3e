import { DRAWS, generator } from '../../lib/findings/agreed.ts';
import { isTooFew } from '../../lib/findings/counted.ts';
import { type CellFacts, type FindingsInput, imageOf } from '../../lib/findings/facts.ts';
import { findingsOf, type Group, type Share } from '../../lib/findings/findings.ts';
import { wilson } from '../../lib/findings/proportion.ts';
import { contrastSentence, percent, points, shareSentence } from '../../lib/findings/words.ts';
import { makeRound } from '../../sim/made-round.ts';
import { anyRound } from '../support/any-round.ts';

/** A round of shapes: what a picture shows is the place of the answer. */
const round = (
  shapes: readonly number[],
  more: Partial<Parameters<typeof makeRound>[0]> = {},
): FindingsInput =>
  makeRound({
    ...{ prompts: [{ text: 'a shape' }], models: ['a/a'], samples: shapes.length, raters: 1 },
    shapeOf: (_prompt, _model, seed) => shapes[seed - 1_000]!,
    ...more,
  }).input;

const many = (circles: number, others: number) => [...Array(circles).fill(0), ...Array(others).fill(1)];

const shareOf = (input: FindingsInput, kind: Group['kind'] = 'pair', answer = 'circle'): Share =>
  findingsOf(input).shares.find((one) => one.answer === answer && one.group.kind === kind)!;

/** Changes the cells of the one audit. */
const withCells = (input: FindingsInput, change: (cell: CellFacts) => CellFacts): FindingsInput => ({
  ...input,
  audits: input.audits.map(({ plan, cells }) => ({ plan, cells: cells.map(change) })),
});
/** Takes pictures out of the round: they are not valid, or were not chosen. */
const without = (input: FindingsInput, isOut: (place: number) => boolean): FindingsInput => {
  const kept = input.images.map((_, place) => place).filter((place) => !isOut(place));
  return {
    ...input,
    images: kept.map((place) => input.images[place]!),
    snapshot: {
      ...input.snapshot,
      labels: input.snapshot.labels.flatMap(([item, ...rest]) =>
        kept.includes(item) ? [[kept.indexOf(item), ...rest] as (typeof input.snapshot.labels)[number]] : [],
      ),
    },
  };
};
const withLabels = (
  input: FindingsInput,
  labels: [item: number, question: number, rater: string, answer: string | string[], showing?: 1 | 2][],
): FindingsInput => ({
  ...input,
  snapshot: {
    ...input.snapshot,
    labels: labels.map(([item, question, rater, answer, showing = 1]) => [
      item,
      question,
      rater,
      answer,
      showing,
    ]),
  },
});

describe('a share of one prompt and model', () => {
  test("has Wilson's interval over its pictures, and is said in a sentence", () => {
    const input = round(many(97, 3), { raters: 3 });
    const found = shareOf(input);
    const { low, high } = wilson(97, 100);
    expect(found).toMatchObject({ n: 100, with: 97, without: 3, share: 0.97, tooFew: false });
    expect([found.low, found.high]).toEqual([expect.closeTo(low, 9), expect.closeTo(high, 9)]);
    expect(shareSentence(found, findingsOf(input), input.codebook)).toBe(
      'Of 100 pictures of "a shape" by a/a, 97 show "A circle" (92 to 99 %; three raters).',
    );
  });

  test('counts no majority and cannot tell as unclear, which the bounds hold', () => {
    const input = withLabels(round(many(20, 0)), [
      ...Array.from(
        { length: 18 },
        (_, item) => [item, 0, '1.1', 'circle'] as [number, number, string, string],
      ),
      [18, 0, '1.1', 'circle'],
      [18, 0, '2.1', 'other'],
      [19, 0, '1.1', 'cannot-tell'],
      [19, 0, '2.1', 'cannot-tell'],
      [19, 0, '3.1', 'circle'],
    ]);
    const found = shareOf(input);
    expect(found).toMatchObject({ with: 18, without: 0, unclear: 2, n: 18, share: 1, least: 0.9, most: 1 });
    expect(found.outerLow).toBeCloseTo(wilson(18, 20).low, 9);
  });

  test('counts refused, blank, filtered and quarantined as missing, and technical failures as not asked', () => {
    const changes: Partial<CellFacts>[] = [
      { status: 'refused', images: [] },
      { images: [{ index: 0, status: 'ok', blank: true }] },
      { filtered: 1, returned: 0, images: [] },
      { images: [{ index: 0, status: 'quarantined' }] },
      { status: 'failed', images: [] },
      { images: [{ index: 0, status: 'lost' }] },
    ];
    const input = without(
      withCells(round(many(20, 0)), (cell) => ({ ...cell, ...changes[cell.n] })),
      (place) => place < changes.length,
    );
    const found = shareOf(input);
    expect(found).toMatchObject({ with: 14, missing: 4, n: 14, most: 1 });
    expect(found.least).toBeCloseTo(14 / 18, 9);
    expect(findingsOf(input).outcomes).toEqual([
      {
        ...{ model: 'a/a', asked: 20, succeeded: 18, refused: 1, failed: 1, canceled: 0 },
        ...{ shown: 14, blank: 1, filtered: 1, quarantined: 1, lost: 1 },
      },
    ]);
  });

  test('is what it was also if a rated picture was purged since', () => {
    const before = round(many(20, 5));
    const after = withCells(before, (cell) =>
      cell.n < 2 ? { ...cell, images: [{ index: 0, status: 'quarantined', blank: false }] } : cell,
    );
    expect(findingsOf(after).shares).toEqual(findingsOf(before).shares);
  });

  test('counts a prediction once, however many pictures it has', () => {
    const cells: CellFacts[] = [
      [0, 0, 1, 1],
      [0, 0, 0, 0],
    ].map((_, n) => ({
      ...{ n, status: 'succeeded', seed: n, seedSource: 'sent', asked: 4, returned: 4, filtered: 0 },
      images: [0, 1, 2, 3].map((index) => ({ index, status: 'ok', sha256: `${n}${index}` })),
    }));
    const base = round([0, 0]);
    const { plan } = base.audits[0]!;
    const images = [0, 1].flatMap((n) => [0, 1, 2, 3].map((index) => imageOf(plan.id, n, index)));
    const shown = ['circle', 'circle', 'other', 'other', 'circle', 'circle', 'circle', 'circle'];
    const input = withLabels(
      { ...base, audits: [{ plan, cells }], images },
      shown.map((answer, item) => [item, 0, '1.1', answer]),
    );
    expect(shareOf(input)).toMatchObject({ n: 2, with: 1.5, share: 0.75, seeds: 2 });
  });

  test('counts equal pictures once: a model that ignores its seed says nothing new', () => {
    const input = withCells(round(many(10, 10)), (cell) => ({
      ...cell,
      images: cell.images.map((image) => ({ ...image, sha256: cell.n < 10 ? 'same' : image.sha256 })),
    }));
    expect(shareOf(input)).toMatchObject({ n: 11, with: expect.closeTo(1, 9), without: 10 });
    expect(findingsOf(input).equal).toBe(9);
  });

  test('counts predictions once that really had the same seed: two audits with the same prompts and seeds', () => {
    const { audits, images, snapshot, ...rest } = round(many(10, 10));
    const [{ plan, cells }] = audits as [FindingsInput['audits'][number]];
    const id = plan.id.replace('y', 'z');
    const again = cells.map((cell) => ({
      ...cell,
      images: cell.images.map((image) => ({ ...image, sha256: `again ${cell.n}` })),
    }));
    const both = (seedSource: string): FindingsInput => ({
      ...rest,
      audits: [
        { plan, cells: cells.map((cell) => ({ ...cell, seedSource })) },
        { plan: { ...plan, id }, cells: again.map((cell) => ({ ...cell, seedSource })) },
      ],
      images: [...images, ...images.map((image) => image.replace(plan.id, id))],
      snapshot: {
        ...snapshot,
        labels: [
          ...snapshot.labels,
          ...snapshot.labels.map(
            ([item, ...said]) => [item + 20, ...said] as (typeof snapshot.labels)[number],
          ),
        ],
      },
    });
    expect(shareOf(both('sent'))).toMatchObject({ n: 20, with: 10, without: 10, seeds: 20 });
    expect(findingsOf(both('sent')).equal).toBe(20);
    // Whether a seed was used is not known: nothing says that two pictures are alike.
    expect(shareOf(both('unknown'))).toMatchObject({ n: 40, with: 20, without: 20 });
  });

  test('counts what is missing in proportion, if a part of the pictures is rated', () => {
    const refused = withCells(round(many(30, 10)), (cell) =>
      cell.n < 10 ? { ...cell, status: 'refused', images: [] } : cell,
    );
    const all = shareOf(without(refused, (place) => place < 10));
    const half = shareOf(without(refused, (place) => place < 10 || place % 2 === 0));
    expect([all.missing, half.missing]).toEqual([10, 5]);
    expect(half.most! - half.least!).toBeCloseTo(all.most! - all.least!, 9);
  });

  test('says so if it is from too few pictures: below 12 the interval of one half is wider than half of the scale', () => {
    const wide = (n: number) => wilson(n / 2, n).high - wilson(n / 2, n).low;
    expect([isTooFew(11), isTooFew(12)]).toEqual([true, false]);
    expect([wide(11) > 0.5, wide(12) > 0.5]).toEqual([true, false]);
    const input = round(many(8, 1));
    expect(shareOf(input).tooFew).toBe(true);
    expect(shareSentence(shareOf(input), findingsOf(input), input.codebook)).toContain('Not measurable');
  });

  test('shows what raters alone would change: from unanimous to any, and the share of each', () => {
    const input = withLabels(
      round(many(12, 0)),
      Array.from({ length: 12 }, (_, item) => item).flatMap((item) => [
        [item, 0, '1.1', item < 9 ? 'circle' : 'other'] as [number, number, string, string],
        [item, 0, '2.1', item < 7 ? 'circle' : 'other'],
        [item, 0, '10.1', item < 6 ? 'circle' : 'other'],
      ]),
    );
    const found = shareOf(input);
    expect([found.unanimous, found.share, found.any]).toEqual([6 / 12, 7 / 12, 9 / 12]);
    expect(found.raters).toEqual([
      { rater: '1.1', count: 9, n: 12 },
      { rater: '2.1', count: 7, n: 12 },
      { rater: '10.1', count: 6, n: 12 },
    ]);
  });
});

describe('a gate', () => {
  const gated = (): FindingsInput => {
    const input = round(many(20, 0));
    const [shape] = input.codebook.questions;
    return {
      ...input,
      codebook: {
        ...input.codebook,
        questions: [
          shape!,
          {
            ...{ id: 'size', text: 'How large?', kind: 'scale' as const },
            gate: { question: 'shape', answers: ['circle'] },
            answers: ['small', 'medium', 'large'].map((id, key) => ({ id, text: id, key: String(key) })),
          },
        ],
      },
    };
  };

  test('makes the question behind it not applicable, which is not cannot tell and no part of its share', () => {
    const found = findingsOf(
      withLabels(
        gated(),
        Array.from({ length: 20 }, (_, item) => item).flatMap((item): [number, number, string, string][] =>
          item < 12
            ? [
                [item, 0, '1.1', 'circle'],
                [item, 1, '1.1', item < 6 ? 'small' : 'large'],
              ]
            : [[item, 0, '1.1', item < 18 ? 'other' : 'cannot-tell']],
        ),
      ),
    );
    const small = found.shares.find(({ question, answer }) => question === 'size' && answer === 'small')!;
    expect(small).toMatchObject({ with: 6, without: 6, unclear: 2, notApplicable: 6, n: 12, share: 0.5 });
    expect(found.said).toEqual([
      { question: 'shape', ratings: 20, cannotTell: 2, skipped: 0, notApplicable: 0 },
      { question: 'size', ratings: 20, cannotTell: 2, skipped: 0, notApplicable: 6 },
    ]);
  });
});

test('a picture that most raters found not applicable counts as having an answer if one rater were enough', () => {
  const input = withLabels(round(many(20, 0)), [
    ...Array.from({ length: 10 }, (_, item) => [item, 0, '1.1', 'other'] as [number, number, string, string]),
    ...Array.from({ length: 5 }, (_, i) => i + 10).flatMap((item): [number, number, string, string][] => [
      [item, 0, '1.1', 'circle'],
      [item, 0, '2.1', 'other'],
      [item, 0, '3.1', 'other'],
      [item, 1, '1.1', 'small'],
    ]),
    ...Array.from({ length: 5 }, (_, i) => i + 15).flatMap((item): [number, number, string, string][] => [
      [item, 0, '1.1', 'circle'],
      [item, 1, '1.1', 'large'],
    ]),
  ]);
  const [shape] = input.codebook.questions;
  const gate = { question: 'shape', answers: ['circle'] };
  const answers = ['small', 'large'].map((id, key) => ({ id, text: id, key: String(key) }));
  const size = { id: 'size', text: 'How large?', kind: 'scale' as const, gate, answers };
  const found = findingsOf({ ...input, codebook: { ...input.codebook, questions: [shape!, size] } });
  const small = found.shares.find(({ question, answer }) => question === 'size' && answer === 'small');
  expect(small).toMatchObject({ with: 0, without: 5, notApplicable: 15, share: 0, any: 0.5 });
});

describe('contrasts', () => {
  const shared = [
    { text: 'a red one', factors: { color: 'red' } },
    { text: 'a blue one', factors: { color: 'blue' } },
  ];
  const primary = (between: FindingsInput['round']['contrasts'][number]['between']) => [
    { question: 'shape', answer: 'circle', between },
  ];
  const byColor = primary({ factor: 'color', one: 'red', other: 'blue' });
  /** Red ones are circles in 40 of 50 pictures, blue ones in 20. */
  const colors = (more: object = {}) =>
    makeRound({
      ...{ prompts: shared, models: ['a/a'], samples: 50, raters: 1, contrasts: byColor },
      shapeOf: (prompt, _model, seed) => ((seed - 1_000) % 50 < (prompt === 0 ? 40 : 20) ? 0 : 1),
      ...more,
    }).input;

  test('compare pictures one by one only where the same seed was really sent for both', () => {
    const [found] = findingsOf(colors()).contrasts;
    expect(found).toMatchObject({
      primary: true,
      method: 'paired',
      n: [50, 50],
      certainty: 'certain',
      survives: true,
    });
    expect(found!.p).toBeLessThan(0.001);
    const [own] = findingsOf(colors({ sharesSeeds: false })).contrasts;
    expect(own).toMatchObject({ method: 'independent', n: [50, 50] });
    const unknown = withCells(colors(), (cell) => ({ ...cell, seedSource: 'unknown' }));
    expect(findingsOf(unknown).contrasts[0]).toMatchObject({ method: 'independent' });
    expect(contrastSentence(found!, colors().codebook)).toBe(
      'color "red" shows "A circle" more often than color "blue": +40 points (+25 to +52). Certain, also if all that is missing spoke against it.',
    );
  });

  test('of models are pooled by seeds, and each prompt counts alike', () => {
    const input = makeRound({
      ...{ prompts: shared, models: ['a/a', 'b/b'], samples: 30, raters: 1 },
      contrasts: primary({ model: true, one: 'b/b', other: 'a/a' }),
      shapeOf: (_prompt, model, seed) => ((seed * 7) % 30 < (model === 1 ? 24 : 9) ? 0 : 1),
    }).input;
    expect(findingsOf(input).contrasts[0]).toMatchObject({
      ...{ method: 'by seed', n: [60, 60], certainty: 'certain', difference: 0.5 },
    });
  });

  test('of models are those of their shares, also where one prompt has fewer pictures', () => {
    const whole = makeRound({
      ...{ prompts: shared, models: ['a/a', 'b/b'], samples: 40, raters: 1 },
      contrasts: primary({ model: true, one: 'b/b', other: 'a/a' }),
      shapeOf: (prompt, model, seed) => (seed % 10 < (prompt === model ? 2 : 8) ? 0 : 1),
    }).input;
    // The second prompt has 10 pictures in either model, the first one 40.
    const found = findingsOf(without(whole, (place) => place >= 80 && place % 40 >= 10));
    const [one, other] = ['b/b', 'a/a'].map(
      (model) =>
        found.shares.find(
          ({ group, answer }) => group.kind === 'model' && group.model === model && answer === 'circle',
        )!,
    );
    expect(one!.share).toBeCloseTo(0.5, 9);
    expect(other!.share).toBeCloseTo(0.5, 9);
    expect(found.contrasts[0]).toMatchObject({ method: 'by seed', n: [50, 50], certainty: 'not certain' });
    expect(found.contrasts[0]!.difference).toBeCloseTo(0, 9);
  });

  test('that are primary share 5 % among them; all others are counted, and shown at the level that their number leaves', () => {
    const input = colors({
      contrasts: [...byColor, ...byColor.map((one) => ({ ...one, answer: 'other' }))],
    });
    const found = findingsOf(input);
    expect(found.contrasts.map(({ primary: is, level }) => [is, level])).toEqual([
      [true, 0.975],
      [true, 0.975],
    ]);
    expect(found.exploratory.count).toBe(0);
    const open = findingsOf(colors({ contrasts: [] }));
    expect(open.exploratory).toEqual({ count: 2, certain: 2, level: 0.95 });
    expect(open.contrasts.every(({ primary: is }) => !is)).toBe(true);
  });

  const colorless = [{ text: 'a first one' }, { text: 'a second one' }];
  const models = primary({ model: true, one: 'b/b', other: 'a/a' });

  test('of models leave out a prompt that one of them shows nothing for', () => {
    const whole = makeRound({
      ...{ prompts: colorless, models: ['a/a', 'b/b'], samples: 40, raters: 1, sharesSeeds: false },
      contrasts: models,
      shapeOf: (prompt, _model, seed) => (prompt === 1 || seed % 2 === 0 ? 0 : 1),
    }).input;
    const isRefused = (n: number) => n >= 120;
    const input = without(
      withCells(whole, (cell) => ({
        ...cell,
        seedSource: 'unknown',
        ...(isRefused(cell.n) ? { status: 'refused', images: [] } : {}),
      })),
      isRefused,
    );
    expect(findingsOf(input).contrasts[0]).toMatchObject({
      ...{ method: 'independent', n: [40, 40], difference: 0, certainty: 'not certain' },
    });
  });

  test('of models that share no prompt are not measurable', () => {
    const whole = makeRound({
      ...{ prompts: colorless, models: ['a/a', 'b/b'], samples: 40, raters: 1, contrasts: models },
      shapeOf: (prompt) => prompt,
    }).input;
    const [found] = findingsOf(without(whole, (place) => place < 40 || place >= 120)).contrasts;
    expect(found).toMatchObject({ certainty: 'not measurable', survives: false, tooFew: true });
    expect(contrastSentence(found!, whole.codebook)).toBe(
      'b/b and a/a, "A circle": not measurable, because no prompt has pictures with an answer by both.',
    );
  });

  test('of a model with itself compare every two of its versions, once each', () => {
    const whole = makeRound({
      ...{ prompts: colorless, models: ['a/a', 'b/b', 'c/c'], samples: 20, raters: 1 },
      contrasts: primary({ model: true, one: 'a/a', other: 'a/a' }),
      shapeOf: (_prompt, model) => (model === 0 ? 0 : 1),
    }).input;
    const [{ plan, cells }] = whole.audits as [FindingsInput['audits'][number]];
    const models = plan.models.map((model, i) => ({ ...model, model: 'a/a', version: `version${i}` }));
    const found = findingsOf({ ...whole, audits: [{ plan: { ...plan, models }, cells }] }).contrasts;
    expect(
      found.filter(({ primary: is }) => is).map(({ one, other, level }) => [one, other, level.toFixed(4)]),
    ).toEqual([
      ['a/a (version0)', 'a/a (version1)', '0.9833'],
      ['a/a (version0)', 'a/a (version2)', '0.9833'],
      ['a/a (version1)', 'a/a (version2)', '0.9833'],
    ]);
  });

  test('from few pictures that are compared are not measurable, however many others there are', () => {
    const whole = makeRound({
      ...{ prompts: colorless, models: ['a/a', 'b/b'], samples: 40, raters: 1, contrasts: models },
      shapeOf: (_prompt, model) => model,
    }).input;
    // Both models have the first prompt in 4 pictures; the second one either has the other prompt alone, or not.
    const few = without(whole, (place) => (place < 80 ? place % 40 >= 4 : place >= 120));
    expect(findingsOf(few).contrasts[0]).toMatchObject({
      ...{ n: [4, 4], certainty: 'not measurable', survives: false, tooFew: true },
    });
    // 16 pictures each; 8 have a partner.
    const half = without(whole, (place) =>
      place % 80 < 40 ? place % 40 >= 16 : place % 40 < 8 || place % 40 >= 24,
    );
    const one = without(half, (place) => place >= 32);
    expect(findingsOf(one).contrasts[0]).toMatchObject({
      ...{ method: 'paired', n: [8, 8], certainty: 'not measurable', tooFew: true },
    });
  });

  test('of values count all prompts that are alike otherwise', () => {
    const prompts = ['red', 'blue'].flatMap((color) =>
      ['first', 'second'].map((text) => ({ text: `a ${text} ${color} one`, factors: { color } })),
    );
    const input = makeRound({
      ...{ prompts, models: ['a/a'], samples: 40, raters: 1, contrasts: byColor },
      shapeOf: (prompt, _model, seed) => (prompt === 1 || seed % 2 === 0 ? 0 : 1),
    }).input;
    // Red ones are circles in 1/2 and all pictures, blue ones in 1/2 and 1/2.
    expect(findingsOf(input).contrasts[0]).toMatchObject({
      ...{ method: 'by seed', difference: 0.25, certainty: 'certain' },
    });
  });

  test('do not survive refusals that could explain them', () => {
    const input = colors({
      shapeOf: (prompt: number, _model: number, seed: number) =>
        seed % 50 < (prompt === 0 ? 45 : 30) ? 0 : 1,
      isRefused: (shape: number) => shape === 1,
      samples: 50,
    });
    // What is shown are circles alone, so there is no difference left to see; half of it refused says nothing.
    expect(findingsOf(input).contrasts[0]).toMatchObject({
      difference: 0,
      certainty: 'not certain',
      survives: false,
    });
    const few = without(
      withCells(colors({ sharesSeeds: false }), (cell) =>
        cell.n >= 85 ? { ...cell, status: 'refused', images: [] } : cell,
      ),
      (place) => place >= 85,
    );
    expect(findingsOf(few).contrasts[0]).toMatchObject({ certainty: 'certain', survives: false });
  });

  test.each([
    ['one prompt', 'paired', 1, 30],
    ['several prompts', 'by seed', 2, 60],
  ])(
    'of %s count what both sides refused in proportion, if a part of the pictures is rated',
    (_what, method, count, n) => {
      const contrasts = primary({ model: true, one: 'b/b', other: 'a/a' });
      const refusing = (every: (sample: number) => boolean) => {
        const whole = makeRound({
          ...{ prompts: shared.slice(0, count), models: ['a/a', 'b/b'], samples: 100, raters: 1, contrasts },
          shapeOf: (_prompt, model, seed) => (seed % 10 < (model === 1 ? 8 : 2) ? 0 : 1),
        }).input;
        const refused = withCells(whole, (cell) =>
          every(cell.n % 100) ? { ...cell, status: 'refused', images: [] } : cell,
        );
        return findingsOf(without(refused, (place) => every(place % 100) || place % 100 >= 40)).contrasts[0];
      };
      // Both refuse 10 of 100, and 30 of the other 90 are rated: a third of what is missing counts, 3⅓ pairs.
      const few = refusing((sample) => sample < 10);
      expect(few).toMatchObject({ method, n: [n, n], certainty: 'certain', survives: true });
      // Both refuse 70, and all of the other 30 are rated: 70 pairs count.
      const most = refusing((sample) => sample < 10 || sample >= 40);
      expect(most).toMatchObject({ method, n: [n, n], certainty: 'certain', survives: false });
    },
  );
});

describe('agreement', () => {
  test('of 97 unanimous pictures and 3 split ones is −0.007, and their share is what it is', () => {
    const input = round(many(100, 0), {
      raters: 3,
    });
    const split = {
      ...input,
      snapshot: {
        ...input.snapshot,
        labels: input.snapshot.labels.map((label): typeof label =>
          label[0] >= 97 && label[2] === '3.1' ? [label[0], 0, '3.1', 'other', 1] : label,
        ),
      },
    };
    const found = findingsOf(split);
    expect(found.agreement[0]!.alpha).toBeCloseTo(-0.006734006734, 9);
    expect(found.agreement[0]!.percent).toBeCloseTo(0.98, 9);
    expect(shareOf(split)).toMatchObject({ n: 100, share: 1, tooFew: false });
  });

  test('has no α where all answers are equal', () => {
    const [found] = findingsOf(round(many(20, 0), { raters: 2 })).agreement;
    expect(found).not.toHaveProperty('alpha');
    expect(found).not.toHaveProperty('low');
    expect(found).toMatchObject({ pictures: 20, ratings: 40, percent: 1 });
  });

  test('has an interval that holds α, is the same every time, and counts first showings alone', () => {
    const input = round(many(20, 20), { raters: 2 });
    const flip = (label: (typeof input.snapshot.labels)[number]): typeof label =>
      label[0] % 5 === 0 && label[2] === '2.1' ? [label[0], 0, '2.1', 'circle', 1] : label;
    const labels = input.snapshot.labels.map(flip);
    const again = labels
      .slice(0, 10)
      .map(([item, question, rater]): (typeof labels)[number] => [
        ...([item, question, rater] as const),
        ...(['other', 2] as const),
      ]);
    const first = findingsOf({ ...input, snapshot: { ...input.snapshot, labels } });
    const both = findingsOf({ ...input, snapshot: { ...input.snapshot, labels: [...labels, ...again] } });
    const { alpha, low, high } = first.agreement[0]!;
    expect(low!).toBeLessThan(alpha!);
    expect(high!).toBeGreaterThan(alpha!);
    expect(both.agreement).toEqual(first.agreement);
    expect(both.consistency).toEqual([
      { question: 'shape', rater: '1.1', same: 0, of: 5 },
      { question: 'shape', rater: '2.1', same: 0, of: 5 },
    ]);
    expect(DRAWS).toBe(1_000);
  });

  test('draws the same numbers everywhere', () => {
    // The same in Python: tools/recompute.py draws these, too.
    const next = generator(42);
    expect([next(), next(), next()].map((one) => one.toFixed(9))).toEqual([
      '0.601103752',
      '0.448290559',
      '0.852465793',
    ]);
  });
});

test('findings are plain JSON and follow from what is given alone', () => {
  const input = round(many(15, 15), { raters: 3 });
  const found = findingsOf(input);
  expect(JSON.parse(JSON.stringify(found))).toEqual(found);
  expect(findingsOf(structuredClone(input))).toEqual(found);
});

test('a difference that rounds to nothing is said with a digit more, and as a difference where it is certain', () => {
  const sides = { question: 'shape', answer: 'circle', one: 'b/b', other: 'a/a', primary: true, level: 0.95 };
  const numbers = { difference: -0.004, low: -0.2, high: 0.2, survives: false, tooFew: false };
  const { codebook } = round([0]);
  expect(contrastSentence({ ...sides, ...numbers, certainty: 'not certain' }, codebook)).toBe(
    'b/b shows "A circle" about as often as a/a: −0.4 points (−20 to +20). Not certain: no difference is possible, too.',
  );
  const certain = { ...numbers, low: -0.007, high: -0.0004, certainty: 'certain' as const };
  expect(contrastSentence({ ...sides, ...certain }, codebook)).toBe(
    'b/b shows "A circle" less often than a/a: −0.4 points (−1 to −0.04). Certain for what is shown, but what is missing could undo it.',
  );
});

test('numbers that are not quite all or nothing are not said to be', () => {
  expect([0, 1e-5, 0.001, 0.5, 0.996, 0.99999, 1].map(percent)).toEqual([
    ...['0', '<1', '<1', '50', '>99', '>99', '100'],
  ]);
  expect([-0.25, -1e-17, 0, 0.0049, 0.25].map(points)).toEqual(['−25', '0', '0', '+0.5', '+25']);
});

test('of any round, a share lies in its interval, in its bounds and in the range of raters, and the bounds hold the interval', () => {
  const isWithin = (...ascending: (number | undefined)[]) =>
    ascending.every((value, i) => i === 0 || value! >= ascending[i - 1]! - 1e-9);
  for (let start = 0; start < 60; start++) {
    const { shares, contrasts } = findingsOf(anyRound(start));
    const faults = [
      ...shares.filter(
        ({ share, low, high, least, most, outerLow, outerHigh, unanimous, any }) =>
          share !== undefined &&
          !(
            isWithin(0, outerLow, low, share, high, outerHigh, 1) &&
            isWithin(outerLow, least, share, most, outerHigh) &&
            isWithin(unanimous, share, any)
          ),
      ),
      ...contrasts.filter(
        ({ certainty, survives, difference, low, high, n }) =>
          (difference !== undefined && !isWithin(-1, low, difference, high, 1)) ||
          (certainty === 'certain' && Math.min(...n!) < 12) ||
          (survives && certainty !== 'certain'),
      ),
    ];
    expect([start, faults]).toEqual([start, []]);
  }
});
