import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { SEEDS, type SeedRange, seedOf } from '../../lib/records/plan.ts';
import { ModelInputs } from '../../lib/replicate/inputs.ts';
import { looksSecret, redactor } from '../../lib/replicate/secret-inputs.ts';
import { openapiOf } from '../support/openapi.ts';

const inputsOf = (properties: object, more?: Parameters<typeof openapiOf>[1]) =>
  ModelInputs.read(openapiOf(properties, more))!;
/** What is said of a value of an input with this schema; undefined if it is taken. */
const fault = (schema: object, value: unknown, schemas = {}) => {
  const found = inputsOf({ x: schema }, { schemas }).fault('x', value);
  return found && `${found.at}: ${found.takes}`;
};

describe('an input', () => {
  const image = { type: 'string', format: 'uri' };
  test.each<[object, unknown, string | undefined]>([
    [{ type: 'integer', minimum: 1, maximum: 4 }, 4, undefined],
    [{ type: 'integer', minimum: 1, maximum: 4 }, 5, 'x: a whole number from 1 to 4'],
    [{ type: 'integer' }, 1.5, 'x: a whole number'],
    [{ type: 'integer' }, Number.POSITIVE_INFINITY, 'x: a whole number'],
    [{ type: 'number' }, Number.POSITIVE_INFINITY, 'x: a number'],
    [{ type: 'number', minimum: 0, exclusiveMinimum: true }, 0, 'x: a number, greater than 0'],
    [{ type: 'number', exclusiveMinimum: 0 }, 0, 'x: a number, greater than 0'],
    [{ type: 'number', exclusiveMaximum: 1 }, 0.99, undefined],
    [{ type: 'number', minimum: 2 }, 1, 'x: a number, at least 2'],
    [{ type: 'boolean' }, 'true', 'x: true or false'],
    [{ type: 'string', maxLength: 2 }, '👩👩', undefined],
    [{ type: 'string', maxLength: 2 }, 'abc', 'x: a text of at most 2 characters'],
    [{ type: 'string', minLength: 1, maxLength: 2 }, '', 'x: a text of 1 to 2 characters'],
    [{ type: 'string', nullable: true }, null, undefined],
    [{ type: 'string' }, null, 'x: a text'],
    [{ type: ['string', 'null'] }, null, undefined],
    [{ anyOf: [{ type: 'integer' }, { type: 'null' }] }, null, undefined],
    [{ anyOf: [{ type: 'integer' }, { type: 'string' }] }, true, 'x: a whole number or a text'],
    [{ const: 'a' }, 'b', 'x: "a"'],
    [{ enum: [1, 2, 3] }, 4, 'x: 1, 2 or 3'],
    [image, 'cat.png', 'x: an address, such as https://example.org/a.png'],
    [image, 'data:image/png;base64,iVBO', undefined],
    [
      { type: 'array', items: image, maxItems: 2 },
      ['https://a.example/1', 2],
      'x[1]: an address, such as https://example.org/a.png',
    ],
    [
      { type: 'array', items: image, maxItems: 1 },
      ['https://a.example/1', 'https://a.example/2'],
      'x: a list of at most 1 entries',
    ],
    [{ type: 'object', required: ['w'], properties: { w: { type: 'integer' } } }, {}, 'x.w: a whole number'],
    [{ type: 'object', properties: { w: { type: 'integer' } } }, { w: 'a' }, 'x.w: a whole number'],
    [{ type: 'file', pattern: '^a$', multipleOf: 3, not: {} }, 'anything', undefined],
    [{ type: [] }, 1, undefined],
  ])('with the schema %j takes or refuses %j: %s', (schema, value, said) => {
    expect(fault(schema, value)).toBe(said);
  });

  test('with more choices than a sentence holds names some of them', () => {
    const choices = Array.from({ length: 500 }, (_, i) => `choice ${i} ${'x'.repeat(500)}`);
    const words = fault({ enum: choices }, 'none')!;
    expect(words).toContain('(500 in all)');
    expect(words.length).toBeLessThan(2_000);
  });

  test('by way of allOf and $ref is checked against what they name', () => {
    const schema = { allOf: [{ $ref: '#/components/schemas/a~1b' }], default: 1 };
    const schemas = { 'a/b': { $ref: '#/components/schemas/c' }, c: { enum: ['p', 'q'] } };
    expect(fault(schema, 'p', schemas)).toBeUndefined();
    expect(fault(schema, 'r', schemas)).toBe('x: "p" or "q"');
  });
});

describe('compared with ajv', () => {
  const primitive = fc.oneof(
    fc.constantFrom(null, true, 0, 1, 2.5, -3, 'a', 'ab', '👩', 'https://a.example/x'),
    fc.integer(),
    fc.string({ maxLength: 4 }),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      primitive,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('p', 'q', 'toString', '__proto__'), tie('value'), { maxKeys: 3 }),
    ),
  }));
  const small = fc.integer({ min: 0, max: 3 });
  const optional = { requiredKeys: [] };
  const refs = ['s0', 's1', 's2'];
  /** @param whole without the keywords that are checked less strictly */
  const schemas = (whole: boolean) =>
    fc.letrec((tie) => ({
      schema: fc.oneof(
        { maxDepth: 4 },
        fc.record(
          { type: fc.constantFrom('string'), minLength: small, maxLength: small, nullable: fc.boolean() },
          { requiredKeys: ['type'] },
        ),
        fc.record(
          {
            type: fc.constantFrom('integer', 'number'),
            minimum: small,
            maximum: small,
            exclusiveMinimum: small,
            exclusiveMaximum: small,
          },
          { requiredKeys: ['type'] },
        ),
        fc.record({ type: fc.constantFrom('boolean', 'null', ['string', 'null'], ['integer', 'array']) }),
        fc.record({ type: fc.constant('string'), format: fc.constant('uri') }),
        fc.record({ enum: fc.uniqueArray(primitive, { minLength: 1, maxLength: 4 }) }),
        fc.record({ const: primitive }),
        fc.record({ items: tie('schema'), minItems: small, maxItems: small }, optional),
        fc.record(
          {
            required: fc.uniqueArray(fc.constantFrom('p', 'q', 'toString'), { maxLength: 2 }),
            properties: fc.dictionary(fc.constantFrom('p', 'q', 'toString'), tie('schema'), { maxKeys: 3 }),
          },
          optional,
        ),
        fc.record(
          { allOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }), minimum: small },
          { requiredKeys: ['allOf'] },
        ),
        fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
        fc.constantFrom(...refs.map((name) => ({ $ref: `#/components/schemas/${name}` }))),
        ...(whole
          ? []
          : [
              fc.record({ oneOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
              fc.record({ not: tie('schema') }),
              fc.record(
                { multipleOf: fc.integer({ min: 1, max: 3 }), pattern: fc.constantFrom('^a', 'b$') },
                optional,
              ),
            ]),
      ),
    })).schema;
  /** Only later schemas are referred to, so that none refers to itself. */
  const documents = (whole: boolean) =>
    fc.tuple(schemas(whole), fc.array(schemas(whole), { minLength: 3, maxLength: 3 })).map(([x, others]) => {
      const later = (schema: unknown, from: number) =>
        JSON.parse(JSON.stringify(schema), (key, member) =>
          key === '$ref' && refs.findIndex((name) => member.endsWith(name)) < from
            ? '#/components/schemas/none'
            : member,
        );
      return openapiOf(
        { x },
        {
          required: [],
          schemas: {
            ...Object.fromEntries(refs.map((name, i) => [name, later(others[i], i + 1)])),
            none: {},
          },
        },
      );
    });
  const accepts = (document: ReturnType<typeof openapiOf>, value: unknown): boolean => {
    const ajv = new Ajv({ strict: false, validateSchema: false, logger: false, ownProperties: true });
    ajv.addFormat('uri', /^[A-Za-z][A-Za-z0-9+.-]*:/);
    const definitions = JSON.parse(
      JSON.stringify(document.components.schemas).replaceAll('#/components/schemas/', '#/definitions/'),
    );
    return ajv.compile({ definitions, $ref: '#/definitions/Input/properties/x' })(value);
  };

  test('every value is judged the same', () => {
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(documents(true), value, (document, of) => {
        const inputs = ModelInputs.read(document)!;
        const taken = inputs.fault('x', of) === undefined;
        seen[taken ? 'taken' : 'refused']++;
        expect(taken).toBe(accepts(document, of));
        expect(inputs.unread).toBeUndefined();
      }),
      { numRuns: 400 },
    );
    expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(50);
  });

  test('with keywords that are not read, nothing is refused that ajv takes', () => {
    fc.assert(
      fc.property(documents(false), value, (document, of) => {
        if (ModelInputs.read(document)!.fault('x', of)) expect(accepts(document, of)).toBe(false);
      }),
      { numRuns: 400 },
    );
  });
});

describe('a description of any shape', () => {
  /** Keywords with values that do not belong to them. */
  const odd = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 6 },
      fc.jsonValue({ maxDepth: 2 }),
      fc.dictionary(
        fc.constantFrom(
          '$ref',
          'allOf',
          'anyOf',
          'oneOf',
          'items',
          'type',
          'enum',
          'const',
          'properties',
          'required',
          'minimum',
          'maxLength',
          'nullable',
          'format',
          'x-cog-secret',
          'exclusiveMinimum',
          '__proto__',
          'constructor',
        ),
        fc.oneof(
          fc.constantFrom(
            '#/components/schemas/Input',
            '#/components/schemas/x',
            '#',
            '',
            'string',
            'https://a.example/',
          ),
          tie('node'),
          fc.array(tie('node'), { maxLength: 3 }),
        ),
      ),
    ),
  })).node;

  test('is read without an error, and says nothing that is long', () => {
    fc.assert(
      fc.property(odd, odd, fc.jsonValue({ maxDepth: 4 }), (x, other, value) => {
        for (const document of [
          x,
          openapiOf({ x }, { schemas: { x: other } }),
          { components: { schemas: { Input: x } } },
        ]) {
          const inputs = ModelInputs.read(document);
          for (const name of ['x', 'none', '__proto__', 'toString']) {
            expect((inputs?.fault(name, value)?.takes ?? '').length).toBeLessThan(60_000);
            inputs?.takes(name);
            inputs?.range(name);
          }
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe('seeds of samples', () => {
  const seedsOf = (seed: number, samples: number, seeds?: SeedRange, text = 'a nurse') => {
    const plan = { version: 2 as const, seed, prompts: [{ text }], ...(seeds ? { seeds } : {}) };
    return Array.from({ length: samples }, (_, sample) => seedOf(plan, 0, sample));
  };
  const ranges = fc
    .tuple(
      fc.integer({ min: 0, max: SEEDS.most - 1_000 }),
      fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 1, max: 2 ** 30 })),
    )
    .map(([least, size]) => ({ least, most: Math.min(SEEDS.most, least + size - 1) }));

  test('from a range are in it, and each is another as long as there are enough', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), ranges, fc.string(), (seed, range, text) => {
        const samples = Math.min(1_000, range.most - range.least + 1);
        const seeds = seedsOf(seed, samples, range, text);
        expect(new Set(seeds).size).toBe(samples);
        const isIn = (one: number) => Number.isInteger(one) && one >= range.least && one <= range.most;
        expect(seeds.every(isIn)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('of sixteen bits are so far apart that eight images of a prediction, counted from its seed, share none', () => {
    const seeds = seedsOf(7, 1_000, { least: 0, most: 65_535 }).sort((a, b) => a - b);
    expect(Math.min(...seeds.slice(1).map((seed, i) => seed - seeds[i]!))).toBeGreaterThanOrEqual(8);
  });

  test('without a range are all different, and 31 bits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.string(), (seed, text) => {
        const seeds = seedsOf(seed, 1_000, undefined, text);
        expect(new Set(seeds).size).toBe(1_000);
        expect(seeds.every((one) => Number.isInteger(one) && one >= 0 && one < 2 ** 31)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});

describe('secrets', () => {
  test.each([
    'openai_api_key',
    'api_key',
    'OPENAI_API_KEY',
    'apikey',
    'hf_token',
    'HF_TOKEN',
    'replicate_api_token',
    'password',
    'aws_secret_key',
    'access_token',
  ])('%s is the name of one', (name) => expect(looksSecret(name)).toBe(true));
  test.each([
    'prompt',
    'max_tokens',
    'token',
    'trigger_token',
    'key_frames',
    'seed',
    'keyword',
    'tokens',
    'top_k',
    'secretary',
  ])('%s is not', (name) => expect(looksSecret(name)).toBe(false));

  test.each<[string, object]>([
    ['x-cog-secret', { 'x-cog-secret': true }],
    ['format: password', { type: 'string', format: 'password' }],
    ['writeOnly', { writeOnly: true }],
    ['a $ref', { $ref: '#/components/schemas/s' }],
    ['allOf', { allOf: [{ $ref: '#/components/schemas/s' }] }],
    ['anyOf with null', { anyOf: [{ format: 'password' }, { type: 'null' }] }],
    ['a member', { properties: { login: { properties: { word: { format: 'password' } } } } }],
    ['its entries', { type: 'array', items: { 'x-cog-secret': true } }],
  ])('are seen by %s', (_how, x) => {
    expect(inputsOf({ prompt: {}, x }, { schemas: { s: { writeOnly: true } } }).secret).toEqual(['x']);
  });

  test('leave no trace in anything that is redacted, however they are nested and escaped', () => {
    const secret = fc
      .string({ minLength: 6, maxLength: 40 })
      .filter((text) => /[^\s\w]/.test(text) && !'[redacted]'.includes(text));
    fc.assert(
      fc.property(secret, fc.string(), (key, around) => {
        const redact = redactor(['credentials'], { credentials: { deep: [key] }, prompt: around });
        const said = {
          logs: `${around}${key}${around}`,
          json: JSON.stringify({ key }),
          list: [{ [around || 'a']: key }],
        };
        // What surrounds a secret may hold it by chance.
        if (around.includes(key)) return;
        const { logs, json, list } = redact(said);
        expect(logs).not.toContain(key);
        for (const text of [json, JSON.stringify(list)])
          expect(text).not.toContain(JSON.stringify(key).slice(1, -1));
      }),
    );
  });

  test('that are not there change nothing, not even a copy is made', () => {
    const value = { prompt: 'a nurse' };
    expect(redactor([], value)(value)).toBe(value);
  });
});
