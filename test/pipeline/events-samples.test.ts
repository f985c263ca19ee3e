import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, test } from '@jest/globals';
import { BACKUP, buckets, IMAGES } from '../support/buckets.ts';
import { withCloud } from '../support/cloud.ts';
import { type Answer, AUDIT, sampleEvents } from '../support/sample-events.ts';

/** The sample events, each given to its function on the local cloud. */

const EVENTS = path.resolve(import.meta.dirname, '..', '..', 'events');

const cloud = withCloud({
  predictionSeconds: 0.1,
  /** A cell is overdue within a second. */
  amend(stack) {
    for (const { key, environment } of stack.functions) if (key === 'poll') environment.OVERDUE_SECONDS = '1';
    return stack;
  },
});
const { s3, json, keys, tags } = buckets(cloud);
const { seed, load, exists, testEachFunction } = sampleEvents(cloud);

async function handled(functionKey: string, file: string): Promise<Answer> {
  const result = await cloud.cloud.invoke(functionKey, load(file));
  if (!result.ok) throw new Error(result.error.errorMessage);
  return { answer: JSON.parse(result.payload), output: cloud.cloud.logs(functionKey).join('\n') };
}
const answerOf = async (functionKey: string, file: string) => (await handled(functionKey, file)).answer;

describe('one event of each function', () => testEachFunction(handled));

describe('the other events', () => {
  test('a picture inside a delivery is stored, and a refusal is a result of its own', async () => {
    expect(await answerOf('webhook', 'webhook.data-uri.js')).toMatchObject({
      statusCode: 200,
      body: '{"outcome":"stored"}',
    });
    expect(await json(IMAGES, `audits/${AUDIT}/results/00002.json`)).toMatchObject({
      status: 'succeeded',
      images: [{ contentType: 'image/png' }],
    });
    expect(await answerOf('webhook', 'webhook.refused.js')).toMatchObject({ statusCode: 200 });
    const refused = await json(IMAGES, `audits/${AUDIT}/results/00003.json`);
    expect(refused).toMatchObject({ status: 'refused', images: [] });
    const size = Buffer.byteLength(JSON.stringify(refused));
    expect(await exists(IMAGES, `audits/${AUDIT}/failed/00003.refused.${size}`)).toBe(true);
  });

  test('a signature that does not fit changes nothing: the check is the same for samples', async () => {
    const event = structuredClone(load('webhook.js')) as { headers: Record<string, string> };
    event.headers['webhook-timestamp'] = String(Math.floor(Date.now() / 1_000) - 600);
    const result = await cloud.cloud.invoke('webhook', event);
    expect(result.ok && JSON.parse(result.payload).statusCode).toBe(401);
  });

  test('what is no image is quarantined, and its result measures as an image all the same', async () => {
    expect(await answerOf('tag', 'tag.not-an-image.json')).toMatchObject({
      images: [{ index: 0, status: 'quarantined', format: 'html', reason: 'not an image: HTML' }],
    });
    expect(await tags(IMAGES, `images/${AUDIT}/00005/0`)).toMatchObject({ status: 'quarantined' });
    expect(await answerOf('metrics', 'metrics.no-image.json')).toMatchObject({
      key: `audits/${AUDIT}/results/00005.json`,
    });
  });

  test('a judgement that is requested again makes the rendition that is missing, and changes nothing else', async () => {
    const rendition = `renditions/${AUDIT}/00004/0`;
    const judged = await keys(IMAGES, `audits/${AUDIT}/judged/00004/`);
    await s3().send(new DeleteObjectCommand({ Bucket: IMAGES, Key: rendition }));
    expect(await answerOf('tag', 'tag.again.json')).toMatchObject({ images: [{ index: 0, status: 'ok' }] });
    expect(await exists(IMAGES, rendition)).toBe(true);
    expect(await keys(IMAGES, `audits/${AUDIT}/judged/00004/`)).toEqual(judged);
  });

  test('a record is copied into the backup', async () => {
    await s3().send(new DeleteObjectCommand({ Bucket: BACKUP, Key: `audits/${AUDIT}/audit.json` }));
    expect(await answerOf('backup', 'backup.record.json')).toMatchObject({ backup: 'copied' });
    expect((await json(BACKUP, `audits/${AUDIT}/audit.json`)).id).toBe(AUDIT);
  });

  test('the list names the audit of the samples, and its predictions have addresses', async () => {
    const list = await answerOf('api', 'api.list.json');
    expect(JSON.parse(list.body).audits.map(({ id }: { id: string }) => id)).toContain(AUDIT);
    const page = JSON.parse((await answerOf('api', 'api.predictions.json')).body);
    expect((await fetch(page.predictions[4].images[0].url)).status).toBe(200);
    expect(page.predictions[5].images[0]).toMatchObject({ status: 'quarantined' });
    expect(page.predictions[5].images[0]).not.toHaveProperty('url');
  });

  test('seeding again restores everything, so that the events can run again', async () => {
    await seed();
    expect(await keys(IMAGES, `audits/${AUDIT}/results/`)).toEqual(
      ['00004', '00005'].map((cell) => `audits/${AUDIT}/results/${cell}.json`),
    );
    expect(await answerOf('webhook', 'webhook.data-uri.js')).toMatchObject({ body: '{"outcome":"stored"}' });
  });
});

test('every sample event belongs to a function and is tried above', () => {
  const functions = ['api', 'backup', 'dispatch', 'metrics', 'poll', 'reconcile', 'tag', 'webhook'];
  const files = readdirSync(EVENTS).filter((name) => /\.(json|js)$/.test(name));
  const events = files.filter((name) => name !== 'package.json' && name !== 'signed-webhook.js');
  expect(new Set(events.map((name) => name.split('.')[0]))).toEqual(new Set(functions));
  const sources = [import.meta.filename, path.resolve(import.meta.dirname, '../support/sample-events.ts')];
  const source = sources.map((file) => readFileSync(file, 'utf8')).join();
  expect(events.filter((name) => !source.includes(`'${name}'`))).toEqual([]);
});
