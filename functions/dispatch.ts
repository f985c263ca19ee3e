import { Logger } from '@aws-lambda-powertools/logger';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { ObjectStore, STREAMING } from '../lib/aws/objects.ts';
import { tuneHeapForStreams } from '../lib/aws/stream-memory.ts';
import { advanceRange } from '../lib/cells/advance.ts';
import { Pacer } from '../lib/cells/pacer.ts';
import { cellQueue, parseRange } from '../lib/cells/queue.ts';
import { planReader } from '../lib/records/plan.ts';
import { replicateClient } from '../lib/replicate/client.ts';
import { secretReader } from '../lib/secrets.ts';
import { listSetting, numberSetting, setting } from '../lib/settings.ts';

/** Time that is kept for cells under way, the rest of the range, and the lease. */
const RESERVE_MS = 8_000;

const logger = new Logger();
const s3 = new S3Client(STREAMING);
const store = new ObjectStore(s3, setting(process.env, 'IMAGES_BUCKET'));
const queue = cellQueue(new SQSClient({}), setting(process.env, 'QUEUE_URL'));
const lastDelivery = numberSetting(process.env, 'MAX_RECEIVE_COUNT');
const token = secretReader(
  s3,
  process.env.AWS_ENDPOINT_URL,
  setting(process.env, 'REPLICATE_TOKEN_PARAMETER'),
);
const deps = {
  store,
  readPlan: planReader(store),
  replicate: replicateClient(setting(process.env, 'REPLICATE_API_URL'), token),
  webhookUrl: setting(process.env, 'WEBHOOK_URL'),
  origins: listSetting(process.env, 'OUTPUT_ORIGINS'),
  maxImageBytes: numberSetting(process.env, 'MAX_IMAGE_BYTES'),
  overdueMs: numberSetting(process.env, 'OVERDUE_SECONDS') * 1_000,
  // The account's rate is shared by the functions that run at once.
  pacer: new Pacer(
    numberSetting(process.env, 'CREATES_PER_MINUTE'),
    numberSetting(process.env, 'DISPATCH_CONCURRENCY'),
  ),
  now: () => new Date(),
  onSuperfluous: (cell: number, predictionId: string) =>
    logger.warn('a second prediction was made for a cell, and canceled', { cell, predictionId }),
};

tuneHeapForStreams();

/** Ranges of cells from the queue: advance each. A message is gone only when nothing of it is lost. */
export const handler = middy<SQSEvent, SQSBatchResponse>().handler(async (event, context) => {
  const failed: SQSRecord[] = [];
  for (const record of event.Records) if (!(await advance(record, context))) failed.push(record);
  return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
});

async function advance(record: SQSRecord, context: Context): Promise<boolean> {
  const range = parseRange(record.body);
  logger.resetKeys();
  if (!range) {
    logger.error('a message that is no range of cells; it goes to the dead-letter queue', {
      messageId: record.messageId,
    });
    return false;
  }
  logger.appendKeys({ audit: range.audit, cell: `${range.from}-${range.to}` });
  const left = context.getRemainingTimeInMillis();
  const turn = {
    stopAt: new Date(Date.now() + left - RESERVE_MS),
    endsAt: new Date(Date.now() + left),
    last: Number(record.attributes.ApproximateReceiveCount) >= lastDelivery,
  };
  try {
    const { rest, faults, asked, waitedFor } = await advanceRange(deps, range, turn);
    // infra/watch.yml counts both from the log.
    if (asked > 0) logger.info('asked Replicate', { asked });
    if (waitedFor) logger.warn('waiting for Replicate', { why: waitedFor });
    if (rest) await queue.send([rest.range], rest.delaySeconds);
    for (const { cell, error } of faults.slice(0, 3))
      logger.error('a cell could not be advanced', { cell, error });
    return faults.length === 0;
  } catch (error) {
    logger.error('a range could not be advanced', { error: error as Error });
    return false;
  }
}
