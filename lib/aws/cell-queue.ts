import { GetQueueAttributesCommand, SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { CellQueue } from '../ports.ts';

/** SQS takes ten messages a call. */
const BATCH = 10;

/** A queue in SQS. */
export function cellQueue(client: SQSClient, url: string): CellQueue {
  return {
    async send(ranges, delaySeconds = 0) {
      const batches = Array.from({ length: Math.ceil(ranges.length / BATCH) }, (_, i) =>
        ranges.slice(i * BATCH, (i + 1) * BATCH),
      );
      await Promise.all(
        batches.map(async (batch) => {
          const { Failed } = await client.send(
            new SendMessageBatchCommand({
              QueueUrl: url,
              Entries: batch.map((range, index) => ({
                Id: String(index),
                MessageBody: JSON.stringify(range),
                DelaySeconds: delaySeconds,
                // Standard queues deliver fairly by groups: a large audit does not hold up a small one.
                MessageGroupId: range.audit,
              })),
            }),
          );
          if (Failed?.length)
            throw new Error(`the queue refused ${Failed.length} messages: ${Failed[0]?.Message}`);
        }),
      );
    },
    async isIdle() {
      const { Attributes = {} } = await client.send(
        new GetQueueAttributesCommand({
          QueueUrl: url,
          AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
        }),
      );
      return Object.values(Attributes).every((count) => Number(count) === 0);
    },
  };
}
