import type { IncomingMessage, ServerResponse } from 'node:http';
import { authenticate } from '../authenticate.ts';
import { AwsError } from '../aws-error.ts';
import type { Bus } from '../events/bus.ts';
import type { Access } from '../iam/access.ts';
import type { StackModel } from '../stack/model.ts';

/** An asynchronous invocation carries at most 1 MB. */
const MAX_BYTES = 1_048_576;
const INVOCATIONS = /^\/2015-03-31\/functions\/([A-Za-z0-9_-]+)\/invocations$/;

const pathOf = (request: IncomingMessage) => (request.url ?? '/').split('?', 1)[0] ?? '/';

/** Whether a request is for Lambda's API, whose paths no bucket can have. */
export const isLambdaRequest = (request: IncomingMessage): boolean => INVOCATIONS.test(pathOf(request));

export interface LambdaServiceOptions {
  stack: StackModel;
  bus: Bus;
  access: Access;
}

/**
 * Lambda's Invoke, as far as operators need it: asynchronous invocations of functions that events invoke, which is
 * how dead letters are sent back.
 */
export function createLambdaService({ stack, bus, access }: LambdaServiceOptions) {
  async function accept(request: IncomingMessage): Promise<void> {
    const body = await readBody(request);
    const principal = authenticate(request, body, 'lambda', access);
    const name = INVOCATIONS.exec(pathOf(request))?.[1];
    const model = stack.functions.find((item) => item.name === name);
    const action = 'lambda:InvokeFunction';
    const verdict = access.explain({ principal, action, resource: model?.arn ?? '*', context: {} });
    if (!verdict.allowed)
      throw new AwsError('AccessDeniedException', `${principal.arn} may not ${action} ${name}`, {
        status: 403,
      });
    if (model === undefined)
      throw new AwsError('ResourceNotFoundException', `Function not found: ${name}`, { status: 404 });
    if (request.headers['x-amz-invocation-type'] !== 'Event')
      throw new AwsError(
        'InvalidParameterValueException',
        'The local cloud invokes functions asynchronously only (InvocationType=Event).',
      );
    let event: unknown;
    try {
      event = JSON.parse(body.toString() || '{}');
    } catch {
      throw new AwsError('InvalidRequestContentException', 'The payload is not JSON.');
    }
    if (!bus.invoke(model.key, event))
      throw new AwsError('InvalidParameterValueException', `No event invokes ${name} on the local cloud.`);
  }

  return async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await accept(request);
      response.writeHead(202).end();
    } catch (error) {
      const known =
        error instanceof AwsError ? error : new AwsError('ServiceException', String(error), { status: 500 });
      response.writeHead(known.status, {
        'content-type': 'application/json',
        'x-amzn-errortype': known.type,
      });
      response.end(JSON.stringify({ Message: known.message, Type: 'User' }));
    }
  };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES)
      throw new AwsError('RequestTooLargeException', 'An asynchronous invocation has at most 1 MB.', {
        status: 413,
      });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
