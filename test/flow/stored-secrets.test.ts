import { inspect } from 'node:util';
import { removeSecret, storeSecret } from '../../cli/operator/stored-secrets.ts';
import { acceptAudit } from '../../lib/audits/accept.ts';
import { cancelAudit } from '../../lib/audits/end.ts';
import { parseDesign } from '../../lib/audits/request.ts';
import { S3Store } from '../../lib/aws/objects.ts';
import { Refusal } from '../../lib/errors.ts';
import { bindingKey, resultKey, secretKey, waitingKey } from '../../lib/records/keys.ts';
import { type Plan, readPlan } from '../../lib/records/plan.ts';
import type { Result } from '../../lib/records/result.ts';
import type { SecretRecord, SecretUse, StoredSecret } from '../../lib/records/secret.ts';
import type { Waiting } from '../../lib/records/waiting.ts';
import { ReplicateRefusal } from '../../lib/replicate/errors.ts';
import { systemChance } from '../../lib/system.ts';
import { openapiOf } from '../support/openapi.ts';
import { eachWorld, world } from './world.ts';

/** Keys and passwords that an operator stored for inputs of models. */

eachWorld();

const KEY = 'sk-proj-Abc123_def-456-GHI';
const USE: SecretUse = { model: 'a/b', input: 'openai_api_key' };
const NAMED = { openai_api_key: { secret: 'openai' } };

const deps = () => ({
  images: world.images,
  time: world.time,
  parameters: {
    putSecret: async (name: string, stored: StoredSecret) =>
      void world.secretValues.set(name, JSON.stringify(stored)),
    removeSecret: async (name: string) => void world.secretValues.delete(name),
  },
});
const store = (value = KEY, use: SecretUse | undefined = USE, name = 'openai') =>
  storeSecret(deps(), name, { use, value });

const PROPERTIES = {
  prompt: { type: 'string' },
  openai_api_key: { type: 'string', 'x-cog-secret': true, maxLength: 60 },
  other_key: { type: 'string' },
  steps: { type: 'integer' },
};

async function accept(design: object): Promise<Plan> {
  world.replicate.facts = { official: true, version: null, openapi: openapiOf(PROPERTIES) };
  const body = JSON.stringify({ prompts: ['a nurse'], models: ['a/b'], samples: 1, ...design });
  const { id } = await acceptAudit(
    {
      ...{ store: world.images, queue: world.queue, replicate: world.replicate },
      ...{ time: world.time, chance: systemChance, log: { ...world.log, error: () => {} } },
    },
    parseDesign(body),
    { caller: 'ann', request: 'r1', idempotencyKey: 'k', body },
  );
  return (await readPlan(world.truth.images, id))!;
}

const refusalOf = async (design: object): Promise<string> => {
  const error = await accept(design).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Refusal);
  expect(error).toMatchObject({ status: 422 });
  return (error as Refusal).message;
};

/** An accepted audit whose model gets the secret. */
const planned = (cells = 1, change: Partial<Plan> = {}) =>
  world.accept(cells, {
    models: [
      {
        ...{ model: 'a/b', version: null, input: NAMED, inputs: null, seed: 'unsupported' },
        secrets: ['openai_api_key'],
      },
    ],
    ...change,
  });
const result = async (plan: Plan, n = 0) =>
  (await world.truth.images.readJson<Result>(resultKey(plan.id, n)))?.value;
const waiting = async (plan: Plan) =>
  (await world.truth.images.readJson<Waiting>(waitingKey(plan.id)))?.value;
/** Everything in the images bucket, as text. */
async function everything(): Promise<string> {
  const texts: string[] = [];
  for (const key of await world.keys(''))
    texts.push(key, (await world.truth.images.readRange(key, 'bytes=0-'))!.bytes.toString('latin1'));
  return texts.join('\n');
}

describe('a design that names a secret', () => {
  test('is accepted, and its plan has the name as it was sent', async () => {
    await store();
    const plan = await accept({ input: NAMED });
    expect(plan.input).toEqual(NAMED);
    expect(await everything()).not.toContain(KEY);
  });

  test.each<[string, object, string]>([
    [
      'a secret that does not exist',
      { input: { openai_api_key: { secret: 'none' } } },
      'There is no secret "none"',
    ],
    [
      'a secret for another input',
      { input: { other_key: { secret: 'openai' } } },
      'is for the input "openai_api_key" of the model "a/b" alone, not for "other_key" of "a/b"',
    ],
    [
      'a secret for another model',
      { models: ['c/d'], input: NAMED },
      'of the model "a/b" alone, not for "openai_api_key" of "c/d"',
    ],
    [
      'a secret for one of two models',
      { models: ['a/b', 'c/d'], input: NAMED },
      'not for "openai_api_key" of "c/d"',
    ],
    [
      'an impossible name',
      { input: { openai_api_key: { secret: '../replicate-token' } } },
      'must name a stored secret by',
    ],
    [
      'a value instead of a name',
      { input: { openai_api_key: KEY } },
      'An operator can store it by "npx weaudit setup --secret <name> --for a/b:openai_api_key"; then write {"secret": "<name>"}',
    ],
    [
      'a key in an unmarked input of a telling name',
      { input: { hf_token: KEY } },
      'An operator can store it by',
    ],
  ])('is refused with what to do: %s', async (_what, design, words) => {
    await store();
    const message = await refusalOf(design);
    expect(message).toContain(words);
    expect(message).not.toContain(KEY);
  });

  test('is refused where the secret is for an input that takes no such text', async () => {
    await store(KEY, { model: 'a/b', input: 'steps' }, 'steps');
    expect(await refusalOf({ input: { steps: { secret: 'steps' } } })).toContain(
      'takes a whole number as "steps"',
    );
    await store(`${KEY}${'x'.repeat(60)}`);
    const message = await refusalOf({ input: NAMED });
    expect(message).toContain('takes a text of at most 60 characters as "openai_api_key"');
    expect(message).not.toContain('xxx');
  });

  test('is refused after an operator removed the secret', async () => {
    await store();
    await removeSecret(deps(), 'openai');
    expect(await refusalOf({ input: NAMED })).toContain('There is no secret "openai"');
  });

  test('is the same audit after the key was replaced', async () => {
    await store();
    const { id } = await accept({ input: NAMED });
    await store('sk-another-key-of-the-vendor');
    expect((await accept({ input: NAMED })).id).toBe(id);
  });
});

describe('dispatch', () => {
  test('puts the value in when it asks, and leaves it nowhere', async () => {
    await store();
    const plan = await planned(2);
    await world.ask(plan);
    const asked = [...world.replicate.asked.values()];
    expect(asked.map(({ request }) => request.input.openai_api_key)).toEqual([KEY, KEY]);
    expect(await everything()).not.toContain(KEY);
  });

  test('sends the new value after a replacement', async () => {
    await store();
    await store('sk-another-key-of-the-vendor');
    const plan = await planned();
    await world.ask(plan);
    const [asked] = world.replicate.asked.values();
    expect(asked?.request.input.openai_api_key).toBe('sk-another-key-of-the-vendor');
  });

  const unavailable: [string, () => Promise<void>, string][] = [
    ['was never stored', async () => {}, 'has no value that the pipeline may read'],
    [
      'was removed',
      async () => {
        await store();
        await removeSecret(deps(), 'openai');
      },
      'has no value that the pipeline may read',
    ],
    [
      'is for another model, whatever its record in S3 says',
      async () => {
        await store(KEY, { model: 'c/d', input: 'openai_api_key' });
        const record = (await world.images.readJson<SecretRecord>(secretKey('openai')))!.value;
        await world.images.replaceJson(secretKey('openai'), { ...record, use: USE });
      },
      'is for c/d:openai_api_key alone, not for a/b:openai_api_key',
    ],
    [
      'could not be recognized in answers',
      async () => {
        await store();
        await world.images.delete([secretKey('openai')]);
      },
      'answers that repeat it could not be recognized',
    ],
    [
      'has a value in the Parameter Store that its record does not know',
      async () => {
        await store();
        world.secretValues.set('openai', JSON.stringify({ use: USE, value: 'sk-another-key-of-the-vendor' }));
      },
      'answers that repeat it could not be recognized',
    ],
    [
      'was put into the Parameter Store by hand',
      async () => {
        await store();
        world.secretValues.set('openai', KEY);
      },
      'has no value that the pipeline may read',
    ],
  ];
  test.each(unavailable)('asks for nothing while a secret %s, and says why', async (_how, prepare, words) => {
    await prepare();
    const plan = await planned(2);
    const done = await world.ask(plan);
    expect(done).toMatchObject({ asked: 0, waitedFor: 'secret', faults: [] });
    expect(world.replicate.asked.size).toBe(0);
    const said = await waiting(plan);
    expect(said?.why).toBe('secret');
    expect(said?.detail).toContain(words);
    expect(JSON.stringify(said)).not.toContain(KEY);
    expect(world.queue.messages.at(-1)?.delaySeconds).toBe(60);

    world.secretValues.delete('openai');
    await world.images.delete([secretKey('openai')]);
    await store();
    world.pass(61_000);
    expect(await world.ask(plan)).toMatchObject({ asked: 2 });
  });

  test('asks for nothing more if an audit that waits is canceled, which then ends', async () => {
    const plan = await planned(2);
    expect(await world.ask(plan)).toMatchObject({ waitedFor: 'secret' });
    await cancelAudit(world.endDeps, plan.id, 'ann');
    for (const { message } of world.polls.messages.splice(0)) await world.poll(message);
    expect([(await result(plan, 0))?.status, (await result(plan, 1))?.status]).toEqual([
      'canceled',
      'canceled',
    ]);
    await store();
    expect(await world.ask(plan)).toMatchObject({ asked: 0 });
  });

  test('asks for other models meanwhile', async () => {
    const free = { model: 'c/d', version: null, input: {}, inputs: null, seed: 'unsupported' as const };
    const plan = await planned(1, {
      models: [{ ...free, model: 'a/b', input: NAMED }, free],
      samples: 2,
      cells: 4,
    });
    let asked = 0;
    for (let turn = 0; turn < 3; turn++) asked += (await world.ask(plan)).asked;
    expect(asked).toBe(2);
    expect([...world.replicate.asked.values()].map(({ request }) => request.version)).toEqual(['c/d', 'c/d']);
  });

  test.each([422, 429, 402, 500])(
    'keeps no word of the value that Replicate refuses with (%i)',
    async (status) => {
      await store();
      const plan = await planned();
      let refusals = 0;
      world.replicate.onCreate = ({ input }) => {
        if (refusals++ === 0)
          throw new ReplicateRefusal(status, `bad key ${String(input.openai_api_key)}!`, 200);
      };
      const { faults } = await world.ask(plan);
      expect(refusals).toBe(1);
      for (const { error } of faults) expect(error.message).toBe('bad key [redacted]!');
      const kept = await everything();
      expect(kept).not.toContain(KEY);
      if (status !== 500) expect(kept).toContain('bad key [redacted]!');
      expect(await world.truth.images.exists(bindingKey(plan.id, 0))).toBe(status === 422);
    },
  );

  test('keeps no word of the value that Replicate answers when a second prediction is canceled', async () => {
    await store();
    const plan = await planned();
    const other = { predictionId: 'other', askedAt: world.now().toISOString(), attempt: 1 };
    world.replicate.onCreate = async () =>
      void (await world.truth.images.createJson(bindingKey(plan.id, 0), other));
    world.replicate.cancel = async () => {
      throw new ReplicateRefusal(500, `no prediction with the key ${KEY}`, undefined);
    };
    const { faults } = await world.ask(plan);
    expect(faults.map(({ error }) => error.message)).toEqual([
      expect.stringMatching(/^prediction \S+ was created, but .*no prediction with the key \[redacted\]$/),
    ]);
    for (const { error } of faults) expect(inspect(error)).not.toContain(KEY);
  });
});

describe('what Replicate answers is kept without the value', () => {
  /** A cell whose prediction has ended and repeats the value. */
  async function ended(plan: Plan, how: object) {
    await world.ask(plan);
    const [id] = world.replicate.asked.keys();
    world.replicate.end(id!, how);
    return id!;
  }
  const telling = (key: string) => ({
    status: 'failed' as const,
    error: `Incorrect API key provided: ${key}`,
    logs: `${'line\n'.repeat(5_000)}key=${key}\n${'line\n'.repeat(5_000)}Authorization: ${Buffer.from(`u:${key}`).toString('base64')}`,
    input: { openai_api_key: key },
    output: { note: `${'x'.repeat(990)}${key}`, [key]: [key] },
    metrics: { predict_time: 1, key },
  });

  test.each(['webhook', 'poll'])('by %s', async (by) => {
    await store();
    const plan = await planned();
    const id = await ended(plan, telling(KEY));
    if (by === 'webhook') await world.finish(plan, 0, (await world.replicate.get(id)) as never);
    else {
      world.pass(11 * 60_000);
      await world.poll({ audit: plan.id, from: 0, to: 0 });
    }
    const kept = (await result(plan))!;
    expect(kept.error).toBe('Incorrect API key provided: [redacted]');
    expect(kept.sent.input.openai_api_key).toEqual({ secret: 'openai' });
    expect(kept.prediction?.input).toEqual({ openai_api_key: '[redacted]' });
    expect(kept.prediction?.metrics).toEqual({ predict_time: 1, key: '[redacted]' });
    const all = await everything();
    for (const part of [KEY, KEY.slice(0, 9), Buffer.from(KEY.slice(3)).toString('base64').slice(0, 12)])
      expect(all).not.toContain(part);
  });

  test('also a value that was replaced while the prediction ran, and one that was removed', async () => {
    await store();
    const plan = await planned();
    const id = await ended(plan, telling(KEY));
    await store('sk-another-key-of-the-vendor');
    await removeSecret(deps(), 'openai');
    await world.finish(plan, 0, (await world.replicate.get(id)) as never);
    expect((await result(plan))?.error).toBe('Incorrect API key provided: [redacted]');
  });

  test('the reason of a lost image names no host that repeats it', async () => {
    await store();
    const plan = await planned();
    const id = await ended(plan, { output: [`https://${KEY}.example.com/1.png`] });
    await world.finish(plan, 0, (await world.replicate.get(id)) as never);
    expect((await result(plan))?.images).toEqual([
      { index: 0, error: 'images are not fetched from https://[redacted].example.com' },
    ]);
  });

  test('if its record is lost, no words are kept, and the cell finishes all the same', async () => {
    await store();
    const plan = await planned();
    const id = await ended(plan, { ...telling(KEY), status: 'succeeded', output: world.outputs('p', 1) });
    await world.images.delete([secretKey('openai')]);
    await world.finish(plan, 0, (await world.replicate.get(id)) as never);
    const kept = (await result(plan))!;
    expect(kept.status).toBe('succeeded');
    expect(kept.prediction?.logs).toMatch(/^\[withheld/);
    expect(kept.prediction?.metrics).toEqual({ predict_time: 1 });
    expect(await everything()).not.toContain(KEY);
  });
});

describe('an operator', () => {
  test.each([
    ['a short value', 'sk-short'],
    ['a value with a space', `${KEY} ${KEY}`],
    ['a value with another alphabet', `${KEY}ü`],
  ])('cannot store %s, which could not be recognized', async (_what, value) => {
    await expect(store(value)).rejects.toThrow('16 to 1,000 visible ASCII characters');
    expect(await world.keys('secrets/')).toEqual([]);
    expect(world.secretValues.size).toBe(0);
  });

  test('cannot give a secret to another model without removing it first', async () => {
    await store();
    const other = { model: 'c/d', input: 'key' };
    await expect(store(KEY, other)).rejects.toThrow('is for a/b:openai_api_key. A secret is good for one');
    await removeSecret(deps(), 'openai');
    await store('sk-another-key-of-the-vendor', other);
    expect(JSON.parse(world.secretValues.get('openai')!)).toEqual({
      ...{ use: other, value: 'sk-another-key-of-the-vendor' },
    });
  });

  test('replaces a value without saying again what it is for', async () => {
    await store();
    await storeSecret(deps(), 'openai', { use: undefined, value: 'sk-another-key-of-the-vendor' });
    expect(JSON.parse(world.secretValues.get('openai')!).use).toEqual(USE);
    await expect(storeSecret(deps(), 'new', { use: undefined, value: KEY })).rejects.toThrow(
      '--for owner/name:input',
    );
  });

  test('who is interrupted before the value is stored leaves the earlier one in use, and recognized', async () => {
    await store();
    const broken = {
      ...deps(),
      parameters: { ...deps().parameters, putSecret: async () => Promise.reject(new Error('interrupted')) },
    };
    await expect(
      storeSecret(broken, 'openai', { use: USE, value: 'sk-another-key-of-the-vendor' }),
    ).rejects.toThrow('interrupted');
    const plan = await planned();
    await world.ask(plan);
    const [asked] = world.replicate.asked.values();
    expect(asked?.request.input.openai_api_key).toBe(KEY);
  });

  test('whose record cannot be written stores no value', async () => {
    await store();
    const images = new (class extends S3Store {
      override async swapJson(): Promise<never> {
        throw new Error('S3 is down');
      }
    })(world.images.client, world.images.bucket);
    const value = 'sk-another-key-of-the-vendor';
    await expect(storeSecret({ ...deps(), images }, 'openai', { use: USE, value })).rejects.toThrow(
      'S3 is down',
    );
    expect(JSON.parse(world.secretValues.get('openai')!).value).toBe(KEY);
  });

  test('loses no fingerprint of another who replaces the value at the same moment', async () => {
    await store();
    const values = ['sk-key-of-the-first-operator', 'sk-key-of-the-second-operator'];
    await Promise.all(values.map((value) => store(value)));
    const { values: kept } = (await world.images.readJson<SecretRecord>(secretKey('openai')))!.value;
    expect(kept).toHaveLength(3);
  });
});
