import type { ObjectStore } from '../ports.ts';
import { type KeptPrediction, keepPrediction } from '../replicate/kept.ts';
import type { Prediction } from '../replicate/prediction.ts';
import { type Reading, readAnswer } from '../replicate/reading/read.ts';
import type { Seed } from '../replicate/reading/seeds.ts';
import type { BoundBinding, ClosedBinding } from './binding.ts';
import { imagesAsked } from './images-asked.ts';
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
  /** A string for one of more digits than a number holds exactly. Null where the model takes none, or names one that cannot be read. */
  seed: Seed | null;
  seedSource: SeedSource;
  /** Absent without a prediction, and in results from before rules had versions. */
  reading?: Reading;
  /** What Replicate said: facts, of which status, seed, filtered and reading are derived. */
  prediction?: KeptPrediction;
  /** Images that were asked for, that came back, and that the model's own filter dropped. */
  asked: number;
  returned: number;
  filtered: number;
  images: ResultImage[];
  askedAt: string | null;
  storedAt: string;
}

/** The error of a failure for which Replicate and the model gave none. */
export const NO_REASON = 'the model gave no reason';
export const EXPIRED = 'expired: Replicate had removed the output before it could be stored';

/** What follows from a cell's facts by today's rules. */
export type Derived = Pick<
  Result,
  'status' | 'error' | 'seed' | 'seedSource' | 'asked' | 'filtered' | 'reading'
>;
type Facts = Pick<Result, 'sent' | 'returned' | 'images'> & { prediction: KeptPrediction };

/** Reads the facts of a result with a prediction. Results keep all that it takes, so that it can be done again. */
export function derive(cell: Cell, { sent, returned, images, prediction }: Facts): Derived {
  const asked = imagesAsked(sent.input);
  const reading = readAnswer(
    { error: prediction.error ?? null, logs: prediction.logs, said: prediction.said },
    {
      inputs: [sent.input, prediction.input],
      asked,
      imageless: prediction.status === 'failed' || (prediction.status === 'succeeded' && returned === 0),
    },
  );
  const filtered = reading.filtered?.count ?? 0;
  return {
    ...outcome(prediction, { returned, images }, reading),
    ...seedFacts(cell, reading),
    asked,
    filtered,
    reading,
  };
}

function seedFacts(cell: Cell, { seed: read }: Pick<Reading, 'seed'>): Pick<Result, 'seed' | 'seedSource'> {
  if (read && read.seed === undefined) return { seed: null, seedSource: 'unknown' };
  if (read?.seed !== undefined && read.seed !== cell.seed) return { seed: read.seed, seedSource: 'log' };
  switch (cell.model.seed) {
    case 'supported':
      return { seed: cell.seed, seedSource: 'sent' };
    case 'unsupported':
      return { seed: null, seedSource: 'unsupported' };
    case 'unknown':
      return { seed: cell.seed, seedSource: read ? 'sent' : 'unknown' };
  }
}

const common = (plan: Plan, cell: Cell) => ({
  audit: plan.id,
  cell: cell.n,
  model: cell.model.model,
  sent: { input: inputOf(plan, cell) },
});

/** The result of a cell that was closed without a prediction. It follows from the binding alone. */
export function closedResult(plan: Plan, n: number, { closed, error, closedAt }: ClosedBinding): Result {
  const cell = cellAt(plan, n);
  return {
    ...common(plan, cell),
    ...seedFacts(cell, {}),
    status: closed,
    error,
    asked: imagesAsked(inputOf(plan, cell)),
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
  const cell = cellAt(plan, n);
  const facts = { ...common(plan, cell), ...outputs, prediction: keepPrediction(prediction) };
  return { ...facts, ...derive(cell, facts), askedAt: binding.askedAt, storedAt: now.toISOString() };
}

function outcome(
  { status, error, dataRemoved }: KeptPrediction,
  { returned, images }: { returned: number; images: ResultImage[] },
  { refusal, filtered }: Reading,
): { status: CellStatus; error?: string } {
  switch (status) {
    case 'canceled':
      return { status: 'canceled', error: error ?? 'the prediction was canceled' };
    case 'aborted':
      return { status: 'failed', error: error ?? 'Replicate aborted the prediction twice before it started' };
    case 'succeeded':
      if (returned === 0 && dataRemoved) return { status: 'failed', error: EXPIRED };
      if (returned === 0 && filtered && filtered.count > 0)
        return { status: 'refused', error: "the model's safety filter dropped every image" };
      if (returned === 0 && refusal)
        return { status: 'refused', error: `the model returned no image and said: ${refusal.words}` };
      if (returned === 0) return { status: 'failed', error: 'the model ended well, but returned no image' };
      if (!images.some(isStored))
        return { status: 'failed', error: `no output could be stored: ${(images[0] as LostImage).error}` };
      return { status: 'succeeded' };
    default:
      return { status: refusal ? 'refused' : 'failed', error: error ?? NO_REASON };
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
