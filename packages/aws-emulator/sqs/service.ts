import { AwsError } from '../aws-error.ts';
import type { Access } from '../iam/access.ts';
import { createJsonService, type Operation } from '../json-api.ts';
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

/** Names with a slash are the event bus's own queues, which AWS does not show either. */
const isPublic = (name: string) => !name.includes('/');

function integer(input: Input, field: string, highest: number, lowest = 0): number | undefined {
  const value = input[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < lowest || value > highest) {
    throw new AwsError(
      'InvalidParameterValue',
      `Value ${String(value)} for parameter ${field} is invalid. Reason: Must be between ${lowest} and ${highest}.`,
      { queryCode: 'InvalidParameterValue' },
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
  };
}

/** SQS's standard queues, on the queues of the store. Stopping closes the store. */
export function createSqs(options: SqsOptions): Service {
  const { store, access, region, accountId, endpoint } = options;
  const arnOf = (name: string) => `arn:aws:sqs:${region}:${accountId}:${name}`;
  const urlOf = (name: string) => `${endpoint}/${accountId}/${name}`;

  function queueOf(input: Input): string {
    const name =
      String(input.QueueUrl ?? '')
        .split('/')
        .at(-1) ?? '';
    if (!isPublic(name) || store.settings(name) === undefined) throw noSuchQueue();
    return name;
  }

  function noSuchQueue(): AwsError {
    return new AwsError('com.amazonaws.sqs#QueueDoesNotExist', 'The specified queue does not exist.', {
      queryCode: 'AWS.SimpleQueueService.NonExistentQueue',
    });
  }

  function send(queue: string, entry: Input) {
    const body = entry.MessageBody;
    if (typeof body !== 'string' || body === '') {
      throw new AwsError('MissingParameter', 'The request must contain the parameter MessageBody.', {
        queryCode: 'MissingParameter',
      });
    }
    if (Buffer.byteLength(body) > LIMITS.bytes) {
      throw new AwsError(
        'InvalidParameterValue',
        `One or more parameters are invalid. Reason: Message must be shorter than ${LIMITS.bytes} bytes.`,
        { queryCode: 'InvalidParameterValue' },
      );
    }
    const delaySeconds = integer(entry, 'DelaySeconds', LIMITS.delaySeconds);
    const attributes = entry.MessageAttributes as MessageAttributes | undefined;
    const { messageId, bodyMd5 } = store.send(queue, body, { delaySeconds, attributes });
    return { MessageId: messageId, MD5OfMessageBody: bodyMd5 };
  }

  function receiptOf(input: Input): string {
    if (typeof input.ReceiptHandle !== 'string') {
      throw new AwsError('MissingParameter', 'The request must contain the parameter ReceiptHandle.', {
        queryCode: 'MissingParameter',
      });
    }
    return input.ReceiptHandle;
  }

  function changeVisibility(queue: string, entry: Input): void {
    const seconds = integer(entry, 'VisibilityTimeout', LIMITS.visibilitySeconds) ?? 0;
    if (store.changeVisibility(queue, receiptOf(entry), seconds)) return;
    throw new AwsError(
      'com.amazonaws.sqs#MessageNotInflight',
      'The message is not in flight: it was deleted, or its visibility timeout has passed.',
      { queryCode: 'AWS.SimpleQueueService.MessageNotInflight' },
    );
  }

  /** Each entry succeeds or fails by itself, as in every batch call of SQS. */
  function batch(input: Input, perform: (entry: Input) => object): object {
    const entries = (input.Entries ?? []) as Input[];
    if (entries.length === 0 || entries.length > LIMITS.batch) {
      const reason = entries.length === 0 ? 'EmptyBatchRequest' : 'TooManyEntriesInBatchRequest';
      throw new AwsError(`com.amazonaws.sqs#${reason}`, `A batch has 1 to ${LIMITS.batch} entries.`, {
        queryCode: `AWS.SimpleQueueService.${reason}`,
      });
    }
    const Successful: object[] = [];
    const Failed: object[] = [];
    for (const entry of entries) {
      try {
        Successful.push({ Id: entry.Id, ...perform(entry) });
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

  const operations: Record<string, Operation> = {
    GetQueueUrl(input, call) {
      const name = String(input.QueueName);
      if (!isPublic(name) || store.settings(name) === undefined) throw noSuchQueue();
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
    GetQueueAttributes(input, call) {
      const queue = queueOf(input);
      call.demand('sqs:GetQueueAttributes', arnOf(queue));
      const wanted = (input.AttributeNames ?? []) as string[];
      const all = Object.entries(attributesOf(queue));
      return {
        Attributes: Object.fromEntries(
          all.filter(([name]) => wanted.includes('All') || wanted.includes(name)),
        ),
      };
    },
    SendMessage(input, call) {
      const queue = queueOf(input);
      call.demand('sqs:SendMessage', arnOf(queue));
      return send(queue, input);
    },
    SendMessageBatch(input, call) {
      const queue = queueOf(input);
      call.demand('sqs:SendMessage', arnOf(queue));
      const bodies = ((input.Entries ?? []) as Input[]).map((entry) => String(entry.MessageBody ?? ''));
      if (bodies.reduce((sum, body) => sum + Buffer.byteLength(body), 0) > LIMITS.bytes) {
        throw new AwsError(
          'com.amazonaws.sqs#BatchRequestTooLong',
          `A batch may hold ${LIMITS.bytes} bytes at most.`,
          {
            queryCode: 'AWS.SimpleQueueService.BatchRequestTooLong',
          },
        );
      }
      return store.transaction(() => batch(input, (entry) => send(queue, entry)));
    },
    async ReceiveMessage(input, call) {
      const queue = queueOf(input);
      call.demand('sqs:ReceiveMessage', arnOf(queue));
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
    },
    DeleteMessage(input, call) {
      const queue = queueOf(input);
      call.demand('sqs:DeleteMessage', arnOf(queue));
      store.remove(queue, receiptOf(input));
      return {};
    },
    DeleteMessageBatch(input, call) {
      const queue = queueOf(input);
      call.demand('sqs:DeleteMessage', arnOf(queue));
      return batch(input, (entry) => {
        store.remove(queue, receiptOf(entry));
        return {};
      });
    },
    ChangeMessageVisibility(input, call) {
      const queue = queueOf(input);
      call.demand('sqs:ChangeMessageVisibility', arnOf(queue));
      changeVisibility(queue, input);
      return {};
    },
    ChangeMessageVisibilityBatch(input, call) {
      const queue = queueOf(input);
      call.demand('sqs:ChangeMessageVisibility', arnOf(queue));
      return batch(input, (entry) => {
        changeVisibility(queue, entry);
        return {};
      });
    },
    PurgeQueue(input, call) {
      const queue = queueOf(input);
      call.demand('sqs:PurgeQueue', arnOf(queue));
      store.purge(queue);
      return {};
    },
  };
  return {
    ...createJsonService({ name: 'sqs', target: 'AmazonSQS', operations, access }),
    stop: store.close,
  };
}
