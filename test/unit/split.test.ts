import fc from 'fast-check';
import { type DesignBody, designKey } from '../../cli/design.ts';
import { type Room, requireOne, splitDesign } from '../../cli/split.ts';
import { parseDesign } from '../../lib/audits/request.ts';
import { DESIGN } from '../../lib/limits.ts';
import { type SeedPlan, seedOf } from '../../lib/records/plan.ts';

/** How a design that is too large for one audit becomes several. */

const numbered = (n: number) => Array.from({ length: n }, (_, i) => `prompt ${i}`);
const body = (design: object) => ({ models: ['a/b'], samples: 1, ...design }) as DesignBody;
const textsOf = ({ prompts = [] }: DesignBody) =>
  prompts.map((prompt) => (typeof prompt === 'string' ? prompt : prompt.text));
const small: Room = { prompts: 5, models: 3, predictions: 40, bytes: 10_000 };

test('a design that fits is left as it is, to the byte, whatever its label: it is the audit that it was before', () => {
  const design = body({ prompts: numbered(DESIGN.prompts), samples: 10, maxCost: 3 });
  expect(splitDesign(design, 'x')).toEqual([design]);
  expect(() => requireOne(splitDesign(design))).not.toThrow();
});

test.each<[string, object, number[]]>([
  ['prompts', { prompts: numbered(2_500) }, [1_000, 1_000, 500]],
  ['predictions', { prompts: numbered(30), samples: 400, models: ['a/b', 'c/d'] }, [12, 12, 6]],
  ['bytes', { prompts: numbered(1_000).map((text) => text.padEnd(2_000, '护')) }, [752, 248]],
])('too many %s make parts that are each as full as an audit may be', (_, design, sizes) => {
  const parts = splitDesign(body(design));
  expect(parts.map(({ prompts }) => prompts!.length)).toEqual(sizes);
  for (const part of parts) expect(() => parseDesign(JSON.stringify(part))).not.toThrow();
  expect(() => requireOne(parts)).toThrow(/Pass --study "a name"/);
});

test('parts have all prompts, each once and in order, and none is too large', () => {
  const designs = fc.record({
    prompts: fc.uniqueArray(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1, maxLength: 60 }),
    samples: fc.integer({ min: 1, max: 13 }),
    models: fc.constantFrom(['a/b'], ['a/b', 'c/d'], ['a/b', 'c/d', 'e/f']),
  });
  fc.assert(
    fc.property(designs, (drawn) => {
      const design = body(drawn);
      const parts = splitDesign(design, '', small);
      expect(parts.flatMap(textsOf)).toEqual(design.prompts);
      for (const { prompts = [], models = [], samples = 0 } of parts) {
        expect(prompts.length).toBeLessThanOrEqual(small.prompts);
        expect(prompts.length * models.length * samples).toBeLessThanOrEqual(small.predictions);
      }
      expect(splitDesign(design, '', small)).toEqual(parts);
    }),
  );
});

test('all parts have one seed: that of the design, or one that follows from design and label', () => {
  const design = body({ prompts: numbered(1_500) });
  const seedsOf = (parts: DesignBody[]) => parts.map(({ seed }) => seed);
  const [seed, other] = seedsOf(splitDesign(design));
  expect(other).toBe(seed);
  expect(seed).toBeLessThanOrEqual(2 ** 31 - 1);
  expect(seedsOf(splitDesign(design))).toEqual([seed, seed]);
  expect(seedsOf(splitDesign(design, 'fresh'))).not.toContain(seed);
  expect(seedsOf(splitDesign(body({ prompts: numbered(1_501) })))).not.toContain(seed);
  expect(seedsOf(splitDesign(body({ prompts: numbered(1_500), seed: 7 }), 'fresh'))).toEqual([7, 7]);
});

test('each part has a key and a name of its own, and its share of the most that may be spent', () => {
  const parts = splitDesign(body({ prompts: numbered(2_500), name: 'n'.repeat(200), maxCost: 1 }));
  expect(new Set(parts.map((part) => designKey(part))).size).toBe(3);
  expect(parts.map(({ maxCost }) => maxCost)).toEqual([0.4, 0.4, 0.2]);
  expect(parts.map(({ name }) => name)).toEqual(
    [1, 2, 3].map((part) => `${'n'.repeat(200 - ' (part 1)'.length)} (part ${part})`),
  );
  expect(splitDesign(body({ prompts: numbered(2_500) })).some((part) => 'name' in part)).toBe(false);
});

test('a prompt that is too large alone, or a design of more audits than a study takes, is refused with what to do', () => {
  const models = Array.from({ length: 20 }, (_, i) => `a/m${i}`);
  expect(() => splitDesign(body({ prompts: ['a nurse'], models, samples: 1_000 }))).toThrow(
    /"a nurse" alone would be 20,000 predictions .* another --key/,
  );
  expect(() => splitDesign(body({ prompts: numbered(100_001) }))).toThrow(/becomes 101 audits/);
});

test('the same rows of a table stay together, and a part names only models, factors and references that it has', () => {
  const rows = [
    { text: 'a', model: 'a/b' },
    { text: 'b', factors: { size: 'L' } },
    { text: 'c', model: 'c/d', factors: { share: '1' } },
    { text: 'a', model: 'c/d' },
    ...numbered(4).map((text) => ({ text, model: 'e/f' })),
  ];
  const design = body({ prompts: rows, models: ['g/h'], compare: ['size'], reference: 'share' });
  const parts = splitDesign(design, '', { ...small, prompts: 3 });
  expect(parts.map(textsOf)).toEqual([
    ['a', 'b', 'c', 'a'],
    ['prompt 0', 'prompt 1', 'prompt 2'],
    ['prompt 3'],
  ]);
  expect(parts.map(({ models, compare, reference }) => ({ models, compare, reference }))).toEqual([
    { models: ['g/h'], compare: ['size'], reference: 'share' },
    { models: undefined, compare: undefined, reference: undefined },
    { models: undefined, compare: undefined, reference: undefined },
  ]);
  for (const part of parts) expect(() => parseDesign(JSON.stringify(part))).not.toThrow();
});

test('each prompt has the seeds that it would have in one audit of the whole, also across what is compared', () => {
  const prompts = ['female', 'male', 'other'].flatMap((gender) =>
    numbered(7).map((job) => ({ text: `a ${gender} ${job}`, factors: { gender, job } })),
  );
  const design = body({ prompts, compare: ['gender'], samples: 2 });
  const seedsOf = (part: DesignBody, seed: number) => {
    const plan = { version: 2, ...parseDesign(JSON.stringify(part)), seed } as SeedPlan;
    return plan.prompts.map(({ text }, place) => [text, seedOf(plan, place, 0), seedOf(plan, place, 1)]);
  };
  const parts = splitDesign(design, '', small);
  expect(parts.map((part) => textsOf(part).length)).toEqual([3, 3, 3, 3, 3, 3, 3]);
  const seed = parts[0]!.seed!;
  const apart = parts.flatMap((part) => seedsOf(part, part.seed!)).sort();
  expect(apart).toEqual(seedsOf(design, seed).sort());
  expect(new Set(apart.map(([, first]) => first)).size).toBe(7);
});

test('a template that makes too many prompts becomes parts with its factors', () => {
  const values = (name: string) => Array.from({ length: 40 }, (_, i) => `${name}${i}`);
  const design = { template: 'a {x} {y}', factors: { x: values('x'), y: values('y') }, compare: ['x'] };
  const parts = splitDesign(body(design));
  expect(parts.map((part) => parseDesign(JSON.stringify(part)).prompts.length)).toEqual([1_000, 600]);
  expect(parts[0]!.prompts![0]).toEqual({ text: 'a x0 y0', factors: { x: 'x0', y: 'y0' } });
});

test.each([
  { prompts: ['a'], models: 'a/b' },
  { prompts: 'a' },
  { prompts: [1, null] },
  { prompts: [{ text: 1 }] },
  { prompts: [{ text: 'a', factors: null }], compare: ['x'] },
  { prompts: ['a'], models: [1, null], samples: 'x' },
  { template: 1, factors: { a: 1 } },
  { template: 'a {b}', factors: { b: 'c' } },
  { template: 'a {b}', factors: null },
])('%j is left to the API, which says what is wrong with it', (wrong) => {
  const design = { models: ['a/b'], samples: 1, ...wrong } as unknown as DesignBody;
  expect(splitDesign(design)).toEqual([design]);
  expect(() => parseDesign(JSON.stringify(design))).toThrow(/^Please change: /);
});
