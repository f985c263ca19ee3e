import { Logger } from '@aws-lambda-powertools/logger';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { reconcile } from '../lib/audits/reconcile.ts';
import { ObjectStore, STREAMING } from '../lib/aws/objects.ts';
import { cellQueue } from '../lib/cells/queue.ts';
import { numberSetting, setting } from '../lib/settings.ts';

/** What one audit may take at the most, so that a run ends by itself. */
const RESERVE_MS = 60_000;

const logger = new Logger();
const deps = {
  images: new ObjectStore(new S3Client(STREAMING), setting(process.env, 'IMAGES_BUCKET')),
  backup: new ObjectStore(
    new S3Client({ region: setting(process.env, 'BACKUP_REGION') }),
    setting(process.env, 'BACKUP_BUCKET'),
  ),
  queue: cellQueue(new SQSClient({}), setting(process.env, 'QUEUE_URL')),
  now: () => new Date(),
  overdueMs: numberSetting(process.env, 'OVERDUE_SECONDS') * 1_000,
  resendMs: numberSetting(process.env, 'RESEND_SECONDS') * 1_000,
  settleMs: numberSetting(process.env, 'SETTLE_SECONDS') * 1_000,
};

/** Every five minutes: see to every open audit. */
export const handler = middy().handler(async (_event: unknown, context: Context) => {
  const { faults, ...done } = await reconcile(deps, () => context.getRemainingTimeInMillis() < RESERVE_MS);
  for (const { audit, error } of faults) logger.error('an audit could not be seen to', { audit, error });
  if (done.repairs > 0) logger.warn('repaired', done);
  if (faults.length > 0) throw new Error(`${faults.length} of ${done.audits} audits could not be seen to`);
  return done;
});
