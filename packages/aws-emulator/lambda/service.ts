import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { authenticate } from '../authenticate.ts';
import { AwsError, answerError } from '../aws-error.ts';
import type { Disk } from '../disk.ts';
import type { Access } from '../iam/access.ts';
import { readBody, type Service } from '../service.ts';
import type { QueueStore } from '../sqs/store.ts';
import type { FunctionModel, StackModel } from '../stack/model.ts';
import { openAsynchronous } from './asynchronous.ts';
import { functionEnvironment } from './environment.ts';
import { openFunctionLog } from './log.ts';
import type { Invoke } from './model.ts';
import { openFunctionPool } from './pool.ts';
import { openQueueSource } from './queue-source.ts';

/** An asynchronous invocation carries at most 1 MB. */
const MAX_BYTES = 1_048_576;
const INVOCATIONS = /^\/2015-03-31\/functions\/([A-Za-z0-9_-]+)\/invocations$/;
const IDLE_PROCESS_MS = 60_000;

export interface LambdaOptions {
  stack: StackModel;
  access: Access;
  /** Holds accepted events, and the queues that start functions. */
  store: QueueStore;
  disk: Disk;
  /** Absolute path of the functions' bundles: `<folder>/tag.cjs` for the handler `functions/tag.handler`. */
  bundleFolder: string;
  /** Folder of the functions' logs. */
  logs: string;
  /** Origin of S3, SQS and the other services. */
  endpoint: string;
  /** Waits before the retries of an asynchronous event; AWS takes one and two minutes. */
  retryDelaysMs?: readonly number[] | undefined;
  /** Most processes of one function. */
  processesPerFunction?: number | undefined;
  /** Says what a person should know, for instance that an event was lost. */
  warn(message: string): void;
}

export interface Lambda extends Service {
  /** Runs a function on an event and waits for its end. */
  invoke: Invoke;
  /** Accepts an event for a function; when this returns, the event is on disk. */
  accept(functionKey: string, event: unknown): void;
  /** Events accepted and not finished. */
  pendingEvents(): number;
  /** The newest lines that the function logged, oldest first. */
  logs(functionKey: string): readonly string[];
  /** The environment that the function runs with. */
  environment(functionKey: string): Readonly<Record<string, string>>;
  /** Kills the function's processes that are handling an event; returns how many. */
  killFunction(functionKey: string): number;
  stop(): Promise<void>;
}

/**
 * Lambda: runs each function in processes of its own, for callers that wait, for events, and for queues. Its own API is
 * the asynchronous Invoke, which is how dead letters are sent back.
 */
export function openLambda(options: LambdaOptions): Lambda {
  const { stack, access, store, disk, warn } = options;

  function open(model: FunctionModel) {
    const [file, handlerName = 'handler'] = path.basename(model.handler).split('.');
    const log = openFunctionLog(options.logs, model, stack, access);
    const environment = functionEnvironment(
      model,
      stack.region,
      options.endpoint,
      access.functionKey(model.key),
    );
    const pool = openFunctionPool({
      name: model.name,
      arn: model.arn,
      bundle: path.join(options.bundleFolder, `${file}.cjs`),
      handlerName,
      memorySize: model.memorySize,
      timeoutSeconds: model.timeoutSeconds,
      environment,
      ownEnvironment: () => ({ AWS_SESSION_TOKEN: access.sessionToken(model.key) }),
      maxProcesses: options.processesPerFunction ?? 4,
      idleMs: IDLE_PROCESS_MS,
      log,
    });
    return { environment, log, pool };
  }
  const functions = new Map(stack.functions.map((model) => [model.key, open(model)]));
  const find = (functionKey: string) => {
    const found = functions.get(functionKey);
    if (found === undefined) throw new Error(`The stack declares no function "${functionKey}".`);
    return found;
  };
  const invoke: Invoke = (functionKey, event, options) => find(functionKey).pool.invoke(event, options);
  const asynchronous = openAsynchronous({ ...options, invoke });
  const sources = stack.queueSources.map((source) =>
    openQueueSource({ source, stack, store, access, invoke, disk, warn }),
  );

  async function acceptRequest(request: IncomingMessage): Promise<void> {
    const body = await readBody(request, MAX_BYTES);
    if (body === undefined) {
      throw new AwsError('RequestTooLargeException', 'An asynchronous invocation has at most 1 MB.', {
        status: 413,
      });
    }
    const principal = authenticate(request, body, 'lambda', access);
    const name = functionNamed(request);
    const model = stack.functions.find((item) => item.name === name);
    const action = 'lambda:InvokeFunction';
    const verdict = access.explain({ principal, action, resource: model?.arn ?? '*', context: {} });
    if (!verdict.allowed) {
      throw new AwsError('AccessDeniedException', `${principal.arn} may not ${action} ${name}`, {
        status: 403,
      });
    }
    if (model === undefined) {
      throw new AwsError('ResourceNotFoundException', `Function not found: ${name}`, { status: 404 });
    }
    if (request.headers['x-amz-invocation-type'] !== 'Event') {
      throw new AwsError(
        'InvalidParameterValueException',
        'The emulator invokes functions only asynchronously: set InvocationType=Event.',
      );
    }
    let event: unknown;
    try {
      event = JSON.parse(body.toString() || '{}');
    } catch {
      throw new AwsError('InvalidRequestContentException', 'The payload is not JSON.');
    }
    asynchronous.accept(model.key, event);
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await acceptRequest(request);
      response.writeHead(202).end();
    } catch (error) {
      response.setHeader('content-type', 'application/json');
      answerError(response, error, (_, Message) => ({ Message, Type: 'User' }));
    }
  }

  return {
    name: 'lambda',
    api: { owns: (request) => functionNamed(request) !== undefined, handle },
    invoke,
    accept: asynchronous.accept,
    logs: (functionKey) => find(functionKey).log.lines(),
    environment: (functionKey) => find(functionKey).environment,
    pendingEvents: asynchronous.pending,
    killFunction: (functionKey) => find(functionKey).pool.killBusy(),
    start() {
      asynchronous.start();
      for (const source of sources) source.start();
    },
    idle: () =>
      asynchronous.pending() === 0 &&
      sources.every((source) => source.pending() === 0) &&
      [...functions.values()].every(({ pool }) => pool.busy() === 0),
    async stop() {
      const stopped = [asynchronous.stop(), ...sources.map((source) => source.stop())];
      await Promise.all([...functions.values()].map(({ pool }) => pool.stop()));
      await Promise.all(stopped);
    },
  };
}

/** The function that a request to Lambda's API names; no bucket can have such a path. */
function functionNamed(request: IncomingMessage): string | undefined {
  return INVOCATIONS.exec((request.url ?? '/').split('?', 1)[0] ?? '')?.[1];
}
