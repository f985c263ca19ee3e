import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Bus, createBus } from './events/bus.ts';
import { createGateway } from './gateway/gateway.ts';
import { type Access, type AccessRequest, createAccess } from './iam/access.ts';
import type { Invoke } from './lambda/model.ts';
import { openLambda } from './lambda/service.ts';
import type { Listener } from './listen.ts';
import { openS3 } from './s3/server.ts';
import { dispatch, type RequestHandler, type Service } from './service.ts';
import { createSqs } from './sqs/service.ts';
import { openQueueStore, type QueueStore } from './sqs/store.ts';
import type { ParameterStore } from './ssm/parameters.ts';
import { createSsm } from './ssm/service.ts';
import type { StackModel } from './stack/model.ts';

/** Where tests let requests and events be lost, delayed or doubled. Without it, everything passes once and in time. */
export interface EmulatorFaults {
  /** Around every request to S3. */
  s3?(handle: RequestHandler): RequestHandler;
  /** Around every S3 event on its way to the bus. */
  event?(event: unknown, put: (event: unknown) => void): void;
}

export interface RunOptions {
  /** With the addresses of this machine in environments, CORS origins and site headers. */
  stack: StackModel;
  /** Holds everything that must survive a restart. It must exist. */
  dataDir: string;
  /** SSM's parameters; the caller may set some before functions read them. */
  parameters: ParameterStore;
  /** `aws` for S3, SQS, SSM and Lambda, `api` for the HTTP API with the page. Stopping closes both. */
  listeners: Record<'aws' | 'api', Listener>;
  /** Absolute paths of the functions' bundles, by function key. */
  bundles: ReadonlyMap<string, string>;
  /** Folder of the page, which is built when it is first requested; undefined when there is none. */
  site?(): Promise<string | undefined>;
  faults?: EmulatorFaults;
  /** Waits before the retries of an asynchronous event; AWS takes one and two minutes. */
  retryDelaysMs?: readonly number[];
  /** Most processes of one function. */
  processesPerFunction?: number;
  /** Hears of each request that a role made, and whether its policies allowed it. */
  decided?(request: AccessRequest, allowed: boolean): void;
  /** Says what a person should know; the console unless given. */
  warn?(message: string): void;
}

export interface Emulator {
  /** True when the data folder held nothing yet. */
  firstStart: boolean;
  queues: QueueStore;
  access: Access;
  bus: Bus;
  /** Runs a function on an event and waits for its end, as `aws lambda invoke` does. */
  invoke: Invoke;
  /** The newest lines that the function logged, oldest first. */
  logs(functionKey: string): readonly string[];
  /** The environment that the function runs with. */
  environment(functionKey: string): Readonly<Record<string, string>>;
  /** Kills the function's processes that are handling an event; returns how many. */
  killFunction(functionKey: string): number;
  /** Events accepted for functions and not finished. */
  pendingEvents(): number;
  /** True when no function runs, no event waits, and no message is left in a queue with a consumer. */
  idle(): boolean;
  stop(): Promise<void>;
}

/**
 * Runs a stack on this machine. Starting again on the same folder continues where the last run stopped.
 * @throws DatabaseInUse when another process runs on the folder
 */
export async function runStack(options: RunOptions): Promise<Emulator> {
  const { stack, dataDir, listeners, parameters, faults = {}, warn = console.warn } = options;
  const { region, accountId } = stack;
  const endpoint = listeners.aws.origin;
  const queueFile = path.join(dataDir, 'queue.sqlite');
  const firstStart = !existsSync(queueFile);

  // What is opened last closes first: functions before the services that they call, queues at the end.
  await using opened = new AsyncDisposableStack();
  const open = <T extends Service>(service: T): T => {
    opened.defer(async () => service.stop?.());
    return service;
  };
  const access = createAccess(stack, options.decided);
  const store = openQueueStore(queueFile);
  for (const queue of stack.queues) store.configure(queue);
  const sqs = open(createSqs({ store, access, region, accountId, endpoint }));
  const ssm = open(createSsm({ store: parameters, access, region, accountId }));
  const s3 = open(
    await openS3({
      dataDir: path.join(dataDir, 's3'),
      region,
      accountId,
      buckets: stack.buckets,
      // A browser may call this machine by either name.
      corsOrigins: stack.buckets
        .flatMap((bucket) => bucket.corsOrigins)
        .flatMap((origin) => [origin, origin.replace('127.0.0.1', 'localhost')]),
      credentials: access.credentials,
      authorize: access.authorize,
      onEvent: async (event) => (faults.event === undefined ? bus.put(event) : faults.event(event, bus.put)),
    }),
  );
  for (const listener of Object.values(listeners)) opened.defer(listener.close);
  const lambda = open(
    openLambda({
      stack,
      access,
      store,
      bundles: options.bundles,
      logs: path.join(dataDir, 'logs'),
      endpoint,
      retryDelaysMs: options.retryDelaysMs ?? [1_000, 4_000],
      processesPerFunction: options.processesPerFunction ?? 4,
      warn,
    }),
  );
  const bus = open(createBus({ stack, accept: lambda.accept, transaction: store.transaction }));
  const gateway = open(createGateway({ stack, site: options.site, invoke: lambda.invoke }));

  const handleS3 = faults.s3?.(s3.api.handle) ?? s3.api.handle;
  listeners.aws.serve(dispatch([sqs, ssm, lambda, { ...s3, api: { ...s3.api, handle: handleS3 } }]));
  listeners.api.serve(dispatch([gateway]));
  const services: Service[] = [sqs, ssm, s3, lambda, bus, gateway];
  for (const service of services) service.start?.();
  const running = opened.move();
  return {
    firstStart,
    queues: store,
    access,
    bus,
    invoke: lambda.invoke,
    logs: lambda.logs,
    environment: lambda.environment,
    killFunction: lambda.kill,
    pendingEvents: lambda.pendingEvents,
    idle: () => services.every((service) => service.idle?.() ?? true),
    stop: () => running.disposeAsync(),
  };
}
