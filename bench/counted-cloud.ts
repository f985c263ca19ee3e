import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { callerOf } from '@weaudit/aws-emulator/iam';
import type { StackModel } from '@weaudit/aws-emulator/stack';
import { type Cloud, startCloud } from '../local/cloud.ts';

export type S3Call = 'PUT' | 'COPY' | 'LIST' | 'PUT tags' | 'GET' | 'HEAD' | 'GET tags' | 'DELETE';

/** What a function did, since {@link CountedCloud.reset}. */
export interface Usage {
  s3: Partial<Record<S3Call, number>>;
  invocations: number;
  /** As the functions' REPORT lines say, in ms. */
  durationMs: number[];
  /** Of the processor's time, all invocations together, in ms. */
  processorMs: number;
  initMs: number[];
  logBytes: number;
}

export interface CountedCloud {
  cloud: Cloud;
  usage: Map<string, Usage>;
  /** S3 events that were published. */
  events: { published: number };
  /** When each call of S3 by the function `api` began and ended, in ms. */
  apiCalls: { begin: number; end: number }[];
  /** Adds what the functions have logged since the last time to `usage`. */
  readLogs(): void;
  reset(): void;
  api(target: string, init?: RequestInit): Promise<Response>;
  /** Posts an audit and waits until every cell is finished and every image is judged and copied. */
  runAudit(
    body: object,
    images: number,
    progress: (text: string) => void,
  ): Promise<{ id: string; ms: number }>;
  /** Runs reconcile until the audit is closed. */
  closeAudit(id: string): Promise<number>;
  count(bucket: string, prefix: string): Promise<number>;
  close(): Promise<void>;
}

/** Distinct prompts. */
export const portraits = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => `a portrait of person number ${n} at work`);

export const IMAGES = 'weaudit-local-000000000000-images';
export const BACKUP = 'weaudit-local-000000000000-backup';

function callOf(method: string, url: string, copy: boolean): S3Call {
  const query = new URL(url, 'http://s3').searchParams;
  if (query.has('tagging')) return method === 'PUT' ? 'PUT tags' : 'GET tags';
  if (query.has('list-type')) return 'LIST';
  if (method === 'POST' || method === 'DELETE') return 'DELETE';
  return method === 'PUT' ? (copy ? 'COPY' : 'PUT') : (method as 'GET' | 'HEAD');
}

const newUsage = (): Usage => ({
  s3: {},
  invocations: 0,
  durationMs: [],
  processorMs: 0,
  initMs: [],
  logBytes: 0,
});

/** How often the test looks whether an audit is through. Its own requests are not counted. */
const LOOK_MS = 300;

export interface CountedOptions {
  createsPerMinute: number;
  predictionSeconds: number;
  /** Added to every answer of S3 to a function. */
  s3DelayMs?: number;
  amend?(stack: StackModel): StackModel;
}

/** The local cloud with a count of every request of its functions. Reconcile runs on demand only. */
export async function countedCloud(options: CountedOptions): Promise<CountedCloud> {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'bench-cloud-'));
  const usage = new Map<string, Usage>();
  const events = { published: 0 };
  const apiCalls: CountedCloud['apiCalls'] = [];
  const of = (name: string) => {
    if (!usage.has(name)) usage.set(name, newUsage());
    return usage.get(name)!;
  };
  const cloud = await startCloud({
    dataDir,
    predictionSeconds: options.predictionSeconds,
    warn: () => {},
    amend(stack) {
      for (const { environment } of stack.functions)
        if ('CREATES_PER_MINUTE' in environment)
          environment.CREATES_PER_MINUTE = String(options.createsPerMinute);
      stack.schedules = [];
      return options.amend?.(stack) ?? stack;
    },
    faults: {
      s3: (handle) => async (request, response) => {
        const key = callerOf(request);
        if (key) {
          const { s3 } = of(key);
          const call = callOf(request.method!, request.url!, 'x-amz-copy-source' in request.headers);
          s3[call] = (s3[call] ?? 0) + 1;
          if (options.s3DelayMs) await wait(options.s3DelayMs);
          if (key === 'api') {
            const begin = performance.now() - (options.s3DelayMs ?? 0);
            response.once('close', () => apiCalls.push({ begin, end: performance.now() }));
          }
        }
        await handle(request, response);
      },
      event(event, put) {
        events.published++;
        put(event);
      },
    },
  });
  const s3 = new S3Client({
    endpoint: cloud.endpoints.aws,
    region: cloud.stack.region,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const seen = new Map<string, number>();
  function readLogs(): void {
    for (const { key } of cloud.stack.functions) {
      const lines = cloud.logs(key);
      for (const line of lines.slice(seen.get(key) ?? 0)) {
        const found = of(key);
        const processor = /\tProcessor Time: ([\d.]+) ms/.exec(line);
        // Lambda's own line does not contain it.
        found.logBytes += Buffer.byteLength(line) + 1 - (processor?.[0].length ?? 0);
        const [, duration, init] =
          /^REPORT .*\tDuration: ([\d.]+) ms(?:.*Init Duration: ([\d.]+) ms)?/.exec(line) ?? [];
        if (duration === undefined) continue;
        found.invocations++;
        found.durationMs.push(Number(duration));
        found.processorMs += Number(processor?.[1] ?? 0);
        if (init !== undefined) found.initMs.push(Number(init));
      }
      seen.set(key, lines.length);
    }
  }
  async function count(bucket: string, prefix: string): Promise<number> {
    let keys = 0;
    let token: string | undefined;
    do {
      const page = await s3.send(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix,
          ...(token ? { ContinuationToken: token } : {}),
        }),
      );
      keys += page.KeyCount ?? 0;
      token = page.NextContinuationToken;
    } while (token);
    return keys;
  }
  const api = (target: string, init: RequestInit = {}) =>
    fetch(`${cloud.endpoints.api}${target}`, {
      ...init,
      headers: { authorization: 'Bearer local', 'content-type': 'application/json' },
    });
  return {
    cloud,
    usage,
    events,
    apiCalls,
    api,
    count,
    readLogs,
    reset() {
      readLogs();
      usage.clear();
      events.published = 0;
      apiCalls.length = 0;
    },
    async runAudit(body, images, progress) {
      const begin = performance.now();
      const answer = await api('/api/audits', { method: 'POST', body: JSON.stringify(body) });
      const { id, predictions, detail } = (await answer.json()) as {
        id: string;
        predictions: number;
        detail?: string;
      };
      if (answer.status !== 202) throw new Error(`POST /api/audits answered ${answer.status}: ${detail}`);
      const limit = begin + 120_000 + (predictions / options.createsPerMinute) * 120_000;
      for (;;) {
        const results = await count(IMAGES, `audits/${id}/results/`);
        const copies = await count(BACKUP, `images/${id}/`);
        progress(`${results} of ${predictions} cells, ${copies} of ${images} copies`);
        readLogs();
        // Behind the copy of its manifest nothing is done for an audit. Messages that count no longer may wait for long.
        if (results >= predictions && (await count(BACKUP, `audits/${id}/manifest.json`)) > 0) break;
        if (performance.now() > limit)
          throw new Error(`the audit does not end: ${results} of ${predictions} cells`);
        await wait(LOOK_MS);
      }
      return { id, ms: performance.now() - begin };
    },
    async closeAudit(id) {
      for (let runs = 1; runs <= 40; runs++) {
        const result = await cloud.invoke('reconcile', {});
        if (!result.ok) throw new Error(`reconcile failed: ${result.error.errorMessage}`);
        await wait(LOOK_MS);
        readLogs();
        if ((await count(IMAGES, `open/${id}`)) === 0) return runs;
      }
      throw new Error(`audit ${id} is not closed after 40 runs of reconcile`);
    },
    close: async () => {
      s3.destroy();
      await cloud.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
