import { Logger } from '@aws-lambda-powertools/logger';
import { S3Client } from '@aws-sdk/client-s3';
import middy from '@middy/core';
import { judgeImage } from '../lib/images/judge.ts';
import { keyOf } from '../lib/s3-event.ts';
import { setting } from '../lib/settings.ts';
import { ObjectStore } from '../lib/storage/objects.ts';

const logger = new Logger();
const store = new ObjectStore(new S3Client({}), setting(process.env, 'IMAGES_BUCKET'));

/** S3 created an image: judge it, tag it, record what was found. An image that is gone is nobody's business. */
export const handler = middy().handler(async (event: unknown) => {
  const key = keyOf(event, store.bucket);
  const found = await judgeImage(store, key);
  if (found?.status === 'quarantined') logger.warn('no sound image: quarantined', { key, ...found });
  return { key, ...(found ?? { status: 'gone' }) };
});
