import type { MessageAttributes } from '../sqs/store.ts';
import type { FunctionModel } from '../stack/model.ts';
import type { FunctionError } from './model.ts';

/** What arrives in a queue when an asynchronous event has failed for good. */
export interface DeadLetter {
  queue: string;
  body: string;
  attributes: MessageAttributes;
}

export interface FailedEvent {
  model: FunctionModel;
  requestId: string;
  event: unknown;
  error: FunctionError;
  attempts: number;
  at: Date;
}

/**
 * Shapes a failed event as Lambda does: a destination gets the event with its circumstances ("Capturing records of
 * Lambda asynchronous invocations"), a dead-letter queue the bare event with attributes. Undefined: the function has
 * neither, and Lambda drops the event.
 */
export function deadLetterOf(failed: FailedEvent): DeadLetter | undefined {
  const { model, event, error, requestId, attempts, at } = failed;
  if (model.onFailure === undefined) return undefined;
  const { queue, kind } = model.onFailure;
  if (kind === 'deadLetter') {
    const text = (value: string) => ({ DataType: 'String', StringValue: value.slice(0, 1024) });
    return {
      queue,
      body: JSON.stringify(event),
      attributes: {
        RequestID: text(requestId),
        ErrorCode: { DataType: 'Number', StringValue: '200' },
        ErrorMessage: text(error.errorMessage || error.errorType),
      },
    };
  }
  const record = {
    version: '1.0',
    timestamp: at.toISOString(),
    requestContext: {
      requestId,
      functionArn: `${model.arn}:$LATEST`,
      condition: 'RetriesExhausted',
      approximateInvokeCount: attempts,
    },
    requestPayload: event,
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    responsePayload: error,
  };
  return { queue, body: JSON.stringify(record), attributes: {} };
}
