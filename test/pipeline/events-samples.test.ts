import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectTaggingCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { withCloud } from '../support/cloud.ts';
import { type Ended, runProgram } from '../support/command.ts';
import { waitFor } from '../support/wait-for.ts';

/** What the sample events bring about: by `serverless invoke local` for each function once, by its handler for the rest. */

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const IMAGES = 'weaudit-local-000000000000-images';
const BACKUP = 'weaudit-local-000000000000-backup';
const AUDIT = '7ychs9v1bzsamp1e0000000001';
const ENDED_AUDIT = '7ychs9hwczsamp1e0000000002';

const cloud = withCloud({ predictionSeconds: 0.1 });
let s3: S3Client;
let samples: string;

const seed = () =>
  runProgram([path.join(ROOT, 'local', 'seed.ts')], {
    AWS_ENDPOINT_URL: cloud.cloud.endpoints.aws,
    REPLICATE_API_URL: `${cloud.cloud.endpoints.replicate}/v1`,
    WEAUDIT_SAMPLES: samples,
  });

beforeAll(async () => {
  s3 = cloud.s3();
  samples = path.join(cloud.dataDir, 'samples.json');
  // Where the events that are signed as they are loaded look.
  process.env.WEAUDIT_SAMPLES = samples;
  expect(await seed()).toMatchObject({ status: 0, stderr: '' });
  await waitFor('what the seed has set off is done', () => cloud.cloud.idle());
});

const load = (file: string): unknown =>
  file.endsWith('.js')
    ? createRequire(import.meta.url)(path.join(ROOT, 'events', file))
    : JSON.parse(readFileSync(path.join(ROOT, 'events', file), 'utf8'));

/** The function's answer to a sample event, by its handler. */
// biome-ignore lint/suspicious/noExplicitAny: answers are looked at freely
async function handled(functionKey: string, file: string): Promise<any> {
  const result = await cloud.cloud.invoke(functionKey, load(file));
  if (!result.ok) throw new Error(result.error.errorMessage);
  return JSON.parse(result.payload);
}

/** The function's answer by `serverless invoke local`, in an environment without any credentials. */
// biome-ignore lint/suspicious/noExplicitAny: answers are looked at freely
async function invoked(functionKey: string, file: string): Promise<Ended & { answer: any }> {
  const environment = cloud.cloud.environment(functionKey);
  const declared = Object.entries(environment).filter(
    ([name, value]) =>
      name === 'AWS_ENDPOINT_URL' ||
      /^[A-Z_]+_(URL|ORIGINS)$/.test(name) ||
      value.includes('http://127.0.0.1'),
  );
  const result = await runProgram(
    [
      path.join(ROOT, 'node_modules', 'serverless', 'bin', 'serverless.js'),
      ...['invoke', 'local', '--function', functionKey, '--path', `events/${file}`],
      ...declared.flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ],
    { WEAUDIT_SAMPLES: samples },
  );
  const document = /^\{$[\s\S]*?^\}$/m.exec(result.stdout)?.[0];
  if (document === undefined)
    throw new Error(`${functionKey} gave no answer:\n${result.stdout}\n${result.stderr}`);
  return { ...result, answer: JSON.parse(document) };
}

const exists = async (Bucket: string, Key: string): Promise<boolean> =>
  s3.send(new HeadObjectCommand({ Bucket, Key })).then(
    () => true,
    () => false,
  );
const tagsOf = async (Bucket: string, Key: string) => {
  const { TagSet = [] } = await s3.send(new GetObjectTaggingCommand({ Bucket, Key }));
  return Object.fromEntries(TagSet.map((tag) => [tag.Key, tag.Value]));
};
// biome-ignore lint/suspicious/noExplicitAny: records are looked at freely
async function json(Bucket: string, Key: string): Promise<any> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return JSON.parse(await Body!.transformToString());
}

describe('serverless invoke local, without credentials', () => {
  // Each start costs seconds, so that some go together.
  test('api accepts an audit, which then runs; dispatch asks for the cell that nobody has asked for; tag judges the images of a result', async () => {
    const Key = `images/${AUDIT}/00004/0`;
    const TagSet = [
      { Key: 'status', Value: 'pending' },
      { Key: 'retention', Value: 'short' },
    ];
    await s3.send(new PutObjectTaggingCommand({ Bucket: IMAGES, Key, Tagging: { TagSet } }));
    const [api, dispatch, tag] = await Promise.all([
      invoked('api', 'api.json'),
      invoked('dispatch', 'dispatch.json'),
      invoked('tag', 'tag.json'),
    ]);
    expect(api.answer.statusCode).toBe(202);
    const { id } = JSON.parse(api.answer.body);
    await waitFor(
      'the audit ends',
      async () => (await cloud.api('GET', `/api/audits/${id}`)).body.counts.succeeded === 1,
    );

    expect(dispatch.answer).toEqual({ batchItemFailures: [] });
    const { predictionId } = await json(IMAGES, `audits/${AUDIT}/dispatched/00000.json`);
    const asked = cloud.cloud.standIn!.log().filter(({ kind }) => kind === 'create');
    expect(asked.map((entry) => 'prediction' in entry && entry.prediction)).toContain(predictionId);
    await waitFor('its result', () => exists(IMAGES, `audits/${AUDIT}/results/00000.json`));

    expect(tag.answer).toEqual({
      key: `audits/${AUDIT}/results/00004.json`,
      images: [{ index: 0, status: 'ok', format: 'webp', width: 256, height: 256 }],
    });
    const tags = { status: 'ok', format: 'webp', size: 'small', retention: 'short' };
    expect(await tagsOf(IMAGES, Key)).toEqual(tags);
  });

  test('webhook stores what the prediction made; reconcile writes the manifest of the audit that has ended', async () => {
    expect(await exists(IMAGES, `images/${AUDIT}/00001/0`)).toBe(false);
    const [webhook, reconcile] = await Promise.all([
      invoked('webhook', 'webhook.js'),
      invoked('reconcile', 'reconcile.json'),
    ]);
    expect(webhook.answer).toMatchObject({ statusCode: 200, body: '{"outcome":"stored"}' });
    const result = await json(IMAGES, `audits/${AUDIT}/results/00001.json`);
    expect(result).toMatchObject({
      status: 'succeeded',
      images: [{ key: `images/${AUDIT}/00001/0`, contentType: 'image/webp' }],
    });
    await waitFor(
      'its image is judged',
      async () => (await tagsOf(IMAGES, `images/${AUDIT}/00001/0`)).status === 'ok',
    );

    expect(reconcile.answer.audits).toBeGreaterThanOrEqual(1);
    expect((await json(IMAGES, `audits/${ENDED_AUDIT}/manifest.json`)).cells).toHaveLength(1);
  });

  test('backup copies an image; metrics measures a result', async () => {
    const Key = `images/${AUDIT}/00004/0`;
    await waitFor('the backup has followed', () => cloud.cloud.idle());
    await s3.send(new DeleteObjectCommand({ Bucket: BACKUP, Key }));
    const [backup, metrics] = await Promise.all([
      invoked('backup', 'backup.json'),
      invoked('metrics', 'metrics.json'),
    ]);
    expect(backup.answer).toEqual({ key: Key, backup: 'copied' });
    const etag = async (Bucket: string) => (await s3.send(new HeadObjectCommand({ Bucket, Key }))).ETag;
    expect(await etag(BACKUP)).toBe(await etag(IMAGES));
    expect(await tagsOf(BACKUP, Key)).toMatchObject({ status: 'ok' });

    const measured = metrics.stdout.split('\n').find((line) => line.includes('"_aws"'));
    expect(JSON.parse(measured ?? '{}')).toMatchObject({ Images: 1, Finished: 1 });
  });
});

describe('by their handlers', () => {
  test('a picture inside a delivery is stored, and a refusal is a result of its own', async () => {
    expect(await handled('webhook', 'webhook.data-uri.js')).toMatchObject({
      statusCode: 200,
      body: '{"outcome":"stored"}',
    });
    expect(await json(IMAGES, `audits/${AUDIT}/results/00002.json`)).toMatchObject({
      status: 'succeeded',
      images: [{ contentType: 'image/png' }],
    });
    expect(await handled('webhook', 'webhook.refused.js')).toMatchObject({ statusCode: 200 });
    expect(await json(IMAGES, `audits/${AUDIT}/results/00003.json`)).toMatchObject({
      status: 'refused',
      images: [],
    });
    expect(await exists(IMAGES, `audits/${AUDIT}/failed/00003.refused`)).toBe(true);
  });

  test('a signature that does not fit changes nothing: the check is the same for samples', async () => {
    const event = structuredClone(load('webhook.js')) as { headers: Record<string, string> };
    event.headers['webhook-timestamp'] = String(Math.floor(Date.now() / 1_000) - 600);
    const result = await cloud.cloud.invoke('webhook', event);
    expect(result.ok && JSON.parse(result.payload).statusCode).toBe(401);
  });

  test('what is no image is quarantined, and its result measures as an image all the same', async () => {
    expect(await handled('tag', 'tag.not-an-image.json')).toMatchObject({
      images: [{ index: 0, status: 'quarantined', format: 'unknown' }],
    });
    expect(await tagsOf(IMAGES, `images/${AUDIT}/00005/0`)).toMatchObject({ status: 'quarantined' });
    expect(await handled('metrics', 'metrics.no-image.json')).toMatchObject({
      key: `audits/${AUDIT}/results/00005.json`,
    });
  });

  test('a record is copied into the backup', async () => {
    await s3.send(new DeleteObjectCommand({ Bucket: BACKUP, Key: `audits/${AUDIT}/audit.json` }));
    expect(await handled('backup', 'backup.record.json')).toMatchObject({ backup: 'copied' });
    expect((await json(BACKUP, `audits/${AUDIT}/audit.json`)).id).toBe(AUDIT);
  });

  test('the list names the audit of the samples, and its predictions have addresses', async () => {
    const list = await handled('api', 'api.list.json');
    expect(JSON.parse(list.body).audits.map(({ id }: { id: string }) => id)).toContain(AUDIT);
    const page = JSON.parse((await handled('api', 'api.predictions.json')).body);
    expect((await fetch(page.predictions[4].images[0].url)).status).toBe(200);
    expect(page.predictions[5].images[0]).toMatchObject({ status: 'quarantined' });
    expect(page.predictions[5].images[0]).not.toHaveProperty('url');
  });

  test('seeding again restores everything, so that the events can run again', async () => {
    expect((await seed()).status).toBe(0);
    const { Contents = [] } = await s3.send(
      new ListObjectsV2Command({ Bucket: IMAGES, Prefix: `audits/${AUDIT}/results/` }),
    );
    expect(Contents.map(({ Key }) => Key?.split('/').at(-1))).toEqual(['00004.json', '00005.json']);
    await waitFor('what the seed has set off is done', () => cloud.cloud.idle());
    expect(await handled('webhook', 'webhook.data-uri.js')).toMatchObject({ body: '{"outcome":"stored"}' });
  });
});

test('every sample event belongs to a function and is tried above', () => {
  const functions = ['api', 'backup', 'dispatch', 'metrics', 'reconcile', 'tag', 'webhook'];
  const files = readdirSync(path.join(ROOT, 'events')).filter((name) => /\.(json|js)$/.test(name));
  const source = readFileSync(fileURLToPath(import.meta.url), 'utf8');
  const events = files.filter((name) => name !== 'package.json' && name !== 'signed-webhook.js');
  expect(new Set(events.map((name) => name.split('.')[0]))).toEqual(new Set(functions));
  expect(events.filter((name) => !source.includes(`'${name}'`))).toEqual([]);
});
