import { existsSync } from 'node:fs';
import path from 'node:path';
import { isDiskFull } from '@weaudit/sqlite/full-disk';
import { watchDisk } from './disk.ts';
import { type Bus, createBus } from './events/bus.ts';
import { createGateway, type GatewayOptions } from './gateway/gateway.ts';
import { type Access, type AccessRequest, createAccess } from './iam/access.ts';
import { type Lambda, type LambdaOptions, openLambda } from './lambda/service.ts';
import type { Listener } from './listen.ts';
import { LocalError } from './local-error.ts';
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

export interface RunOptions
  extends Pick<LambdaOptions, 'bundleFolder' | 'retryDelaysMs' | 'processesPerFunction'> {
  /** With the addresses of this machine in environments, CORS origins and site headers. */
  stack: StackModel;
  /** An existing folder. It holds everything that must survive a restart. */
  dataDir: string;
  /** SSM's parameters; the caller may set some before functions read them. */
  parameters: ParameterStore;
  /** `aws` for S3, SQS, SSM and Lambda, `api` for the HTTP API with the page. Stopping closes both. */
  listeners: Record<'aws' | 'api', Listener>;
  site?: GatewayOptions['site'];
  faults?: EmulatorFaults;
  /** Called after each request of a role, with whether its policies allowed it. */
  decided?(request: AccessRequest, allowed: boolean): void;
  /** Says what a person should know; the console unless given. */
  warn?(message: string): void;
}

export interface Emulator
  extends Pick<Lambda, 'invoke' | 'logs' | 'environment' | 'killFunction' | 'pendingEvents'> {
  /** True when the data folder held nothing yet. */
  firstStart: boolean;
  queues: QueueStore;
  access: Access;
  bus: Bus;
  /** True when no function runs, no event waits, and no message is left in a queue with a consumer. */
  idle(): boolean;
  stop(): Promise<void>;
}

/**
 * Runs a stack on this machine. Starting again on the same folder continues where the last run stopped.
 * @throws DatabaseInUse when another process runs on the folder, LocalError when its disk is full
 */
export async function runStack(options: RunOptions): Promise<Emulator> {
  try {
    return await open(options);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    throw new LocalError(
      `The disk of ${options.dataDir} is full, so nothing can start on it. Free some space, then start again; nothing that was accepted is lost.`,
    );
  }
}

async function open(options: RunOptions): Promise<Emulator> {
  const { stack, dataDir, listeners, parameters, faults = {}, warn = console.warn } = options;
  const { region, accountId } = stack;
  const endpoint = listeners.aws.origin;
  const queueFile = path.join(dataDir, 'queue.sqlite');
  const firstStart = !existsSync(queueFile);

  // Closes in reverse order: functions before the services that they call, queues last.
  await using opened = new AsyncDisposableStack();
  const add = <T extends Service>(service: T): T => {
    opened.defer(async () => service.stop?.());
    return service;
  };
  const disk = watchDisk(dataDir, warn);
  const access = createAccess(stack, options.decided);
  const store = openQueueStore(queueFile);
  for (const queue of stack.queues) store.configure(queue);
  const sqs = add(createSqs({ store, access, region, accountId, endpoint }));
  const ssm = add(createSsm({ store: parameters, access, region, accountId }));
  const s3 = add(
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
      warn,
      disk,
      onEvent: async (event) => (faults.event === undefined ? bus.put(event) : faults.event(event, bus.put)),
    }),
  );
  for (const listener of Object.values(listeners)) opened.defer(listener.close);
  const lambda = add(
    openLambda({
      ...options,
      access,
      store,
      logs: path.join(dataDir, 'logs'),
      endpoint,
      disk,
      warn,
    }),
  );
  const bus = add(createBus({ stack, accept: lambda.accept, transaction: store.transaction, disk }));
  const gateway = add(createGateway({ stack, site: options.site, invoke: lambda.invoke }));

  const handleS3 = faults.s3?.(s3.api.handle) ?? s3.api.handle;
  listeners.aws.serve(dispatch([sqs, ssm, lambda, { ...s3, api: { ...s3.api, handle: handleS3 } }]));
  listeners.api.serve(dispatch([gateway]));
  const services: Service[] = [sqs, ssm, s3, lambda, bus, gateway];
  for (const service of services) service.start?.();
  const running = opened.move();
  return {
    ...lambda,
    firstStart,
    queues: store,
    access,
    bus,
    idle: () => services.every((service) => service.idle?.() ?? true),
    stop: () => running.disposeAsync(),
  };
}
