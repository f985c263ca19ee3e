import { decodeTime, TIME_MAX } from 'ulid';
import { Refusal } from '../errors.ts';
import type { ObjectStore, Presign, RecordReader, Time } from '../ports.ts';
import { type Judgements, listJudgements } from '../records/judgement.ts';
import {
  AUDITS_PREFIX,
  cellName,
  deletedKey,
  isAuditId,
  manifestKey,
  parseCellName,
  planKey,
  resultKey,
} from '../records/keys.ts';
import { type Cell, cellAt, type Plan } from '../records/plan.ts';
import { readProgress } from '../records/progress.ts';
import { isStored, type Result } from '../records/result.ts';
import { readStop, type Stop } from '../records/stop.ts';
import { readWaiting } from '../records/waiting.ts';
import { countProgress } from './progress.ts';

export interface ReadDeps {
  store: ObjectStore;
  readPlan: (audit: string) => Promise<Plan | undefined>;
  presign: Presign;
  readRecord: RecordReader;
  time: Time;
}

/** Entries of one page, at most. */
export const MAX_PAGE = 100;
const DEFAULT_AUDITS = 20;

const notFound = (audit: string) =>
  new Refusal(404, `There is no audit "${audit.slice(0, 40)}". GET /api/audits lists those there are.`);

/**
 * The plan of an audit that is there.
 * @throws {Refusal} 404, also for one that was deleted
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

/** @throws {Refusal} 400 */
function parseLimit(limit: string | undefined, most: number, fallback: number): number {
  if (limit === undefined) return fallback;
  const value = Number(limit);
  if (!/^\d{1,6}$/.test(limit) || value < 1 || value > most)
    throw new Refusal(400, `"limit" must be a whole number from 1 to ${most}.`);
  return value;
}

/** An audit whose last cells ended before the cancellation reached them is a finished one. */
const state = (stop: Stop | undefined, open: number, canceled: number) => {
  if (open > 0) return stop === 'canceled' ? 'canceling' : 'running';
  return stop === 'canceled' && canceled > 0 ? 'canceled' : 'finished';
};

/** How an audit stands: `GET /api/audits/{a}`. */
export async function auditStatus(deps: ReadDeps, audit: string) {
  const { store, time } = deps;
  const plan = await requirePlan(deps, audit);
  const [counts, stop, manifest] = await Promise.all([
    countProgress(store, audit, plan.cells),
    readStop(store, audit),
    store.exists(manifestKey(audit, 'json')),
  ]);
  const open = counts.waiting + counts.running;
  const waiting = open > 0 ? await readWaiting(store, audit, time.now()) : undefined;
  const { id, name, createdAt, createdBy, retention, cells } = plan;
  return {
    ...{
      id,
      name,
      createdAt,
      createdBy,
      retention,
      predictions: cells,
      state: state(stop, open, counts.canceled),
      counts,
      manifest,
    },
    ...(waiting ? { waiting } : {}),
  };
}

/** Audits, newest first: `GET /api/audits`. The cursor is the id of the last one seen. */
export async function listAudits({ store }: ReadDeps, query: { cursor?: string; limit?: string }) {
  const limit = parseLimit(query.limit, MAX_PAGE, DEFAULT_AUDITS);
  if (query.cursor !== undefined && !isAuditId(query.cursor))
    throw new Refusal(400, '"cursor" must be what an earlier answer gave as "cursor".');
  const ids = await store.folders(AUDITS_PREFIX, limit, query.cursor);
  const audits = await Promise.all(ids.map((id) => auditEntry(store, id)));
  return {
    audits: audits.filter((entry) => entry !== undefined),
    ...(ids.length === limit ? { cursor: ids.at(-1) } : {}),
  };
}

async function auditEntry(store: ObjectStore, id: string) {
  const [plan, manifest, deleted] = await Promise.all([
    store.head(planKey(id)),
    store.head(manifestKey(id, 'json')),
    store.head(deletedKey(id)),
  ]);
  if (!plan || deleted) return undefined;
  return {
    id,
    name: decodeURIComponent(plan.metadata.name ?? ''),
    createdAt: new Date(TIME_MAX - decodeTime(id.toUpperCase())).toISOString(),
    createdBy: decodeURIComponent(plan.metadata['created-by'] ?? ''),
    predictions: Number(plan.metadata.predictions ?? 0),
    finished: manifest !== undefined,
  };
}

/** A page of cells with their images: `GET /api/audits/{a}/predictions`. The cursor is a cell's number. */
export async function listPredictions(
  deps: ReadDeps,
  audit: string,
  query: { cursor?: string; limit?: string },
) {
  const { store, presign } = deps;
  const limit = parseLimit(query.limit, MAX_PAGE, MAX_PAGE);
  const from = query.cursor === undefined ? 0 : parseCellName(query.cursor);
  const plan = await requirePlan(deps, audit);
  if (from === undefined || from >= plan.cells)
    throw new Refusal(
      400,
      `"cursor" must be the five-digit number of a cell, 00000 to ${cellName(plan.cells - 1)}.`,
    );
  const to = Math.min(plan.cells, from + limit) - 1;
  const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const [progress, judgements] = await Promise.all([
    readProgress(store, { audit, from, to }),
    listJudgements(store, audit, from, to),
  ]);
  const results = await Promise.all(
    numbers.map((n) => (progress.get(n)?.ended ? deps.readRecord<Result>(resultKey(audit, n)) : undefined)),
  );
  const predictions = await Promise.all(
    numbers.map(async (n, i) => {
      const result = results[i];
      const cell = cellAt(plan, n);
      return result
        ? await endedCell(cell, result, judgements.get(n), presign)
        : { ...plannedCell(cell), status: progress.get(n)?.boundAt ? 'running' : 'waiting', images: [] };
    }),
  );
  return { predictions, ...(to + 1 < plan.cells ? { cursor: cellName(to + 1) } : {}) };
}

const plannedCell = ({ n, prompt, model, sample, seed }: Cell) => ({
  n,
  prompt: prompt.text,
  ...(prompt.factors ? { factors: prompt.factors } : {}),
  model: model.model,
  version: model.version ?? 'undisclosed',
  sample,
  seed: model.seed === 'unsupported' ? null : seed,
  seedSource: model.seed === 'supported' ? 'sent' : model.seed,
});

async function endedCell(cell: Cell, result: Result, judgements: Judgements | undefined, presign: Presign) {
  return {
    ...plannedCell(cell),
    ...resultFacts(result),
    images: await Promise.all(
      result.images.map(async (image) => {
        if (!isStored(image)) return { ...image, status: 'lost' };
        const found = judgements?.get(image.index);
        if (!found) return { ...image, status: 'pending' };
        const { status, width, height } = found;
        return {
          ...image,
          status,
          width,
          height,
          ...(status === 'ok' ? { url: await presign(image.key) } : {}),
        };
      }),
    ),
  };
}

/** What a result tells beyond the plan. Empty facts are left out. */
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
}: Result) {
  const version = prediction?.version;
  const predictTime = prediction?.metrics?.predict_time;
  return {
    status,
    seed,
    seedSource,
    asked,
    returned,
    filtered,
    ...(error ? { error } : {}),
    ...(askedAt ? { askedAt } : {}),
    ...(prediction ? { predictionId: prediction.id } : {}),
    ...(version ? { version: version === 'hidden' ? 'undisclosed' : version } : {}),
    ...(prediction?.completedAt ? { completedAt: prediction.completedAt } : {}),
    ...(typeof predictTime === 'number' ? { predictTime } : {}),
  };
}
