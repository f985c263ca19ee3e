import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseDesign } from '../../lib/audits/request.ts';
import { expandTemplate } from '../../lib/audits/template.ts';
import { authorize } from '../../lib/http/tokens.ts';
import { countCells } from '../../lib/records/pairs.ts';
import { cellAt, type Plan } from '../../lib/records/plan.ts';

const GOOD = { prompts: ['a doctor'], models: ['simulated/portrait'], samples: 2 };
const design = (change: object) => parseDesign(JSON.stringify({ ...GOOD, ...change }));

describe('a request for an audit', () => {
  test('is taken with its defaults', () => {
    expect(parseDesign(JSON.stringify(GOOD))).toMatchObject({
      prompts: [{ text: 'a doctor' }],
      models: [{ model: 'simulated/portrait', input: {} }],
      retention: 'standard',
    });
  });

  test.each([
    ['an unknown field', { promts: [] }, 422, /"promts" is not a known field/],
    ['no samples', { samples: undefined }, 422, /"samples" is missing/],
    ['half a sample', { samples: 1.5 }, 422, /"samples" must be a whole number/],
    ['a model that is no owner/name', { models: ['portrait'] }, 422, /models/],
    ['a path for a model', { models: ['../../etc'] }, 422, /models/],
    ['a control character', { prompts: ['a\u0000b'] }, 422, /must not hold control characters/],
    ['half an emoji', { prompts: ['\ud83d'] }, 422, /well-formed/],
    ['a prompt of 2,001 characters', { prompts: ['x'.repeat(2_001)] }, 422, /at most 2000 characters/],
    ['an empty prompt', { prompts: ['  '] }, 422, /must not be empty/],
    ['its own seed among the inputs', { input: { seed: 1 } }, 422, /must not hold prompt or seed/],
    [
      'too many cells',
      { prompts: Array.from({ length: 101 }, (_, i) => `x${i}`), samples: 100 },
      422,
      /are 10100 predictions; at most 10000/,
    ],
    ['prompts and a template', { template: 'a {b}', factors: { b: ['c'] } }, 422, /not both/],
    [
      'a template of long prompts',
      { prompts: undefined, template: '{a}'.repeat(20), factors: { a: ['x'.repeat(101)] } },
      422,
      /more than 2000 characters/,
    ],
    ['an unknown retention', { retention: 'forever' }, 422, /short, standard or keep/],
  ])('with %s is refused, and told what to change', (_name, change, status, detail) => {
    expect(() => design(change)).toThrow(
      expect.objectContaining({ status, message: expect.stringMatching(detail) }),
    );
  });

  test.each([
    ['a million prompts', { prompts: Array(1_000_000).fill(1) }, /"prompts" must have at most 10000 prompts/],
    ['a million models', { models: Array(1_000_000).fill(1) }, /"models" must have at most 20 models/],
    [
      'a million values',
      { factors: { a: Array(1_000_000).fill(1) } },
      /"factors.a" must have at most 1000 values/,
    ],
    [
      'a hundred thousand factors',
      { factors: Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [i, 1])) },
      /"factors" must have at most 20 factors/,
    ],
    [
      'a hundred thousand inputs',
      { input: Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`-${i}`, 1])) },
      /"input" must have at most 10000 characters/,
    ],
    [
      'a model with a hundred thousand inputs',
      {
        models: [
          {
            model: 'a/b',
            input: Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`-${i}`, 1])),
          },
        ],
      },
      /"models\[0\]\.input" must have at most 10000 characters/,
    ],
    ['a list for factors', { factors: Array(1_000_000).fill(1) }, /"factors" must be an object/],
  ])('of %s is refused for their number alone, before each is looked at', (_name, change, detail) => {
    expect(() => design(change)).toThrow(
      expect.objectContaining({ status: 422, members: { errors: [expect.stringMatching(detail)] } }),
    );
  });

  test('that is no JSON is 400, and one of more than 5 MB is 413', () => {
    expect(() => parseDesign('{')).toThrow(expect.objectContaining({ status: 400 }));
    expect(() => parseDesign(' '.repeat(5_000_001))).toThrow(expect.objectContaining({ status: 413 }));
  });

  test('has at most 20 factors, however they are spread over its prompts', () => {
    const design = (factors: number) => ({
      prompts: Array.from({ length: factors }, (_, i) => ({ text: `${i}`, factors: { [`f${i}`]: 'a' } })),
      models: ['a/b'],
      samples: 1,
    });
    expect(parseDesign(JSON.stringify(design(20))).prompts).toHaveLength(20);
    expect(() => parseDesign(JSON.stringify(design(21)))).toThrow(
      /^The prompts have 21 different factors together; at most 20 are allowed/,
    );
  });

  test('nested a hundred thousand deep is refused and brings nothing down', () => {
    const bomb = `{"input":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(() => parseDesign(bomb)).toThrow(expect.objectContaining({ name: 'Refusal' }));
  });

  test('of any JSON is a design within the limits, or refused in words; it is never a fault', () => {
    const anything = fc.oneof(fc.jsonValue(), fc.string(), fc.constantFrom('simulated/portrait', 1, [], {}));
    const almost = fc.record(
      {
        prompts: fc.oneof(
          fc.array(fc.string({ unit: 'binary' })),
          fc.array(
            fc.record(
              {
                text: fc.constantFrom('a', 'b', 'c'),
                factors: fc.oneof(fc.dictionary(fc.string(), fc.string()), anything),
                model: fc.constantFrom('a/b', 'c/d', 'nothing'),
              },
              { requiredKeys: [] },
            ),
          ),
          anything,
        ),
        compare: fc.oneof(fc.array(fc.string()), anything),
        reference: anything,
        template: anything,
        factors: fc.oneof(fc.dictionary(fc.string(), fc.array(fc.string())), anything),
        models: fc.oneof(fc.constant(['a/b']), fc.array(anything)),
        samples: fc.oneof(fc.integer(), fc.double(), anything),
        input: fc.oneof(fc.dictionary(fc.string(), anything), anything),
        seed: anything,
        name: anything,
        retention: anything,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(almost, anything), (body) => {
        try {
          expect(countCells(parseDesign(JSON.stringify(body) ?? ''))).toBeLessThanOrEqual(10_000);
        } catch (error) {
          expect(error).toMatchObject({ name: 'Refusal', message: expect.stringMatching(/\w/) });
          expect([400, 413, 422]).toContain((error as { status: number }).status);
        }
      }),
      { numRuns: 300 },
    );
  });

  test.each(readdirSync('events/audits').filter((name) => name.endsWith('.json')))(
    'is what the example %s is',
    (name) => {
      expect(countCells(parseDesign(readFileSync(`events/audits/${name}`, 'utf8')))).toBeGreaterThan(0);
    },
  );

  test('with right-to-left marks, accents and emoji is taken to the letter', () => {
    const text = 'une photo d’une médecin \u200f👩🏽‍⚕️ ärztin';
    expect(design({ prompts: [text] }).prompts).toEqual([{ text }]);
  });
});

describe('a template', () => {
  const MOST = { prompts: 1_000, promptLength: 2_000 };

  test('makes every combination, the last factor varying fastest', () => {
    const prompts = expandTemplate('a {g} {j}', { g: ['man', 'woman'], j: ['nurse', 'judge'] }, MOST);
    expect(prompts.map(({ text }) => text)).toEqual([
      'a man nurse',
      'a man judge',
      'a woman nurse',
      'a woman judge',
    ]);
    expect(prompts[2]?.factors).toEqual({ g: 'woman', j: 'nurse' });
  });

  test.each([
    ['an unknown factor', 'a {x}', {}, /uses \{x\}, but factors has no values/],
    ['a factor without a place', 'a', { x: ['1'] }, /has no \{x\}/],
    ['a nested factor', 'a {x{y}}', { x: ['1'] }, /cannot be nested/],
    ['an unclosed factor', 'a {x', { x: ['1'] }, /never closed/],
    ['a lonely brace', 'a }', {}, /without a \{/],
    ['a value given twice', 'a {x}', { x: ['1', '1'] }, /same value twice/],
    [
      'too many combinations',
      '{a}{b}',
      { a: Array.from({ length: 40 }, (_, i) => `${i}`), b: Array.from({ length: 40 }, (_, i) => `${i}`) },
      /make 1600 prompts/,
    ],
    ['a name from the prototype', '{constructor}', {}, /no values/],
  ])('with %s is refused in words', (_name, template, factors, words) => {
    expect(() => expandTemplate(template, factors as Record<string, string[]>, MOST)).toThrow(words);
  });

  test('is given up at the first prompt that is too long, before the others are made', () => {
    const values = Array.from({ length: 1_000 }, (_, i) => `${i}`.padEnd(200, 'x'));
    let reads = 0;
    const counted = new Proxy(values, {
      get(target, name) {
        if (typeof name === 'string' && /^\d+$/.test(name)) reads++;
        return Reflect.get(target, name);
      },
    });
    expect(() => expandTemplate('{a}'.repeat(666), { a: counted }, MOST)).toThrow(
      /more than 2000 characters/,
    );
    // Each is read once by the search for values given twice, and the first is filled in.
    expect(reads).toBe(values.length + 1);
  });

  test('never leaves a brace of its own behind, whatever the values', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 5 }), (values) => {
        const prompts = expandTemplate('<{x}>', { x: values }, MOST);
        expect(prompts.map(({ text }) => text)).toEqual(values.map((value) => `<${value}>`));
      }),
    );
  });
});

describe('a cell', () => {
  const plan = {
    id: 'a',
    seed: 7,
    samples: 3,
    input: {},
    prompts: [{ text: 'p0' }, { text: 'p1' }],
    models: [0, 1].map((m) => ({
      model: `o/m${m}`,
      version: null,
      input: {},
      inputs: null,
      seed: 'unknown' as const,
    })),
  } as unknown as Plan;

  test('is numbered by prompt, then model, then sample', () => {
    const cells = Array.from({ length: countCells(plan) }, (_, n) => cellAt(plan, n));
    expect(
      cells.map(({ prompt, model, sample }) => `${prompt.text} ${model.model} ${sample}`).slice(2, 7),
    ).toEqual(['p0 o/m0 2', 'p0 o/m1 0', 'p0 o/m1 1', 'p0 o/m1 2', 'p1 o/m0 0']);
    expect(() => cellAt(plan, 12)).toThrow(RangeError);
  });
});

describe('a token', () => {
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const tokens = JSON.stringify([
    { name: 'ada', sha256: sha256('t-audit'), scope: 'audit' },
    { name: 'eve', sha256: sha256('t-read'), scope: 'read' },
    { name: 'old', sha256: sha256('t-old'), scope: 'audit', expires: '2026-01-01T00:00:00Z' },
  ]);
  const now = new Date('2026-06-01T00:00:00Z');

  test('names who asks', () => {
    expect(authorize('Bearer t-audit', tokens, 'audit', now).name).toBe('ada');
    expect(authorize('bearer t-read', tokens, 'read', now).name).toBe('eve');
  });

  test.each([
    ['missing', undefined, 'read', 401],
    ['no bearer', 'Basic t-audit', 'read', 401],
    ['unknown', 'Bearer nobody', 'read', 401],
    ['expired', 'Bearer t-old', 'read', 401],
    ['for reading only', 'Bearer t-read', 'audit', 403],
    ['its own hash', `Bearer ${sha256('t-audit')}`, 'read', 401],
  ] as const)('that is %s is refused', (_name, header, scope, status) => {
    expect(() => authorize(header, tokens, scope, now)).toThrow(expect.objectContaining({ status }));
  });
});
