import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
} from '@aws-sdk/client-sqs';
import { parseMessage } from '../../lib/records/blocks.ts';
import type { Cloud } from './cloud.ts';
import type { DeadLetterKind } from './kinds.ts';

/** A dead letter and its reason. */
export interface DeadLetter {
  kind: DeadLetterKind;
  id: string;
  /** ISO 8601. */
  sentAt: string;
  /** A range of cells, or the key of an object. */
  about: string;
  reason: string;
  /** What to send back; undefined if the message is not valid. */
  payload: string | undefined;
  receipt: string;
}

/** The functions whose queues hold ranges of cells, by the kinds of their dead letters: the queues are named like these. */
const READERS = new Map<DeadLetterKind, string>([
  ['cells', 'dispatch'],
  ['polls', 'poll'],
]);

/** Long enough to read a full queue once. Letters that are kept become visible again at the end. */
const HELD_SECONDS = 300;
const BATCH = 10;

/**
 * Every letter of one kind, once. Letters are hidden from other readers for five minutes, unless they are released.
 * SQS may return nothing from a queue that holds messages; a wait of one second makes an empty answer reliable.
 */
export async function* readDeadLetters(
  { sqs, queueUrl }: Cloud,
  kind: DeadLetterKind,
): AsyncGenerator<DeadLetter> {
  const url = await queueUrl(`${kind}-dead`);
  const seen = new Set<string>();
  for (;;) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: url,
        MaxNumberOfMessages: BATCH,
        VisibilityTimeout: HELD_SECONDS,
        WaitTimeSeconds: 1,
        MessageSystemAttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      }),
    );
    if (Messages.length === 0) return;
    for (const message of Messages) {
      const letter = describeLetter(kind, message);
      if (seen.has(letter.id)) continue;
      seen.add(letter.id);
      yield letter;
    }
  }
}

/** Reads a message. The three ways into a dead-letter queue put the reason in three places. */
export function describeLetter(kind: DeadLetterKind, message: Message): DeadLetter {
  const { Body = '', MessageId = '', ReceiptHandle = '', Attributes = {}, MessageAttributes = {} } = message;
  const letter = {
    kind,
    id: MessageId,
    sentAt: new Date(Number(Attributes.SentTimestamp ?? 0)).toISOString(),
    receipt: ReceiptHandle,
  };
  const body = parse(Body);
  const reader = READERS.get(kind);
  if (reader) {
    const range = parseMessage(Body);
    return {
      ...letter,
      about: range ? `audit ${range.audit}, cells ${range.from} to ${range.to}` : 'not a range of cells',
      reason: range
        ? `${reader} failed on every delivery; see ${reader}'s log`
        : 'the message is not a range of cells',
      payload: range ? Body : undefined,
    };
  }
  // A Lambda destination wraps the event; EventBridge sends it unchanged, with the reason in attributes.
  const event = body?.requestPayload ?? body;
  const error = body?.responsePayload as { errorType?: string; errorMessage?: string } | undefined;
  const attribute = (name: string) => MessageAttributes[name]?.StringValue;
  const words =
    [error?.errorType, error?.errorMessage].filter(Boolean).join(': ') ||
    [attribute('ERROR_CODE'), attribute('ERROR_MESSAGE')].filter(Boolean).join(': ') ||
    attribute('ErrorMessage') ||
    (body?.requestContext as { condition?: string } | undefined)?.condition ||
    'no reason given';
  const key = (event as { detail?: { object?: { key?: string } } } | undefined)?.detail?.object?.key;
  return {
    ...letter,
    about: key ?? (kind === 'reconcile' ? 'a scheduled run' : 'not an event of S3'),
    reason: words,
    payload: event === undefined ? undefined : JSON.stringify(event),
  };
}

function parse(body: string): Record<string, unknown> | undefined {
  try {
    const json = JSON.parse(body) as unknown;
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Makes letters visible to other readers again. */
export async function release({ sqs, queueUrl }: Cloud, letters: DeadLetter[]): Promise<void> {
  for (let from = 0; from < letters.length; from += BATCH) {
    const batch = letters.slice(from, from + BATCH);
    await sqs.send(
      new ChangeMessageVisibilityBatchCommand({
        QueueUrl: await queueUrl(`${batch[0]!.kind}-dead`),
        Entries: batch.map(({ receipt }, index) => ({
          Id: String(index),
          ReceiptHandle: receipt,
          VisibilityTimeout: 0,
        })),
      }),
    );
  }
}

/**
 * Returns a function that sends a letter back to where it failed: ranges of cells to their queue, events to their function.
 * It throws for a letter that is not valid.
 */
export function createRedrive(cloud: Cloud): (letter: DeadLetter) => Promise<void> {
  const { sqs, queue, queueUrl, functionName, client } = cloud;
  const lambda = new LambdaClient(client);
  return async ({ kind, payload, receipt }) => {
    if (payload === undefined) throw new Error('the message is not valid');
    if (READERS.has(kind)) await (await queue(kind)).send([parseMessage(payload)!]);
    else
      await lambda.send(
        new InvokeCommand({
          FunctionName: functionName(kind),
          InvocationType: 'Event',
          Payload: Buffer.from(payload),
        }),
      );
    // Sent before it is deleted: a letter may be sent twice, but never lost.
    await sqs.send(
      new DeleteMessageCommand({ QueueUrl: await queueUrl(`${kind}-dead`), ReceiptHandle: receipt }),
    );
  };
}
