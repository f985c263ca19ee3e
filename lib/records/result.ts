import { jsonOf } from '../json.ts';
import type { ObjectStore } from '../ports.ts';
import { errorOf, filteredInLogs, isRefusal, type Prediction, seedInLogs } from '../replicate/prediction.ts';
import type { BoundBinding, ClosedBinding } from './binding.ts';
import { failureKey, resultKey } from './keys.ts';
import { type Cell, cellAt, type Input, inputOf, type Plan } from './plan.ts';

export type CellStatus = 'succeeded' | 'failed' | 'refused' | 'canceled';
export type SeedSource = 'sent' | 'log' | 'unsupported' | 'unknown';

export interface StoredImage {
  index: number;
  key: string;
  /** Hex. */
  sha256: string;
  bytes: number;
  contentType: string;
}
/** An output that could not be stored, and why. */
export interface LostImage {
  index: number;
  error: string;
}
export type ResultImage = StoredImage | LostImage;
export const isStored = (image: ResultImage): image is StoredImage => 'key' in image;

/** How a cell ended: `audits/<a>/results/<n>.json`. Replicate deletes what it knows after an hour; this stays. */
export interface Result {
  audit: string;
  cell: number;
  status: CellStatus;
  error?: string;
  model: string;
  sent: { input: Input };
  seed: number | null;
  seedSource: SeedSource;
  prediction?: {
    id: string;
    version: string | null;
    status: string;
    createdAt: string | null;
    startedAt: string | null;
    completedAt: string | null;
    input: Input | null;
    logs: string | null;
    metrics: Record<string, unknown> | null;
  };
  /** Images that were asked for, that came back, and that the model's own filter dropped. */
  asked: number;
  returned: number;
  filtered: number;
  images: ResultImage[];
  askedAt: string | null;
  storedAt: string;
}

export const EXPIRED = 'expired: Replicate had removed the output before it could be stored';

const MAX_LOGS = 8_000;
/** Characters of a member of the prediction, as JSON, that are kept. */
const MAX_MEMBER = 20_000;

/** A log's beginning and end: seeds stand at the one, errors at the other. */
const boundedLogs = (logs: string | null | undefined): string | null =>
  !logs
    ? null
    : logs.length <= MAX_LOGS
      ? logs
      : `${logs.slice(0, MAX_LOGS / 2)}\n… ${logs.length - MAX_LOGS} characters left out …\n${logs.slice(-MAX_LOGS / 2)}`;

/** What is larger, or nested too deep, is left out. */
const bounded = <T>(value: T | null | undefined): T | null =>
  value && (jsonOf(value)?.length ?? Number.POSITIVE_INFINITY) <= MAX_MEMBER ? value : null;

/** How many images one prediction of a model is asked for; models have several names for it. */
export function imagesAsked(input: Input): number {
  for (const name of ['num_outputs', 'number_of_images', 'num_images', 'batch_size']) {
    const value = input[name];
    if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value;
  }
  return 1;
}

function seedFacts(cell: Cell, prediction: Prediction | undefined): Pick<Result, 'seed' | 'seedSource'> {
  const logged = seedInLogs(prediction?.logs);
  if (logged !== undefined && logged !== cell.seed) return { seed: logged, seedSource: 'log' };
  switch (cell.model.seed) {
    case 'supported':
      return { seed: cell.seed, seedSource: 'sent' };
    case 'unsupported':
      return { seed: null, seedSource: 'unsupported' };
    case 'unknown':
      return logged === cell.seed
        ? { seed: cell.seed, seedSource: 'sent' }
        : { seed: cell.seed, seedSource: 'unknown' };
  }
}

const common = (plan: Plan, cell: Cell, prediction: Prediction | undefined) => ({
  audit: plan.id,
  cell: cell.n,
  model: cell.model.model,
  sent: { input: inputOf(plan, cell) },
  ...seedFacts(cell, prediction),
  asked: imagesAsked(inputOf(plan, cell)),
});

/** The result of a cell that was closed without a prediction. It follows from the binding alone. */
export function closedResult(plan: Plan, n: number, { closed, error, closedAt }: ClosedBinding): Result {
  return {
    ...common(plan, cellAt(plan, n), undefined),
    status: closed,
    error,
    returned: 0,
    filtered: 0,
    images: [],
    askedAt: null,
    storedAt: closedAt,
  };
}

/** What an ended prediction and its stored outputs amount to. */
export function predictionResult(
  { plan, n, prediction, binding }: { plan: Plan; n: number; prediction: Prediction; binding: BoundBinding },
  outputs: { returned: number; images: ResultImage[] },
  now: Date,
): Result {
  const filtered = filteredInLogs(prediction.logs);
  return {
    ...common(plan, cellAt(plan, n), prediction),
    ...outcome(prediction, outputs, filtered),
    prediction: {
      id: prediction.id,
      version: prediction.version ?? null,
      status: prediction.status,
      createdAt: prediction.created_at ?? null,
      startedAt: prediction.started_at ?? null,
      completedAt: prediction.completed_at ?? null,
      input: bounded(prediction.input),
      logs: boundedLogs(prediction.logs),
      metrics: bounded(prediction.metrics),
    },
    returned: outputs.returned,
    filtered,
    images: outputs.images,
    askedAt: binding.askedAt,
    storedAt: now.toISOString(),
  };
}

function outcome(
  prediction: Prediction,
  { returned, images }: { returned: number; images: ResultImage[] },
  filtered: number,
): { status: CellStatus; error?: string } {
  const error = errorOf(prediction);
  switch (prediction.status) {
    case 'canceled':
      return { status: 'canceled', error: error ?? 'the prediction was canceled' };
    case 'aborted':
      return { status: 'failed', error: error ?? 'Replicate aborted the prediction twice before it started' };
    case 'succeeded':
      if (returned === 0 && prediction.data_removed) return { status: 'failed', error: EXPIRED };
      if (returned === 0 && filtered > 0)
        return { status: 'refused', error: "the model's safety filter dropped every image" };
      if (returned === 0) return { status: 'failed', error: 'the model ended well, but returned no image' };
      if (!images.some(isStored))
        return { status: 'failed', error: `no output could be stored: ${(images[0] as LostImage).error}` };
      return { status: 'succeeded' };
    default:
      return {
        status: isRefusal(prediction) ? 'refused' : 'failed',
        error: error ?? 'the model gave no reason',
      };
  }
}

/**
 * Writes a result. The marker goes first, so that a result never lacks it; both follow from the binding alone, so that
 * all who write them write the same.
 */
export async function recordResult(store: ObjectStore, plan: Plan, result: Result): Promise<void> {
  const tags = { retention: plan.retention };
  if (result.status !== 'succeeded')
    await store.create(failureKey(plan.id, result.cell, result.status), '', { tags });
  await store.createJson(resultKey(plan.id, result.cell), result, { tags });
}
