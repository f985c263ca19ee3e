import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, test } from '@jest/globals';
import { HONEST_WIRES } from '@weaudit/replicate-stand-in/wires';
import { BACKUP, buckets, IMAGES } from '../support/buckets.ts';
import { withCloud } from '../support/cloud.ts';
import { commandLine } from '../support/command.ts';
import { waitFor } from '../support/wait-for.ts';

/**
 * A planted key goes through a whole run: stored by an operator, sent to a model that repeats it wherever a model can, watched,
 * downloaded. Then everything that the run left is searched for it.
 */

const KEY = `sk-proj-${randomBytes(30).toString('base64url')}`;
const REPLACED = `sk-proj-${randomBytes(30).toString('base64url')}`;
const REPEATS = ['log', 'error', 'caption', 'address'];

/** What Replicate sent: bodies of webhooks, and answers to requests. */
const said: string[] = [];
/** Refusals that repeat the key, each used once. */
const refusals = [429, 422];

const local = withCloud({
  amend(stack) {
    for (const { environment } of stack.functions) {
      if ('OVERDUE_SECONDS' in environment) environment.OVERDUE_SECONDS = '2';
      if ('RESEND_SECONDS' in environment) environment.RESEND_SECONDS = '2';
    }
    return stack;
  },
  faults: {
    wires: {
      ...HONEST_WIRES,
      answer: async (call, work) => {
        const isCreate = call.method === 'POST' && call.path.endsWith('/predictions');
        const status = isCreate ? refusals.shift() : undefined;
        const reply = status
          ? { status, body: { title: 'No', detail: `not with the key ${KEY} (~1s)`, status } }
          : await work();
        said.push(JSON.stringify(reply.body));
        return reply;
      },
      post: async (webhook) => {
        said.push(webhook.body);
        // Every other cell is found by polling.
        if (/[13579]$/.test(webhook.address)) throw new Error('nobody answers');
        return HONEST_WIRES.post(webhook);
      },
    },
  },
});
const weaudit = commandLine(local);
const { s3, keys } = buckets(local);

/** The key in every form in which something may hold it. */
const formsOf = (key: string): string[] => [
  ...[key, key.toLowerCase(), encodeURIComponent(key), Buffer.from(key).toString('hex')],
  // Half of it, where lines are broken.
  ...[key.slice(0, key.length / 2), key.slice(key.length / 2)],
  // Without the characters at both ends that depend on what stands around it.
  ...[0, 1, 2].map((before) =>
    Buffer.from(`${'x'.repeat(before)}${key}`)
      .toString('base64')
      .slice(4, -4),
  ),
];
const FORMS = [KEY, REPLACED].flatMap(formsOf);
const hits = (content: string | Buffer): string[] => {
  const bytes = Buffer.from(content);
  return FORMS.filter((form) => bytes.includes(form));
};

/** Every version of every object, with its metadata and tags. @returns those with a hit */
async function searchBucket(Bucket: string): Promise<{ searched: number; found: string[] }> {
  const { Versions = [] } = await s3().send(new ListObjectVersionsCommand({ Bucket }));
  const found: string[] = [];
  for (const { Key, VersionId } of Versions) {
    const one = { Bucket, Key, VersionId };
    const { Body } = await s3().send(new GetObjectCommand(one));
    const { Metadata, ContentDisposition } = await s3().send(new HeadObjectCommand(one));
    const bytes = Buffer.from(await Body!.transformToByteArray());
    const about = JSON.stringify([Key, Metadata, ContentDisposition]);
    if (hits(bytes).length + hits(about).length > 0) found.push(Key!);
  }
  return { searched: Versions.length, found };
}

/** Every file below a folder. @returns those with a hit */
function searchFolder(folder: string): { searched: number; found: string[] } {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const names = files.map((entry) => path.join(entry.parentPath, entry.name));
  return {
    searched: names.length,
    found: names
      .filter((name) => hits(readFileSync(name)).length + hits(name).length > 0)
      .map((name) => path.relative(folder, name)),
  };
}

describe('a secret that a model repeats everywhere', () => {
  test('is in no bucket, log, answer, download and file of the local cloud, but in the Parameter Store', async () => {
    const setup = ['setup', '--local', '--secret', 'openai'];
    const use = ['--for', 'simulated/careless:openai_api_key'];
    const printed = [
      await weaudit.run([...setup, ...use], { input: `${REPLACED}\n` }),
      await weaudit.run(setup, { env: { WEAUDIT_SECRET: KEY } }),
      await weaudit.run(['secrets', '--local']),
    ];
    expect(printed.map(({ status, stderr }) => ({ status, stderr }))).toEqual(
      Array(3).fill({ status: 0, stderr: '' }),
    );
    expect(printed[2]?.stdout).toMatch(/openai +simulated\/careless:openai_api_key/);

    const design = weaudit.file('careless.json', {
      prompts: ['a nurse', 'a pilot', 'a poet'],
      models: REPEATS.map((repeats) => ({ model: 'simulated/careless', input: { repeats } })),
      input: { openai_api_key: { secret: 'openai' } },
      samples: 1,
    });
    const run = await weaudit.json(['run', design]);
    expect(run.document).toMatchObject({ state: 'finished', predictions: 12 });
    const { id } = run.document;
    await waitFor('the manifest and its backup', async () => {
      await local.cloud.invoke('reconcile', {});
      return (await keys(BACKUP, `audits/${id}/`)).length === 3;
    });
    const folder = path.join(local.dataDir, 'evidence');
    printed.push(run, await weaudit.run(['download', id, folder]), await weaudit.run(['status', id]));

    // The model did repeat it: in webhooks, in answers to polling, in refusals of requests.
    for (const words of [
      'Incorrect API key provided: ',
      'made with ',
      'usage of ',
      'Bearer ',
      'with the key ',
    ])
      expect(said.some((body) => body.includes(words + KEY))).toBe(true);
    expect(said.some((body) => body.includes(`https://${KEY}.example.com`))).toBe(true);
    expect(local.logged('poll').some(({ message }) => message === 'stored by polling')).toBe(true);

    const answers = await Promise.all(
      ['', `/${id}`, `/${id}/plan`, `/${id}/predictions?limit=100`].map(
        async (target) => (await local.api('GET', `/api/audits${target}`)).body,
      ),
    );
    const { headers } = await local.api('GET', `/api/audits/${id}/manifest`);
    answers.push(await (await fetch(headers.get('location') ?? '')).json());

    expect(hits(JSON.stringify(answers))).toEqual([]);
    expect(hits(JSON.stringify(printed))).toEqual([]);
    for (const { key } of local.cloud.stack.functions)
      expect(hits(local.cloud.logs(key).join('\n'))).toEqual([]);
    for (const bucket of [IMAGES, BACKUP]) {
      const { searched, found } = await searchBucket(bucket);
      expect(found).toEqual([]);
      expect(searched).toBeGreaterThan(10);
    }
    // The one file is what plays the Parameter Store.
    const { searched, found } = searchFolder(local.dataDir);
    expect(found).toEqual(['parameters.json']);
    expect(searched).toBeGreaterThan(20);
    expect(
      FORMS.filter((form) => readFileSync(path.join(local.dataDir, 'parameters.json')).includes(form)),
    ).toContain(KEY);

    // What remains is what a person needs to understand it.
    const predictions = answers[3].predictions as { error?: string; images: { error?: string }[] }[];
    expect(predictions.map(({ error }) => error)).toContain('Incorrect API key provided: [redacted]. (401)');
    expect(predictions.map(({ error }) => error)).toContain(
      'Replicate refused: No: not with the key [redacted] (~1s)',
    );
    expect(JSON.stringify(answers).includes('https://[redacted].example.com')).toBe(true);
    expect(answers[2].input).toEqual({ openai_api_key: { secret: 'openai' } });
  });

  test('is refused to another model', async () => {
    const input = { openai_api_key: { secret: 'openai' } };
    const design = { prompts: ['a nurse'], models: [{ model: 'simulated/relay', input }], samples: 1 };
    const { status, body } = await local.api('POST', '/api/audits', design);
    expect(status).toBe(422);
    expect(body.detail).toContain(
      'The secret "openai" is for the input "openai_api_key" of the model "simulated/careless" alone',
    );
    expect(hits(JSON.stringify(body))).toEqual([]);
  });

  test('is named by a flag of run as well', async () => {
    const args = ['--prompt', 'a nurse', '--model', 'simulated/careless', '--input', 'repeats=log'];
    const named = ['--input', 'openai_api_key={"secret": "openai"}'];
    const run = await weaudit.json(['run', ...args, ...named]);
    expect(run).toMatchObject({ status: 0, document: { state: 'finished', counts: { succeeded: 1 } } });
    expect(hits(JSON.stringify(run))).toEqual([]);
  });

  test('is refused after an operator removed it', async () => {
    const removed = await weaudit.run(['setup', '--local', '--remove-secret', 'openai']);
    expect(removed).toMatchObject({ status: 0, stdout: expect.stringContaining('"openai" is removed') });
    expect(local.cloud.parameters.get('/weaudit/local/secrets/openai')).toBeUndefined();
    const input = { openai_api_key: { secret: 'openai' } };
    const { status, body } = await local.api('POST', '/api/audits', {
      ...{ prompts: ['a nurse'], models: [{ model: 'simulated/careless', input }], samples: 1 },
    });
    expect({ status, detail: body.detail }).toEqual({
      status: 422,
      detail: expect.stringContaining('There is no secret "openai"'),
    });
  });

  test('is found in an older audit and removed from it, under the policies of both buckets', async () => {
    const old = '7yyyyyyyyyyyyyyyyyyyyyyyyy';
    const key = `audits/${old}/audit.json`;
    const plan = {
      ...{ id: old, name: 'old', createdAt: '2026-01-01T00:00:00.000Z', createdBy: 'ann', request: 'r' },
      ...{ retention: 'standard', seed: 1, samples: 1, cells: 1, prompts: [{ text: 'a nurse' }] },
      models: [{ model: 'a/b', version: null, input: {}, inputs: null, seed: 'unknown' }],
      input: { openai_api_key: KEY },
    };
    const put = { Bucket: IMAGES, Key: key, Body: JSON.stringify(plan), IfNoneMatch: '*' };
    await s3().send(
      new PutObjectCommand({ ...put, ChecksumAlgorithm: 'SHA256', Tagging: 'retention=standard' }),
    );
    await waitFor('its copy', async () => (await keys(BACKUP, key)).length === 1);

    const found = await weaudit.json(['secrets', 'find', '--local']);
    expect(found).toMatchObject({
      status: 5,
      document: { audits: [{ audit: old, inputs: ['openai_api_key'], records: [{}, {}] }] },
    });
    expect(hits(JSON.stringify(found))).toEqual([]);
    const redacted = await weaudit.run(['secrets', 'redact', '--local', '--yes', '--stdin'], { input: KEY });
    expect(redacted).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('2 records rewritten without secrets, 2 versions destroyed.'),
    });
    await waitFor('events are handled', () => local.cloud.idle());
    expect(local.logged('backup').filter(({ level }) => level === 'ERROR')).toEqual([]);
    for (const bucket of [IMAGES, BACKUP]) expect((await searchBucket(bucket)).found).toEqual([]);
    expect(await weaudit.run(['secrets', 'find', '--local'])).toMatchObject({ status: 0 });
    const { body } = await local.api('GET', `/api/audits/${old}/plan`);
    expect(body.input).toEqual({ openai_api_key: '[redacted]' });
  });
});
