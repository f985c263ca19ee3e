import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { DeleteObjectCommand, HeadObjectCommand, PutObjectTaggingCommand } from '@aws-sdk/client-s3';
import { beforeAll, expect, test } from '@jest/globals';
import { BACKUP, buckets, IMAGES } from './buckets.ts';
import type { TestCloud } from './cloud.ts';
import { runProgram } from './command.ts';
import { waitFor } from './wait-for.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
/** The audits of local/seed.ts. */
export const AUDIT = '7ychs9v1bzsamp1e0000000001';
const FINISHED_AUDIT = '7ychs9hwczsamp1e0000000002';

/** What a function answered to a sample event, and what it logged. */
export interface Answer {
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  answer: any;
  output: string;
}

/** Seeds a test's cloud with what the sample events speak of, once for the file. */
export function sampleEvents(cloud: TestCloud) {
  const { s3, json, tags } = buckets(cloud);
  const samples = path.join(cloud.dataDir, 'samples.json');

  async function seed(): Promise<void> {
    const ended = await runProgram([path.join(ROOT, 'local', 'seed.ts')], {
      AWS_ENDPOINT_URL: cloud.cloud.endpoints.aws,
      REPLICATE_API_URL: `${cloud.cloud.endpoints.replicate}/v1`,
      WEAUDIT_SAMPLES: samples,
    });
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    await waitFor('what the seed has set off is done', () => cloud.cloud.idle());
  }
  beforeAll(async () => {
    // Events that are signed as they are loaded read this file.
    process.env.WEAUDIT_SAMPLES = samples;
    await seed();
  });

  const load = (file: string): unknown =>
    file.endsWith('.js')
      ? createRequire(import.meta.url)(path.join(ROOT, 'events', file))
      : JSON.parse(readFileSync(path.join(ROOT, 'events', file), 'utf8'));

  const exists = async (Bucket: string, Key: string): Promise<boolean> =>
    s3()
      .send(new HeadObjectCommand({ Bucket, Key }))
      .then(
        () => true,
        () => false,
      );

  /** One event of each function, by whatever runs functions. */
  function testEachFunction(run: (functionKey: string, file: string) => Promise<Answer>): void {
    test('api accepts an audit, which then runs; dispatch asks for the cell that nobody has asked for; tag judges the images of a result', async () => {
      const Key = `images/${AUDIT}/00004/0`;
      const TagSet = [
        { Key: 'status', Value: 'pending' },
        { Key: 'retention', Value: 'short' },
      ];
      await s3().send(new PutObjectTaggingCommand({ Bucket: IMAGES, Key, Tagging: { TagSet } }));
      const [api, dispatch, tag] = await Promise.all([
        run('api', 'api.json'),
        run('dispatch', 'dispatch.json'),
        run('tag', 'tag.json'),
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
      const judged = { status: 'ok', format: 'webp', size: 'small', retention: 'short' };
      expect(await tags(IMAGES, Key)).toEqual(judged);
    });

    test('webhook stores what the prediction made; reconcile writes the manifest of the audit that has ended', async () => {
      expect(await exists(IMAGES, `images/${AUDIT}/00001/0`)).toBe(false);
      const [webhook, reconcile] = await Promise.all([
        run('webhook', 'webhook.js'),
        run('reconcile', 'reconcile.json'),
      ]);
      expect(webhook.answer).toMatchObject({ statusCode: 200, body: '{"outcome":"stored"}' });
      const result = await json(IMAGES, `audits/${AUDIT}/results/00001.json`);
      expect(result).toMatchObject({
        status: 'succeeded',
        images: [{ key: `images/${AUDIT}/00001/0`, contentType: 'image/webp' }],
      });
      await waitFor(
        'its image is judged',
        async () => (await tags(IMAGES, `images/${AUDIT}/00001/0`)).status === 'ok',
      );

      expect(reconcile.answer.audits).toBeGreaterThanOrEqual(1);
      expect((await json(IMAGES, `audits/${FINISHED_AUDIT}/manifest.json`)).cells).toHaveLength(1);
    });

    test('poll finishes a cell whose webhook never came', async () => {
      const result = `audits/${AUDIT}/results/00006.json`;
      await waitFor('the cell is overdue, and finished', async () => {
        expect((await run('poll', 'poll.json')).answer).toEqual({ batchItemFailures: [] });
        return exists(IMAGES, result);
      });
      expect(await json(IMAGES, result)).toMatchObject({
        status: 'succeeded',
        images: [{ key: `images/${AUDIT}/00006/0` }],
      });
    });

    test('backup copies an image; metrics measures a result', async () => {
      const Key = `images/${AUDIT}/00004/0`;
      await waitFor('the backup has followed', () => cloud.cloud.idle());
      await s3().send(new DeleteObjectCommand({ Bucket: BACKUP, Key }));
      const [backup, metrics] = await Promise.all([
        run('backup', 'backup.json'),
        run('metrics', 'metrics.json'),
      ]);
      expect(backup.answer).toEqual({ key: Key, backup: 'copied' });
      const etag = async (Bucket: string) => (await s3().send(new HeadObjectCommand({ Bucket, Key }))).ETag;
      expect(await etag(BACKUP)).toBe(await etag(IMAGES));
      expect(await tags(BACKUP, Key)).toMatchObject({ status: 'ok' });

      const measured = metrics.output.split('\n').find((line) => line.includes('"_aws"'));
      expect(JSON.parse(measured ?? '{}')).toMatchObject({ Images: 1, Finished: 1 });
    });
  }

  return { seed, load, exists, testEachFunction };
}
