import { createHash } from 'node:crypto';
import type http from 'node:http';
import { ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import type { Context } from 'aws-lambda';
import { reconcile } from '../../lib/audits/reconcile.ts';
import { sumUp } from '../../lib/audits/sum-up.ts';
import { S3Store } from '../../lib/aws/objects.ts';
import { webhookAddress } from '../../lib/cells/ask.ts';
import { type AskTurnDeps, askTurn } from '../../lib/cells/ask-turn.ts';
import { type FinishDeps, finishCell } from '../../lib/cells/finish.ts';
import { Pacer } from '../../lib/cells/pacer.ts';
import { type PollTurnDeps, pollTurn } from '../../lib/cells/poll-turn.ts';
import { compressed } from '../../lib/compressed-file.ts';
import { createTag } from '../../lib/handlers/tag.ts';
import { backUp } from '../../lib/images/backup.ts';
import { fetchOutput } from '../../lib/images/fetch-output.ts';
import { type JudgeDeps, judgeCell } from '../../lib/images/judge.ts';
import type { CellQueue, ModelFacts, ReplicateClient, Time } from '../../lib/ports.ts';
import { blockAt, type Message, placeOf } from '../../lib/records/blocks.ts';
import { leaseKey, planKey, resultsPrefix } from '../../lib/records/keys.ts';
import { readLease } from '../../lib/records/lease.ts';
import type { Plan } from '../../lib/records/plan.ts';
import { readPlan } from '../../lib/records/plan.ts';
import { isStored, type Result } from '../../lib/records/result.ts';
import { ReplicateRefusal, ReplicateUnreachable } from '../../lib/replicate/errors.ts';
import type { EndedPrediction, Prediction } from '../../lib/replicate/prediction.ts';
import { SecretRefused } from '../../lib/secrets.ts';
import { systemChance, systemTime } from '../../lib/system.ts';
import { withTemporaryFile } from '../../lib/temporary-file.ts';
import { looked } from '../../sim/look.ts';
import { png } from '../support/images.ts';
import { named } from '../support/openapi.ts';
import { type FlowS3, inMemory, type Kept, listen, type OpenS3 } from './s3.ts';

/** Of the test that runs, in a file that calls `eachWorld`. */
export let world: World;
export let cloud: FlowCloud;

/** Opens a cloud for the tests of a file, with a world for each of them. @param s3 see `FlowCloud.open` */
export function eachWorld(s3?: OpenS3): void {
  beforeAll(async () => {
    cloud = await FlowCloud.open(s3);
  });
  beforeEach(beginAgain);
  afterAll(() => cloud.close());
}

/** Gives the test another world, as empty as the first. */
export async function beginAgain(): Promise<void> {
  world = await cloud.world();
}

/**
 * What happens at the chosen call to S3, the queue or Replicate. (A process that dies before a call has died after
 * the one before.)
 */
export const FAULTS = ['the process dies', 'its answer is lost', 'it fails'] as const;
export type Fault = (typeof FAULTS)[number];

/** Thrown at every call that a dead process would still make: nothing of it reaches anybody. */
export class Died extends Error {
  override name = 'Died';
}

/** Counts the calls that a flow makes and lets one of them go wrong. */
export class Faults {
  #armed: { fault: Fault; at: number } | undefined;
  #dead = false;
  calls = 0;
  /** The call that went wrong; undefined if the chosen one did not come. */
  fired: number | undefined;

  arm(fault: Fault, at: number): void {
    this.#armed = { fault, at };
    this.#dead = false;
    this.calls = 0;
    this.fired = undefined;
  }

  disarm(): void {
    this.#armed = undefined;
    this.#dead = false;
  }

  /**
   * A read leaves nothing behind. Its answer that is lost is one that fails, and a process that dies after it has died
   * after the write before it. So these two faults wait for the next write.
   * @param lost the error that tells a caller of an answer that never came
   */
  async step<T>(call: () => Promise<T>, lost: () => Error, isRead = false): Promise<T> {
    if (this.#dead) throw new Died('dead');
    this.calls++;
    if (isRead && this.#armed?.at === this.calls && this.#armed.fault !== 'it fails') this.#armed.at++;
    if (!this.#armed || this.calls !== this.#armed.at) {
      const answer = await call();
      if (this.#dead) throw new Died('dead');
      return answer;
    }
    this.fired = this.calls;
    switch (this.#armed.fault) {
      case 'the process dies':
        // What was in flight at the same time arrives, too.
        await call().finally(() => {
          this.#dead = true;
        });
        throw new Died('died');
      case 'its answer is lost':
        await call();
        throw lost();
      case 'it fails':
        throw lost();
    }
  }
}

/** A queue whose messages the tests deliver. */
export class TestQueue implements CellQueue {
  readonly #faults: Faults;
  messages: { message: Message; delaySeconds: number }[] = [];
  constructor(faults: Faults) {
    this.#faults = faults;
  }
  async send(messages: Message[], delaySeconds = 0): Promise<void> {
    await this.#faults.step(
      async () => {
        for (const message of messages) this.messages.push({ message, delaySeconds });
      },
      () => new Error('the queue gave no answer'),
    );
  }
  async isIdle(): Promise<boolean> {
    return this.#faults.step(
      async () => this.messages.length === 0,
      () => new Error('the queue gave no answer'),
      true,
    );
  }
}

type Create = Parameters<ReplicateClient['create']>[0];
/** A prediction as the scripted Replicate knows it. */
export interface Asked {
  prediction: Prediction;
  request: Create;
}

/** Replicate, scripted: predictions run until a test ends them. */
export class TestReplicate implements ReplicateClient {
  readonly #faults: Faults;
  readonly asked = new Map<string, Asked>();
  readonly canceled: string[] = [];
  facts: ModelFacts = { official: true, version: null, openapi: named('prompt', 'seed', 'num_outputs') };
  /** Called before each create: throws what Replicate should refuse with. */
  onCreate: (request: Create) => void | Promise<void> = () => {};

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  #call<T>(answer: () => T | Promise<T>): Promise<T> {
    return this.#faults.step(
      async () => answer(),
      () => new ReplicateUnreachable('Replicate gave no answer'),
    );
  }

  model(): Promise<ModelFacts> {
    return this.#call(() => this.facts);
  }

  create(request: Create): Promise<string> {
    return this.#call(async () => {
      await this.onCreate(request);
      const prediction: Prediction = {
        id: `p${this.asked.size}x${Math.random().toString(36).slice(2, 8)}`,
        status: 'starting',
        webhook: request.webhook,
        input: request.input,
      };
      this.asked.set(prediction.id, { prediction, request });
      return prediction.id;
    });
  }

  get(id: string): Promise<Prediction> {
    return this.#call(() => this.#known(id).prediction);
  }

  cancel(id: string): Promise<Prediction> {
    return this.#call(() => {
      this.canceled.push(id);
      const known = this.#known(id);
      if (['starting', 'processing'].includes(known.prediction.status))
        known.prediction = { ...known.prediction, status: 'canceled' };
      return known.prediction;
    });
  }

  #known(id: string): Asked {
    const known = this.asked.get(id);
    if (!known) throw new ReplicateRefusal(404, 'Prediction not found', undefined);
    return known;
  }

  /** Ends a prediction, as Replicate would. One that has ended stays as it is. */
  end(id: string, how: Partial<EndedPrediction>): EndedPrediction {
    const known = this.#known(id);
    if (['starting', 'processing'].includes(known.prediction.status))
      known.prediction = { ...known.prediction, status: 'succeeded', ...how };
    return known.prediction as EndedPrediction;
  }

  /** Predictions for a cell, in the order of asking. */
  askedFor(audit: string, cell: number): Asked[] {
    return [...this.asked.values()].filter(
      ({ request }) => request.webhook === webhookAddress(WEBHOOK_URL, audit, cell),
    );
  }
}

export const WEBHOOK_URL = 'https://hooks.example';
/** Serves one request of the output server. */
export type Serve = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** A world as it stood at one moment, to begin others from. */
interface Prepared {
  s3: Kept;
  now: number;
  asked: [string, Asked][];
  messages: TestQueue['messages'];
  polls: TestQueue['messages'];
}

/** S3 and a server of outputs, kept for all tests of a file; each test works in a world of its own. */
export class FlowCloud {
  #outputServer!: http.Server;
  #s3!: FlowS3;
  outputOrigin!: string;
  #faults = new Faults();
  #now = 0;
  /** Results whose tags were written again since the last look. */
  #tagged: string[] = [];
  /** What an address serves; without an entry, a small picture that is different for each path. */
  serve = new Map<string, Serve>();

  /**
   * @param s3 the simulator's S3 by default, which takes a tenth of the time; `onLoopback` where connections are what
   * is tried, or what the simulator has no model of
   */
  static async open(s3: OpenS3 = inMemory): Promise<FlowCloud> {
    const cloud = new FlowCloud();
    const outputs = await listen((request, response) => cloud.#answer(request, response));
    cloud.#outputServer = outputs.server;
    cloud.outputOrigin = outputs.origin;
    cloud.#s3 = await s3({
      now: () => cloud.#now,
      step: (call, lost, isRead) => cloud.#faults.step(call, lost, isRead),
      onTagged: (key) => {
        if (key.includes('/results/')) cloud.#tagged.push(key);
      },
    });
    return cloud;
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const path = request.url ?? '';
    const serve = this.serve.get(path);
    const picture: Serve = () => {
      const bytes = png(8, 8, path);
      response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    };
    (serve ?? picture)(request, response);
  }

  /** S3 answers so many more requests, and then takes each connection and says nothing. */
  fallSilent(after: number, onSilent: () => void): void {
    this.#s3.fallSilent!(after, onSilent);
  }

  takeTagged(): string[] {
    return this.#tagged.splice(0);
  }

  /** Ends a world and keeps what is in it. */
  async keep({ replicate, queue, polls }: World): Promise<Prepared> {
    const s3 = await this.#s3.keep();
    return {
      s3,
      now: this.#now,
      asked: [...replicate.asked],
      messages: queue.messages,
      polls: polls.messages,
    };
  }

  /** Empty buckets, an empty queue, a Replicate that knows nothing, or what was kept. The one before ends. */
  async world(from?: Prepared): Promise<World> {
    this.serve.clear();
    this.#tagged = [];
    this.#faults = new Faults();
    this.#now = from?.now ?? Date.now();
    await this.#s3.begin(from?.s3);
    const world = new World(
      this,
      this.#faults,
      this.#s3,
      () => new Date(this.#now),
      (to) => {
        this.#now = to;
      },
    );
    for (const [id, asked] of structuredClone(from?.asked ?? [])) world.replicate.asked.set(id, asked);
    world.queue.messages = [...(from?.messages ?? [])];
    world.polls.messages = [...(from?.polls ?? [])];
    return world;
  }

  async close(): Promise<void> {
    this.#outputServer.close();
    this.#outputServer.closeAllConnections();
    await this.#s3.close();
  }
}

const AUDIT = '7zzzzzzzzzzzzzzzzzzzzzzzzz';
const MINUTE = 60_000;

/** One empty cloud, with the parts of the pipeline at work in it. */
export class World {
  readonly cloud: FlowCloud;
  readonly faults: Faults;
  readonly images: S3Store;
  readonly backup: S3Store;
  /** The same buckets without faults, for assertions. */
  readonly truth: { images: S3Store; backup: S3Store };
  readonly queue: TestQueue;
  readonly polls: TestQueue;
  readonly replicate: TestReplicate;
  readonly superfluous: string[] = [];
  readonly now: () => Date;
  /** A wait takes no real time: the clocks jump to its end. */
  readonly time: Time;
  readonly #setNow: (to: number) => void;

  constructor(
    cloud: FlowCloud,
    faults: Faults,
    { through, truth }: Pick<FlowS3, 'through' | 'truth'>,
    now: () => Date,
    setNow: (to: number) => void,
  ) {
    this.cloud = cloud;
    this.faults = faults;
    this.images = new S3Store(through, 'images');
    this.backup = new S3Store(through, 'backup');
    this.truth = { images: new S3Store(truth, 'images'), backup: new S3Store(truth, 'backup') };
    this.queue = new TestQueue(faults);
    this.polls = new TestQueue(faults);
    this.replicate = new TestReplicate(faults);
    this.now = now;
    this.time = {
      ...systemTime,
      now,
      monotonic: () => now().getTime(),
      sleep: async (ms, signal) => {
        signal?.throwIfAborted();
        const due = now().getTime() + ms;
        // What is due before goes first.
        await new Promise(setImmediate);
        setNow(Math.max(now().getTime(), due));
      },
    };
    this.#setNow = setNow;
  }

  /** Lets time pass for everybody. */
  pass(ms: number): void {
    this.#setNow(this.now().getTime() + ms);
  }

  /** What the Parameter Store has below `secrets/`. */
  readonly secretValues = new Map<string, string>();

  /** What was logged as a warning, by its message. */
  readonly warnings: [string, Record<string, unknown> | undefined][] = [];
  readonly log = {
    warn: (message: string, about?: Record<string, unknown>) => void this.warnings.push([message, about]),
  };

  get finishDeps(): FinishDeps {
    return {
      store: this.images,
      origins: [this.cloud.outputOrigin],
      maxImageBytes: 1_000_000,
      fetchOutput,
      time: this.time,
      log: this.log,
    };
  }

  get turnDeps(): AskTurnDeps & PollTurnDeps {
    return {
      ...this.finishDeps,
      readPlan: (audit) => readPlan(this.images, audit),
      queue: this.queue,
      polls: this.polls,
      replicate: this.replicate,
      webhookUrl: WEBHOOK_URL,
      chance: systemChance,
      secretValue: async (name) => {
        const value = this.secretValues.get(name);
        if (value === undefined) throw new SecretRefused(`there is no parameter ${name}`);
        return value;
      },
      createsPerMinute: 6_000,
      dispatchers: 2,
      pacer: new Pacer(this.time, 60_000),
      overdueMs: 10 * MINUTE,
      resendMs: 15 * MINUTE,
      sumUp: (plan, blocks) => sumUp({ ...this.reconcileDeps }, plan, blocks),
      onFound: () => {},
      onSuperfluous: (_cell, prediction) => this.superfluous.push(prediction),
    };
  }

  /** The next turn of the chain that asks for the block of a cell. */
  async ask(plan: Plan, { cell = 0, last = false, turn = this.turn(last), deps = {} as object } = {}) {
    const block = blockAt(plan, placeOf(plan, cell))!;
    const lease = (await readLease(this.truth.images, leaseKey(plan.id, block.from)))?.value;
    // A turn whose next message comes soon does not release its lease.
    const isDone = lease?.isFirst && lease.until > this.now().getTime();
    const message = { ...block, link: (lease?.link ?? 0) + (isDone ? 1 : 0) };
    return askTurn({ ...this.turnDeps, ...deps }, message, turn);
  }

  /** Looks once at cells, or does what a message of `polls` says. */
  poll(message: Message, { turn = this.turn(), deps = {} as object } = {}) {
    return pollTurn({ ...this.turnDeps, ...deps }, message, turn);
  }

  /** Nothing is decoded. */
  get judgeDeps(): JudgeDeps {
    return { store: this.images, look: async (image) => looked(image) };
  }

  get reconcileDeps() {
    return {
      images: this.images,
      backup: this.backup,
      queue: this.queue,
      polls: this.polls,
      withTemporaryFile: compressed(withTemporaryFile),
      time: this.time,
      chance: systemChance,
      dispatchers: 2,
      log: this.log,
      resendMs: 15 * MINUTE,
      settleMs: 90 * MINUTE,
    };
  }

  get endDeps() {
    return {
      store: this.images,
      polls: this.polls,
      readPlan: (audit: string) => readPlan(this.images, audit),
      presign: async (key: string) => key,
      time: this.time,
    };
  }

  /** Ends a prediction as webhook does. */
  finish(plan: Plan, n: number, prediction: EndedPrediction, signal = AbortSignal.timeout(600_000)) {
    return finishCell(this.finishDeps, { plan, n, prediction, signal });
  }

  /** A turn of two minutes, as the queue gives it. */
  turn(last = false) {
    const start = this.now().getTime();
    return { stopAt: new Date(start + 112_000), endsAt: new Date(start + 120_000), last };
  }

  /** An accepted audit of one prompt and one model. */
  async accept(cells: number, change: Partial<Plan> = {}): Promise<Plan> {
    const plan: Plan = {
      id: AUDIT,
      name: 'a nurse',
      createdAt: this.now().toISOString(),
      createdBy: 'test',
      request: 'r1',
      retention: 'standard',
      seed: 1,
      samples: cells,
      prompts: [{ text: 'a photo of a nurse' }],
      models: [{ model: 'a/b', version: null, input: {}, inputs: ['prompt', 'seed'], seed: 'supported' }],
      input: {},
      cells,
      ...change,
    };
    await this.truth.images.create(`open/${plan.id}`, '');
    await this.truth.images.createJson(planKey(plan.id), plan, { tags: { retention: plan.retention } });
    return plan;
  }

  /** Addresses of outputs that the output server has. */
  outputs(id: string, count: number): string[] {
    return Array.from({ length: count }, (_, i) => `${this.cloud.outputOrigin}/${id}/${i}.png`);
  }

  /** A prediction that was asked for a cell and has succeeded. */
  async succeeded(audit: string, cell: number, images = 2): Promise<EndedPrediction> {
    const id = await this.replicate.create({
      version: 'a/b',
      input: {},
      webhook: webhookAddress(WEBHOOK_URL, audit, cell),
    });
    return this.replicate.end(id, { output: this.outputs(id, images) });
  }

  /** `tag` and `backup` at work on all results, as if every event had come. */
  async judgeAndBackUp(audit: string): Promise<void> {
    for await (const { key } of this.images.list(resultsPrefix(audit))) {
      const { cell, images } = (await this.images.readJson<Result>(key))!.value;
      const stored = images.filter(isStored);
      await judgeCell(this.judgeDeps, { audit, n: cell, indexes: stored.map(({ index }) => index) });
      for (const image of stored) await backUp(this.images, this.backup, image.key);
    }
    for (const key of [planKey(audit)]) await backUp(this.images, this.backup, key);
  }

  /** Runs reconcile, and then tag for the results whose tags it wrote again, as S3's events start it. */
  async reconcile() {
    try {
      return await reconcile(this.reconcileDeps, () => false);
    } finally {
      await this.tagAgain();
    }
  }

  async tagAgain(): Promise<void> {
    const log = { info() {}, warn() {}, error() {}, appendKeys() {}, resetKeys() {} };
    const ports = { ...this.judgeDeps, store: this.truth.images, time: systemTime, log, publish() {} };
    const tag = createTag(ports, { METRICS_MODELS: 'a/b' });
    const context = { getRemainingTimeInMillis: () => 900_000 } as Context;
    for (const key of this.cloud.takeTagged())
      await tag(
        { 'detail-type': 'Object Tags Added', detail: { bucket: { name: 'images' }, object: { key } } },
        context,
      );
  }

  async keys(prefix: string, store = this.truth.images): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of store.list(prefix)) keys.push(key);
    return keys;
  }

  /** Keys that were written more than once, delete markers included. */
  async rewritten(prefix: string): Promise<string[]> {
    const seen = await this.versions(prefix);
    return seen.filter((key, i) => seen.indexOf(key) !== i && !key.endsWith('/waiting.json'));
  }

  /** Versions of all objects under a prefix, old ones and delete markers too. */
  async versions(prefix: string): Promise<string[]> {
    const { Versions = [], DeleteMarkers = [] } = await this.truth.images.client.send(
      new ListObjectVersionsCommand({ Bucket: 'images', Prefix: prefix }),
    );
    return [...Versions, ...DeleteMarkers].map(({ Key }) => Key!);
  }

  /** SHA-256 of an object's bytes, read from S3. */
  async hash(key: string, store = this.truth.images): Promise<string | undefined> {
    const body = await store.readRange(key, 'bytes=0-');
    return body && createHash('sha256').update(body.bytes).digest('hex');
  }
}

/**
 * Lets a flow meet a fault at its first call, then at its second, and so on until it makes no such call, each
 * time in a new world that begins like the prepared one.
 * @param act the flow; what it throws is lost, as it is when a process dies
 * @param recover what happens then, without faults
 * @returns how many calls the flow makes
 */
export async function atEveryCall(
  fault: Fault,
  flow: {
    prepare: (world: World) => Promise<void>;
    act: (world: World) => Promise<unknown>;
    recover: (world: World) => Promise<void>;
    check: (world: World) => Promise<void>;
  },
): Promise<number> {
  const first = await cloud.world();
  await flow.prepare(first);
  const prepared = await cloud.keep(first);
  try {
    for (let at = 1; ; ) {
      const { fired, calls } = await atOneCall(fault, flow, prepared, at);
      if (!fired) return calls;
      at = fired + 1;
    }
  } finally {
    await prepared.s3.remove();
  }
}

/** @returns the call that went wrong, if there was one, and how many there were */
async function atOneCall(
  fault: Fault,
  flow: Omit<Parameters<typeof atEveryCall>[1], 'prepare'>,
  prepared: Prepared,
  at: number,
): Promise<Pick<Faults, 'fired' | 'calls'>> {
  const world = await cloud.world(prepared);
  world.faults.arm(fault, at);
  const error = await flow.act(world).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  const { fired, calls } = world.faults;
  world.faults.disarm();
  if (!fired && error) throw error;
  try {
    await flow.recover(world);
    await flow.check(world);
  } catch (cause) {
    throw new Error(`${fault}, call ${fired}: ${(cause as Error).message}`, { cause });
  }
  return { fired, calls };
}
