import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { Turn } from '../cells/turn.ts';
import type { Log, Time } from '../ports.ts';
import { type Message, parseMessage } from '../records/blocks.ts';
import { type Environment, numberSetting } from '../settings.ts';

/** Time that is kept for cells under way, the next message, and the lease. */
const RESERVE_MS = 8_000;
/** Time that is kept to say that a message is not done: a call that S3 does not answer ends before the function does. */
const ANSWER_MS = 1_000;
/** Faults of one range that are logged: those of a hundred cells are mostly the same. */
const LOGGED_FAULTS = 3;

/** Handles messages of a queue one by one. One that is not done comes back, until it is a dead letter. */
export function cellMessages(
  { time, log }: { time: Time; log: Log },
  env: Environment,
  handle: (
    message: Message,
    turn: Turn,
    /** Ends every call of the turn. */
    signal: AbortSignal,
  ) => Promise<{ faults: { cell: number; error: Error }[]; isDone: boolean }>,
) {
  const lastDelivery = numberSetting(env, 'MAX_RECEIVE_COUNT');

  async function isHandled(record: SQSRecord, context: Context): Promise<boolean> {
    const message = parseMessage(record.body);
    log.resetKeys();
    if (!message) {
      const { messageId } = record;
      log.error('the message is not a range of cells; it becomes a dead letter', { messageId });
      return false;
    }
    log.appendKeys({ audit: message.audit, cell: `${message.from}-${message.to}` });
    const endsAt = time.now().getTime() + context.getRemainingTimeInMillis();
    const turn = {
      stopAt: new Date(endsAt - RESERVE_MS),
      endsAt: new Date(endsAt),
      last: Number(record.attributes.ApproximateReceiveCount) >= lastDelivery,
    };
    const signal = time.timeout(Math.max(1, context.getRemainingTimeInMillis() - ANSWER_MS));
    try {
      const { faults, isDone } = await handle(message, turn, signal);
      for (const { cell, error } of faults.slice(0, LOGGED_FAULTS))
        log.error('the cell could not be advanced', { cell, error });
      return isDone;
    } catch (error) {
      log.error('the range could not be advanced', { error });
      return false;
    }
  }

  return async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
    const failed: SQSRecord[] = [];
    for (const record of event.Records) if (!(await isHandled(record, context))) failed.push(record);
    return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}
