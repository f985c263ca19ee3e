import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseInUse } from '@weaudit/sqlite';
import { createAwsJson } from '../packages/aws-emulator/aws-json.ts';
import { type Bus, openBus } from '../packages/aws-emulator/events/bus.ts';
import { createGateway } from '../packages/aws-emulator/gateway/gateway.ts';
import { type Access, type AccessRequest, createAccess } from '../packages/aws-emulator/iam/access.ts';
import { functionEnvironment } from '../packages/aws-emulator/lambda/environment.ts';
import { type FunctionLog, openFunctionLog } from '../packages/aws-emulator/lambda/log.ts';
import type { InvocationResult } from '../packages/aws-emulator/lambda/model.ts';
import { type FunctionPool, openFunctionPool } from '../packages/aws-emulator/lambda/pool.ts';
import { openQueueSource } from '../packages/aws-emulator/lambda/queue-source.ts';
import { createLambdaService, isLambdaRequest } from '../packages/aws-emulator/lambda/service.ts';
import { type Listener, listen } from '../packages/aws-emulator/listen.ts';
import { LocalError } from '../packages/aws-emulator/local-error.ts';
import { openS3 } from '../packages/aws-emulator/s3/server.ts';
import { createQueueService } from '../packages/aws-emulator/sqs/service.ts';
import { openQueueStore, type QueueStore } from '../packages/aws-emulator/sqs/store.ts';
import { openParameterStore, type ParameterStore } from '../packages/aws-emulator/ssm/parameters.ts';
import type { FunctionModel, StackModel } from '../packages/aws-emulator/stack/model.ts';
import { readStack } from '../packages/aws-emulator/stack/read.ts';
import { readServerless } from '../packages/aws-emulator/stack/serverless.ts';
import { openStandIn, type StandIn } from '../packages/replicate-stand-in/server.ts';
import type { Wires } from '../packages/replicate-stand-in/wires.ts';
import { prepareBundles, prepareSite } from './bundles.ts';
import { createOriginMap, type Endpoints, localEnvironment } from './origins.ts';
import { type LocalSecrets, seedSecrets } from './secrets.ts';

/** The account that AWS emulators use; nobody owns it. */
const ACCOUNT = '000000000000';
const STAGE = 'local';
const QUEUE_FILE = 'queue.sqlite';
const IDLE_PROCESS_MS = 60_000;

export interface Ports {
  aws: number;
  api: number;
  replicate: number;
}

export interface CloudOptions {
  /** The project's folder. */
  root?: string;
  /** Everything that must survive a restart. */
  dataDir: string;
  /** 0: any free port. */
  ports?: Partial<Ports>;
  /** The stand-in's typical time of a prediction, in seconds. */
  predictionSeconds?: number;
  /** Where tests let the world misbehave. */
  faults?: Faults;
  /** Opened in place of the stand-in, on the Replicate port. */
  replicate?: (stack: StackModel, secrets: LocalSecrets) => Promise<Replacement>;
  /** Waits before the retries of an asynchronous event; AWS takes one and two minutes. */
  retryDelaysMs?: readonly number[];
  /** Most processes of one function. */
  processesPerFunction?: number;
  /** Changes the stack before it runs: tests take a permission away, or a function's bundle. */
  amend?(stack: StackModel): StackModel;
  /** Where a function's bundle is, for tests that bring their own. */
  bundleOf?(model: FunctionModel): string | undefined;
  /** Hears of each request that a role made, and whether its policies allowed it. */
  decided?(request: AccessRequest, allowed: boolean): void;
  /** Receives what a person should know; the console unless told otherwise. */
  warn?(message: string): void;
}

/** The seams at which a test can lose, delay, double or cut what passes. Left out, everything passes once, in time. */
export interface Faults {
  /** The stand-in's answers, webhooks and downloads. */
  wires?: Wires;
  /** Around every request to S3. */
  s3?(handle: Listening): Listening;
  /** Around every S3 event on its way to the bus. */
  event?(event: unknown, put: (event: unknown) => void): void;
}

type Listening = Parameters<Listener['serve']>[0];

/** Takes the place of the stand-in for Replicate: the real service behind a guard. */
export interface Replacement {
  handle: Listening;
  /** Environment of functions that differs from the local stage's. */
  environment: Record<string, string>;
  close(): Promise<void>;
}

export interface Cloud {
  /** True when the data folder held nothing yet. */
  firstStart: boolean;
  endpoints: Endpoints;
  stack: StackModel;
  queues: QueueStore;
  parameters: ParameterStore;
  access: Access;
  bus: Bus;
  /** Undefined when real Replicate is used. */
  standIn: StandIn | undefined;
  /** Runs a function on an event, as `aws lambda invoke` does. */
  invoke(functionKey: string, event: unknown): Promise<InvocationResult>;
  /** Newest lines that the function logged, oldest first. */
  logs(functionKey: string): readonly string[];
  /** The environment a function runs with. */
  environment(functionKey: string): Record<string, string>;
  /** Kills the function's processes that are handling an event; returns how many. */
  killFunction(functionKey: string): number;
  /** True when no function runs, no event waits and no message of a queue with a consumer is left. */
  idle(): boolean;
  stop(): Promise<void>;
}

async function loadStack(root: string, amend: CloudOptions['amend']): Promise<StackModel> {
  const stack = readStack(await readServerless(root, STAGE), ACCOUNT);
  return amend === undefined ? stack : amend(stack);
}

function openDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true });
  } catch (error) {
    throw new LocalError(
      `The data folder ${dataDir} cannot be created (${(error as NodeJS.ErrnoException).code}). Choose another with --data <folder>.`,
    );
  }
}

function openQueues(dataDir: string): QueueStore {
  try {
    return openQueueStore(path.join(dataDir, QUEUE_FILE));
  } catch (error) {
    if (error instanceof DatabaseInUse) {
      throw new LocalError(
        `The data folder ${dataDir} is in use by another local cloud. Stop that one, or choose another folder with --data <folder>.`,
      );
    }
    throw new LocalError(
      `The data folder ${dataDir} cannot be written (${(error as Error).message}). Change its permissions, or choose another with --data <folder>.`,
    );
  }
}

type Close = () => Promise<void> | void;

/** Output goes where CloudWatch Logs would have it, if the function's role may write there. */
function openLog(model: FunctionModel, stack: StackModel, access: Access, directory: string): FunctionLog {
  const log = openFunctionLog(directory, model.key);
  const resource = `arn:aws:logs:${stack.region}:${stack.accountId}:log-group:/aws/lambda/${model.name}:log-stream:local`;
  const principal = { arn: model.role.arn, accountId: stack.accountId, anonymous: false, admin: false };
  const mayWrite = ['logs:CreateLogStream', 'logs:PutLogEvents'].every((action) =>
    access.authorize({ principal, action, resource, context: {} }),
  );
  return mayWrite ? log : { ...log, write: () => {} };
}

/**
 * Starts the whole pipeline on this machine: S3, SQS and SSM behind one endpoint, EventBridge, the functions in
 * processes of their own, API Gateway with the page, and the stand-in for Replicate. Everything durable is in
 * `dataDir`; starting again on the same folder continues where it stopped.
 * @throws LocalError for what the person at this machine can mend
 */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
  const root = options.root ?? path.resolve(import.meta.dirname, '..');
  const { dataDir, ports, faults = {} } = options;
  const warn = options.warn ?? ((message: string) => console.warn(message));
  openDataDir(dataDir);
  const firstStart = !existsSync(path.join(dataDir, QUEUE_FILE));

  // In the order of closing: functions end before the services they call, and stores last.
  const closing: Record<'functions' | 'listeners' | 'services' | 'stores', Close[]> = {
    functions: [],
    listeners: [],
    services: [],
    stores: [],
  };
  async function closeAll(): Promise<void> {
    for (const stage of Object.values(closing)) await Promise.all(stage.splice(0).map((close) => close()));
  }

  async function listenAll(): Promise<Record<keyof Ports, Listener>> {
    const open = async (port: number | undefined, purpose: string, option: string) => {
      const listener = await listen(port ?? 0, purpose, option);
      closing.listeners.push(listener.close);
      return listener;
    };
    return {
      aws: await open(ports?.aws, 'local AWS endpoint', '--port-aws'),
      api: await open(ports?.api, 'API', '--port-api'),
      replicate: await open(ports?.replicate, 'stand-in for Replicate', '--port-replicate'),
    };
  }

  try {
    // Listening first: a port in use is known before anything else has been done.
    const listeners = await listenAll();
    let bundles: Promise<string> | undefined;
    const bundleFolder = () => {
      bundles ??= prepareBundles(root);
      return bundles;
    };
    // Beside reading the stack; whether it worked is asked when a function needs it.
    if (options.bundleOf === undefined) bundleFolder().catch(() => {});
    const stack = await loadStack(root, options.amend);
    const endpoints: Endpoints = {
      aws: listeners.aws.origin,
      api: listeners.api.origin,
      replicate: listeners.replicate.origin,
    };

    const queues = openQueues(dataDir);
    closing.stores.push(queues.close);
    for (const queue of stack.queues) queues.configure({ ...queue, redrive: queue.redrive });
    const access = createAccess(stack, options.decided);
    const parameters = openParameterStore(path.join(dataDir, 'parameters.json'), stack.region, ACCOUNT);
    const secrets = seedSecrets(stack, parameters);

    const replacement = await options.replicate?.(stack, secrets);
    let standIn: StandIn | undefined;
    if (replacement === undefined) {
      const { replicateToken: token, webhookSecret } = secrets;
      const declaredRate = stack.functions.find(({ key }) => key === 'dispatch')?.environment
        .CREATES_PER_MINUTE;
      standIn = await openStandIn(
        {
          dataDir: path.join(dataDir, 'replicate'),
          baseUrl: endpoints.replicate,
          token,
          webhookSecret,
          createsPerMinute: Number(declaredRate ?? 600),
          seconds: options.predictionSeconds ?? 2,
        },
        faults.wires,
      );
      closing.services.push(standIn.close);
      listeners.replicate.serve(standIn.handle);
    } else {
      closing.services.push(replacement.close);
      listeners.replicate.serve(replacement.handle);
    }

    const replace = createOriginMap(stack, endpoints);
    const environments = new Map<string, Record<string, string>>();
    const logs = new Map<string, FunctionLog>();
    const pools = new Map<string, FunctionPool>();
    for (const model of stack.functions) {
      const declared = localEnvironment(model, endpoints, replace);
      for (const [name, value] of Object.entries(replacement?.environment ?? {})) {
        if (name in declared) declared[name] = value;
      }
      const environment = functionEnvironment(
        { ...model, environment: declared },
        stack.region,
        access.functionKey(model.key),
      );
      const log = openLog(model, stack, access, path.join(dataDir, 'logs'));
      const [file = '', handlerName = 'handler'] = path.basename(model.handler).split('.');
      const bundle = options.bundleOf?.(model) ?? path.join(await bundleFolder(), `${file}.cjs`);
      environments.set(model.key, environment);
      logs.set(model.key, log);
      pools.set(
        model.key,
        openFunctionPool({
          name: model.name,
          arn: model.arn,
          bundle,
          handlerName,
          memorySize: model.memorySize,
          timeoutSeconds: model.timeoutSeconds,
          environment,
          maxProcesses: options.processesPerFunction ?? 4,
          idleMs: IDLE_PROCESS_MS,
          log,
        }),
      );
    }
    const poolOf = (functionKey: string): FunctionPool => {
      const pool = pools.get(functionKey);
      if (pool === undefined) throw new Error(`serverless.yml declares no function "${functionKey}".`);
      return pool;
    };
    const invoke = (functionKey: string, event: unknown, requestId?: string) =>
      poolOf(functionKey).invoke(event, requestId);

    const bus = openBus({
      stack,
      store: queues,
      access,
      invoke,
      retryDelaysMs: options.retryDelaysMs ?? [1_000, 4_000],
      concurrency: 2,
      warn,
    });
    const sources = stack.queueSources.map((source) =>
      openQueueSource({ source, stack, store: queues, access, invoke, warn }),
    );
    closing.functions.push(async () => {
      const stopped = [bus.stop(), ...sources.map((source) => source.stop())];
      await Promise.all([...pools.values()].map((pool) => pool.stop()));
      await Promise.all(stopped);
    });

    const s3 = await openS3({
      dataDir: path.join(dataDir, 's3'),
      region: stack.region,
      buckets: stack.buckets.map(({ name, versioning, eventBridge }) => ({ name, versioning, eventBridge })),
      accountId: ACCOUNT,
      // A browser may call this machine by either name.
      corsOrigins: stack.buckets
        .flatMap((bucket) => bucket.corsOrigins.map(replace))
        .flatMap((origin) => [origin, origin.replace('127.0.0.1', 'localhost')]),
      credentials: access.credentials,
      authorize: access.authorize,
      onEvent: async (event) => (faults.event === undefined ? bus.put(event) : faults.event(event, bus.put)),
    });
    closing.services.push(() => s3.close());

    const queueService = createQueueService({
      store: queues,
      region: stack.region,
      accountId: ACCOUNT,
      endpoint: endpoints.aws,
    });
    const handleJson = createAwsJson([queueService, parameters.service], access);
    const handleLambda = createLambdaService({ stack, bus, access });
    const handleS3 = faults.s3?.(s3.handle) ?? s3.handle;
    listeners.aws.serve((request, response) => {
      if (request.headers['x-amz-target'] !== undefined) return handleJson(request, response);
      return isLambdaRequest(request) ? handleLambda(request, response) : handleS3(request, response);
    });
    let site: Promise<string | undefined> | undefined;
    const siteFolder = () => {
      site ??= prepareSite(root).catch((error: unknown) => {
        warn(`The page cannot be built, so only the API answers: ${String(error)}`);
        return undefined;
      });
      return site;
    };
    const siteHeaders = Object.entries(stack.siteHeaders).map(([name, value]) => [name, replace(value)]);
    listeners.api.serve(
      createGateway({
        stack,
        site: {
          folder: siteFolder,
          headers: Object.fromEntries(siteHeaders) as Record<string, string>,
        },
        invoke,
      }),
    );

    const consumed = new Set(stack.queueSources.map(({ queue }) => queue));
    return {
      firstStart,
      endpoints,
      stack,
      queues,
      parameters,
      access,
      bus,
      standIn,
      invoke,
      logs: (functionKey) => logs.get(functionKey)?.lines() ?? [],
      environment: (functionKey) => environments.get(functionKey) ?? {},
      killFunction: (functionKey) => poolOf(functionKey).killBusy(),
      idle() {
        const messages = [...consumed].map((queue) => queues.counts(queue));
        return (
          bus.pending() === 0 &&
          messages.every(({ visible, inFlight, delayed }) => visible + inFlight + delayed === 0) &&
          [...pools.values()].every((pool) => pool.busy() === 0)
        );
      },
      stop: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
