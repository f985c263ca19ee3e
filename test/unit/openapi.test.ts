import { Validator } from '@seriousme/openapi-schema-validator';
import { SCHEMAS } from '../../lib/contract/answers.ts';
import { openApi } from '../../lib/http/openapi.ts';
import { refusalsOf } from '../../lib/http/route.ts';
import { ROUTES } from '../../lib/http/routes.ts';
import { DESIGN, PAGE } from '../../lib/limits.ts';

/** What `GET /api/openapi.json` tells the programs that are generated from it. */

// As it comes over the wire.
// biome-ignore lint/suspicious/noExplicitAny: tests look into the description freely
const description: any = JSON.parse(JSON.stringify(openApi(ROUTES)));
const operations = Object.entries(ROUTES).map(([name, route]) => {
  const [method = '', path = ''] = name.split(' ');
  return { name, route, operation: description.paths[path]?.[method.toLowerCase()] };
});

/** Every object in a value, with where it is. */
function* objectsIn(value: unknown, path = ''): Generator<[path: string, object: Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return;
  yield [path, value as Record<string, unknown>];
  for (const [key, member] of Object.entries(value)) yield* objectsIn(member, `${path}/${key}`);
}

test('the description is valid OpenAPI 3.1', async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(description);
  expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
  expect(validator.version).toBe('3.1');
});

test('every reference leads to a schema, and every schema that the API answers with is referred to', () => {
  const known = Object.keys(description.components.schemas).map((name) => `#/components/schemas/${name}`);
  const referred = [...objectsIn(description)].flatMap(([, { $ref }]) =>
    typeof $ref === 'string' ? [$ref] : [],
  );
  expect(new Set(referred)).toEqual(new Set(known));
  expect(Object.keys(description.components.schemas)).toEqual(Object.keys(SCHEMAS));
});

test.each(operations)(
  '$name describes its answer, its refusals, and those of the gateway',
  ({ name, route, operation }) => {
    const { responses } = operation;
    const success = responses[route.status];
    if (route.status === 303) expect(success.content).toBeUndefined();
    else expect(success.content['application/json'].schema.$ref).toMatch(/^#\/components\/schemas\/\w+$/);
    expect(Object.keys(success.headers ?? {})).toEqual(route.location ? ['Location'] : []);
    for (const [status, meaning] of Object.entries(refusalsOf(name, route))) {
      expect(responses[status].description).toContain(meaning);
      expect(Object.keys(responses[status].content)[0]).toBe('application/problem+json');
    }
    for (const status of [429, 503])
      expect(responses[status].content['application/json'].schema.$ref).toBe(
        '#/components/schemas/GatewayRefusal',
      );
  },
);

test('limits of a design and of a page are in it as numbers', () => {
  const { properties } = description.components.schemas.AuditRequest;
  expect(properties).toMatchObject({
    name: { maxLength: DESIGN.nameLength },
    prompts: {
      minItems: 1,
      maxItems: DESIGN.rows,
      items: {
        anyOf: [
          { type: 'string', maxLength: DESIGN.promptLength },
          {
            type: 'object',
            properties: {
              text: { maxLength: DESIGN.promptLength },
              factors: {
                maxProperties: DESIGN.factors,
                additionalProperties: { type: 'string', maxLength: DESIGN.valueLength },
              },
            },
          },
        ],
      },
    },
    factors: {
      type: 'object',
      maxProperties: DESIGN.factors,
      additionalProperties: { type: 'array', maxItems: DESIGN.valuesPerFactor },
    },
    models: { minItems: 1, maxItems: DESIGN.models },
    samples: { type: 'integer', minimum: 1, maximum: DESIGN.samples },
    seed: { type: 'integer', minimum: 0, maximum: DESIGN.seed },
    retention: { enum: ['short', 'standard', 'keep'] },
  });
  const parameters = Object.fromEntries(
    operations.map(({ name, operation }) => [
      name,
      Object.fromEntries(
        operation.parameters.map((one: { name: string; schema: object }) => [one.name, one.schema]),
      ),
    ]),
  );
  expect(parameters['GET /api/audits']).toMatchObject({
    limit: { type: 'integer', minimum: 1, maximum: PAGE.most, default: PAGE.audits },
    cursor: { type: 'string', pattern: expect.any(String) },
  });
  expect(parameters['GET /api/audits/{audit}/manifest']).toMatchObject({
    audit: { $ref: '#/components/schemas/AuditId' },
    format: { enum: ['json', 'csv'], default: 'json' },
  });
  expect(parameters['POST /api/audits']).toMatchObject({ 'idempotency-key': { type: 'string' } });
});

test('nothing is described as anything at all but the inputs of models', () => {
  const empty = [...objectsIn(description.components.schemas)].flatMap(([path, object]) =>
    Object.keys(object).length === 0 && /\/(items|additionalProperties|\w+)$/.test(path) ? [path] : [],
  );
  expect(empty.filter((path) => !/\/(input|input\/.*)\/additionalProperties$/.test(path))).toEqual([]);
});
