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
  /** How long late webhooks are waited for in the end, in seconds: they must find their cells ended. */
  patienceSeconds?: number;
  /** What the run is at, and how far. */
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

/** Between two looks at how far the audit is. */
const LOOK_MS = 500;
/** Between two runs of reconcile; on AWS it comes every five minutes. */
const RECONCILE_MS = 2_500;
/** An audit that takes longer than this, and so much more for each cell, does not end. */
const BOUND_SECONDS = 120;
const BOUND_PER_CELL = 0.6;

/** Minutes become seconds: a message that failed comes back, and what is overdue is looked after, within a run. */
function hasten(stack: StackModel): StackModel {
  for (const model of stack.functions) {
    const { environment } = model;
    if ('CREATES_PER_MINUTE' in environment) environment.CREATES_PER_MINUTE = '6000';
    if ('OVERDUE_SECONDS' in environment) environment.OVERDUE_SECONDS = '4';
    if ('RESEND_SECONDS' in environment) environment.RESEND_SECONDS = '5';
    if (model.key === 'dispatch') model.timeoutSeconds = 12;
  }
  for (const queue of stack.queues) if (queue.redrive) queue.visibilitySeconds = 13;
  return stack;
}

/** Runs one audit through every fault at once, waits for its end, and draws up its ledger. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { predictions, seed } = options;
  const world: World = { chance: new Chance(seed), record: new FaultRecord(), on: true, underWay: 0 };
  const dataDir = mkdtempSync(path.join(tmpdir(), 'weaudit-chaos-'));
  const began = Date.now();
  const cloud = await startCloud({
    dataDir,
    predictionSeconds: 0.3,
    retryDelaysMs: [300, 900],
    warn: () => {},
    amend: hasten,
    faults: { wires: replicateFaults(world), s3: s3Faults(world), event: eventFaults(world) },
  });
  const s3 = new S3Client({
    endpoint: cloud.endpoints.aws,
    region: cloud.stack.region,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const stopKilling = startKilling(world, cloud);
  try {
    const audit = await ask(cloud, design(predictions, seed), `chaos ${seed}`);
    const repairs = await untilOver(cloud, s3, audit, options);
    world.on = false;
    stopKilling();
    await untilQuiet(cloud, world, audit, options.patienceSeconds ?? 40);
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
    stopKilling();
    s3.destroy();
    await cloud.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** A function that ran into its time limit, as one does on a busy machine, died in the middle like a killed one. */
function recordTimeouts(cloud: Cloud, record: FaultRecord): void {
  for (const { key } of cloud.stack.functions)
    for (const line of cloud.logs(key)) {
      const [, at] = /^(\S+Z) \S+ Task timed out/.exec(line) ?? [];
      if (at) record.entries.push({ at: Date.parse(at), place: 'function', kind: 'timed out', subject: key });
    }
}

/** Orders the audit as a careful client does: again with the same key until it is accepted. */
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

/** How many objects there are under a prefix. */
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

/** @returns the repairs that reconcile made meanwhile */
async function untilOver(cloud: Cloud, s3: S3Client, audit: string, options: ChaosOptions): Promise<number> {
  const { predictions, onProgress } = options;
  const end = Date.now() + (BOUND_SECONDS + BOUND_PER_CELL * predictions) * 1_000;
  let repairs = 0;
  let reconciled = Date.now();
  for (;;) {
    if ((await countObjects(s3, `open/${audit}`)) === 0) return repairs;
    const done = await countObjects(s3, `audits/${audit}/results/`);
    onProgress?.('cells', done, predictions);
    if (Date.now() > end) throw new Error(`The audit does not end: ${done} of ${predictions} cells have.`);
    if (Date.now() - reconciled > RECONCILE_MS) {
      const result = await cloud.invoke('reconcile', {});
      if (result.ok) repairs += (JSON.parse(result.payload) as { repairs: number }).repairs;
      reconciled = Date.now();
    }
    await wait(LOOK_MS);
  }
}

/** Replicate gives a webhook seven attempts. */
const WEBHOOK_ATTEMPTS = 7;

/** Until nothing is on its way any more that could still change something. */
async function untilQuiet(cloud: Cloud, world: World, audit: string, patience: number): Promise<void> {
  const end = Date.now() + patience * 1_000;
  let quiet = 0;
  while (quiet < 2 && Date.now() < end) {
    const made = [...predictionsOf(cloud.standIn?.log() ?? [], audit).values()].flat();
    const running = made.some(
      ({ end, webhooks }) => !end || (!webhooks.accepted && webhooks.attempts < WEBHOOK_ATTEMPTS),
    );
    quiet = cloud.idle() && world.underWay === 0 && !running ? quiet + 1 : 0;
    await wait(500);
  }
}

function deadLetters({ queues }: Cloud) {
  return queues
    .names()
    .filter((name) => name.endsWith('-dead'))
    .flatMap((queue) => queues.peek(queue).map(({ body }) => ({ queue, body })));
}
