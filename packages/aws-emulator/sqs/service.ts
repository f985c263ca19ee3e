import { AwsError } from '../aws-error.ts';
import type { Access } from '../iam/access.ts';
import { type Call, createJsonService, type Operation } from '../json-api.ts';
import type { Service } from '../service.ts';
import type { MessageAttributes, QueueStore, ReceivedMessage } from './store.ts';

/** SQS's limits: one message and one batch 1 MiB, a delay 15 minutes, a visibility timeout 12 hours, a long poll 20 s. */
const LIMITS = { bytes: 1_048_576, delaySeconds: 900, visibilitySeconds: 43_200, waitSeconds: 20, batch: 10 };

export interface SqsOptions {
  store: QueueStore;
  access: Access;
  region: string;
  accountId: string;
  /** Origin that queue URLs begin with. */
  endpoint: string;
}

type Input = Record<string, unknown>;

/** Names with a slash are the queues of asynchronous events, which AWS does not show either. */
const isPublic = (name: string) => !name.includes('/');

/** An error with the code of the old query protocol, which SDKs still show. */
function queueError(type: string, message: string): AwsError {
  const own = type === 'InvalidParameterValue' || type === 'MissingParameter';
  if (own) return new AwsError(type, message, { queryCode: type });
  const code = type === 'QueueDoesNotExist' ? 'NonExistentQueue' : type;
  return new AwsError(`com.amazonaws.sqs#${type}`, message, { queryCode: `AWS.SimpleQueueService.${code}` });
}

function integer(input: Input, field: string, highest: number, lowest = 0): number | undefined {
  const value = input[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < lowest || value > highest) {
    throw queueError(
      'InvalidParameterValue',
      `Value ${String(value)} for parameter ${field} is invalid. Reason: Must be between ${lowest} and ${highest}.`,
    );
  }
  return value;
}

function systemAttributes(
  message: ReceivedMessage,
  region: string,
  accountId: string,
): Record<string, string> {
  return {
    SenderId: accountId,
    SentTimestamp: String(message.sentAt),
    ApproximateReceiveCount: String(message.receiveCount),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
    ...(message.movedFrom === undefined
      ? {}
      : { DeadLetterQueueSourceArn: `arn:aws:sqs:${region}:${accountId}:${message.movedFrom}` }),
    ...(message.trace === undefined ? {} : { AWSTraceHeader: message.trace }),
  };
}

/** SQS's standard queues, on the queues of the store. Stopping closes the store. */
export function createSqs(options: SqsOptions): Service {
  const { store, access, region, accountId, endpoint } = options;
  const arnOf = (name: string) => `arn:aws:sqs:${region}:${accountId}:${name}`;
  const urlOf = (name: string) => `${endpoint}/${accountId}/${name}`;

  /** A queue by its URL or name. */
  function queueOf(url: unknown): string {
    const name = String(url).split('/').at(-1) ?? '';
    if (store.settings(name) !== undefined) return name;
    throw queueError('QueueDoesNotExist', 'The specified queue does not exist.');
  }

  function send(queue: string, entry: Input, { trace }: Call) {
    const body = entry.MessageBody;
    if (typeof body !== 'string' || body === '') {
      throw queueError('MissingParameter', 'The request must contain the parameter MessageBody.');
    }
    if (Buffer.byteLength(body) > LIMITS.bytes) {
      throw queueError(
        'InvalidParameterValue',
        `One or more parameters are invalid. Reason: Message must be shorter than ${LIMITS.bytes} bytes.`,
      );
    }
    const delaySeconds = integer(entry, 'DelaySeconds', LIMITS.delaySeconds);
    const attributes = entry.MessageAttributes as MessageAttributes | undefined;
    const { messageId, bodyMd5 } = store.send(queue, body, { delaySeconds, attributes, trace });
    return { MessageId: messageId, MD5OfMessageBody: bodyMd5 };
  }

  function receiptOf(input: Input): string {
    if (typeof input.ReceiptHandle !== 'string') {
      throw queueError('MissingParameter', 'The request must contain the parameter ReceiptHandle.');
    }
    return input.ReceiptHandle;
  }

  function remove(queue: string, entry: Input): void {
    store.remove(queue, receiptOf(entry));
  }

  function changeVisibility(queue: string, entry: Input): void {
    const seconds = integer(entry, 'VisibilityTimeout', LIMITS.visibilitySeconds) ?? 0;
    if (store.changeVisibility(queue, receiptOf(entry), seconds)) return;
    throw queueError(
      'MessageNotInflight',
      'The message is not in flight: it was deleted, or its visibility timeout has passed.',
    );
  }

  /** Each entry succeeds or fails by itself, as in every batch call of SQS. */
  function batch(input: Input, perform: (entry: Input) => unknown): object {
    const entries = (input.Entries ?? []) as Input[];
    if (entries.length === 0 || entries.length > LIMITS.batch) {
      const reason = entries.length === 0 ? 'EmptyBatchRequest' : 'TooManyEntriesInBatchRequest';
      throw queueError(reason, `A batch has 1 to ${LIMITS.batch} entries.`);
    }
    const Successful: object[] = [];
    const Failed: object[] = [];
    for (const entry of entries) {
      try {
        Successful.push(Object.assign({ Id: entry.Id }, perform(entry)));
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
        Failed.push({
          Id: entry.Id,
          Code: error.type.split('#').at(-1),
          Message: error.message,
          SenderFault: true,
        });
      }
    }
    return { Successful, Failed };
  }

  function attributesOf(queue: string): Record<string, string> {
    const settings = store.settings(queue);
    const counts = store.counts(queue);
    const redrive = settings?.redrive;
    return {
      QueueArn: arnOf(queue),
      ApproximateNumberOfMessages: String(counts.visible),
      ApproximateNumberOfMessagesNotVisible: String(counts.inFlight),
      ApproximateNumberOfMessagesDelayed: String(counts.delayed),
      VisibilityTimeout: String(settings?.visibilitySeconds ?? 0),
      DelaySeconds: String(settings?.delaySeconds ?? 0),
      ...(redrive === undefined
        ? {}
        : {
            RedrivePolicy: JSON.stringify({
              deadLetterTargetArn: arnOf(redrive.deadLetterQueue),
              maxReceiveCount: redrive.maxReceiveCount,
            }),
          }),
    };
  }

  /** An operation on a queue that the input names, for callers that may do `action`. */
  const onQueue =
    (action: string, perform: (queue: string, input: Input, call: Call) => unknown): Operation =>
    (input, call) => {
      const queue = queueOf(input.QueueUrl);
      call.demand(`sqs:${action}`, arnOf(queue));
      return perform(queue, input, call);
    };

  const operations: Record<string, Operation> = {
    GetQueueUrl(input, call) {
      const name = queueOf(input.QueueName);
      call.demand('sqs:GetQueueUrl', arnOf(name));
      return { QueueUrl: urlOf(name) };
    },
    ListQueues(input, call) {
      call.demand('sqs:ListQueues', arnOf('*'));
      const prefix = String(input.QueueNamePrefix ?? '');
      return {
        QueueUrls: store
          .names()
          .filter((name) => isPublic(name) && name.startsWith(prefix))
          .map(urlOf),
      };
    },
    GetQueueAttributes: onQueue('GetQueueAttributes', (queue, input) => {
      const wanted = (input.AttributeNames ?? []) as string[];
      const all = Object.entries(attributesOf(queue));
      return {
        Attributes: Object.fromEntries(
          all.filter(([name]) => wanted.includes('All') || wanted.includes(name)),
        ),
      };
    }),
    SendMessage: onQueue('SendMessage', send),
    SendMessageBatch: onQueue('SendMessage', (queue, input, call) => {
      const bodies = ((input.Entries ?? []) as Input[]).map((entry) => String(entry.MessageBody ?? ''));
      if (bodies.reduce((sum, body) => sum + Buffer.byteLength(body), 0) > LIMITS.bytes) {
        throw queueError('BatchRequestTooLong', `A batch may hold ${LIMITS.bytes} bytes at most.`);
      }
      return store.transaction(() => batch(input, (entry) => send(queue, entry, call)));
    }),
    ReceiveMessage: onQueue('ReceiveMessage', async (queue, input, call) => {
      const messages = await store.receive(queue, {
        max: integer(input, 'MaxNumberOfMessages', LIMITS.batch, 1),
        visibilitySeconds: integer(input, 'VisibilityTimeout', LIMITS.visibilitySeconds),
        waitSeconds: integer(input, 'WaitTimeSeconds', LIMITS.waitSeconds),
        signal: call.signal,
      });
      const wanted = [input.MessageSystemAttributeNames, input.AttributeNames].flat() as string[];
      const Messages = messages.map((message) => {
        const system = Object.entries(systemAttributes(message, region, accountId));
        const Attributes = system.filter(([name]) => wanted.includes('All') || wanted.includes(name));
        return {
          MessageId: message.messageId,
          ReceiptHandle: message.receiptHandle,
          Body: message.body,
          MD5OfBody: message.bodyMd5,
          ...(Attributes.length === 0 ? {} : { Attributes: Object.fromEntries(Attributes) }),
          ...(Object.keys(message.attributes).length === 0 ? {} : { MessageAttributes: message.attributes }),
        };
      });
      return Messages.length === 0 ? {} : { Messages };
    }),
    DeleteMessage: onQueue('DeleteMessage', remove),
    DeleteMessageBatch: onQueue('DeleteMessage', (queue, input) =>
      batch(input, (entry) => remove(queue, entry)),
    ),
    ChangeMessageVisibility: onQueue('ChangeMessageVisibility', changeVisibility),
    ChangeMessageVisibilityBatch: onQueue('ChangeMessageVisibility', (queue, input) =>
      batch(input, (entry) => changeVisibility(queue, entry)),
    ),
    PurgeQueue: onQueue('PurgeQueue', (queue) => store.purge(queue)),
  };
  return {
    ...createJsonService({ name: 'sqs', target: 'AmazonSQS', operations, access }),
    stop: store.close,
  };
}
