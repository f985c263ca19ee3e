import { Logger } from '@aws-lambda-powertools/logger';
import { S3Client } from '@aws-sdk/client-s3';
import middy from '@middy/core';
import { ObjectStore } from '../lib/aws/objects.ts';
import { keyOf } from '../lib/aws/s3-event.ts';
import { backUp } from '../lib/images/backup.ts';
import { setting } from '../lib/settings.ts';

const logger = new Logger();
const images = new ObjectStore(new S3Client({}), setting(process.env, 'IMAGES_BUCKET'));
const backup = new ObjectStore(
  new S3Client({ region: setting(process.env, 'BACKUP_REGION') }),
  setting(process.env, 'BACKUP_BUCKET'),
);

/** An image was tagged or a record created: put a verified copy into the backup, or bring its tags into step. */
export const handler = middy().handler(async (event: unknown) => {
  const key = keyOf(event, images.bucket);
  try {
    return { key, backup: await backUp(images, backup, key) };
  } catch (error) {
    logger.error('not backed up', { key, error: error as Error });
    throw error;
  }
});
