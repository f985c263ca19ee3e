import { GetQueueAttributesCommand, SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { MAX_BLOCK, type Range } from '../records/blocks.ts';
import { isAuditId } from '../records/keys.ts';

/** The queue of ranges that wait to be advanced. */
export interface CellQueue {
  /** Sends ranges, all to be delivered no earlier than `delaySeconds` (at most 900). */
  send(ranges: Range[], delaySeconds?: number): Promise<void>;
  /** Whether nothing waits, is delayed, or is being worked on. SQS counts approximately. */
  isIdle(): Promise<boolean>;
}

/** SQS takes ten messages a call. */
const BATCH = 10;

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
          AttributeNames: [
            'ApproximateNumberOfMessages',
            'ApproximateNumberOfMessagesNotVisible',
            'ApproximateNumberOfMessagesDelayed',
          ],
        }),
      );
      return Object.values(Attributes).every((count) => Number(count) === 0);
    },
  };
}

/** The range that a message's body holds, or undefined for anything else. */
export function parseRange(body: string): Range | undefined {
  try {
    const { audit, from, to, look } = JSON.parse(body) as Range;
    const isCell = (n: unknown) => Number.isInteger(n) && (n as number) >= 0 && (n as number) < 100_000;
    const isRange = isAuditId(audit) && isCell(from) && isCell(to) && from <= to && to - from < MAX_BLOCK;
    return isRange ? { audit, from, to, ...(look === true && { look }) } : undefined;
  } catch {
    return undefined;
  }
}
