import { Logger } from '@aws-lambda-powertools/logger';
import { S3Client } from '@aws-sdk/client-s3';
import middy from '@middy/core';
import { ObjectStore } from '../lib/aws/objects.ts';
import { keyOf } from '../lib/aws/s3-event.ts';
import { judgeCell } from '../lib/images/judge.ts';
import { isStored, type Result } from '../lib/records/result.ts';
import { setting } from '../lib/settings.ts';

const logger = new Logger();
const store = new ObjectStore(new S3Client({}), setting(process.env, 'IMAGES_BUCKET'));

/** A result was created: judge its images, tag them, record what was found. */
export const handler = middy().handler(async (event: unknown) => {
  const key = keyOf(event, store.bucket);
  const record = await store.readJson<Result>(key);
  if (!record) {
    logger.info('the result is gone: its audit was deleted', { key });
    return { key, images: [] };
  }
  const { audit, cell, images } = record.value;
  const stored = images.filter(isStored).map(({ index }) => index);
  const judged = [...(await judgeCell(store, audit, cell, stored))];
  for (const [index, found] of judged)
    if (found.status === 'quarantined') logger.warn('no sound image: quarantined', { key, index, ...found });
  return { key, images: judged.map(([index, found]) => ({ index, ...found })) };
});
