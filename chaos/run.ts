import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { StackModel } from '@weaudit/aws-emulator/stack';
import { type Cloud, startCloud } from '../local/cloud.ts';
import { Chance } from './chance.ts';
import { design } from './design.ts';
import { eventFaults } from './faults/events.ts';
import { startKilling } from './faults/kills.ts';
import { FaultRecord } from './faults/record.ts';
import { replicateFaults } from './faults/replicate.ts';
import { s3Faults } from './faults/s3.ts';
import type { World } from './faults/world.ts';
import { drawUp, type Ledger } from './ledger/ledger.ts';
import { predictionsOf } from './ledger/replicate.ts';

export const BUCKETS = {
  images: 'weaudit-local-000000000000-images',
  backup: 'weaudit-local-000000000000-backup',
};

export interface ChaosOptions {
  predictions: number;
  seed: number;
  /** Called with the step of the run and its progress. */
  onProgress?: (at: 'cells' | 'ledger', done: number, all: number) => void;
}

export interface ChaosResult {
  audit: string;
  ledger: Ledger;
  faults: FaultRecord;
  /** Ranges sent again, images judged or copied by reconcile. */
  repairs: number;
  seconds: number;
}

/** Between two polls of how far the audit is. */
const POLL_MS = 500;
/** Polls between two runs of reconcile; on AWS it comes every five minutes. */
const POLLS_PER_RECONCILE = 5;
/** When so many polls in a row, at least five minutes, have found nothing new, the run hangs. */
const POLLS_WITHOUT_NEWS = 600;
/** Replicate retries for about a minute. */
const WEBHOOK_RETRY_SECONDS = [0.5, 1, 2, 4, 4, 4];

/** Minutes become seconds, so that failed messages are redelivered and overdue cells are polled within a run. */
function hasten(stack: StackModel): StackModel {
  for (const model of stack.functions) {
    const { environment } = model;
    if ('CREATES_PER_MINUTE' in environment) environment.CREATES_PER_MINUTE = '6000';
    if ('OVERDUE_SECONDS' in environment) environment.OVERDUE_SECONDS = '4';
    if ('RESEND_SECONDS' in environment) environment.RESEND_SECONDS = '5';
    if (stack.queueSources.some(({ functionKey }) => functionKey === model.key)) model.timeoutSeconds = 12;
  }
  for (const queue of stack.queues) if (queue.redrive) queue.visibilitySeconds = 13;
  return stack;
}

/** Runs one audit through every fault at once, waits until it has finished, and draws up its ledger. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { predictions, seed } = options;
  const world: World = {
    chance: new Chance(seed),
    record: new FaultRecord(),
    on: true,
    onRequest: () => {},
    underWay: 0,
  };
  const dataDir = mkdtempSync(path.join(tmpdir(), 'weaudit-chaos-'));
  const began = Date.now();
  const cloud = await startCloud({
    dataDir,
    predictionSeconds: 0.3,
    retryDelaysMs: [300, 900],
    webhookRetrySeconds: WEBHOOK_RETRY_SECONDS,
    warn: () => {},
    amend: hasten,
    faults: { wires: replicateFaults(world), s3: s3Faults(world), event: eventFaults(world) },
  });
  const s3 = new S3Client({
    endpoint: cloud.endpoints.aws,
    region: cloud.stack.region,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  startKilling(world, cloud);
  try {
    const audit = await ask(cloud, design(predictions, seed), `chaos ${seed}`);
    const repairs = await untilOver(cloud, s3, audit, options);
    world.on = false;
    await untilQuiet(cloud, world, audit);
    recordTimeouts(cloud, world.record);
    const ledger = await drawUp({
      s3,
      buckets: BUCKETS,
      audit,
      predictions,
      log: cloud.standIn?.log() ?? [],
      replicate: cloud.endpoints.replicate,
      deadLetters: deadLetters(cloud),
      faults: world.record,
      onProgress: (done, all) => options.onProgress?.('ledger', done, all),
    });
    return { audit, ledger, faults: world.record, repairs, seconds: (Date.now() - began) / 1_000 };
  } finally {
    world.on = false;
    s3.destroy();
    await cloud.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** A function that exceeds its time limit, as happens on a busy machine, dies in the middle of its work like a killed one. */
function recordTimeouts(cloud: Cloud, record: FaultRecord): void {
  for (const { key } of cloud.stack.functions)
    for (const line of cloud.logs(key)) {
      const [, at] = /^(\S+Z) \S+ Task timed out/.exec(line) ?? [];
      if (at) record.entries.push({ at: Date.parse(at), place: 'function', kind: 'timed out', subject: key });
    }
}

/** Requests the audit as a careful client does: it retries with the same key until the audit is accepted. */
export async function ask(cloud: Cloud, body: object, key: string): Promise<string> {
  for (let tries = 1; ; tries++) {
    const answer = await fetch(`${cloud.endpoints.api}/api/audits`, {
      method: 'POST',
      headers: {
        authorization: 'Bearer local',
        'content-type': 'application/json',
        'idempotency-key': key,
      },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (answer.status === 202) return (JSON.parse(text) as { id: string }).id;
    if (answer.status < 500 || tries === 30)
      throw new Error(`The audit was refused: ${answer.status} ${text}`);
    await wait(300);
  }
}

/** The number of objects under a prefix. */
export async function countObjects(s3: S3Client, Prefix: string): Promise<number> {
  let found = 0;
  let ContinuationToken: string | undefined;
  do {
    const page = await s3.send(
      new ListObjectsV2Command({ Bucket: BUCKETS.images, Prefix, ContinuationToken }),
    );
    found += page.KeyCount ?? 0;
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  return found;
}

/** Waits until the audit is closed. @returns the repairs that reconcile made meanwhile */
async function untilOver(cloud: Cloud, s3: S3Client, audit: string, options: ChaosOptions): Promise<number> {
  const { predictions, onProgress } = options;
  let repairs = 0;
  let polls = 0;
  await pollUntil(async () => {
    if ((await countObjects(s3, `open/${audit}`)) === 0) return true;
    if (++polls % POLLS_PER_RECONCILE === 0) {
      const result = await cloud.invoke('reconcile', {});
      if (result.ok) repairs += (JSON.parse(result.payload) as { repairs: number }).repairs;
    }
    const done = await countObjects(s3, `audits/${audit}/results/`);
    onProgress?.('cells', done, predictions);
    return `${done} of ${predictions} cells have finished`;
  });
  return repairs;
}

/** Waits until nothing is under way. Late webhooks have to come before the ledger is drawn up: they must change nothing. */
async function untilQuiet(cloud: Cloud, world: World, audit: string): Promise<void> {
  let quiet = 0;
  await pollUntil(() => {
    const log = cloud.standIn?.log() ?? [];
    const running = predictionsOf(log, audit).filter(
      ({ completedAt, webhooks }) =>
        completedAt === undefined ||
        (!webhooks.accepted && webhooks.attempts <= WEBHOOK_RETRY_SECONDS.length),
    ).length;
    quiet = cloud.idle() && world.underWay === 0 && running === 0 ? quiet + 1 : 0;
    return (
      quiet === 2 || `after ${log.length} events ${running} predictions or their webhooks are still under way`
    );
  });
}

/**
 * Polls until the answer is true.
 * @param poll returns true, or a sentence about the progress
 * @throws Error when the sentence has stayed the same for at least five minutes
 */
async function pollUntil(poll: () => true | string | Promise<true | string>): Promise<void> {
  let last: string | undefined;
  for (let without = 0; without < POLLS_WITHOUT_NEWS; without++) {
    const state = await poll();
    if (state === true) return;
    if (state !== last) without = 0;
    last = state;
    await wait(POLL_MS);
  }
  throw new Error(`The run hangs: ${last}.`);
}

function deadLetters({ queues }: Cloud) {
  return queues
    .names()
    .filter((name) => name.endsWith('-dead'))
    .flatMap((queue) => queues.peek(queue).map(({ body }) => ({ queue, body })));
}
