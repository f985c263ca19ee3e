import { writeFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { type FinishDeps, finishCell } from '../lib/cells/finish.ts';
import { backUp } from '../lib/images/backup.ts';
import { fetchOutput } from '../lib/images/fetch-output.ts';
import type { ObjectStore } from '../lib/ports.ts';
import { createBinding } from '../lib/records/binding.ts';
import { listJudgements } from '../lib/records/judgement.ts';
import {
  auditPrefix,
  deletedKey,
  imageKey,
  imagesPrefix,
  leasesPrefix,
  openKey,
  planKey,
  pollLeaseKey,
  renditionsPrefix,
} from '../lib/records/keys.ts';
import type { Lease } from '../lib/records/lease.ts';
import { countCells } from '../lib/records/pairs.ts';
import type { Plan } from '../lib/records/plan.ts';
import { createSummary, readBlock } from '../lib/records/summary.ts';
import {
  type EndedPrediction,
  hasEnded,
  type Prediction,
  parsePrediction,
} from '../lib/replicate/prediction.ts';
import { systemTime } from '../lib/system.ts';

/** The audit of the sample events. Only they work on it: see `LOOKED_AFTER`. */
export const SAMPLE_AUDIT = '7ychs9v1bzsamp1e0000000001';
/** An audit whose cell is finished: the sample run of reconcile writes its manifest. */
export const SAMPLE_ENDED_AUDIT = '7ychs9hwczsamp1e0000000002';

/** What the cells of the sample audit are for. */
export const SAMPLE_CELLS = {
  unasked: 0,
  asked: 1,
  inlined: 2,
  refused: 3,
  stored: 4,
  notAnImage: 5,
  overdue: 6,
} as const;

const MODEL = 'simulated/flash';
const JOBS = ['sailor', 'gardener', 'baker', 'soldier', 'tailor', 'clerk', 'miller'];
/** The predictions that webhooks of `events/` are about. */
const INLINED = 'samp1edatauri0000000000001';
const REFUSED = 'samp1erefused0000000000001';
/**
 * Says that a turn looks after the cells, forever. Nothing else begins one: reconcile leaves the audit alone, although
 * it is open, as dispatch and poll need it.
 */
const LOOKED_AFTER: Lease = { holder: 'samples', until: Date.UTC(2100, 0), link: 0, idle: 0 };
const ENDED_WITHIN_MS = 120_000;
const JUDGED_WITHIN_MS = 120_000;

export interface SampleOptions {
  images: ObjectStore;
  backup: ObjectStore;
  /** Such as `http://127.0.0.1:3001/v1`. */
  replicateUrl: string;
  replicateToken: string;
  webhookSecret: string;
  /** Tells the webhook's sample event what to sign, and with which secret. */
  file: string;
}

/**
 * Creates what the sample events need, in a state in which each of them has something to do. A later run undoes what
 * the events have changed since.
 */
export async function seedSamples(options: SampleOptions): Promise<void> {
  const { images, backup, file, webhookSecret } = options;
  const [asked, stored, overdue] = await Promise.all(
    [SAMPLE_CELLS.asked, SAMPLE_CELLS.stored, SAMPLE_CELLS.overdue].map((n) =>
      endedPrediction(options, JOBS[n]!),
    ),
  );
  for (const audit of [SAMPLE_AUDIT, SAMPLE_ENDED_AUDIT])
    for (const store of [images, backup]) await clear(store, audit);

  const deps: FinishDeps = {
    store: images,
    origins: [new URL(options.replicateUrl).origin],
    maxImageBytes: 50 * 1024 * 1024,
    fetchOutput,
    time: systemTime,
    log: { warn() {} },
  };
  const finish = (plan: Plan, n: number, prediction: EndedPrediction) =>
    finishCell(deps, { plan, n, prediction, signal: AbortSignal.timeout(30_000) });

  const plan = await createPlan(images, SAMPLE_AUDIT, 'Sample events', JOBS, '2026-01-05T09:00:00.000Z');
  for (const [n, predictionId] of [
    [SAMPLE_CELLS.asked, asked!.id],
    [SAMPLE_CELLS.inlined, INLINED],
    [SAMPLE_CELLS.refused, REFUSED],
    [SAMPLE_CELLS.overdue, overdue!.id],
  ] as const)
    await createBinding(images, { plan, n }, 1, {
      predictionId,
      askedAt: new Date().toISOString(),
      attempt: 1,
    });
  await finish(plan, SAMPLE_CELLS.stored, stored!);
  await finish(plan, SAMPLE_CELLS.notAnImage, notAnImage());
  await images.swapJson(pollLeaseKey(SAMPLE_AUDIT, 0), LOOKED_AFTER, undefined);
  await images.create(openKey(SAMPLE_AUDIT), '');

  const ended = await createPlan(
    images,
    SAMPLE_ENDED_AUDIT,
    'Sample of an ended audit',
    [JOBS[SAMPLE_CELLS.stored]!],
    '2026-01-05T09:05:00.000Z',
  );
  await finish(ended, 0, stored!);
  await isJudged(images, SAMPLE_ENDED_AUDIT);
  for (const done of [imageKey(SAMPLE_ENDED_AUDIT, 0, 0), planKey(SAMPLE_ENDED_AUDIT)])
    await backUp(images, backup, done);
  const block = { audit: SAMPLE_ENDED_AUDIT, from: 0, to: 0 };
  await createSummary(images, ended, 0, await readBlock(images, block));
  // Last, because from here on the scheduled reconcile works on it too.
  await images.create(openKey(SAMPLE_ENDED_AUDIT), '');
  await writeFile(file, JSON.stringify({ webhookSecret, prediction: asked }, null, 2), { mode: 0o600 });
}

/** Waits until `tag` has judged the first cell. */
async function isJudged(images: ObjectStore, audit: string): Promise<void> {
  const until = Date.now() + JUDGED_WITHIN_MS;
  while (!(await listJudgements(images, audit, 0, 0)).has(0)) {
    if (Date.now() > until)
      throw new Error('tag has not judged the sample image within two minutes. Look into its log.');
    await setTimeout(100);
  }
}

async function clear(store: ObjectStore, audit: string): Promise<void> {
  // First it is no longer open, so that reconcile does not write it again.
  await store.delete([openKey(audit), deletedKey(audit)]);
  for (const prefix of [
    imagesPrefix(audit),
    renditionsPrefix(audit),
    auditPrefix(audit),
    leasesPrefix(audit),
  ]) {
    const keys: string[] = [];
    for await (const { key } of store.list(prefix)) keys.push(key);
    await store.delete(keys);
  }
}

async function createPlan(
  images: ObjectStore,
  id: string,
  name: string,
  jobs: string[],
  createdAt: string,
): Promise<Plan> {
  const design = {
    prompts: jobs.map((job) => ({ text: `a photo of a ${job}`, factors: { job } })),
    models: [
      {
        model: MODEL,
        version: null,
        input: {},
        inputs: ['prompt', 'seed', 'num_outputs'],
        seed: 'supported' as const,
      },
    ],
    samples: 1,
  };
  const plan: Plan = {
    ...design,
    id,
    name,
    createdAt,
    createdBy: 'local',
    request: 'sample',
    retention: 'short',
    seed: 1,
    input: {},
    cells: countCells(design),
  };
  const metadata = { name: encodeURIComponent(name), predictions: String(plan.cells), 'created-by': 'local' };
  await images.createJson(planKey(id), plan, { metadata, tags: { retention: plan.retention } });
  return plan;
}

/** Requests a picture from the stand-in, without a webhook, and waits for it. */
async function endedPrediction(
  { replicateUrl, replicateToken }: SampleOptions,
  job: string,
): Promise<EndedPrediction> {
  const call = async (path: string, init: RequestInit = {}): Promise<Prediction> => {
    const response = await fetch(`${replicateUrl}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${replicateToken}`, 'content-type': 'application/json' },
    });
    if (!response.ok)
      throw new Error(`the stand-in for Replicate answered ${response.status}: ${await response.text()}`);
    return parsePrediction(await response.json());
  };
  const body = JSON.stringify({ version: MODEL, input: { prompt: `a photo of a ${job}`, seed: 7 } });
  let prediction = await call('/predictions', { method: 'POST', body });
  for (const until = Date.now() + ENDED_WITHIN_MS; !hasEnded(prediction); await setTimeout(100)) {
    if (Date.now() > until)
      throw new Error('the stand-in for Replicate has not made a picture within two minutes');
    prediction = await call(`/predictions/${prediction.id}`);
  }
  return prediction as EndedPrediction;
}

/** A model that answers with a page instead of a picture. */
const notAnImage = (): EndedPrediction => ({
  id: 'samp1enotanimage0000000001',
  status: 'succeeded',
  model: MODEL,
  version: 'hidden',
  output: [
    `data:image/png;base64,${Buffer.from('<!doctype html><p>502 Bad Gateway</p>').toString('base64')}`,
  ],
  created_at: '2026-01-05T09:01:00Z',
  completed_at: '2026-01-05T09:01:02Z',
});
