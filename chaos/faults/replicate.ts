import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import {
  type ApiCall,
  type FileHead,
  HONEST_WIRES,
  type Reply,
  type ServedFile,
  type SignedWebhook,
  type Wires,
} from '@weaudit/replicate-stand-in/wires';
import { strike } from '../chance.ts';
import { later, type World } from './world.ts';

/** Percent of the calls that create a prediction. */
const CREATES = {
  'too many requests (429)': 2,
  'wrong token (401)': 0.2,
  'no credit (402)': 0.2,
  'internal error (500)': 1,
  'connection cut before': 0.5,
  'connection cut after it accepted': 1,
  'internal error (500) after it accepted': 0.5,
  'answer later than the webhook': 8,
};
/** Percent of all other calls. */
const OTHERS = {
  'too many requests (429)': 2,
  'internal error (500)': 2,
  'connection cut before': 1,
  slow: 3,
};
/** Percent of the attempts to deliver a webhook. */
const WEBHOOKS = {
  lost: 6,
  'not accepted': 4,
  delayed: 15,
  doubled: 6,
  'again, later': 5,
  'answer lost': 4,
};
/** Percent of the downloads. */
const DOWNLOADS = {
  'not found (404)': 3,
  stalls: 0.7,
  'ends early': 3,
  'no length': 4,
  'length too large': 0.5,
  'length too small': 0.5,
  'wrong type': 5,
};
/** Percent of the predictions whose outputs always answer 404. */
const GONE_SHARE = 0.7;
/** What `Retry-After` says, in seconds. Short, so that a run is short too. */
const RETRY_AFTER = 2;
const HOURS_AGO_MS = 2 * 3_600_000;

const REFUSALS: Record<string, Reply> = {
  'too many requests (429)': refusal(429, 'Request was throttled. Your rate limit resets in ~1s.', 1),
  'wrong token (401)': refusal(401, 'You did not pass a valid authentication token', RETRY_AFTER),
  'no credit (402)': refusal(402, 'You have insufficient credit to run this model.', RETRY_AFTER),
  'internal error (500)': refusal(500, 'Internal server error'),
};

function refusal(status: number, detail: string, retryAfter?: number): Reply {
  return {
    status,
    body: { detail, status, ...(retryAfter === undefined ? {} : { retry_after: retryAfter }) },
  };
}

const hangUp = () => Object.assign(new Error('the connection was cut'), { code: 'ECONNRESET' });
const cellOf = (address: string) => /\/(\d{5})$/.exec(address)?.[1] ?? address;

/** Replicate on a bad day: its answers, its webhooks and its files. */
export function replicateFaults(world: World): Wires {
  const { chance, record } = world;
  /** IDs differ between runs. Chance must not, so it is drawn by the cell of a prediction. */
  const cells = new Map<string, string>();
  /** The fault that `head` drew for a file; `download` brings about the same. */
  let decided: keyof typeof DOWNLOADS | undefined;

  async function create(work: () => Promise<Reply>): Promise<Reply> {
    const draw = chance.next('create', '');
    const kind = world.on ? strike(draw, CREATES) : undefined;
    const refused = kind && REFUSALS[kind];
    if (refused) {
      record.add('replicate', kind, 'create');
      return refused;
    }
    if (kind === 'connection cut before') {
      record.add('replicate', kind, 'create');
      throw hangUp();
    }
    const reply = await work();
    const { id, webhook } = reply.body as { id?: string; webhook?: string };
    if (id === undefined) return reply;
    const cell = cellOf(webhook ?? '');
    cells.set(id, cell);
    if (world.on && chance.next('gone', cell).unit() * 100 < GONE_SHARE) {
      record.gone.add(id);
      record.add('download', 'not found (404) forever', id);
    }
    if (kind === undefined) return reply;
    record.add('replicate', kind, id);
    if (kind === 'connection cut after it accepted') throw hangUp();
    if (kind === 'internal error (500) after it accepted') return refusal(500, 'Internal server error');
    await wait(500 + draw.unit() * 1_500);
    return reply;
  }

  async function other(call: ApiCall, work: () => Promise<Reply>): Promise<Reply> {
    const id = /\/predictions\/([^/]+)/.exec(call.path)?.[1] ?? '';
    const subject = `${call.method} ${cells.get(id) ?? call.path}`;
    const draw = chance.next('call', subject);
    const kind = world.on ? strike(draw, OTHERS) : undefined;
    if (kind !== undefined) record.add('replicate', kind, subject);
    if (kind === 'connection cut before') throw hangUp();
    if (kind === 'slow') await wait(200 + draw.unit() * 1_000);
    else if (kind !== undefined) return REFUSALS[kind]!;
    const reply = await work();
    // Outputs expire after an hour. A run lasts minutes, so the prediction says that it finished hours ago.
    if (record.gone.has(id) && (reply.body as { completed_at?: string }).completed_at) {
      const completed_at = new Date(Date.now() - HOURS_AGO_MS).toISOString();
      return { ...reply, body: { ...reply.body, completed_at } };
    }
    return reply;
  }

  async function post(webhook: SignedWebhook): Promise<number> {
    const cell = cellOf(webhook.address);
    const draw = chance.next('webhook', cell);
    const kind = world.on ? strike(draw, WEBHOOKS) : undefined;
    if (kind === undefined) return HONEST_WIRES.post(webhook);
    record.add('webhook', kind, cell);
    const patient = { ...webhook, signal: AbortSignal.timeout(20_000) };
    switch (kind) {
      case 'lost':
        return 200;
      case 'not accepted':
        throw hangUp();
      case 'delayed':
        await wait(200 + draw.unit() * 5_000, undefined, { signal: webhook.signal });
        return HONEST_WIRES.post(webhook);
      case 'doubled':
        later(world, 0, () => HONEST_WIRES.post(patient));
        return HONEST_WIRES.post(webhook);
      case 'again, later':
        later(world, 500 + draw.unit() * 6_000, () => HONEST_WIRES.post(patient));
        return HONEST_WIRES.post(webhook);
      case 'answer lost':
        await HONEST_WIRES.post(webhook);
        throw hangUp();
    }
  }

  function head(file: ServedFile): FileHead {
    const subject = `${cells.get(file.prediction)}/${file.name}`;
    decided = undefined;
    if (record.gone.has(file.prediction)) return { status: 404, contentType: 'text/plain', bytes: 0 };
    const honest = HONEST_WIRES.head(file);
    if (!world.on) return honest;
    decided = strike(chance.next('download', subject), DOWNLOADS);
    if (decided !== undefined) record.add('download', decided, `${file.prediction}/${file.name}`);
    switch (decided) {
      case 'not found (404)':
        return { status: 404, contentType: 'text/plain', bytes: 0 };
      case 'no length':
        return { ...honest, bytes: null };
      case 'length too large':
        return { ...honest, bytes: file.bytes + 1_000 };
      case 'length too small':
        return { ...honest, bytes: shortLength(file) };
      case 'wrong type':
        return { ...honest, contentType: 'text/html' };
      default:
        return honest;
    }
  }

  async function* download(file: ServedFile, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const kind = decided;
    if (kind === 'length too small') {
      yield* shortened(file, bytes);
      return;
    }
    if (kind !== 'stalls' && kind !== 'ends early') {
      yield* bytes;
      return;
    }
    for await (const piece of bytes) {
      yield piece.subarray(0, piece.length >> 1);
      if (kind === 'stalls') await wait(12_000, undefined, { ref: false });
      throw hangUp();
    }
  }

  /** Sends all of it. An HTTP client reads only as much as the length says. */
  async function* shortened(file: ServedFile, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const hash = createHash('sha256');
    let left = shortLength(file);
    for await (const piece of bytes) {
      hash.update(piece.subarray(0, left));
      left -= Math.min(left, piece.length);
      yield piece;
    }
    const name = `${file.prediction}/${file.name}`;
    const known = record.shortened.get(name) ?? new Set();
    record.shortened.set(name, known.add(hash.digest('hex')));
  }

  return {
    answer: (call, work) =>
      call.method === 'POST' && call.path.endsWith('/predictions') ? create(work) : other(call, work),
    post,
    head,
    download,
  };
}

const shortLength = ({ bytes }: ServedFile) => Math.max(1, bytes >> 1);
