import type { AuditEntry, AuditPage, AuditStatus, Exact } from '../contract/answers.ts';
import { Refusal } from '../errors.ts';
import { wordsFor } from '../images/verdict.ts';
import { PAGE } from '../limits.ts';
import { costOfAudit } from '../money/budget.ts';
import type { ObjectStore, Presign, Time } from '../ports.ts';
import { type Judgement, listJudgements } from '../records/judgement.ts';
import {
  AUDITS_PREFIX,
  cellName,
  createdAtOf,
  deletedKey,
  isAuditId,
  manifestKey,
  planKey,
  renditionOf,
  resultKey,
} from '../records/keys.ts';
import { type Cell, cellAt, isImported, type Plan } from '../records/plan.ts';
import { type CellProgress, readProgress } from '../records/progress.ts';
import { isStored, type Result, type ResultImage } from '../records/result.ts';
import { readStop, type Stop } from '../records/stop.ts';
import { readSummaries } from '../records/summary.ts';
import { readWaiting } from '../records/waiting.ts';
import { countProgress, countsOf } from './progress.ts';

export interface ReadDeps {
  store: ObjectStore;
  readPlan: (audit: string) => Promise<Plan | undefined>;
  presign: Presign;
  time: Time;
}

const notFound = (audit: string) =>
  new Refusal(
    404,
    `There is no audit "${audit.slice(0, 40)}". It may have been deleted, or have expired. "npx weaudit list" and GET /api/audits list all audits.`,
  );

/**
 * The plan of an audit.
 * @throws {Refusal} 404 if there is no such audit, or if it was deleted
 */
export async function requirePlan(
  { store, readPlan }: Pick<ReadDeps, 'store' | 'readPlan'>,
  audit: string,
): Promise<Plan> {
  if (!isAuditId(audit)) throw notFound(audit);
  const [plan, deleted] = await Promise.all([readPlan(audit), store.exists(deletedKey(audit))]);
  if (!plan || deleted) throw notFound(audit);
  return plan;
}

/** If all cells finished before the cancellation reached them, the audit is finished, not canceled. */
const state = (stop: Stop | undefined, open: number, canceled: number) => {
  if (open > 0) return stop === 'canceled' ? 'canceling' : 'running';
  return stop === 'canceled' && canceled > 0 ? 'canceled' : 'finished';
};

/**
 * The status of an audit: `GET /api/audits/{a}`.
 * @throws {Refusal} 404
 */
export async function auditStatus(deps: ReadDeps, audit: string): Promise<AuditStatus> {
  const { store, time } = deps;
  const plan = await requirePlan(deps, audit);
  const [{ counts, images, manifest }, stop] = await Promise.all([
    countProgress(store, audit, plan.cells),
    readStop(store, audit),
  ]);
  const open = counts.waiting + counts.running;
  const noted = open > 0 ? await readWaiting(store, audit, time.now()) : undefined;
  // The rate limit holds up requests alone; the rest of what can be wrong also concerns what runs.
  const waiting = noted?.why === 'rate limit' && counts.waiting === 0 ? undefined : noted;
  const { id, name, createdBy, retention, cells } = plan;
  const cost = await costOfAudit(store, plan);
  return {
    ...{ id, name, createdAt: createdAtOf(id), createdBy, retention, predictions: cells },
    state: state(stop, open, counts.canceled),
    counts,
    ...(images ? { images } : {}),
    manifest,
    ...(waiting ? { waiting } : {}),
    ...(cost ? { cost } : {}),
    ...(plan.source ? { source: plan.source } : {}),
  };
}

/**
 * Audits, newest first: `GET /api/audits`.
 * @param query cursor: the ID of the last audit of the page before
 */
export async function listAudits(
  { store }: ReadDeps,
  { cursor, limit = PAGE.audits }: { cursor?: string; limit?: number },
): Promise<AuditPage> {
  const ids = await store.folders(AUDITS_PREFIX, limit, cursor);
  const audits = await Promise.all(ids.map((id) => auditEntry(store, id)));
  const last = ids.at(-1);
  return {
    audits: audits.filter((entry) => entry !== undefined),
    ...(last !== undefined && ids.length === limit ? { cursor: last } : {}),
  };
}

/** An audit as a list shows it, by three HEADs; undefined if it does not exist or was deleted. */
export async function auditEntry(store: ObjectStore, id: string): Promise<AuditEntry | undefined> {
  const [plan, manifest, deleted] = await Promise.all([
    store.head(planKey(id)),
    store.head(manifestKey(id, 'json')),
    store.head(deletedKey(id)),
  ]);
  if (!plan || deleted) return undefined;
  const { counts, images } = manifest ? countsOf(manifest) : {};
  return {
    id,
    name: decodeURIComponent(plan.metadata.name ?? ''),
    createdAt: createdAtOf(id),
    createdBy: decodeURIComponent(plan.metadata['created-by'] ?? ''),
    predictions: Number(plan.metadata.predictions ?? 0),
    finished: manifest !== undefined,
    ...(counts ? { counts } : {}),
    ...(images ? { images } : {}),
    ...(plan.metadata.source === 'imported' ? { source: 'imported' as const } : {}),
  };
}

/**
 * A page of predictions with their images: `GET /api/audits/{a}/predictions`.
 * @param query cursor: the name of the first cell, such as `00100`
 * @throws {Refusal} 404, or 400 for a cursor that the audit does not have
 */
export async function listPredictions(
  deps: ReadDeps,
  audit: string,
  { cursor = cellName(0), limit = PAGE.most }: { cursor?: string; limit?: number },
): Promise<Exact<'PredictionPage'>> {
  const { store, presign } = deps;
  const from = Number(cursor);
  const plan = await requirePlan(deps, audit);
  if (from >= plan.cells)
    throw new Refusal(
      400,
      `The query parameter "cursor" must be the number of a cell of this audit: 00000 to ${cellName(plan.cells - 1)}.`,
    );
  const to = Math.min(plan.cells, from + limit) - 1;
  const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const [summed, judgements] = await Promise.all([
    readSummaries(store, plan, { from, to }),
    listJudgements(store, audit, from, to),
  ]);
  const rest = numbers.filter((n) => !summed.has(n));
  const progress: Map<number, CellProgress> =
    rest.length > 0 ? await readProgress(store, { audit, from: rest[0]!, to: rest.at(-1)! }) : new Map();
  const results = await Promise.all(
    numbers.map(async (n) => {
      const isSingle = progress.get(n)?.ended && !summed.has(n);
      return isSingle ? (await store.readJson<Result>(resultKey(audit, n)))?.value : summed.get(n);
    }),
  );
  const predictions = await Promise.all(
    numbers.map(async (n, i): Promise<Exact<'Prediction'>> => {
      const result = results[i];
      const cell = plannedCell(plan, cellAt(plan, n));
      if (!result) return { ...cell, status: progress.get(n)?.boundAt ? 'running' : 'waiting', images: [] };
      const found = judgements.get(n);
      const images = result.images.map((image) => imageOf(image, found?.get(image.index), presign));
      return { ...cell, ...resultFacts(result), images: await Promise.all(images) };
    }),
  );
  return { predictions, ...(to + 1 < plan.cells ? { cursor: cellName(to + 1) } : {}) };
}

const plannedCell = (plan: Plan, { n, prompt, model, sample, seed }: Cell) => ({
  n,
  prompt: prompt.text,
  ...(prompt.factors ? { factors: prompt.factors } : {}),
  model: model.model,
  ...(plan.source ? { source: plan.source } : {}),
  version: model.version ?? 'undisclosed',
  sample,
  seed: model.seed === 'unsupported' || isImported(plan) ? null : seed,
  seedSource: model.seed === 'supported' ? ('sent' as const) : model.seed,
});

async function imageOf(
  image: ResultImage,
  judgement: Judgement | undefined,
  presign: Presign,
): Promise<Exact<'PredictionImage'>> {
  if (!isStored(image)) return { ...image, status: 'lost' };
  if (!judgement) return { ...image, status: 'pending' };
  const { status, decoded } = judgement;
  const seen = seenOf(judgement);
  if (status === 'quarantined') {
    const reason = wordsFor(judgement.format, decoded?.reason);
    return { ...image, ...seen, status, ...(reason ? { reason } : {}) };
  }
  const [url, rendition] = await Promise.all([
    presign(image.key),
    decoded && presign(renditionOf(image.key)),
  ]);
  return { ...image, ...seen, status, url, ...(rendition ? { rendition } : {}) };
}

/** What a judgement says of an image, in the words of the answers and of the manifest. */
export function seenOf({ format, width, height, decoded }: Judgement) {
  if (!decoded) return { format, width, height };
  const { animated, alpha, c2pa, blank } = decoded;
  return { format, width, height, animated, alpha, c2pa, blank };
}

/** What a result says beyond the plan. Empty members are omitted. */
export function resultFacts({
  prediction,
  status,
  error,
  seed,
  seedSource,
  asked,
  returned,
  filtered,
  askedAt,
  source,
}: Result) {
  const version = prediction?.version;
  const predictTime = prediction?.metrics?.predict_time;
  return {
    status,
    seed,
    seedSource,
    // Of an imported picture nobody knows what was requested for it.
    ...(source === 'imported' ? {} : { asked, returned, filtered }),
    ...(error ? { error } : {}),
    ...(askedAt ? { askedAt } : {}),
    ...(prediction ? { predictionId: prediction.id } : {}),
    ...(version ? { version: version === 'hidden' ? 'undisclosed' : version } : {}),
    ...(prediction?.completedAt ? { completedAt: prediction.completedAt } : {}),
    ...(typeof predictTime === 'number' ? { predictTime } : {}),
  };
}
