import { createHash, randomInt } from 'node:crypto';
import type http from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isDiskFull } from '@weaudit/sqlite/full-disk';
import type { StandInEvent } from './ledger.ts';
import { Life } from './life.ts';
import { findModel, MODELS } from './models.ts';
import { fileBytes, runOf } from './outputs.ts';
import { insufficientCredit, notFound, Problem, unauthenticated } from './problems.ts';
import { RateLimits } from './rates.ts';
import {
  type CreateRequest,
  parseCancelAfter,
  parseModelRequest,
  parsePrefer,
  parseVersionRequest,
} from './requests.ts';
import { Secrets } from './spoken.ts';
import { Store } from './store.ts';
import { isTerminal, modelView, predictionView, versionView } from './views.ts';
import { Deliverer, PATIENCE_SECONDS, RETRY_SECONDS } from './webhooks.ts';
import { HONEST_WIRES, type Reply, type Wires } from './wires.ts';

export type { StandInEvent } from './ledger.ts';

export interface StandInOptions {
  /** Folder for the state; a stand-in opened on it again continues where the last one stopped. */
  dataDir: string;
  /** Public origin of this server, without a slash at the end, e.g. `http://127.0.0.1:3001`. */
  baseUrl: string;
  /** The API token that is accepted. */
  token: string;
  /** `whsec_…` */
  webhookSecret: string;
  /** Replicate lets an account create 600 predictions a minute. */
  createsPerMinute: number;
  /** Typical time of a prediction, in seconds. */
  seconds: number;
  /** The same seed gives the same IDs, durations and chance; without it they differ. */
  seed?: number;
  /** The clock; the stand-in notices within a tenth of a second when it is moved. */
  now?(): Date;
  /** How many predictions run at once, 100 unless given. */
  concurrency?: number;
  /** Dollars at the start: below 5 the account may create 6 a minute, at 0 nothing. 100 unless given. */
  credit?: number;
  /** Waits between the attempts for a terminal webhook; about a minute in all unless given. */
  webhookRetrySeconds?: readonly number[];
  /** How long a webhook's receiver may take, 15 seconds unless given. */
  webhookPatienceSeconds?: number;
}

export interface StandIn {
  /** Answers a request for `/v1/…` or `/outputs/…`. */
  handle(req: http.IncomingMessage, res: http.ServerResponse): Promise<void>;
  /** Everything that happened, in order, also before a restart. @param after only entries with a greater `seq` */
  log(after?: number): readonly StandInEvent[];
  /** Sets the account's credit in dollars. */
  setCredit(dollars: number): void;
  /** Stops. Predictions in progress continue when it is opened again. */
  close(): Promise<void>;
}

interface Call {
  req: http.IncomingMessage;
  url: URL;
  /** What the pattern's groups matched. */
  parts: string[];
}

interface Route {
  method: string;
  pattern: RegExp;
  creates?: boolean;
  work(call: Call): Reply | Promise<Reply>;
}

const PAGE = 100;
const BODY_BYTES = 8 * 1024 * 1024;

const readJson = async (req: http.IncomingMessage): Promise<unknown> => {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of req) {
    size += (piece as Buffer).length;
    if (size > BODY_BYTES)
      throw new Problem({
        title: 'Request too large',
        detail: `The body exceeds ${BODY_BYTES} bytes.`,
        status: 413,
      });
    pieces.push(piece as Buffer);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch {
    throw new Problem({ title: 'Malformed request', detail: 'The body is not valid JSON.', status: 400 });
  }
};

const HANG_UPS = [
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_UNABLE_TO_PIPE',
];
const isHangUp = (error: unknown): boolean => HANG_UPS.includes((error as NodeJS.ErrnoException)?.code ?? '');

const header = (req: http.IncomingMessage, name: string): string | undefined => {
  const value = req.headers[name];
  return Array.isArray(value) ? value[0] : value;
};

/** For a person who opens the address in a browser. */
const INTRODUCTION = [
  'A stand-in for Replicate: nothing here is a real model, and nothing costs money. The API is under /v1.',
  '',
  ...MODELS.map(({ owner, name, description }) => `${owner}/${name}: ${description}`),
  '',
].join('\n');

/** Opens the stand-in for Replicate on its data folder. The caller owns the HTTP server and calls `handle`. */
export const openStandIn = async (options: StandInOptions, wires: Wires = HONEST_WIRES): Promise<StandIn> => {
  const { baseUrl } = options;
  const now = (): number => (options.now?.() ?? new Date()).getTime();
  const store = new Store(options.dataDir);
  let credit = options.credit ?? 100;
  const limits = new RateLimits(options.createsPerMinute, now());
  const secrets = new Secrets();
  const deliverer = new Deliverer({
    store,
    secrets,
    wires,
    baseUrl,
    secret: options.webhookSecret,
    retrySeconds: options.webhookRetrySeconds ?? RETRY_SECONDS,
    patienceSeconds: options.webhookPatienceSeconds ?? PATIENCE_SECONDS,
    now,
    onAttempt: () => life.advance(),
  });
  const life = new Life({
    store,
    secrets,
    deliverer,
    concurrency: options.concurrency ?? 100,
    seconds: options.seconds,
    seed: options.seed ?? randomInt(2 ** 32),
    now,
  });

  const create = async (req: http.IncomingMessage, request: CreateRequest): Promise<Reply> => {
    const lifetime = parseCancelAfter(header(req, 'cancel-after'));
    const preference = parsePrefer(header(req, 'prefer'));
    const made = life.create(request, lifetime);
    if (preference.mode !== 'wait')
      return {
        status: preference.mode === 'async' ? 202 : 201,
        body: predictionView(made, baseUrl, secrets),
      };
    await life.ended(made.id, preference.milliseconds);
    const current = life.find(made.id) ?? made;
    const view = predictionView(current, baseUrl, secrets);
    if (!isTerminal(current)) return { status: 202, body: view };
    // Replicate answers when the outputs exist, a moment before the prediction has ended.
    if (current.status === 'succeeded') {
      delete view.completed_at;
      return { status: 201, body: { ...view, status: 'processing', metrics: {} } };
    }
    return { status: 201, body: view };
  };

  const list = ({ url }: Call): Reply => {
    const moment = (name: string, otherwise: number): number => {
      const given = url.searchParams.get(name);
      if (given === null) return otherwise;
      const at = Date.parse(given);
      if (Number.isNaN(at))
        throw new Problem({
          title: 'Bad request',
          detail: `${name} is not an ISO 8601 date-time.`,
          status: 400,
        });
      return at;
    };
    life.advance();
    const before = Number(url.searchParams.get('cursor') ?? Number.MAX_SAFE_INTEGER);
    if (!Number.isSafeInteger(before))
      throw new Problem({ title: 'Bad request', detail: 'The cursor is not one of ours.', status: 400 });
    const found =
      url.searchParams.get('source') === 'web'
        ? []
        : store.list(
            before,
            moment('created_after', 0),
            moment('created_before', Number.MAX_SAFE_INTEGER),
            PAGE + 1,
          );
    const page = found.slice(0, PAGE);
    let next: string | null = null;
    if (found.length > PAGE) {
      const address = new URL(`${baseUrl}/v1/predictions${url.search}`);
      address.searchParams.set('cursor', String(page.at(-1)?.seq));
      next = address.href;
    }
    return {
      status: 200,
      body: {
        next,
        previous: null,
        results: page.map(({ prediction }) => predictionView(prediction, baseUrl, secrets)),
      },
    };
  };

  const prediction = (found: ReturnType<typeof life.find>): Reply => {
    if (found === undefined) throw notFound();
    return { status: 200, body: predictionView(found, baseUrl, secrets) };
  };
  const modelOf = ([owner, name]: string[]) => {
    const model = findModel(`${owner}/${name}`);
    if (model === undefined) throw notFound();
    return model;
  };

  const routes: Route[] = [
    {
      method: 'POST',
      pattern: /^\/v1\/predictions$/u,
      creates: true,
      work: async ({ req }) => create(req, parseVersionRequest(await readJson(req))),
    },
    {
      method: 'POST',
      pattern: /^\/v1\/models\/([^/]+)\/([^/]+)\/predictions$/u,
      creates: true,
      work: async ({ req, parts }) =>
        create(req, parseModelRequest(findModel(parts.join('/')), await readJson(req))),
    },
    { method: 'GET', pattern: /^\/v1\/predictions$/u, work: list },
    {
      method: 'GET',
      pattern: /^\/v1\/predictions\/([^/]+)$/u,
      work: ({ parts }) => prediction(life.find(parts[0] as string)),
    },
    {
      method: 'POST',
      pattern: /^\/v1\/predictions\/([^/]+)\/cancel$/u,
      work: ({ parts }) => prediction(life.cancel(parts[0] as string)),
    },
    {
      method: 'GET',
      pattern: /^\/v1\/models\/([^/]+)\/([^/]+)$/u,
      work: ({ parts }) => ({ status: 200, body: modelView(modelOf(parts), baseUrl) }),
    },
    {
      method: 'GET',
      pattern: /^\/v1\/models\/([^/]+)\/([^/]+)\/versions$/u,
      work: ({ parts }) => {
        const model = modelOf(parts);
        const results = model.official ? [] : model.versions.map((id) => versionView(model, id));
        return { status: 200, body: { next: null, previous: null, results } };
      },
    },
    {
      method: 'GET',
      pattern: /^\/v1\/models\/([^/]+)\/([^/]+)\/versions\/([^/]+)$/u,
      work: ({ parts }) => {
        const model = modelOf(parts);
        const id = parts[2] as string;
        if (!model.versions.includes(id)) throw notFound();
        return { status: 200, body: versionView(model, id) };
      },
    },
    {
      method: 'GET',
      pattern: /^\/v1\/webhooks\/default\/secret$/u,
      work: () => ({ status: 200, body: { key: options.webhookSecret } }),
    },
    {
      method: 'GET',
      pattern: /^\/v1\/account$/u,
      work: () => ({
        status: 200,
        body: { type: 'organization', username: 'simulated', name: 'Simulated account' },
      }),
    },
  ];

  /** Checks the token first, then the rate limit, then the request. */
  const answer = async (req: http.IncomingMessage, url: URL): Promise<Reply> => {
    if (!/^(Bearer|Token) /u.test(req.headers.authorization ?? '')) throw unauthenticated();
    if (req.headers.authorization?.replace(/^\w+ /u, '') !== options.token) throw unauthenticated();
    const route = routes.find(({ method, pattern }) => method === req.method && pattern.test(url.pathname));
    if (route?.creates) {
      limits.create(now(), credit);
      if (credit <= 0) throw insufficientCredit();
    } else limits.other(now());
    if (route === undefined) throw notFound();
    const parts = (route.pattern.exec(url.pathname) ?? []).slice(1);
    return route.work({ req, url, parts });
  };

  const guarded = async (req: http.IncomingMessage, url: URL): Promise<Reply> => {
    try {
      return await answer(req, url);
    } catch (error) {
      if (req.destroyed && !req.complete) throw error;
      if (isDiskFull(error)) {
        return { status: 503, body: { detail: 'The disk is full. Try again later.', status: 503 } };
      }
      if (!(error instanceof Problem)) {
        console.error('The stand-in for Replicate failed. This is a bug in it:', error);
        return { status: 500, body: { detail: 'Internal server error', status: 500 } };
      }
      try {
        store.record({
          at: new Date(now()).toISOString(),
          kind: 'refusal',
          method: req.method ?? '',
          path: url.pathname,
          status: error.body.status,
        });
      } catch (full) {
        // The answer is the same without a line in the ledger.
        if (!isDiskFull(full)) throw full;
      }
      return { status: error.body.status, body: error.body };
    }
  };

  /** Outputs need no credentials. They exist as long as the prediction's data. */
  const serveOutput = async (
    req: http.IncomingMessage,
    res: http.ServerResponse,
    url: URL,
  ): Promise<void> => {
    const [, id = '', name = ''] = /^\/outputs\/([^/]+)\/([^/]+)$/u.exec(url.pathname) ?? [];
    const found = life.find(id);
    const run = found?.status === 'succeeded' && !found.removed ? runOf(found) : undefined;
    const file =
      run?.end === 'succeeded' ? run.files.find((one) => one.name === name && !one.inline) : undefined;
    if (file === undefined || (req.method !== 'GET' && req.method !== 'HEAD')) {
      res.writeHead(404, { 'content-type': 'text/plain' }).end('Not found\n');
      return;
    }
    const { size, bytes } = await fileBytes(file);
    const hasToken = req.headers.authorization === `Bearer ${options.token}`;
    const served = { prediction: id, name, contentType: file.label, bytes: size, hasToken };
    const told = wires.head(served);
    res.writeHead(told.status, {
      'content-type': told.contentType,
      ...(told.bytes === null ? {} : { 'content-length': told.bytes }),
    });
    if (req.method === 'HEAD' || told.status !== 200) {
      res.end();
      return;
    }
    const hash = createHash('sha256');
    let sent = 0;
    const counted = async function* (): AsyncIterable<Buffer> {
      for await (const piece of bytes()) {
        hash.update(piece);
        yield piece;
        sent += piece.length;
      }
    };
    try {
      await pipeline(Readable.from(wires.download(served, counted())), res);
    } finally {
      store.record({
        at: new Date(now()).toISOString(),
        kind: 'download',
        prediction: id,
        file: name,
        contentType: file.label,
        sha256: sent === size ? hash.digest('hex') : null,
        bytes: size,
        sent,
      });
    }
  };

  life.advance();

  return {
    async handle(req, res) {
      const url = new URL(req.url ?? '/', baseUrl);
      try {
        if (url.pathname.startsWith('/outputs/')) {
          await serveOutput(req, res, url);
          return;
        }
        if (!url.pathname.startsWith('/v1/')) {
          const status = url.pathname === '/' ? 200 : 404;
          res.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(INTRODUCTION);
          return;
        }
        const { status, body } = await wires.answer({ method: req.method ?? '', path: url.pathname }, () =>
          guarded(req, url),
        );
        const text = JSON.stringify(body);
        res.writeHead(status, {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
        });
        res.end(text);
      } catch (error) {
        if (!isHangUp(error)) console.error('The stand-in for Replicate failed. This is a bug in it:', error);
        res.destroy();
      }
    },
    log: (after = 0) => store.entries(after),
    setCredit(dollars) {
      credit = dollars;
    },
    async close() {
      life.close();
      await deliverer.close();
      store.close();
    },
  };
};
