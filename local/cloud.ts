import path from 'node:path';
import {
  type Emulator,
  type EmulatorFaults,
  type Listener,
  listen,
  openParameterStore,
  type ParameterStore,
  type RequestHandler,
  type RunOptions,
  runStack,
} from '@weaudit/aws-emulator';
import { LocalError } from '@weaudit/aws-emulator/local-error';
import { readServerless, readStack, type StackModel } from '@weaudit/aws-emulator/stack';
import { openStandIn, type StandIn } from '@weaudit/replicate-stand-in';
import type { Wires } from '@weaudit/replicate-stand-in/wires';
import { DatabaseInUse } from '@weaudit/sqlite';
import { UnusableFile } from '@weaudit/sqlite/data-file';
import { isDiskFull } from '@weaudit/sqlite/full-disk';
import { prepareBundles, prepareSite } from './bundles.ts';
import { removeLeftovers, takeFolder } from './data-folder.ts';
import { type Endpoints, localStack } from './origins.ts';
import { type LocalSecrets, seedSecrets } from './secrets.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
/** The account that AWS emulators use; it belongs to nobody. */
const ACCOUNT = '000000000000';
const STAGE = 'local';

export interface Ports {
  aws: number;
  api: number;
  replicate: number;
}

export interface CloudOptions
  extends Pick<RunOptions, 'dataDir' | 'retryDelaysMs' | 'processesPerFunction' | 'decided' | 'warn'> {
  /** Deletes the data of earlier starts, once the folder is this cloud's. */
  fresh?: boolean;
  /** 0: any free port. */
  ports?: Partial<Ports>;
  /** How long a simulated prediction typically takes, in seconds. */
  predictionSeconds?: number;
  /** Waits between the stand-in's attempts to deliver a webhook; about a minute in all by default. */
  webhookRetrySeconds?: readonly number[];
  faults?: Faults;
  /** Opened instead of the stand-in, on the Replicate port. */
  replicate?: (stack: StackModel, secrets: LocalSecrets) => Promise<Replacement>;
  /** Changes the stack before it runs. */
  amend?(stack: StackModel): StackModel;
}

/** Where tests let requests, events and webhooks be lost, delayed, doubled or cut. */
export interface Faults extends EmulatorFaults {
  /** The stand-in's answers, webhooks and downloads. */
  wires?: Wires;
}

/** Plays Replicate: the real service behind a guard, or the stand-in. */
export interface Replacement {
  handle: RequestHandler;
  /** Environment of functions that differs from the local stage's. */
  environment: Record<string, string>;
  close(): Promise<void>;
  standIn?: StandIn;
}

export interface Cloud extends Emulator {
  endpoints: Endpoints;
  /** As it runs: with the addresses of this machine. */
  stack: StackModel;
  parameters: ParameterStore;
  /** Undefined when real Replicate is used. */
  standIn: StandIn | undefined;
}

/** Opens the stand-in, which accepts as many predictions a minute as `dispatch` sends. */
function simulated(options: CloudOptions, baseUrl: string) {
  const { dataDir, predictionSeconds = 2, webhookRetrySeconds, faults } = options;
  return async (stack: StackModel, secrets: LocalSecrets): Promise<Replacement> => {
    const dispatch = stack.functions.find(({ key }) => key === 'dispatch');
    const standIn = await openStandIn(
      {
        dataDir: path.join(dataDir, 'replicate'),
        baseUrl,
        token: secrets.replicateToken,
        webhookSecret: secrets.webhookSecret,
        createsPerMinute: Number(dispatch?.environment.CREATES_PER_MINUTE ?? 600),
        seconds: predictionSeconds,
        ...(webhookRetrySeconds && { webhookRetrySeconds }),
      },
      faults?.wires,
    );
    return { handle: standIn.handle, close: standIn.close, environment: {}, standIn };
  };
}

/** Errors about the data folder in words for the person who chose it. */
function explained(error: unknown, dataDir: string): unknown {
  const other = 'or choose another with --data <folder>.';
  if (error instanceof DatabaseInUse) {
    return new LocalError(
      `The data folder ${dataDir} is in use by another local cloud. Stop that one, ${other}`,
    );
  }
  if (error instanceof UnusableFile) {
    return new LocalError(
      `The data folder ${dataDir} cannot be used: ${error.message} Or choose another with --data <folder>.`,
    );
  }
  if (isDiskFull(error)) {
    return new LocalError(`The data folder ${dataDir} is on a full disk. Free some space, ${other}`);
  }
  return error;
}

/**
 * Starts the whole pipeline on this machine: the stack of serverless.yml on the AWS emulator, the page, and the
 * stand-in for Replicate. Everything durable is in `dataDir`; a later start on the same folder continues there.
 * @throws LocalError for what the person at this machine can fix
 */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
  try {
    return await start(options);
  } catch (error) {
    throw explained(error, options.dataDir);
  }
}

async function start(options: CloudOptions): Promise<Cloud> {
  const { dataDir, ports, amend, warn = console.warn } = options;
  // Closes in reverse order.
  await using opened = new AsyncDisposableStack();
  const open = async (port: number | undefined, purpose: string, option: string): Promise<Listener> => {
    const listener = await listen(port ?? 0, purpose, option);
    opened.defer(listener.close);
    return listener;
  };
  // Listens first, so that a port in use is reported before anything else is done.
  const aws = await open(ports?.aws, 'local AWS endpoint', '--port-aws');
  const api = await open(ports?.api, 'API', '--port-api');
  const replicate = await open(ports?.replicate, 'stand-in for Replicate', '--port-replicate');
  const endpoints: Endpoints = { aws: aws.origin, api: api.origin, replicate: replicate.origin };
  const lock = takeFolder(dataDir);
  opened.defer(async () => lock.close());
  if (options.fresh) await removeLeftovers(dataDir);

  // Functions are bundled while the stack is read. An error is thrown where the bundles are needed.
  const bundling = prepareBundles(ROOT);
  bundling.catch(() => {});
  const declared = readStack(await readServerless(ROOT, STAGE), ACCOUNT);
  const stack = localStack(amend?.(declared) ?? declared, endpoints);
  const parameters = openParameterStore(path.join(dataDir, 'parameters.json'));
  const secrets = seedSecrets(stack, parameters);

  const replacement = await (options.replicate ?? simulated(options, endpoints.replicate))(stack, secrets);
  opened.defer(replacement.close);
  opened.defer(replicate.close);
  replicate.serve(replacement.handle);
  for (const { environment } of stack.functions) {
    for (const [name, value] of Object.entries(replacement.environment)) {
      if (name in environment) environment[name] = value;
    }
  }

  let site: Promise<string | undefined> | undefined;
  const emulator = await runStack({
    ...options,
    stack,
    parameters,
    listeners: { aws, api },
    bundleFolder: await bundling,
    site() {
      site ??= prepareSite(ROOT).catch((error: unknown) => {
        warn(`The page cannot be built, so only the API answers: ${String(error)}`);
        return undefined;
      });
      return site;
    },
  });
  opened.defer(emulator.stop);
  const running = opened.move();
  return {
    ...emulator,
    endpoints,
    stack,
    parameters,
    standIn: replacement.standIn,
    stop: () => running.disposeAsync(),
  };
}
