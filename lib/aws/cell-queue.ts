import type { CellQueue } from '../ports.ts';
import { setting } from '../settings.ts';
import { systemTime } from '../system.ts';
import { CallFailed, type JsonCall, jsonCaller, type Signing } from './json-call.ts';

/** SQS takes ten messages a call. */
const BATCH = 10;

/** A call that may succeed later is made so often, after so long. */
const ATTEMPTS = 3;
const PAUSE_MS = 100;

const SQS = { name: 'sqs', version: '1.0', target: 'AmazonSQS' } as const;

/** The two queues of a function. @param client which signs the calls @throws {Error} without their addresses in `env` */
export const cellQueues = (client: Signing, env: NodeJS.ProcessEnv) => ({
  queue: cellQueue(client, env.AWS_ENDPOINT_URL, setting(env, 'QUEUE_URL')),
  polls: cellQueue(client, env.AWS_ENDPOINT_URL, setting(env, 'POLLS_URL')),
});

/**
 * A queue in SQS.
 * @param client which signs the calls
 * @param endpoint of AWS, where it is not the usual one
 */
export const cellQueue = (client: Signing, endpoint: string | undefined, url: string): CellQueue =>
  queueThrough(repeated(jsonCaller(client, SQS, () => endpoint ?? new URL(url).origin)), url);

const repeated =
  (call: JsonCall): JsonCall =>
  async (action, input) => {
    for (let attempt = 1; ; attempt++)
      try {
        return await call(action, input);
      } catch (error) {
        if (attempt === ATTEMPTS || !(error instanceof CallFailed && error.isPassing)) throw error;
        await systemTime.sleep(PAUSE_MS * attempt);
      }
  };

/** A queue, through these calls of SQS. */
export function queueThrough(call: JsonCall, url: string): CellQueue {
  return {
    async send(ranges, delaySeconds = 0) {
      const batches = Array.from({ length: Math.ceil(ranges.length / BATCH) }, (_, i) =>
        ranges.slice(i * BATCH, (i + 1) * BATCH),
      );
      await Promise.all(
        batches.map(async (batch) => {
          const { Failed } = (await call('SendMessageBatch', {
            QueueUrl: url,
            Entries: batch.map((range, index) => ({
              Id: String(index),
              MessageBody: JSON.stringify(range),
              DelaySeconds: delaySeconds,
              // Standard queues deliver fairly by groups: a large audit does not hold up a small one.
              MessageGroupId: range.audit,
            })),
          })) as { Failed?: { Message?: string }[] };
          if (Failed?.length)
            throw new Error(`the queue refused ${Failed.length} messages: ${Failed[0]?.Message}`);
        }),
      );
    },
    async isIdle() {
      const { Attributes = {} } = (await call('GetQueueAttributes', {
        QueueUrl: url,
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      })) as { Attributes?: Record<string, string> };
      return Object.values(Attributes).every((count) => Number(count) === 0);
    },
  };
}
