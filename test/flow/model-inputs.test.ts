import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { acceptAudit } from '../../lib/audits/accept.ts';
import { writeManifest } from '../../lib/audits/manifest.ts';
import { parseDesign } from '../../lib/audits/request.ts';
import { Refusal } from '../../lib/errors.ts';
import { resultKey } from '../../lib/records/keys.ts';
import { cellAt, inputOf, type Plan, readPlan } from '../../lib/records/plan.ts';
import type { Result } from '../../lib/records/result.ts';
import { replicateClient } from '../../lib/replicate/client.ts';
import { ReplicateRefusal } from '../../lib/replicate/errors.ts';
import { systemChance } from '../../lib/system.ts';
import { withTemporaryFile } from '../../lib/temporary-file.ts';
import { openapiOf } from '../support/openapi.ts';
import { type Asked, eachWorld, world } from './world.ts';

/** What is checked of a design against its models, which Replicate describes over HTTP, before anything is paid. */

eachWorld();

/** Models by name: what `GET /v1/models/<name>` answers. */
let models: Record<string, unknown> = {};
/** Requests that are being answered, and the most there were. */
let open = 0;
let mostOpen = 0;
let server: http.Server;
beforeAll(async () => {
  server = http.createServer(async ({ url }, response) => {
    open++;
    mostOpen = Math.max(mostOpen, open);
    // Long enough for others to arrive if they are sent.
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
    open--;
    const model = models[url!.replace('/v1/models/', '')];
    response
      .writeHead(model ? 200 : 404, { 'content-type': 'application/json' })
      .end(typeof model === 'string' ? model : JSON.stringify(model ?? { detail: 'not found' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const PROMPT = { type: 'string', title: 'Prompt' };
const SECRET = { type: 'string', format: 'password', writeOnly: true, 'x-cog-secret': true };
/** A model as Replicate describes it. */
const model = (properties: object, { required = ['prompt'], schemas = {}, official = true } = {}) => ({
  is_official: official,
  latest_version: {
    id: 'f'.repeat(64),
    openapi_schema: openapiOf(properties, { required, schemas }),
  },
});

let warned: { message: string; about: Record<string, unknown> | undefined }[] = [];
beforeEach(() => {
  warned = [];
  models = {
    'a/plain': model(
      {
        prompt: PROMPT,
        seed: { type: 'integer' },
        num_outputs: { type: 'integer', minimum: 1, maximum: 4 },
        aspect_ratio: { allOf: [{ $ref: '#/components/schemas/aspect_ratio' }], default: '1:1' },
      },
      { schemas: { aspect_ratio: { type: 'string', enum: ['1:1', '16:9'] } } },
    ),
    'a/words': model(
      { text: { type: 'string' }, image: { type: 'string', format: 'uri' } },
      { required: ['text'] },
    ),
    'a/upscaler': model(
      { prompt: PROMPT, image: { type: 'string', format: 'uri' } },
      { required: ['prompt', 'image'] },
    ),
    'a/short': model({ prompt: { ...PROMPT, maxLength: 20 } }),
    'a/small-seeds': model({ prompt: PROMPT, seed: { type: 'integer', minimum: 0, maximum: 65_535 } }),
    'a/few-seeds': model({ prompt: PROMPT, seed: { type: 'integer', minimum: 10, maximum: 13 } }),
    'a/secret': model({ prompt: PROMPT, openai_api_key: SECRET, credentials: SECRET }),
    'a/needs-secret': model({ prompt: PROMPT, key: SECRET }, { required: ['prompt', 'key'] }),
  };
});

/** Accepts a design as `POST /api/audits` does, with Replicate's own client. */
async function accept(design: object): Promise<Plan> {
  const body = JSON.stringify({ prompts: ['a nurse'], samples: 1, ...design });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const deps = {
    ...{ store: world.images, queue: world.queue, time: world.time, chance: systemChance },
    replicate: replicateClient(origin, async () => 'r8_token'),
    log: {
      error: () => {},
      warn: (message: string, about?: Record<string, unknown>) => void warned.push({ message, about }),
    },
  };
  const origins = { caller: 'ann', request: 'r1', idempotencyKey: undefined, body };
  const { id } = await acceptAudit(deps, parseDesign(body), origins);
  return (await readPlan(world.truth.images, id))!;
}

const refusal = async (design: object): Promise<Refusal> => {
  const error = await accept(design).then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(Refusal);
  expect(error).toMatchObject({ status: 422 });
  expect(await world.keys('')).toEqual([]);
  expect(world.queue.messages).toEqual([]);
  return error;
};

describe('a design that a model does not take is refused before anything is written:', () => {
  it.each<[string, object, ...string[]]>([
    [
      'a model without a prompt',
      { models: ['a/words'] },
      'The model "a/words" takes no prompt',
      'Its inputs: text, image.',
    ],
    [
      'an input that is missing',
      { models: ['a/upscaler'] },
      'The model "a/upscaler" needs the input "image"',
      'an address',
    ],
    [
      'a shared input that one of the models does not have',
      { models: ['a/plain', 'a/short'], input: { num_outputs: 2 } },
      'The model "a/short" has no input "num_outputs"',
      'Other models can get it alone',
    ],
    [
      'a value that is not among the choices, behind allOf and $ref',
      { models: ['a/plain'], input: { aspect_ratio: '2:1' } },
      'The model "a/plain" takes "1:1" or "16:9" as "aspect_ratio", not "2:1".',
    ],
    [
      'a number beyond the range',
      { models: [{ model: 'a/plain', input: { num_outputs: 9 } }] },
      'The model "a/plain" takes a whole number from 1 to 4 as "num_outputs", not 9.',
    ],
    [
      'a text in place of a number',
      { models: [{ model: 'a/plain', input: { num_outputs: '2' } }] },
      'takes a whole number from 1 to 4 as "num_outputs", not the text "2".',
    ],
    [
      'an own input that replaces a good shared one',
      { models: [{ model: 'a/plain', input: { num_outputs: 0 } }], input: { num_outputs: 2 } },
      'not 0.',
    ],
    [
      'a prompt that is too long',
      { models: ['a/short'], prompts: ['a nurse', 'a nurse who reads a very long letter'] },
      'The model "a/short" takes a text of at most 20 characters as "prompt", not prompt 2 ("a nurse who reads a very long letter", 36 characters).',
    ],
    [
      'more samples than the model has seeds',
      { models: ['a/few-seeds'], samples: 5 },
      '"a/few-seeds" (from 10 to 13)',
      'at most 4 samples',
    ],
    [
      'models without a seed in common',
      { models: ['a/few-seeds', 'a/nothing-below'], samples: 1 },
      'no seed in common',
    ],
    [
      'a secret',
      { models: ['a/secret'], input: { credentials: 'sk-12345' } },
      '"credentials"',
      'secret',
      'backup',
    ],
    ['a model that needs a secret', { models: ['a/needs-secret'] }, 'needs the secret input "key"'],
    [
      'a key for a model that shows no schema',
      { models: ['a/unpublished'], input: { openai_api_key: 'sk-12345' } },
      '"openai_api_key"',
      'secret',
    ],
  ])('%s', async (_what, design, ...words) => {
    models['a/nothing-below'] = model({ prompt: PROMPT, seed: { type: 'integer', minimum: 100 } });
    models['a/unpublished'] = { is_official: true, latest_version: { id: 'ab', openapi_schema: {} } };
    const { message } = await refusal(design);
    for (const word of words) expect(message).toContain(word);
    expect(message).not.toContain('sk-12345');
  });

  it('all that is wrong is said at once, a line each', async () => {
    const input = { num_outputs: 9, aspect_ratio: 7 };
    const { message, members } = await refusal({ models: ['a/words', { model: 'a/plain', input }] });
    expect(members.errors).toEqual([
      expect.stringContaining('a/words'),
      expect.stringContaining('num_outputs'),
      expect.stringContaining('aspect_ratio'),
    ]);
    expect(message.split('\n')).toEqual(members.errors);
    // The form shows each beside its field.
    expect(members.fields).toEqual(['models', 'input', 'input']);
  });

  it('of many faults the first are listed', async () => {
    const prompts = Array.from({ length: 500 }, (_, i) => `a nurse who reads the letter ${i}`);
    const input = Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`i${i}`, 1]));
    const each = Array.from({ length: 20 }, (_, i) => ({ model: 'a/short', input: { own: i } }));
    const { message } = await refusal({ models: each, prompts, input });
    expect(message.split('\n')).toHaveLength(11);
    expect(message).toMatch(/has no input "i9".*\nThere is more to change\.$/);
    const { message: words } = await refusal({ models: ['a/short'], prompts });
    expect(words).toContain('and 499 more prompts');
  });
});

describe('a design that all of its models take', () => {
  it('is accepted, also with null where the schema allows it and without what is optional', async () => {
    models['a/null'] = model({
      prompt: PROMPT,
      seed: { type: 'integer', nullable: true },
      style: { type: 'string', nullable: true },
    });
    const input = { style: null };
    const plan = await accept({ models: ['a/plain', 'a/secret', { model: 'a/null', input }] });
    expect(plan.models.map(({ seed }) => seed)).toEqual(['supported', 'unsupported', 'supported']);
    expect(plan.models[1]).toMatchObject({ inputs: ['prompt', 'openai_api_key', 'credentials'] });
  });

  it('has at most two of its models described at once: each answer may have megabytes', async () => {
    mostOpen = 0;
    const names = Array.from({ length: 20 }, (_, i) => `a/plain-${i}`);
    for (const name of names) models[name] = models['a/plain'];
    const plan = await accept({ models: names });
    expect(plan.models).toHaveLength(20);
    expect(mostOpen).toBeLessThanOrEqual(2);
  });

  it('is checked against the schema of the version that is named, not of the latest', async () => {
    const version = 'c'.repeat(64);
    models[`a/plain/versions/${version}`] = {
      id: version,
      openapi_schema: model({ text: PROMPT }).latest_version.openapi_schema,
    };
    expect((await refusal({ models: [`a/plain:${version}`] })).message).toContain('takes no prompt');
  });

  it('refuses a model that is named with its version and without, because it would be paid twice', async () => {
    const version = 'c'.repeat(64);
    const plain = models['a/plain'] as { latest_version: { openapi_schema: unknown } };
    models['a/plain'] = {
      ...plain,
      is_official: false,
      latest_version: { ...plain.latest_version, id: version },
    };
    models[`a/plain/versions/${version}`] = { ...plain.latest_version, id: version };
    const both = { models: ['a/plain', `a/plain:${version}`] };
    expect((await refusal(both)).message).toContain('"models" has "a/plain" twice with the same inputs');
    const rows = [
      { text: 'a nurse', model: 'a/plain' },
      { text: 'a nurse', model: `a/plain:${version}` },
    ];
    expect((await refusal({ prompts: rows })).message).toContain('"a/plain" twice');
  });

  it('holds only those prompts against a model that go to it', async () => {
    const long = { text: 'a nurse in a hospital by night', model: 'a/plain' };
    const plan = await accept({ prompts: ['a nurse', long], models: ['a/short'] });
    expect(plan.pairs).toEqual([
      [0, 0],
      [1, 1],
    ]);
  });

  it('draws each sample of a prompt a seed of its own that every model takes, the same for all', async () => {
    const samples = 1_000;
    const plan = await accept({ models: ['a/plain', 'a/small-seeds'], samples });
    const seeds = Array.from({ length: samples }, (_, n) => inputOf(plan, cellAt(plan, n)).seed as number);
    expect(new Set(seeds).size).toBe(samples);
    expect(Math.min(...seeds)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...seeds)).toBeLessThanOrEqual(65_535);
    const others = Array.from({ length: samples }, (_, n) => inputOf(plan, cellAt(plan, samples + n)).seed);
    expect(others).toEqual(seeds);
  });

  it('uses every seed of a model that has as many as there are samples', async () => {
    const plan = await accept({ models: ['a/few-seeds'], samples: 4 });
    const seeds = Array.from({ length: 4 }, (_, n) => cellAt(plan, n).seed);
    expect(seeds.sort()).toEqual([10, 11, 12, 13]);
  });
});

describe('a model whose schema cannot be read', () => {
  const nested = (depth: number) =>
    JSON.parse(`${'{"allOf":['.repeat(depth)}{"type":"string"}${']}'.repeat(depth)}`);
  it.each<[string, () => unknown]>([
    ['is absent', () => ({ is_official: true, latest_version: null })],
    ['is empty', () => ({ is_official: true, latest_version: { id: 'ab', openapi_schema: {} } })],
    ['is a text', () => ({ is_official: true, latest_version: { id: 'ab', openapi_schema: 'none' } })],
    ['has properties that are a list', () => model([] as object)],
    [
      'has ten thousand inputs',
      () => model(Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`i${i}`, PROMPT]))),
    ],
    ['refers to itself', () => model({ prompt: { $ref: '#/components/schemas/Input/properties/prompt' } })],
    ['refers to another place', () => model({ prompt: { $ref: 'https://example.org/schema.json' } })],
    ['refers to nothing', () => model({ prompt: { $ref: '#/components/schemas/constructor' } })],
    ['is nested a thousand deep', () => model({ prompt: nested(1_000) })],
    [
      'doubles with every step',
      () => {
        const schemas = Object.fromEntries(
          Array.from({ length: 60 }, (_, i) => {
            const $ref = `#/components/schemas/s${i + 1}`;
            return [`s${i}`, { allOf: [{ $ref }, { $ref }] }];
          }),
        );
        return model({ prompt: { $ref: '#/components/schemas/s0' } }, { schemas });
      },
    ],
    [
      'has a pattern that takes exponential time',
      () => model({ prompt: { type: 'string', pattern: '^(\\w+\\s?)+$' } }),
    ],
    [
      'has keywords of wrong types',
      () => model({ prompt: { type: 'file', enum: 5, maxLength: 'x', allOf: {}, minimum: [] } }),
    ],
    [
      'has more choices than there are steps',
      () => model({ prompt: { anyOf: Array(60_000).fill({ enum: ['x'] }) } }),
    ],
    ['has a million choices', () => model({ prompt: { anyOf: Array(1_000_000).fill({ enum: ['x'] }) } })],
  ])('does not stop an audit: one that %s', async (_what, make) => {
    models['a/odd'] = make();
    const prompt = `${'word '.repeat(300)}!`;
    expect((await accept({ models: ['a/odd'], prompts: [prompt] })).models).toMatchObject([
      { model: 'a/odd' },
    ]);
  });

  it('is said to be unchecked in the log', async () => {
    models['a/odd'] = model({ prompt: { $ref: 'https://example.org/schema.json' } });
    await accept({ models: ['a/odd', 'a/plain'] });
    expect(warned).toEqual([
      {
        message: expect.stringContaining('not checked'),
        about: { model: 'a/odd', reason: expect.any(String) },
      },
    ]);
  });

  it('with names of JavaScript itself has the inputs that it declares, and no others', async () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
    models['a/odd'] = JSON.stringify(
      model({ prompt: PROMPT, X: { type: 'integer' } }, { required: ['prompt', ...names.slice(1)] }),
    ).replace('"X"', '"__proto__"');
    expect((await accept({ models: ['a/odd'] })).models[0]?.inputs).toEqual(['prompt', '__proto__']);
    for (const name of names.slice(2))
      expect(
        (await accept({ models: ['a/odd'], input: { [name]: 1 } }).catch((error) => error)).message,
      ).toContain(`has no input "${name}"`);
  });
});

describe('a secret that Replicate repeats', () => {
  const KEY = 'sk-a-key-that-must-not-be-kept';

  it('is in no record: not in the input, the log, the error or the words of its result', async () => {
    const plan = await accept({ models: ['a/secret'] });
    await world.ask(plan, { cell: 0 });
    const [{ prediction }] = world.replicate.askedFor(plan.id, 0) as unknown as [Asked];
    const ended = world.replicate.end(prediction.id, {
      status: 'failed',
      input: { prompt: 'a nurse', credentials: KEY, openai_api_key: [KEY] },
      logs: `Authorization: Bearer ${KEY}\n${'x'.repeat(20_000)}`,
      error: `Incorrect API key provided: ${KEY}.`,
      output: { caption: `key ${KEY}` },
    });
    expect(await world.finish(plan, 0, ended)).toBe('stored');
    await expectNowhere();
    const { value } = (await world.images.readJson<Result>(resultKey(plan.id, 0)))!;
    expect(value).toMatchObject({
      status: 'failed',
      error: 'Incorrect API key provided: [redacted].',
      prediction: { input: { prompt: 'a nurse', credentials: '[redacted]' } },
    });
  });

  it('that an older plan holds is sent, and is in no result, no refusal and no manifest', async () => {
    const input = { openai_api_key: KEY };
    const plan = await world.accept(2, { input });
    world.replicate.onCreate = (request) => {
      expect(request.input.openai_api_key).toBe(KEY);
      if (request.webhook.endsWith('1'))
        throw new ReplicateRefusal(422, `input.openai_api_key: ${KEY} is not valid`, undefined);
    };
    await world.ask(plan, { cell: 0 });
    const [{ prediction }] = world.replicate.askedFor(plan.id, 0) as unknown as [Asked];
    await world.finish(
      plan,
      0,
      world.replicate.end(prediction.id, { output: world.outputs(prediction.id, 1) }),
    );
    await writeManifest({ ...world.endDeps, images: world.images, withTemporaryFile }, plan);
    expect(await world.keys(`audits/${plan.id}/manifest`)).toHaveLength(2);
    await expectNowhere('audit.json');
    const { value } = (await world.images.readJson<Result>(resultKey(plan.id, 1)))!;
    expect(value).toMatchObject({
      error: 'Replicate refused: input.openai_api_key: [redacted] is not valid',
      sent: { input: { openai_api_key: '[redacted]' } },
    });
  });

  /** @param except the end of keys that may have it */
  async function expectNowhere(except?: string) {
    for (const key of await world.keys('')) {
      if (except && key.endsWith(except)) continue;
      const bytes = (await world.truth.images.readRange(key, 'bytes=0-'))?.bytes.toString() ?? '';
      expect({ key, holds: bytes.includes(KEY) }).toEqual({ key, holds: false });
    }
  }
});
