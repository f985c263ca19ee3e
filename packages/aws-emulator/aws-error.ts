import type { ServerResponse } from 'node:http';
import { isDiskFull } from '@weaudit/sqlite/full-disk';

/** An error of a service of AWS, except S3; SDKs make `type` the error's name. */
export class AwsError extends Error {
  readonly type: string;
  readonly status: number;
  /** The old query protocol's code, which the SQS clients read from a header. */
  readonly queryCode: string | undefined;

  constructor(type: string, message: string, options: { status?: number; queryCode?: string } = {}) {
    super(message);
    this.name = type;
    this.type = type;
    this.status = options.status ?? 400;
    this.queryCode = options.queryCode;
  }
}

/** Answers with an error in the form of a service; anything but an AwsError and a full disk is a bug of the emulator. */
export function answerError(
  response: ServerResponse,
  error: unknown,
  body: (type: string, message: string) => object,
): void {
  const known =
    error instanceof AwsError
      ? error
      : isDiskFull(error)
        ? new AwsError('ServiceUnavailable', 'The disk is full. Try again later.', { status: 503 })
        : new AwsError('InternalFailure', String(error), { status: 500 });
  response.writeHead(known.status, {
    'x-amzn-errortype': known.type,
    ...(known.queryCode !== undefined && { 'x-amzn-query-error': `${known.queryCode};Sender` }),
  });
  response.end(JSON.stringify(body(known.type, known.message)));
}
