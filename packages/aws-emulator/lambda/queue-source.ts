import { createHash } from 'node:crypto';
import { whenRoom } from '@weaudit/sqlite/full-disk';
import type { Disk } from '../disk.ts';
import type { Access } from '../iam/access.ts';
import type { QueueStore, ReceivedMessage } from '../sqs/store.ts';
import type { QueueSourceModel, StackModel } from '../stack/model.ts';
import { isLoop, traceThrough } from './lineage.ts';
import type { InvocationResult, Invoke } from './model.ts';

/** Lambda starts with five batches at once where the event source sets no maximum. */
const DEFAULT_CONCURRENCY = 5;
/** Calls that Lambda makes on the queue with the function's own role. */
const NEEDED = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'];

export interface QueueSourceOptions {
  source: QueueSourceModel;
  stack: StackModel;
  store: QueueStore;
  access: Access;
  invoke: Invoke;
  disk: Disk;
  warn(message: string): void;
}

function toRecord(message: ReceivedMessage, arn: string, stack: StackModel) {
  const attributes = Object.entries(message.attributes).map(([name, value]) => [
    name,
    {
      dataType: value.DataType,
      stringListValues: [],
      binaryListValues: [],
      ...(value.StringValue === undefined ? {} : { stringValue: value.StringValue }),
      ...(value.BinaryValue === undefined ? {} : { binaryValue: value.BinaryValue }),
    },
  ]);
  return {
    messageId: message.messageId,
    receiptHandle: message.receiptHandle,
    body: message.body,
    attributes: {
      ApproximateReceiveCount: String(message.receiveCount),
      SentTimestamp: String(message.sentAt),
      SenderId: stack.accountId,
      ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
      ...(message.trace === undefined ? {} : { AWSTraceHeader: message.trace }),
    },
    messageAttributes: Object.fromEntries(attributes) as object,
    md5OfBody: createHash('md5').update(message.body).digest('hex'),
    eventSource: 'aws:sqs',
    eventSourceARN: arn,
    awsRegion: stack.region,
  };
}

/**
 * Message ids that stay in the queue: none after success, all after an error, those the function names if it reports
 * partial failures. A report that cannot be read fails the whole batch ("Reporting batch item failures for Lambda
 * functions with an Amazon SQS trigger").
 */
export function failedMessages(
  messages: readonly { messageId: string }[],
  result: InvocationResult,
  reportsItems: boolean,
): Set<string> {
  const all = new Set(messages.map(({ messageId }) => messageId));
  if (!result.ok) return all;
  if (!reportsItems) return new Set();
  const response = JSON.parse(result.payload) as {
    batchItemFailures?: { itemIdentifier?: string }[] | null;
  } | null;
  const failures = response?.batchItemFailures ?? [];
  if (!Array.isArray(failures)) return all;
  const named = failures.map((failure) => failure?.itemIdentifier);
  return named.every((id): id is string => id !== undefined && all.has(id))
    ? new Set(named as string[])
    : all;
}

/** Lambda's poller of a queue: hands batches to the function and deletes the messages that it has finished. */
export function openQueueSource(options: QueueSourceOptions) {
  const { source, stack, store, access } = options;
  const { queue, functionKey } = source;
  const arn = `arn:aws:sqs:${stack.region}:${stack.accountId}:${queue}`;
  const stopping = new AbortController();
  const model = stack.functions.find(({ key }) => key === functionKey)!;
  let polls: Promise<void>[] = [];

  /** Whether Lambda ends the chain of a message here. Then it is a dead letter, or lost if its queue has none. */
  function isStopped({ trace, receiptHandle }: ReceivedMessage): boolean {
    if (!isLoop(trace, model)) return false;
    const why = `A chain of messages has passed through ${functionKey} 16 times, and Lambda takes more for an endless loop.`;
    const hint = 'If it is meant, set RecursiveLoop: Allow on the function.';
    if (store.bury(queue, receiptHandle)) {
      options.warn(`${why} The next message is a dead letter of ${queue}. ${hint}`);
    } else {
      store.remove(queue, receiptHandle);
      options.warn(`${why} The next message is lost, as on AWS: ${queue} has no dead-letter queue. ${hint}`);
    }
    return true;
  }

  const patiently = <T>(work: () => T | Promise<T>) => whenRoom(work, stopping.signal, options.disk.full);

  async function poll(): Promise<void> {
    while (!stopping.signal.aborted) {
      const received = await patiently(() =>
        store.receive(queue, { max: source.batchSize, waitSeconds: 60, signal: stopping.signal }),
      );
      const messages = await patiently(() => received?.filter((message) => !isStopped(message)));
      if (messages === undefined) return;
      if (messages.length === 0) continue;
      const event = { Records: messages.map((message) => toRecord(message, arn, stack)) };
      const trace = traceThrough(messages[0]!.trace, model);
      const result = await options.invoke(functionKey, event, { trace }).catch(() => undefined);
      // Rejected: the emulator stops, and the messages are handed out again after the next start.
      if (result === undefined || stopping.signal.aborted) return;
      const failed = failedMessages(messages, result, source.reportBatchItemFailures);
      // What failed stays hidden for its visibility timeout and counts as received.
      await patiently(() =>
        store.transaction(() => {
          for (const message of messages) {
            if (!failed.has(message.messageId)) store.remove(queue, message.receiptHandle);
          }
        }),
      );
    }
  }

  return {
    /** Messages of the queue, received or not. */
    pending(): number {
      const { visible, inFlight, delayed } = store.counts(queue);
      return visible + inFlight + delayed;
    },
    start(): void {
      const missing = NEEDED.filter((action) => !access.roleMay(model, action, arn));
      if (missing.length > 0) {
        options.warn(
          `The role of ${functionKey} lacks ${missing.join(', ')} on ${queue}, so Lambda delivers no message of that queue. Add the actions to the role.`,
        );
        return;
      }
      polls = Array.from({ length: source.maximumConcurrency ?? DEFAULT_CONCURRENCY }, poll);
    },
    async stop(): Promise<void> {
      stopping.abort();
      await Promise.all(polls);
    },
  };
}
