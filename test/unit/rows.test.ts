import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseDesign } from '../../lib/audits/request.ts';
import { groupsOf, mergeRows, type Row } from '../../lib/audits/rows.ts';
import { toPrompts } from '../../lib/design-file/rows.ts';
import {
  countCells,
  countPairs,
  numberOf,
  pairAt,
  pairNumber,
  placeOf,
  promptsByModel,
} from '../../lib/records/pairs.ts';
import { cellAt, type Plan, type Prompt } from '../../lib/records/plan.ts';

/** Prompts as people have them: rows of a table with attributes, some for one model only, some there twice. */

const design = (change: object) =>
  parseDesign(JSON.stringify({ prompts: ['a doctor'], models: ['a/one'], samples: 2, ...change }));

const refused = (change: object): string => {
  try {
    design(change);
  } catch (error) {
    expect(error).toMatchObject({ name: 'Refusal', status: 422 });
    return (error as Error).message;
  }
  throw new Error('it was accepted');
};

/** A plan of a design, as accept writes it. */
const planOf = (change: object): Plan => {
  const { prompts, models, pairs, groups, samples, seed = 1 } = design(change);
  return {
    ...{ version: 2, id: 'a', prompts, samples, seed, input: {} },
    ...(pairs ? { pairs } : {}),
    ...(groups ? { groups } : {}),
    models: models.map(({ model, input }) => ({
      model,
      version: null,
      input,
      inputs: null,
      seed: 'supported',
    })),
    cells: countCells({ prompts, models, samples, pairs }),
  } as unknown as Plan;
};

const cellsOf = (plan: Plan) => Array.from({ length: plan.cells }, (_, n) => cellAt(plan, n));
const seedsOf = (plan: Plan, text: string) =>
  cellsOf(plan)
    .filter(({ prompt }) => prompt.text === text)
    .map(({ seed }) => seed);

describe('a row with a model of its own', () => {
  test('goes to this model alone, and the others go to all models', () => {
    const plan = planOf({
      prompts: ['a judge', { text: 'a doctor', model: 'a/one' }, { text: 'a nurse', model: 'c/three' }],
      models: ['a/one', 'b/two'],
      samples: 1,
    });
    expect(cellsOf(plan).map(({ prompt, model }) => `${prompt.text}, ${model.model}`)).toEqual([
      'a judge, a/one',
      'a judge, b/two',
      'a doctor, a/one',
      'a nurse, c/three',
    ]);
  });

  test('makes two pairs of two rows, not four, also without "models"', () => {
    const rows = [
      { text: 'doctor', model: 'simulated/flash' },
      { text: 'nurse', model: 'simulated/portrait' },
    ];
    const found = design({ prompts: rows, models: undefined, samples: 10 });
    expect(found.pairs).toEqual([
      [0, 0],
      [1, 1],
    ]);
    expect(countCells(found)).toBe(20);
    expect(found.models.map(({ model }) => model)).toEqual(['simulated/flash', 'simulated/portrait']);
  });

  test('needs no pairs if every prompt goes to every model all the same', () => {
    const rows = ['doctor', 'nurse'].flatMap((text) => ['b/two', 'a/one'].map((model) => ({ text, model })));
    expect(design({ prompts: rows, models: undefined }).pairs).toBeUndefined();
    expect(design({ prompts: rows, models: undefined }).merged).toBe(0);
  });

  test('keeps the inputs that "models" has for it', () => {
    const models = [{ model: 'a/one', input: { steps: 4 } }];
    expect(design({ prompts: [{ text: 'doctor', model: 'a/one' }], models }).models).toEqual(models);
  });

  test.each<[string, object, RegExp]>([
    [
      'a row without a model, if there are none for all',
      { prompts: [{ text: 'a', model: 'a/one' }, 'b'], models: undefined },
      /"prompts\[1\]" names no model/,
    ],
    [
      'a model for all that no row is left for',
      { prompts: [{ text: 'a', model: 'a/one' }], models: ['b/two'] },
      /"b\/two" in "models" would get no prompt/,
    ],
    [
      'a model that stands twice in "models"',
      {
        prompts: ['b', { text: 'a', model: 'a/one' }],
        models: ['a/one', { model: 'a/one', input: { steps: 1 } }],
      },
      /"prompts\[1\]" names the model "a\/one", which is in "models" more than once/,
    ],
    ['the same model twice with the same inputs', { models: ['a/one', 'a/one'] }, /"a\/one" twice/],
    [
      'more models than an audit may have',
      { prompts: Array.from({ length: 21 }, (_, i) => ({ text: 'a', model: `a/m${i}` })), models: undefined },
      /21 models/,
    ],
    [
      'a model that is no name',
      { prompts: [{ text: 'a', model: 'one' }] },
      /"prompts\[0\]\.model" must be owner\/name/,
    ],
  ])('is refused for %s', (_name, change, detail) => {
    expect(refused(change)).toMatch(detail);
  });
});

describe('a prompt that is there twice', () => {
  test('is asked once, and the answer says how many were left out', () => {
    const found = design({ prompts: ['a nurse', 'a doctor', ' a nurse ', { text: 'a nurse', factors: {} }] });
    expect(found.prompts).toEqual([{ text: 'a nurse' }, { text: 'a doctor' }]);
    expect(found.merged).toBe(2);
  });

  test('is one prompt also where its rows name different models', () => {
    const rows = [
      { text: 'a nurse', factors: { job: 'nurse', sex: 'any' }, model: 'a/one' },
      { text: 'a doctor', model: 'a/one' },
      { text: 'a nurse', factors: { sex: 'any', job: 'nurse' }, model: 'b/two' },
    ];
    expect(design({ prompts: rows, models: undefined })).toMatchObject({
      prompts: [{ text: 'a nurse', factors: { job: 'nurse', sex: 'any' } }, { text: 'a doctor' }],
      pairs: [
        [0, 0],
        [0, 1],
        [1, 0],
      ],
      merged: 0,
    });
  });

  test('is left out where a row before it already went to all models', () => {
    const rows = ['a nurse', { text: 'a nurse', model: 'a/one' }];
    expect(design({ prompts: rows })).toMatchObject({ prompts: [{ text: 'a nurse' }], merged: 1 });
  });

  test('is refused with different factors, and both places are named', () => {
    const rows = ['a doctor', { text: 'a nurse', factors: { job: 'nurse' } }, { text: 'a nurse' }];
    expect(refused({ prompts: rows })).toMatch(
      /"prompts\[1\]" and "prompts\[2\]" have the same text and different factors/,
    );
    const template = { prompts: undefined, template: '{a}{b}', factors: { a: ['x', 'xy'], b: ['yz', 'z'] } };
    expect(refused(template)).toMatch(
      /prompt 1 of the template and prompt 4 of the template have the same text/,
    );
  });

  test('counts once towards the limits', () => {
    const rows = Array.from({ length: 2_000 }, (_, i) => `prompt ${i % 1_000}`);
    expect(design({ prompts: rows, samples: 1 })).toMatchObject({ merged: 1_000 });
    expect(refused({ prompts: [...rows, 'one more'], samples: 1 })).toMatch(/1001 different prompts/);
  });
});

test('what a file is read to comes to the same prompts and pairs as all of its rows', () => {
  const rows = fc.array(
    fc.record({
      text: fc.constantFrom('a nurse', 'a doctor', ' a doctor ', 'a judge'),
      model: fc.constantFrom('', 'a/one', 'b/two'),
    }),
    { minLength: 1, maxLength: 12 },
  );
  const factorsOf = (text: string): [string, string][] => [['job', text.trim().slice(2)]];
  fc.assert(
    fc.property(rows, (rows) => {
      const models = ['a/one', 'c/three'];
      const placed = rows.map(({ text, model }, i) => ({
        ...{ place: `row ${i}`, text, model, factors: factorsOf(text) },
      }));
      const raw = rows.map(({ text, model }) => ({
        ...{ text, factors: Object.fromEntries(factorsOf(text)) },
        ...(model === '' ? {} : { model }),
      }));
      const of = (prompts: unknown[]) => {
        try {
          const { merged: _, ...found } = design({ prompts, models, samples: 1 });
          return found;
        } catch (error) {
          return (error as Error).message;
        }
      };
      expect(of(toPrompts(placed, 'a.csv').prompts)).toEqual(of(raw));
    }),
    { numRuns: 300 },
  );
});

describe('factors of rows', () => {
  test.each(['__proto__', 'constructor', 'prototype'])(
    'may not be named %s, neither in rows nor in templates, where they would vanish',
    (name) => {
      const body = (part: string) => `{${part},"models":["a/one"],"samples":1}`;
      const inRow = body(`"prompts":[{"text":"a","factors":{${JSON.stringify(name)}:"x"}}]`);
      const inTemplate = body(`"template":"a {${name}}","factors":{${JSON.stringify(name)}:["x"]}`);
      for (const text of [inRow, inTemplate])
        expect(() => parseDesign(text)).toThrow(/must not have the names __proto__, constructor, prototype/);
      expect(Object.keys(Object.prototype)).toEqual([]);
    },
  );

  test('may be named like a member of every object, and belong to those that have them', () => {
    const rows: Row[] = [
      { text: 'a', factors: { toString: '1', hasOwnProperty: 'x' } as object as Record<string, string> },
      { text: 'b', factors: { x: 'y' } },
    ];
    const found = design({ prompts: rows, compare: ['hasOwnProperty'], reference: 'toString' });
    expect(found.prompts).toEqual(rows);
    expect(found.groups).toEqual([0, 1]);
  });

  test.each<[string, unknown, RegExp]>([
    ['a value that is a number', { share: 0.87 }, /"prompts\[0\]\.factors\.share" must be a text, not 0\.87/],
    ['an empty value', { share: ' ' }, /"prompts\[0\]\.factors\.share" must not be empty/],
    ['a long value', { share: 'x'.repeat(201) }, /must have at most 200 characters/],
    ['a name with a space', { 'share of women': '1' }, /must have names of 1 to 40 letters, digits, _ or -/],
    ['a name of 41 letters', { ['x'.repeat(41)]: '1' }, /must have names of 1 to 40/],
    [
      '21 factors',
      Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`f${i}`, 'x'])),
      /at most 20 factors/,
    ],
    ['a list', ['x'], /"prompts\[0\]\.factors" must be an object/],
  ])('are refused for %s', (_name, factors, detail) => {
    expect(refused({ prompts: [{ text: 'a', factors }] })).toMatch(detail);
  });

  test('are refused in a row with an unknown member', () => {
    expect(refused({ prompts: [{ text: 'a', group: 'x' }] })).toMatch(
      /"prompts\[0\]\.group" is not a known field \(known: text, factors, model\)/,
    );
  });
});

describe('what is contrasted, and what it is held against', () => {
  const jobs = ['doctor', 'nurse'].flatMap((job) =>
    ['female', 'male'].map((gender) => ({ text: `a ${gender} ${job}`, factors: { gender, job } })),
  );

  test('each prompt has seeds of its own, the same for all models', () => {
    const plan = planOf({ prompts: jobs, models: ['a/one', 'b/two'], samples: 3 });
    const all = jobs.map(({ text }) => seedsOf(plan, text));
    for (const seeds of all) expect(seeds.slice(3)).toEqual(seeds.slice(0, 3));
    expect(new Set(all.flat()).size).toBe(jobs.length * 3);
  });

  test('prompts that differ in a compared factor alone share seeds', () => {
    const plan = planOf({ prompts: jobs, compare: ['gender'], samples: 3 });
    expect(seedsOf(plan, 'a female doctor')).toEqual(seedsOf(plan, 'a male doctor'));
    expect(seedsOf(plan, 'a female nurse')).toEqual(seedsOf(plan, 'a male nurse'));
    expect(new Set(jobs.flatMap(({ text }) => seedsOf(plan, text))).size).toBe(6);
  });

  test('prompts of a template share seeds in the same way', () => {
    const template = {
      template: 'a {gender} {job}',
      factors: { gender: ['female', 'male'], job: ['pilot', 'cook'] },
    };
    const plan = planOf({ prompts: undefined, ...template, compare: ['gender'] });
    expect(plan.groups).toEqual([0, 1, 0, 1]);
    expect(seedsOf(plan, 'a female pilot')).toEqual(seedsOf(plan, 'a male pilot'));
    expect(seedsOf(plan, 'a male cook')).not.toEqual(seedsOf(plan, 'a male pilot'));
  });

  test('two wordings of one group share no seeds, and each shares those of one of the other group', () => {
    const rows = ['a woman', 'a lady', 'a man', 'a gentleman', 'a chap'].map((text, i) => ({
      text,
      factors: { gender: i < 2 ? 'female' : 'male' },
    }));
    expect(design({ prompts: rows, compare: ['gender'] }).groups).toEqual([0, 1, 0, 1, 4]);
  });

  test('a prompt without the compared factor is the ground that the others are compared with', () => {
    const neutral = { text: 'a doctor', factors: { job: 'doctor' } };
    const plan = planOf({ prompts: [...jobs, neutral, 'a tree'], compare: ['gender'] });
    expect(seedsOf(plan, 'a doctor')).toEqual(seedsOf(plan, 'a female doctor'));
    expect(seedsOf(plan, 'a tree')).not.toEqual(seedsOf(plan, 'a female doctor'));
  });

  test('a reference does not keep prompts from sharing seeds', () => {
    const rows = jobs.map((row, i) => ({ ...row, factors: { ...row.factors, share: `0.${i}` } }));
    const plan = planOf({ prompts: rows, compare: ['gender'], reference: 'share' });
    expect(seedsOf(plan, 'a female doctor')).toEqual(seedsOf(plan, 'a male doctor'));
  });

  test('prompts with the same values of compared factors never share seeds, and those that can be matched do', () => {
    const factors = fc.dictionary(fc.constantFrom('gender', 'age', 'job'), fc.constantFrom('x', 'y'));
    fc.assert(
      fc.property(fc.array(factors), fc.subarray(['gender', 'age', 'job']), (some, compare) => {
        const prompts = some.map((factors, i): Prompt => ({ text: `prompt ${i}`, factors }));
        const groups = groupsOf(prompts, compare);
        const values = ({ factors = {} }: Prompt, compared: boolean) =>
          JSON.stringify(
            Object.entries(factors)
              .filter(([name]) => compare.includes(name) === compared)
              .sort(),
          );
        for (const [p, one] of prompts.entries())
          for (const [q, other] of prompts.entries()) {
            if (p === q || groups[p] !== groups[q]) continue;
            expect(values(one, true)).not.toBe(values(other, true));
            expect(values(one, false)).toBe(values(other, false));
          }
        // A group is as large as it can be: there are no more of them than the most frequent value needs.
        for (const rest of new Set(prompts.map((one) => values(one, false)))) {
          const mine = prompts.flatMap((one, p) => (values(one, false) === rest ? [p] : []));
          const most = Math.max(
            ...Object.values(Object.groupBy(mine, (p) => values(prompts[p]!, true))).map(
              (found) => found!.length,
            ),
          );
          expect(new Set(mine.map((p) => groups[p])).size).toBe(most);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('the same prompt has the same seeds in an audit with the same seed and other prompts', () => {
    const alone = planOf({ prompts: ['a nurse'], seed: 7, samples: 5 });
    const among = planOf({ prompts: ['a judge', 'a nurse'], seed: 7, samples: 5 });
    expect(seedsOf(among, 'a nurse')).toEqual(seedsOf(alone, 'a nurse'));
  });

  test.each<[string, object, RegExp]>([
    [
      'an unknown factor to compare',
      { compare: ['sex'] },
      /"compare" names a factor "sex" that no prompt has\. Factors: gender, job\./,
    ],
    ['an unknown reference', { reference: 'share' }, /"reference" names a factor "share"/],
    [
      'a reference that is no number',
      { reference: 'job' },
      /must be a number, such as 0\.87.*"doctor" as "job"/,
    ],
    ['a reference that is compared', { compare: ['job'], reference: 'job' }, /remove it from one/],
    ['a name that no factor has', { compare: ['a b'] }, /"compare\[0\]" must have names/],
  ])('%s is refused', (_name, change, detail) => {
    expect(refused({ prompts: jobs, ...change })).toMatch(detail);
  });

  test('a comma in a number of the reference is refused, and a missing value is not', () => {
    const rows = (share: string) => [{ text: 'a', factors: { share } }, 'b'];
    expect(refused({ prompts: rows('0,87'), reference: 'share' })).toMatch(/such as 0\.87/);
    for (const share of ['0.87', '87', '-1.5e3', '.5', '+2.'])
      expect(design({ prompts: rows(share), reference: 'share' }).reference).toBe('share');
  });
});

describe('a plan from before there were versions', () => {
  /** As `audit.json` has it. */
  const old = (seed: number, samples: number, seeds?: object) =>
    JSON.parse(
      JSON.stringify({
        ...{
          id: '7z0000000000000000000000aa',
          name: 'Jobs',
          createdBy: 'ann',
          request: 'r',
          retention: 'keep',
        },
        ...{ createdAt: '2026-01-01T00:00:00.000Z', seed, samples, seeds, input: {}, cells: 4 * samples },
        prompts: [
          { text: 'a doctor', factors: { job: 'doctor' } },
          { text: 'a nurse', factors: { job: 'nurse' } },
        ],
        models: ['a/one', 'b/two'].map((model) => ({
          ...{ model, version: null, input: {}, inputs: ['prompt', 'seed'], seed: 'supported' },
        })),
      }),
    ) as Plan;

  test.each<[string, Plan, number[]]>([
    ['of 31 bits', old(1, 3), [208_367_845, 312_396_423, 1_822_214_455]],
    ['of the largest seed', old(4_294_967_295, 4), [91_583_342, 248_623_791, 1_852_350_900, 356_502_572]],
    ['of 16 bits', old(7, 3, { least: 0, most: 65_535 }), [13_517, 54_020, 28_987]],
    ['of four', old(1, 4, { least: 10, most: 13 }), [11, 10, 13, 12]],
  ])('keeps its seeds %s, the same for all prompts and models', (_name, plan, seeds) => {
    expect(cellsOf(plan).map(({ seed }) => seed)).toEqual([...seeds, ...seeds, ...seeds, ...seeds]);
  });

  test('keeps its numbers: by prompt, then model, then sample', () => {
    const { length } = cellsOf(old(1, 3));
    expect(length).toBe(12);
    expect(cellAt(old(1, 3), 7)).toMatchObject({
      prompt: { text: 'a nurse' },
      model: { model: 'a/one' },
      sample: 1,
    });
  });
});

describe('the numbers of cells', () => {
  const shapes = fc
    .record({
      rows: fc.array(
        fc.record(
          { text: fc.constantFrom('a', 'b', 'c', 'd', 'e'), model: fc.constantFrom('m/1', 'm/2', 'm/3') },
          { requiredKeys: ['text'] },
        ),
        { minLength: 1, maxLength: 12 },
      ),
      samples: fc.integer({ min: 1, max: 4 }),
    })
    .map(({ rows, samples }) => {
      const models = rows.some(({ model }) => !model) ? [{ model: 'm/2', input: {} }] : [];
      return { rows: rows as Row[], samples, ...mergeRows(rows as Row[], models) };
    });

  test('are those of pairs and samples, each once, and lead back to both', () => {
    fc.assert(
      fc.property(shapes, (plan) => {
        expect(countPairs(plan) * plan.samples).toBe(countCells(plan));
        const places = Array.from({ length: countCells(plan) }, (_, n) => placeOf(plan, n)!);
        expect(new Set(places.map((place) => JSON.stringify(place))).size).toBe(countCells(plan));
        expect(places.map((place) => numberOf(plan, place))).toEqual(places.map((_, n) => n));
        expect(placeOf(plan, countCells(plan))).toBeUndefined();
        expect(promptsByModel(plan).reduce((sum, count) => sum + count, 0)).toBe(countPairs(plan));
      }),
      { numRuns: 500 },
    );
  });

  test('ask every row of its model once, and nothing else', () => {
    fc.assert(
      fc.property(shapes, (plan) => {
        const asked = Array.from({ length: countPairs(plan) }, (_, k) => {
          const [prompt, model] = pairAt(plan, k)!;
          return `${plan.prompts[prompt]!.text} ${plan.models[model]!.model}`;
        });
        const wanted = plan.rows.flatMap(({ text, model = 'm/2' }) => [`${text} ${model}`]);
        expect(asked.toSorted()).toEqual([...new Set(wanted)].sort());
        for (const prompt of plan.prompts.keys())
          for (const model of plan.models.keys()) {
            const k = pairNumber(plan, prompt, model);
            const text = `${plan.prompts[prompt]!.text} ${plan.models[model]!.model}`;
            expect(k !== undefined).toBe(asked.includes(text));
            if (k !== undefined) expect(pairAt(plan, k)).toEqual([prompt, model]);
          }
      }),
      { numRuns: 500 },
    );
  });
});
