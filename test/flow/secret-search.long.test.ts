import { ListObjectVersionsCommand, PutObjectRetentionCommand } from '@aws-sdk/client-s3';
import { describeRedacted, redactAudit } from '../../cli/operator/secret-redaction.ts';
import { readVersion, searchAudits } from '../../cli/operator/secret-search.ts';
import { storeSecret } from '../../cli/operator/stored-secrets.ts';
import { countProgress } from '../../lib/audits/progress.ts';
import { backUp } from '../../lib/images/backup.ts';
import {
  bindingKey,
  manifestKey,
  planKey,
  resultKey,
  summaryKey,
  waitingKey,
} from '../../lib/records/keys.ts';
import type { Plan } from '../../lib/records/plan.ts';
import { type Result, recordResult } from '../../lib/records/result.ts';
import { SILENT } from './operators.ts';
import { onLoopback } from './s3.ts';
import { atEveryCall, eachWorld, FAULTS, type World, world } from './world.ts';

/** Keys that audits hold from the time when models got them as plain inputs, and what an operator does about them. */

eachWorld(onLoopback);

const KEY = 'sk-old-key-Abc123456';
const AUDIT = '7zzzzzzzzzzzzzzzzzzzzzzzzz';
const OTHER = '7yyyyyyyyyyyyyyyyyyyyyyyyy';

/** An audit as it was once: the key in its plan, and wherever a model repeated it. */
async function prepare(in_: World, cells = 2): Promise<Plan> {
  const audit = AUDIT;
  const plan = await in_.accept(cells, {
    models: [
      {
        model: 'a/b',
        version: null,
        input: { credentials: KEY },
        inputs: null,
        seed: 'unsupported',
        secrets: ['credentials'],
      },
    ],
    input: { hf_token: KEY, size: 'small', openai_api_key: { secret: 'openai' } },
  });
  const { images, backup } = in_.truth;
  const result = (cell: number, error: string): Result => ({
    ...{ audit, cell, status: 'failed', error, model: 'a/b', seed: null, seedSource: 'unsupported' },
    sent: { input: { credentials: KEY, prompt: 'a nurse', openai_api_key: { secret: 'openai' } } },
    prediction: {
      ...{ id: 'p', version: null, status: 'failed', createdAt: null, startedAt: null, completedAt: null },
      ...{
        input: { credentials: KEY },
        logs: `Basic ${Buffer.from(`u:${KEY}`).toString('base64')}`,
        metrics: null,
      },
    },
    ...{ asked: 1, returned: 0, filtered: 0, images: [], askedAt: null, storedAt: '' },
  });
  const results = [result(0, `bad key ${KEY}`), result(1, 'no reason')].slice(0, cells);
  for (const one of results) await recordResult(images, plan, one);
  const tags = { retention: plan.retention };
  const metadata = { failed: String(cells) };
  const manifests = [manifestKey(audit, 'csv')];
  await images.create(manifests[0]!, `n,error\n0,bad key ${KEY}\n`, { contentType: 'text/csv', tags });
  if (cells > 1) {
    const refused = { closed: 'failed', error: `refused ${KEY}`, closedAt: '' };
    await images.createJson(bindingKey(audit, 1), refused, { tags });
    await images.createJson(bindingKey(audit, 0), { predictionId: 'p', askedAt: '', attempt: 1 }, { tags });
    await images.createJson(summaryKey(audit, 0), results, { tags });
    await images.replaceJson(waitingKey(audit), { why: 'token', detail: KEY, at: '', until: '' }, { tags });
    const lines = results.map(({ error }) => ({ error, input: { credentials: KEY } }));
    manifests.push(manifestKey(audit, 'json'));
    const text = lines.map((line) => JSON.stringify(line)).join(',\n');
    await images.create(manifests[1]!, `{"audit":${JSON.stringify(plan)},"cells":[\n${text}\n]}\n`, {
      ...{ tags, metadata, contentType: 'application/json' },
    });
  }
  // An old version, which nobody sees and the lifecycle has not taken yet.
  await images.delete([planKey(audit)]);
  await images.createJson(planKey(audit), plan, { tags, metadata: { predictions: String(cells) } });
  for (const key of [planKey(audit), ...manifests]) await backUp(images, backup, key);
  await images.delete([`open/${audit}`]);
  return plan;
}

const found = async (in_: Pick<World, 'images' | 'backup'>, given: string[] = [], audits?: string[]) => {
  const all = [];
  for await (const one of searchAudits(in_, { audits, given }, SILENT)) all.push(one);
  return all;
};
async function redact(in_: World, stores: Pick<World, 'images' | 'backup'> = in_, given: string[] = []) {
  const done = [];
  for (const one of await found(stores, given))
    if (!one.isOpen) done.push(await redactAudit(stores, one, in_.time));
  return done;
}

/** All versions of everything in both buckets. @returns keys of those with the key in any form, each as often as it is there */
async function hits(in_: World): Promise<string[]> {
  const keys: string[] = [];
  for (const store of [in_.truth.images, in_.truth.backup]) {
    const { Versions = [] } = await store.client.send(
      new ListObjectVersionsCommand({ Bucket: store.bucket }),
    );
    for (const { Key, VersionId } of Versions) {
      const holding = { store, key: Key!, versionId: VersionId! } as Parameters<typeof readVersion>[0];
      const text = (await readVersion(holding)) ?? '';
      if (text.includes(KEY) || text.includes(Buffer.from(KEY.slice(1)).toString('base64').slice(0, 16)))
        keys.push(`${store.bucket} ${Key}`);
    }
  }
  return keys.sort();
}

/** What must be as it was, but for the key. */
async function check(in_: World): Promise<void> {
  expect(await hits(in_)).toEqual([]);
  expect(await found(in_.truth)).toEqual([]);
  const { images, backup } = in_.truth;
  const plan = (await images.readJson<Plan>(planKey(AUDIT)))!.value;
  const { cells } = plan;
  expect(plan.models[0]?.input).toEqual({ credentials: '[redacted]' });
  expect(plan.input).toEqual({ hf_token: '[redacted]', size: 'small', openai_api_key: { secret: 'openai' } });
  expect((await images.head(planKey(AUDIT)))?.metadata).toEqual({ predictions: String(cells) });
  for (let cell = 0; cell < cells; cell++) {
    const { sent } = (await images.readJson<Result>(resultKey(AUDIT, cell)))!.value;
    expect(sent.input).toEqual({
      ...{ credentials: '[redacted]', prompt: 'a nurse', openai_api_key: { secret: 'openai' } },
    });
    expect(await images.tags(resultKey(AUDIT, cell))).toEqual({ retention: 'standard' });
  }
  expect((await images.readJson<Result>(resultKey(AUDIT, 0)))?.value.error).toBe('bad key [redacted]');
  const csv = (await images.readRange(manifestKey(AUDIT, 'csv'), 'bytes=0-'))!.bytes.toString();
  expect(csv).toBe('n,error\n0,bad key [redacted]\n');
  // LISTs count the results as before, although each has another size now.
  const { counts } = await countProgress(images, AUDIT, cells);
  expect(counts).toMatchObject({ failed: cells, running: 0, waiting: 0 });
  // The copies are those of the rewritten records.
  for (const key of await in_.keys(`audits/${AUDIT}/`, backup))
    expect(await backUp(images, backup, key)).toBe('kept');
}

describe('keys in older audits', () => {
  test('are found in every record, also in old versions and in the backup, and nothing is changed', async () => {
    await prepare(world);
    const before = await world.versions('');
    const [audit, ...others] = await found(world);
    expect(others).toEqual([]);
    expect(audit).toMatchObject({ audit: AUDIT, inputs: ['hf_token', 'credentials'], isOpen: false });
    const keys = audit!.holdings.map(({ store, key }) => `${store.bucket} ${key}`).sort();
    expect(keys).toEqual(await hits(world));
    expect(keys).toHaveLength(12);
    expect(await world.versions('')).toEqual(before);
  });

  test.each(FAULTS)('are removed, and all else is as it was, when, at any call, %s', async (fault) => {
    const calls = await atEveryCall(fault, {
      prepare: (world) => prepare(world, 1).then(() => {}),
      act: (world) => redact(world),
      recover: (world) => redact(world, world.truth).then(() => {}),
      check,
    });
    expect(calls).toBeGreaterThan(30);
  });

  test('are removed from every record, which is otherwise as it was', async () => {
    await prepare(world);
    const done = await redact(world);
    expect(done).toMatchObject([{ audit: AUDIT, rewritten: 11, destroyed: 12, kept: [] }]);
    expect(describeRedacted(done)).toContain('11 records rewritten without secrets, 12 versions destroyed.');
    await check(world);
    expect(await world.images.head(manifestKey(AUDIT, 'json'))).toMatchObject({
      ...{ metadata: { failed: '2' }, contentType: 'application/json' },
    });
    const json = (await world.images.readRange(manifestKey(AUDIT, 'json'), 'bytes=0-'))!.bytes.toString();
    const [head, ...cells] = json.split('\n');
    expect(head).toMatch(/^\{"audit":\{.*\[redacted\].*\},"cells":\[$/);
    expect(cells).toEqual([
      '{"error":"bad key [redacted]","input":{"credentials":"[redacted]"}},',
      '{"error":"no reason","input":{"credentials":"[redacted]"}}',
      ...[']}', ''],
    ]);
    const { value } = (await world.images.readJson<{ records: string[] }>(`redacted/${AUDIT}.json`))!;
    expect(value.records).toHaveLength(8);
  });

  test('are left in an audit that is not finished: its cells need its plan', async () => {
    await prepare(world);
    await world.images.create(`open/${AUDIT}`, '');
    const [audit] = await found(world);
    expect(audit?.isOpen).toBe(true);
    expect(await redact(world)).toEqual([]);
  });

  test('are removed from a deleted audit, and nothing of it comes back', async () => {
    await prepare(world);
    const { images } = world.truth;
    await images.create(`deleted/${AUDIT}`, '');
    await images.delete(await world.keys(`audits/${AUDIT}/`));
    expect(await redact(world)).toMatchObject([{ audit: AUDIT }]);
    expect(await hits(world)).toEqual([]);
    expect(await world.keys(`audits/${AUDIT}/`)).toEqual([]);
  });

  test('are removed from records that expired, which do not come back either', async () => {
    await prepare(world);
    const { images } = world.truth;
    await images.delete(await world.keys(`audits/${AUDIT}/`));
    await redact(world);
    await redact(world);
    expect(await hits(world)).toEqual([]);
    expect(await world.keys(`audits/${AUDIT}/`)).toEqual([]);
  });

  test('are also found by their value alone, if it is given or stored', async () => {
    const plan = await world.accept(1, { id: OTHER, prompts: [{ text: `draw ${KEY}` }] });
    await world.images.delete([`open/${plan.id}`]);
    expect(await found(world)).toEqual([]);
    expect(await found(world, [KEY])).toMatchObject([{ audit: OTHER, inputs: [] }]);
    await expect(found(world, ['nurse'])).rejects.toThrow('fewer than 8 characters');
    const parameters = { putSecret: async () => {}, removeSecret: async () => {} };
    const use = { model: 'a/b', input: 'key' };
    await storeSecret({ images: world.images, parameters, time: world.time }, 'openai', { use, value: KEY });
    expect(await found(world)).toMatchObject([{ audit: OTHER, inputs: [] }]);
    expect(await found(world, [], [AUDIT])).toEqual([]);
    await redact(world);
    expect((await world.images.readJson<Plan>(planKey(OTHER)))?.value.prompts).toEqual([
      { text: 'draw [redacted]' },
    ]);
  });

  test('are found beside records that no longer are what they should be', async () => {
    await prepare(world);
    for (const [key, content] of [
      [`audits/${OTHER}/audit.json`, '{"models": 1'],
      [`audits/${OTHER}/results/00000.json`, `no JSON, but ${KEY}`],
      [`audits/${OTHER}/blocks/00000.json`, '[null, {}]'],
      [`audits/${OTHER}/dispatched/00000.json`, ''],
    ] as const)
      await world.images.create(key, content);
    expect((await found(world, [KEY])).map(({ audit, holdings }) => [audit, holdings.length])).toEqual([
      [OTHER, 1],
      [AUDIT, 12],
    ]);
  });

  test('are removed from inputs nested as deep as a design may be, which are otherwise as they were', async () => {
    const nested = (text: string) =>
      JSON.parse(`${'['.repeat(4_000)}${JSON.stringify(text)}${']'.repeat(4_000)}`);
    const { id } = await world.accept(1, { input: { deep: nested(KEY) } });
    await world.images.delete([`open/${id}`]);
    expect(await found(world)).toEqual([]);
    await redact(world, world, [KEY]);
    const plan = (await world.images.readJson<Plan>(planKey(id)))!.value;
    expect(JSON.stringify(plan.input)).toBe(JSON.stringify({ deep: nested('[redacted]') }));
  });

  test('that a lock protects are named with the date until which it does; readers get the record without them', async () => {
    await prepare(world);
    const { images, backup } = world.truth;
    const key = planKey(AUDIT);
    const until = new Date(Math.floor(world.now().getTime() / 1_000) * 1_000 + 30 * 86_400_000);
    const Retention = { Mode: 'COMPLIANCE' as const, RetainUntilDate: until };
    await backup.client.send(new PutObjectRetentionCommand({ Bucket: 'backup', Key: key, Retention }));
    const done = await redact(world);
    expect(done[0]?.kept).toEqual([
      { bucket: 'backup', key, versionId: expect.any(String), until: until.toISOString() },
    ]);
    expect(describeRedacted(done)).toContain(`locked until ${until.toISOString()}`);
    expect(await hits(world)).toEqual([`backup ${key}`]);
    expect((await backup.readJson<Plan>(key))?.value.input.hf_token).toBe('[redacted]');
    expect(await backUp(images, backup, key)).toBe('kept');
    const again = await redact(world);
    expect(again[0]).toMatchObject({ rewritten: 0, destroyed: 0, kept: [{ key }] });
  });
});
