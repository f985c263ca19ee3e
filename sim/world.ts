import { matchesPattern } from '@weaudit/aws-emulator/events';
import { evaluate } from '@weaudit/aws-emulator/iam';
import type { StackModel } from '@weaudit/aws-emulator/stack';

import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { queueThrough } from '../lib/aws/cell-queue.ts';
import { S3Store } from '../lib/aws/objects.ts';
import { createApi } from '../lib/handlers/api.ts';
import { createBackup } from '../lib/handlers/backup.ts';
import { createDispatch } from '../lib/handlers/dispatch.ts';
import { createMetrics } from '../lib/handlers/metrics.ts';
import { createPoll } from '../lib/handlers/poll.ts';
import { createReconcile } from '../lib/handlers/reconcile.ts';
import { createTag } from '../lib/handlers/tag.ts';
import { createWebhook } from '../lib/handlers/webhook.ts';
import type { HttpResponse } from '../lib/http/problem.ts';
import type { Log, LookAtImage, WithTemporaryFile } from '../lib/ports.ts';
import { SecretRefused, secretReader } from '../lib/secrets.ts';
import { Coverage, kindOf } from './coverage.ts';
import { EventLog, Kernel } from './kernel.ts';
import { type Environment, type Handler, LambdaModel } from './lambda.ts';
import { looked } from './look.ts';
import { presignerOf } from './presigned.ts';
import { type Delivery, ReplicateModel, type ReplicateOptions } from './replicate.ts';
import { type Asked, abortable, type Change, KnownBody, S3Model, s3Error } from './s3.ts';
import { type Rotation, Secrets } from './secrets.ts';
import { QueueModelled, sqsCalls } from './sqs.ts';
import { Storm, type StormOptions } from './storm.ts';

export interface WorldOptions {
  seed: number;
  stack: StackModel;
  storm: StormOptions;
  replicate: ReplicateOptions;
  /** Functions that the account runs at once. */
  concurrency: number;
  /** Share of requests that API Gateway refuses by 429. */
  gateway?: { throttled: number };
  rotation?: Rotation | undefined;
  /** A fault that is planted on purpose, to see whether it is found. */
  plant?: Plant | undefined;
}

/** A fault in one or more functions, put in from outside so that it survives when the code changes. */
export interface Plant {
  /** Functions that have it. */
  functions: string[];
  ports?(ports: Ports): Partial<Ports>;
  /** @param other makes another function's handler in the same environment */
  handler?(handler: Handler, other: (key: string) => Handler): Handler;
  /** Changes what S3 is asked for. */
  request?(command: string, input: Record<string, unknown>): Record<string, unknown>;
  stack?(stack: StackModel): void;
  /** The named world in which it is looked for, instead of seeds. */
  world?: string;
}

/** What a client asks the API. */
export interface ApiRequest {
  /** As API Gateway names it. */
  route: string;
  /** What its path names. */
  path?: Record<string, string>;
  query?: Record<string, string>;
  body?: unknown;
  /** A rater's; an auditor's if undefined. */
  token?: string;
  headers?: Record<string, string>;
}

type Answered = (response: HttpResponse | undefined, metFault: boolean) => void;

/** Everything that functions are made of. */
export type Ports = ReturnType<World['ports']>;

const WEBHOOK_URL = 'https://hooks.example';
const GATEWAY_SECONDS = 29;
/** Lambda drops a message to the dead-letter queue after so many passes of its chain through one function. */
const LOOP_LIMIT = 16;
/** Lambda's pauses before it runs an asynchronous event again. */
const ASYNC_RETRIES_MS = [60_000, 120_000];
/** A throttled asynchronous event is tried again for up to six hours. */
const ASYNC_AGE_MS = 6 * 3_600_000;

const SILENT: Log = { info() {}, warn() {}, error() {}, appendKeys() {}, resetKeys() {} };

/** In memory: the disk's time is not the world's. */
const withTemporaryFile: WithTemporaryFile = (use) => {
  const parts: Buffer[] = [];
  return use({
    get bytes() {
      return parts.reduce((sum, { length }) => sum + length, 0);
    },
    async append(data) {
      parts.push(Buffer.from(data as Buffer));
    },
    content: () => new KnownBody(Buffer.concat(parts)),
  });
};

/** The pipeline as it is deployed, in a world that misbehaves. */
export class World {
  readonly kernel: Kernel;
  readonly coverage = new Coverage();
  readonly stack: StackModel;
  readonly storm: Storm;
  readonly s3: S3Model;
  /** The queues that functions read, by their functions. */
  readonly queues = new Map<string, QueueModelled>();
  readonly lambda: LambdaModel;
  readonly replicate: ReplicateModel;
  readonly images: string;
  readonly backup: string;
  /** Changes of objects, for the ledger. */
  watch: (change: Change) => void = () => {};
  /** Webhooks and their answers, for the ledger; 0 for none. */
  onWebhook: (delivery: Delivery, status: number, metFault: boolean) => void = () => {};
  readonly secrets: Secrets;
  readonly #throttled: number;
  denied: string[] = [];
  deadLetters: { queue: string; what: string; isExplained: boolean }[] = [];
  /** S3 events and asynchronous invocations that are on their way. */
  underWay = 0;
  readonly #plant: Plant | undefined;
  readonly #decisions = new Map<string, boolean>();
  readonly #polling = new Map<string, number>();

  constructor(options: WorldOptions) {
    this.stack = options.plant?.stack ? structuredClone(options.stack) : options.stack;
    options.plant?.stack?.(this.stack);
    this.kernel = new Kernel(options.seed, new EventLog());
    this.storm = new Storm(this.kernel, options.storm, this.coverage);
    this.#plant = options.plant;
    const bucket = (suffix: string) => this.stack.buckets.find(({ name }) => name.endsWith(suffix))!.name;
    this.images = bucket('-images');
    this.backup = bucket('-backup');
    this.s3 = new S3Model(this.kernel, [this.images, this.backup]);
    this.s3.authorize = (process, asked) => this.#authorize(process, asked);
    this.s3.shortPages = 0.02;
    this.s3.conflicts = options.storm.conflicts;
    this.s3.onChange = (change) => this.#changed(change);
    for (const { functionKey, queue } of this.stack.queueSources) {
      const model = this.stack.queues.find(({ name }) => name === queue)!;
      const modelled = new QueueModelled(this.kernel, model);
      modelled.doubles = () => this.storm.doublesMessage();
      modelled.onWaiting = () => this.#poll();
      modelled.onDead = ({ body, failures }) =>
        this.deadLetters.push({
          queue,
          what: `${failures.map(({ why }) => why).join(', then ')}: ${body}`,
          isExplained: failures.every(({ metFault }) => metFault),
        });
      this.queues.set(functionKey, modelled);
    }
    this.lambda = new LambdaModel(
      { kernel: this.kernel, weather: this.storm, coverage: this.coverage, concurrency: options.concurrency },
      this.stack.functions,
      (key, environment) => this.#load(key, environment),
    );
    this.lambda.onFree = () => this.#poll();
    this.replicate = new ReplicateModel(this.kernel, options.replicate);
    this.replicate.met = (what) => this.coverage.met(what);
    this.secrets = new Secrets(this.kernel, options.rotation);
    this.#throttled = options.gateway?.throttled ?? 0;
    this.replicate.signing = this.secrets;
    this.replicate.deliver = (delivery, done) => {
      const { path, headers, body } = delivery;
      const [, , , audit = '', cell = ''] = path.split('/');
      this.request('webhook', { pathParameters: { audit, cell }, headers, body }, (answer, metFault) => {
        const status = answer?.statusCode ?? 0;
        this.onWebhook(delivery, status, metFault);
        done(status);
      });
    };
    for (const { functionKey, everySeconds, input } of this.stack.schedules) {
      const tick = () => {
        this.invokeAsync(functionKey, input ?? {});
        this.kernel.after(everySeconds * 1_000, tick);
      };
      this.kernel.after(this.kernel.chance.between(0, everySeconds * 1_000), tick);
    }
  }

  /** Puts an object into the images bucket, as an operator does. */
  plantObject(key: string, value: unknown): void {
    const { authorize } = this.s3;
    this.s3.authorize = () => {};
    this.s3.do('operator', 'PutObjectCommand', {
      Bucket: this.images,
      Key: key,
      Body: JSON.stringify(value),
    });
    this.s3.authorize = authorize;
  }

  /**
   * A request that API Gateway takes.
   * @param answered hears a function's answer within its time, or undefined, and whether a fault may be the reason
   */
  request(key: 'api' | 'webhook', event: Partial<APIGatewayProxyEventV2>, answered: Answered): void {
    if (!this.storm.isOver && this.kernel.chance.happens(this.#throttled)) {
      this.coverage.met('API Gateway refused a request');
      answered({ statusCode: 429, headers: {}, body: '' }, true);
      return;
    }
    let open = true;
    const answer: Answered = (response, metFault) => {
      if (!open) return;
      open = false;
      answered(response, metFault);
    };
    this.kernel.after(GATEWAY_SECONDS * 1_000, () => {
      if (open) this.coverage.met('API Gateway gave up waiting');
      answer(undefined, true);
    });
    this.lambda.invoke(key, { headers: {}, isBase64Encoded: false, ...event }, (how) =>
      answer(how.ok ? (how.value as HttpResponse) : undefined, how.metFault),
    );
  }

  /** A request to the API; without a token of its own, with the auditors'. */
  api({ route, path = {}, query, body, token, headers }: ApiRequest, answered: Answered): void {
    const event = {
      routeKey: route,
      pathParameters: path,
      headers: { authorization: `Bearer ${token ?? this.secrets.token}`, ...headers },
      ...(query !== undefined && { queryStringParameters: query }),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
    this.request('api', event, answered);
  }

  /** An event that Lambda keeps and runs again if it fails; then it goes where failures go. */
  invokeAsync(key: string, event: unknown, attempt = 0, since = this.kernel.now, isExplained = true): void {
    const model = this.lambda.model(key);
    this.underWay++;
    this.lambda.invoke(key, event, (how) => {
      this.underWay--;
      if (how.ok) return;
      const isMet = isExplained && how.metFault;
      const again = (ms: number, next: number) => {
        this.underWay++;
        this.kernel.after(ms, () => {
          this.underWay--;
          this.invokeAsync(key, event, next, since, isMet);
        });
      };
      if (how.why === 'throttled') {
        if (this.kernel.now - since < ASYNC_AGE_MS)
          return again(this.kernel.chance.between(1_000, 20_000), attempt);
      } else if (attempt < model.asyncRetries)
        return again(ASYNC_RETRIES_MS[attempt] ?? 120_000, attempt + 1);
      // The next run of reconcile does all that a failed one did not.
      if (key !== 'reconcile')
        this.deadLetters.push({ queue: model.onFailure?.queue ?? key, what: how.why, isExplained: isMet });
    });
  }

  /** Lambda's pollers: as many functions at once as the queue may have, one message each. */
  #poll(): void {
    for (const { functionKey, maximumConcurrency = 5 } of this.stack.queueSources) {
      const queue = this.queues.get(functionKey)!;
      while ((this.#polling.get(functionKey) ?? 0) < maximumConcurrency && !this.lambda.isFull) {
        const message = queue.receive();
        if (!message) break;
        const isLoop = this.lambda.model(functionKey).recursiveLoop === 'Terminate';
        if (isLoop && message.lineage >= LOOP_LIMIT) {
          queue.delete(message);
          const what = `loop: ${message.body}`;
          this.deadLetters.push({ queue: queue.model.name, what, isExplained: false });
          continue;
        }
        this.#polling.set(functionKey, (this.#polling.get(functionKey) ?? 0) + 1);
        const messageId = String(message.id);
        const record = {
          messageId,
          body: message.body,
          attributes: { ApproximateReceiveCount: String(message.receives) },
        };
        this.lambda.invoke(
          functionKey,
          { Records: [record] },
          (how) => {
            this.#polling.set(functionKey, this.#polling.get(functionKey)! - 1);
            const failed = how.ok
              ? (how.value as { batchItemFailures: { itemIdentifier: string }[] }).batchItemFailures
              : [{ itemIdentifier: messageId }];
            if (failed.length === 0) queue.delete(message);
            else message.failures.push({ why: how.ok ? 'cells failed' : how.why, metFault: how.metFault });
            // A deleted message may come again all the same.
            if (failed.length === 0 && this.storm.doublesMessage())
              queue.send(message.body, 0, message.lineage);
            this.#poll();
          },
          message.lineage + 1,
        );
      }
    }
  }

  /** EventBridge hears of every change in a bucket that sends its events there. */
  #changed(change: Change): void {
    this.watch(change);
    const { bucket, key, what } = change;
    if (!this.stack.buckets.find(({ name }) => name === bucket)?.eventBridge) return;
    const event = {
      source: 'aws.s3',
      'detail-type': what,
      detail: { bucket: { name: bucket }, object: { key } },
    };
    for (const rule of this.#rulesFor(event, key, what)) {
      for (const delay of this.storm.eventDelays()) {
        this.underWay++;
        this.kernel.after(delay, () => {
          this.underWay--;
          this.invokeAsync(rule.functionKey, event);
        });
      }
    }
  }

  readonly #matching = new Map<string, StackModel['rules']>();
  #rulesFor(event: object, key: string, what: string): StackModel['rules'] {
    const kind = `${what} ${kindOf(key)}`;
    let rules = this.#matching.get(kind);
    if (!rules) {
      rules = this.stack.rules.filter(({ pattern }) => matchesPattern(pattern, event));
      this.#matching.set(kind, rules);
    }
    return rules;
  }

  /** Roles and bucket policies as packaged. */
  #authorize(process: string, { action, bucket, key, context }: Asked): void {
    const functionKey = process.split('#')[0]!;
    const resource = `arn:aws:s3:::${bucket}${key === '' ? '' : `/${key}`}`;
    const question = `${functionKey} ${action} ${bucket}/${kindOf(key)} ${JSON.stringify(context)}`;
    let allowed = this.#decisions.get(question);
    if (allowed === undefined) {
      const { role } = this.lambda.model(functionKey);
      allowed = evaluate({
        caller: { arn: role.arn, accountId: this.stack.accountId, anonymous: false },
        action,
        resource,
        ownerAccountId: this.stack.accountId,
        context: { 'aws:SecureTransport': 'true', ...context },
        identityPolicies: role.policies,
        resourcePolicies: this.stack.buckets.find(({ name }) => name === bucket)?.policies ?? [],
      }).allowed;
      this.#decisions.set(question, allowed);
    }
    if (allowed) return;
    // A missing key that may not be listed is 403 as well; the functions that meet missing keys may list.
    this.denied.push(`${functionKey} may not ${action} ${key || bucket}`);
    throw s3Error('AccessDenied', 403);
  }

  /** Cold start: the ports of one process, and the handler that is made of them. */
  #load(key: string, environment: Environment): Handler {
    const plant = this.#plant?.functions.includes(key) ? this.#plant : undefined;
    const real = this.ports(environment, plant?.request);
    const ports = { ...real, ...plant?.ports?.(real) };
    const env = { ...this.lambda.model(key).environment, WEBHOOK_URL };
    const handlers: Record<string, () => Handler> = {
      api: () => createApi(ports, env),
      backup: () => createBackup(ports),
      dispatch: () => createDispatch(ports, env),
      metrics: () => createMetrics(ports, env),
      poll: () => createPoll(ports, env),
      reconcile: () => createReconcile(ports, env),
      tag: () => createTag(ports, env),
      webhook: () => createWebhook(ports, env),
    };
    const make = handlers[key];
    if (!make) throw new Error(`sim/world.ts does not know how to make the function "${key}".`);
    const handler = make();
    return plant?.handler?.(handler, (other) => handlers[other]!()) ?? handler;
  }

  ports(environment: Environment, change?: Plant['request']) {
    const { process } = environment;
    const { time, chance } = process;
    const client = this.s3.client(process, change);
    const images = new S3Store(client, this.images, time, chance);
    const secret = (value: () => string) =>
      secretReader(
        () =>
          process.call(
            { service: 'ssm', action: 'GetParameter', about: '' },
            value,
            () => new Error('SSM is busy'),
          ),
        time,
      );
    const look: LookAtImage = (image, signal) =>
      abortable(
        process.call(
          { service: 'decoder', action: 'look', about: '' },
          () => looked(image),
          () => new Error('the decoder did not start'),
        ),
        signal,
      );
    const queue = (functionKey: string) => {
      const modelled = this.queues.get(functionKey)!;
      return queueThrough(
        sqsCalls(process, modelled, () => environment.lineage),
        modelled.model.name,
      );
    };
    return {
      store: images,
      images,
      look,
      backup: new S3Store(client, this.backup, time, chance),
      presign: async (key: string) => `https://${this.images}.s3.amazonaws.com/${key}?signed`,
      presignUpload: presignerOf(this.images, this.kernel),
      queue: queue('dispatch'),
      polls: queue('poll'),
      replicate: this.replicate.client(process),
      fetchOutput: this.replicate.fetchOutput(process),
      tokens: secret(() => this.secrets.tokens),
      secrets: secret(() => this.secrets.parameter()),
      // No model of the simulator needs one.
      secretValue: async (name: string): Promise<string> => {
        throw new SecretRefused(`there is no secret "${name}"`);
      },
      withTemporaryFile,
      publish: () => {},
      time,
      chance,
      log: SILENT,
    };
  }

  /** In all queues. */
  get messages(): number {
    let count = 0;
    for (const { messages } of this.queues.values()) count += messages.size;
    return count;
  }

  /** Nothing runs, waits or is on its way, the schedule aside. */
  get isQuiet(): boolean {
    return this.messages === 0 && this.underWay === 0 && this.lambda.running === 0;
  }
}
