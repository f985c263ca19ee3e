import { createHash, createHmac } from 'node:crypto';
import { Readable } from 'node:stream';
import { crc32, deflateSync } from 'node:zlib';
import { OutputUnavailable } from '../lib/images/source.ts';
import type { FetchOutput, ModelFacts, ReplicateClient } from '../lib/ports.ts';
import { ReplicateRefusal, ReplicateUnreachable } from '../lib/replicate/errors.ts';
import type { Prediction } from '../lib/replicate/prediction.ts';
import { type Happening, RUSES } from './happenings.ts';
import type { Kernel } from './kernel.ts';
import { MODEL } from './order.ts';
import type { Process } from './process.ts';
import { abortable, KnownBody } from './s3.ts';
import { FORGER, type Secrets } from './secrets.ts';

/** How one model behaves. */
export interface ModelBehavior {
  /** Predictions that it works on at once. */
  parallel: number;
  /** Seconds a prediction takes, from and to. */
  seconds: [from: number, to: number];
  outputs: number;
  refuses: number;
  fails: number;
  /** The share of outputs that are no whole image. */
  broken?: number;
  /** The share of outputs that its own filter holds back. */
  withholds?: number;
  /** The share of predictions that use another seed than they were sent. */
  ownSeed?: number;
  /** The share of predictions that a person cancels on Replicate's page. */
  cancels?: number;
  /** The share of cells whose input it refuses for good. */
  rejects?: number;
  /** The share of ended predictions that Replicate soon does not know any more. */
  forgets?: number;
  /** One prediction has more outputs than are stored. */
  floods?: boolean;
  /** It starts nothing. */
  stands?: Outage;
}

/** Times in which Replicate takes no requests, in milliseconds since the world began. */
export interface Outage {
  from: number;
  to: number;
}

export interface ReplicateOptions {
  createsPerMinute: number;
  /** Names of models that there are; all behave alike. */
  models?: string[] | undefined;
  model: ModelBehavior;
  noCredit?: Outage;
  tokenRevoked?: Outage;
  webhooks: { lost: number; late: number; doubled: number; hostile?: number; gone?: Outage };
  outputsFail: number;
  /** Who cancels what has ended is refused. */
  refusesToCancelEnded?: boolean;
}

/** A prediction as Replicate's own books have it. */
export interface Made {
  id: string;
  model: string;
  audit: string;
  cell: number;
  createdAt: number;
  startedAt: number | undefined;
  completedAt: number | undefined;
  status: 'starting' | 'processing' | 'succeeded' | 'failed' | 'canceled' | 'aborted';
  error: string | null;
  logs: string;
  input: Record<string, unknown>;
  webhook: string;
  outputs: { url: string; sha256: string; bytes: Buffer; cut?: Set<string>; gone?: boolean }[];
  seed: unknown;
  withheld: number | undefined;
  forgottenAt: number | undefined;
  /** It was asked for, and denied. */
  forgotten: boolean;
  /** It is paid for: it ran. */
  paid: boolean;
  /** The process that asked for it, and whether the answer reached it. */
  by: string;
  answered: boolean;
  /** The invocation that asked for it, and whether a call of it had failed or taken long by then. */
  turn: number;
  metFault: boolean;
}

/** A request that Replicate refused for good. */
export type Rejection = Pick<Made, 'by' | 'audit' | 'cell' | 'createdAt' | 'answered'>;

class FinalRefusal extends ReplicateRefusal {
  readonly rejection: Rejection;
  constructor(status: number, rejection: Rejection) {
    super(status, 'Input validation failed', undefined);
    this.rejection = rejection;
  }
}

/** Inputs of every model, as Cog describes them. */
const OPENAPI = {
  components: {
    schemas: {
      Input: {
        type: 'object',
        required: ['prompt'],
        properties: {
          prompt: { type: 'string' },
          seed: { type: 'integer' },
          num_outputs: { type: 'integer', minimum: 1, maximum: 4 },
        },
      },
    },
  },
};
/** Statuses that no retry changes. */
const FINAL = [400, 404, 413, 422];
/** More than are stored. */
const FLOOD = 103;

/** One attempt to deliver a webhook. */
export interface Delivery {
  path: string;
  headers: Record<string, string>;
  body: string;
  made: Made;
  signedWith: string;
  /** Undefined for one that is as it should be. */
  ruse: (typeof RUSES)[number] | undefined;
}

const OUTPUT_LIVES_MS = 3_600_000;
const CANCEL_AFTER_MS = 30 * 60_000;
/** Replicate tries a webhook for about a minute. */
const WEBHOOK_RETRIES_MS = [1_000, 3_000, 8_000, 15_000, 30_000];

/** Replicate: a rate, a queue for each model with its own speed, webhooks that come when they come. */
export class ReplicateModel {
  readonly #kernel: Kernel;
  readonly options: ReplicateOptions;
  readonly #began: number;
  readonly made = new Map<string, Made>();
  /** By audit and cell. */
  readonly rejections = new Map<string, Rejection[]>();
  readonly #verdicts = new Map<string, number | undefined>();
  met: (what: Happening) => void = () => {};
  readonly #queues = new Map<string, { waiting: Made[]; running: number }>();
  #tokens: number;
  #filledAt: number;
  refused = new Map<number, number>();
  /** Delivers a webhook; answers with the status, 0 for none. */
  deliver: (delivery: Delivery, done: (status: number) => void) => void = () => {};
  signing: Pick<Secrets, 'signing' | 'old'> = { signing: FORGER, old: FORGER };
  /** Hears of each create that is refused for want of credit or a token. */
  onRefused: (audit: string, process: Process) => void = () => {};
  /** Hears of each download, with the cells whose outputs its process downloads at that moment. */
  onDownload: (made: Made | undefined, cells: number, process: Process) => void = () => {};

  constructor(kernel: Kernel, options: ReplicateOptions) {
    this.#kernel = kernel;
    this.options = options;
    this.#began = kernel.now;
    this.#tokens = this.#burst;
    this.#filledAt = kernel.now;
  }

  /** A second's worth may come at once. */
  get #burst(): number {
    return Math.max(1, this.options.createsPerMinute / 60);
  }

  get isRevoked(): boolean {
    return this.#isDuring(this.options.tokenRevoked);
  }

  #isDuring(outage: Outage | undefined): boolean {
    const at = this.#kernel.now - this.#began;
    return outage !== undefined && at >= outage.from && at < outage.to;
  }

  #refuse(status: number, detail: string, retryAfter?: number): never {
    this.refused.set(status, (this.refused.get(status) ?? 0) + 1);
    throw new ReplicateRefusal(status, detail, retryAfter);
  }

  #admit(): void {
    if (this.isRevoked) this.#refuse(401, 'Unauthenticated');
    if (this.#isDuring(this.options.noCredit)) this.#refuse(402, 'Insufficient credit');
    const { now } = this.#kernel;
    const perMs = this.options.createsPerMinute / 60_000;
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledAt) * perMs);
    this.#filledAt = now;
    if (this.#tokens < 1) {
      const seconds = Math.ceil((1 - this.#tokens) / perMs / 1_000);
      // With a header, in the body's member or in words only: the client reads all three alike.
      this.#refuse(429, `Your rate limit resets in ~${seconds}s.`, seconds);
    }
    this.#tokens--;
  }

  /** @param askedIn the turn that sent the request */
  #create(
    process: Process,
    askedIn: Process['turn'],
    { version, input, webhook }: Parameters<ReplicateClient['create']>[0],
  ): string {
    const { name: by, turn, faults } = process;
    const [, audit = '', cell = ''] = /\/webhooks\/replicate\/([^/]+)\/(\d{5})$/.exec(webhook) ?? [];
    if (this.isRevoked || this.#isDuring(this.options.noCredit)) this.onRefused(audit, process);
    this.#admit();
    // What outlives its turn took long.
    const metFault = faults > 0 || turn !== askedIn;
    this.#judgeInput({ by, audit, cell: Number(cell), createdAt: this.#kernel.now, answered: false });
    const made: Made = {
      id: `p${this.#kernel.chance.id().slice(0, 20)}`,
      model: version,
      audit,
      cell: Number(cell),
      createdAt: this.#kernel.now,
      startedAt: undefined,
      completedAt: undefined,
      status: 'starting',
      error: null,
      logs: '',
      input,
      webhook,
      outputs: [],
      seed: undefined,
      withheld: undefined,
      forgottenAt: undefined,
      forgotten: false,
      paid: false,
      by,
      answered: false,
      turn,
      metFault,
    };
    this.made.set(made.id, made);
    const queue = this.#queues.get(version) ?? { waiting: [], running: 0 };
    this.#queues.set(version, queue);
    queue.waiting.push(made);
    this.#kernel.after(50, () => this.#startNext(queue));
    // Counted from the creation, waiting included.
    this.#kernel.after(CANCEL_AFTER_MS, () => this.#stop(made));
    const { chance } = this.#kernel;
    if (chance.happens(this.options.model.cancels ?? 0))
      this.#kernel.after(1_000 * this.options.model.seconds[0] * chance.fraction(), () => {
        if (made.completedAt === undefined) this.met('a person canceled a prediction');
        this.#stop(made);
      });
    return made.id;
  }

  /** The same input is refused every time. */
  #judgeInput(rejection: Rejection): void {
    const { chance } = this.#kernel;
    const cell = `${rejection.audit}/${rejection.cell}`;
    if (!this.#verdicts.has(cell)) {
      const isRefused = chance.happens(this.options.model.rejects ?? 0);
      this.#verdicts.set(cell, isRefused ? chance.pick(FINAL) : undefined);
    }
    const status = this.#verdicts.get(cell);
    if (status === undefined) return;
    this.met('Replicate refused a request for good');
    this.rejections.set(cell, [...(this.rejections.get(cell) ?? []), rejection]);
    throw new FinalRefusal(status, rejection);
  }

  #startNext(queue: { waiting: Made[]; running: number }): void {
    const { model } = this.options;
    if (this.#isDuring(model.stands)) {
      this.#kernel.after(10_000, () => this.#startNext(queue));
      return;
    }
    while (queue.running < model.parallel) {
      const made = queue.waiting.shift();
      if (!made) return;
      if (made.status !== 'starting') continue;
      queue.running++;
      made.status = 'processing';
      made.startedAt = this.#kernel.now;
      made.paid = true;
      this.#kernel.after(1_000 * this.#kernel.chance.between(...model.seconds), () => {
        queue.running--;
        if (made.status === 'processing') this.#complete(made);
        this.#startNext(queue);
      });
    }
  }

  #complete(made: Made): void {
    const { chance } = this.#kernel;
    const { model } = this.options;
    const isOwn = chance.happens(model.ownSeed ?? 0);
    if (isOwn) this.met('a model used a seed of its own');
    made.seed = isOwn ? Math.floor(chance.fraction() * 2 ** 31) : made.input.seed;
    made.logs = `Using seed: ${made.seed}`;
    if (chance.happens(model.refuses)) {
      made.error =
        'The input or output was flagged as sensitive. Please try again with different inputs. (E005)';
      this.#end(made, 'failed');
      return;
    }
    if (chance.happens(model.fails)) {
      made.error = 'CUDA out of memory (E1001)';
      this.#end(made, 'failed');
      return;
    }
    const isFlood = model.floods && this.made.size > 5 && !this.#hasFlooded;
    if (isFlood) {
      this.#hasFlooded = true;
      this.met('a prediction had more outputs than are stored');
    }
    const asked = isFlood ? FLOOD : Number(made.input.num_outputs ?? model.outputs);
    const withholds = isFlood ? 0 : (model.withholds ?? 0);
    const kept = Array.from({ length: asked }, () => chance.happens(withholds)).filter(
      (isWithheld) => !isWithheld,
    ).length;
    made.withheld = asked - kept;
    if (made.withheld > 0) {
      this.met('a model held outputs back');
      made.logs += `\nTotal safe images: ${kept} out of ${asked}`;
    }
    made.outputs = Array.from({ length: kept }, (_, index) => {
      const whole = picture(`${made.id}/${index}`);
      const isWhole = !chance.happens(model.broken ?? 0);
      const bytes = isWhole ? whole : whole.subarray(0, -END.length);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return {
        url: `https://replicate.delivery/${made.id}/${index}.png`,
        sha256,
        bytes,
        ...(!isWhole && { cut: new Set([sha256]) }),
      };
    });
    this.#end(made, 'succeeded');
  }

  #hasFlooded = false;

  /** The end of `Cancel-After`, or a cancellation: what runs is canceled, what waits is aborted. */
  #stop(made: Made): void {
    if (made.status === 'starting') this.#end(made, 'aborted');
    else if (made.status === 'processing') this.#end(made, 'canceled');
  }

  #end(made: Made, status: Made['status']): void {
    const { chance, log } = this.#kernel;
    made.status = status;
    made.completedAt = this.#kernel.now;
    log.add({
      at: this.#kernel.now,
      who: 'replicate',
      what: status,
      about: `${made.audit}/${made.cell}`,
      outcome: made.id,
    });
    const { model, webhooks } = this.options;
    if (chance.happens(model.forgets ?? 0)) made.forgottenAt = this.#kernel.now + 120_000 * chance.fraction();
    if (chance.happens(webhooks.hostile ?? 0))
      this.#kernel.after(chance.between(0, chance.pick([1, 20]) * 60_000), () =>
        this.#deceive(made, chance.pick(RUSES)),
      );
    if (chance.happens(webhooks.lost)) {
      this.met('a webhook was lost');
      return;
    }
    const isLate = chance.happens(webhooks.late);
    if (isLate) this.met('a webhook came late');
    this.#sendWebhook(made, isLate ? chance.between(1, 40) * 60_000 : chance.between(20, 400), 0);
    if (!chance.happens(webhooks.doubled)) return;
    this.met('a webhook came twice');
    this.#sendWebhook(made, chance.between(0, 90_000), 0);
  }

  #sendWebhook(made: Made, delay: number, attempt: number): void {
    this.#kernel.after(delay, () => {
      const retry = () => {
        const pause = WEBHOOK_RETRIES_MS[attempt];
        if (pause !== undefined) this.#sendWebhook(made, pause, attempt + 1);
      };
      if (this.#isDuring(this.options.webhooks.gone)) return;
      const body = JSON.stringify(this.view(made));
      const signedWith = this.signing.signing;
      const headers = signed(`msg_${made.id}`, this.#kernel.now, body, signedWith);
      const path = new URL(made.webhook).pathname;
      this.deliver({ path, headers, body, made, signedWith, ruse: undefined }, (status) => {
        if (status < 200 || status >= 300) retry();
      });
    });
  }

  /** A webhook that has to be refused. Its body says that the prediction made an image. */
  #deceive(made: Made, ruse: (typeof RUSES)[number]): void {
    this.met(ruse);
    const { signing, old } = this.signing;
    const [is, path] = [(one: typeof ruse) => one === ruse, new URL(made.webhook).pathname];
    const view = this.view(made);
    if (is('a webhook was forged'))
      Object.assign(view, { status: 'succeeded', output: ['https://replicate.delivery/forged/0.png'] });
    if (is('a webhook that names no cell was sent to another one')) view.webhook = undefined;
    const body = JSON.stringify(view);
    const signedWith = is('a webhook was forged')
      ? FORGER
      : is('a webhook was signed with the secret that was replaced')
        ? old
        : signing;
    const at = this.#kernel.now - (is('a webhook came minutes after it was signed') ? 360_000 : 0);
    const headers = signed(`msg_${made.id}`, at, body, signedWith);
    const another = path.replace(/\d{5}$/, made.cell === 0 ? '00001' : '00000');
    const to = is('a webhook was sent to no cell') ? `${path}x` : / another/.test(ruse) ? another : path;
    this.deliver({ path: to, headers, body, made, signedWith, ruse }, () => {});
  }

  /** A prediction as Replicate shows it. */
  view(made: Made): Prediction {
    const isGone = made.completedAt !== undefined && this.#kernel.now - made.completedAt > OUTPUT_LIVES_MS;
    const time = (at: number | undefined) => (at === undefined ? null : new Date(at).toISOString());
    return {
      id: made.id,
      status: made.status,
      model: made.model,
      version: 'hidden',
      input: isGone ? {} : made.input,
      output: made.status === 'succeeded' && !isGone ? made.outputs.map(({ url }) => url) : null,
      error: made.error,
      logs: isGone ? '' : made.logs,
      metrics:
        made.startedAt === undefined || made.completedAt === undefined
          ? {}
          : { predict_time: (made.completedAt - made.startedAt) / 1_000 },
      created_at: time(made.createdAt),
      started_at: time(made.startedAt),
      completed_at: time(made.completedAt),
      data_removed: isGone,
      webhook: made.webhook,
    };
  }

  #known(id: string): Made {
    const made = this.made.get(id);
    if (made && this.#kernel.now < (made.forgottenAt ?? Number.POSITIVE_INFINITY)) return made;
    if (made) {
      this.met('Replicate did not know a prediction any more');
      made.forgotten = true;
      for (const output of made.outputs) output.gone = true;
    }
    this.#refuse(404, 'Prediction not found');
  }

  /** The API as one process reaches it. */
  client(process: Process): ReplicateClient {
    const call = <T>(action: string, about: string, effect: () => T, lost?: () => void) =>
      process.call({ service: 'replicate', action, about }, effect, (fate): Error => {
        if (fate === 'lost') lost?.();
        return fate === 'unavailable'
          ? new ReplicateRefusal(503, 'Service unavailable', undefined)
          : new ReplicateUnreachable('Replicate gave no answer');
      });
    return {
      model: (name) =>
        call('model', '', (): ModelFacts => {
          if (this.isRevoked) this.#refuse(401, 'Unauthenticated');
          if (!(this.options.models ?? [MODEL]).includes(name)) this.#refuse(404, 'No model found');
          return { official: true, version: null, openapi: OPENAPI };
        }),
      create: async (request) => {
        const { turn } = process;
        const created = call('create', request.webhook.slice(-32), () =>
          this.#create(process, turn, request),
        );
        const id = await abortable(created, request.signal).catch((error) => {
          if (error instanceof FinalRefusal) error.rejection.answered = true;
          throw (error as Error).name === 'AbortError'
            ? new ReplicateUnreachable('Replicate gave no answer in time')
            : error;
        });
        const made = this.made.get(id);
        if (made) made.answered = true;
        return id;
      },
      get: (id) => call('get', id, () => this.view(this.#known(id))),
      cancel: (id) =>
        call('cancel', id, () => {
          const made = this.#known(id);
          if (made.completedAt !== undefined && this.options.refusesToCancelEnded) {
            this.met('Replicate refused to cancel what had ended');
            this.#refuse(422, 'The prediction has ended');
          }
          this.#stop(made);
          return this.view(made);
        }),
    };
  }

  /** The outputs as one process fetches them. */
  fetchOutput(process: Process): FetchOutput {
    const cells = new Map<string, number>();
    const fetchOutput: FetchOutput = async (url, { signal }, use) => {
      const { chance } = this.#kernel;
      const call = process.call(
        { service: 'outputs', action: 'fetch', about: url.pathname },
        () => {
          const [, id = '', index] = /^\/([^/]+)\/(\d+)\.png$/.exec(url.pathname) ?? [];
          const made = this.made.get(id);
          const isGone =
            made?.completedAt !== undefined && this.#kernel.now - made.completedAt > OUTPUT_LIVES_MS;
          const output = made?.outputs[Number(index)];
          if (!output || isGone) throw new OutputUnavailable('replicate.delivery answered 404');
          if (chance.happens(this.options.outputsFail))
            throw new OutputUnavailable('replicate.delivery answered 503');
          return output.bytes;
        },
        () => new OutputUnavailable('replicate.delivery could not be reached'),
      );
      const bytes = await abortable(call, signal);
      const head = bytes.subarray(0, 32);
      if (!chance.happens(this.options.outputsFail))
        return use({ head, body: new KnownBody(bytes), bytes: bytes.length });
      // It breaks on the way, when the upload has begun.
      process.faults++;
      const broken = new OutputUnavailable('replicate.delivery did not send all of it');
      const body = Readable.from(
        (async function* () {
          yield bytes.subarray(0, 40);
          throw broken;
        })(),
      );
      return use({ head, body, bytes: bytes.length });
    };
    return async (url, options, use) => {
      options.signal.throwIfAborted();
      const made = this.made.get(url.pathname.split('/')[1] ?? '');
      const cell = `${made?.audit}/${made?.cell}`;
      cells.set(cell, (cells.get(cell) ?? 0) + 1);
      this.onDownload(made, cells.size, process);
      try {
        return await fetchOutput(url, options, use);
      } finally {
        const left = cells.get(cell)! - 1;
        if (left > 0) cells.set(cell, left);
        else cells.delete(cell);
      }
    };
  }
}

/** Headers as Standard Webhooks has them. */
function signed(id: string, at: number, body: string, secret: string): Record<string, string> {
  const timestamp = String(Math.floor(at / 1_000));
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

const chunk = (type: string, data: Buffer): Buffer => {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
};
const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');
const HEADER = chunk('IHDR', Buffer.from([0, 0, 0, 8, 0, 0, 0, 8, 8, 0, 0, 0, 0]));
const PIXELS = chunk('IDAT', deflateSync(Buffer.alloc(9 * 8, 120)));
const END = chunk('IEND', Buffer.alloc(0));

/** A PNG whose bytes no other has. */
export const picture = (text: string): Buffer =>
  Buffer.concat([SIGNATURE, HEADER, chunk('tEXt', Buffer.from(`Comment\0${text}`, 'latin1')), PIXELS, END]);
