import type { IncomingMessage, ServerResponse } from 'node:http';
import { authenticate } from './authenticate.ts';
import { AwsError, answerError } from './aws-error.ts';
import type { Access, Principal } from './iam/access.ts';
import { readBody, type Service } from './service.ts';

/** SQS takes at most 1 MiB of messages in one request; encoding may double that. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

export interface Call {
  principal: Principal;
  /** @throws AwsError AccessDenied when the caller's role does not allow the action */
  demand(action: string, resource: string): void;
  /** The caller's `X-Amzn-Trace-Id`. */
  trace: string | undefined;
  /** Aborted when the client has gone. */
  signal: AbortSignal;
}

/** @returns the answer, or nothing for an empty one */
export type Operation = (input: Record<string, unknown>, call: Call) => unknown;

export interface JsonApi {
  /** As signatures name it, for instance `sqs`. */
  name: string;
  /** Prefix of `X-Amz-Target`, for instance `AmazonSQS`. */
  target: string;
  operations: Record<string, Operation>;
  access: Access;
}

/** A service of AWS's JSON protocol (`X-Amz-Target`), each call authenticated and authorized. */
export function createJsonService({ name, target, operations, access }: JsonApi): Service {
  const targetOf = (request: IncomingMessage) => String(request.headers['x-amz-target']).split('.', 2);

  async function perform(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const [, called = ''] = targetOf(request);
    const operation = operations[called];
    const body = await readBody(request, MAX_BODY_BYTES);
    if (body === undefined) {
      throw new AwsError('RequestEntityTooLarge', 'The request is too large.', { status: 413 });
    }
    if (operation === undefined) {
      throw new AwsError('UnknownOperationException', `The emulator does not know ${target}.${called}.`);
    }
    const principal = authenticate(request, body, name, access);
    let input: Record<string, unknown>;
    try {
      input = JSON.parse(body.toString() || '{}') as Record<string, unknown>;
    } catch {
      throw new AwsError('SerializationException', 'The request body is not JSON.');
    }
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    return operation(input, {
      principal,
      trace: request.headers['x-amzn-trace-id']?.toString(),
      signal: gone.signal,
      demand(action, resource) {
        const verdict = access.explain({ principal, action, resource, context: {} });
        if (verdict.allowed) return;
        throw new AwsError(
          'AccessDenied',
          `User: ${principal.arn} is not authorized to perform: ${action} on resource: ${resource} (${verdict.reason})`,
          { status: 403 },
        );
      },
    });
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader(
      'content-type',
      String(request.headers['content-type'] ?? 'application/x-amz-json-1.0'),
    );
    try {
      const output = await perform(request, response);
      response.end(JSON.stringify(output ?? {}));
    } catch (error) {
      answerError(response, error, (__type, message) => ({ __type, message }));
    }
  }

  return { name, api: { owns: (request) => targetOf(request)[0] === target, handle } };
}
