import { type Price, secondsOf } from '../money/price.ts';
import type { BoundBinding, ClosedBinding } from '../records/binding.ts';
import { imagesAsked } from '../records/images-asked.ts';
import { type Cell, cellAt, cellRedactor, inputOf, type Plan } from '../records/plan.ts';
import {
  type CellStatus,
  EXPIRED,
  isStored,
  type LostImage,
  NO_REASON,
  type Result,
  type ResultImage,
} from '../records/result.ts';
import { type KeptPrediction, keepPrediction } from '../replicate/kept.ts';
import type { Prediction } from '../replicate/prediction.ts';
import { type Reading, readAnswer } from '../replicate/reading/read.ts';
import { shownInput } from '../replicate/secret-inputs.ts';

/** What the current rules derive from the facts of a cell. */
export type Derived = Pick<
  Result,
  'status' | 'error' | 'seed' | 'seedSource' | 'asked' | 'filtered' | 'reading'
>;
type Facts = Pick<Result, 'sent' | 'returned' | 'images'> & { prediction: KeptPrediction };

/** Derives a result from its facts alone, so that it can be repeated later. */
export function derive(cell: Cell, { sent, returned, images, prediction }: Facts): Derived {
  const asked = imagesAsked(sent.input);
  const reading = readAnswer(
    { error: prediction.error ?? null, logs: prediction.logs, said: prediction.said },
    {
      inputs: [sent.input, prediction.input],
      asked,
      returned,
      imageless: prediction.status === 'failed' || (prediction.status === 'succeeded' && returned === 0),
    },
  );
  const filtered = reading.filtered?.count ?? 0;
  return {
    ...outcome(prediction, { returned, images }, reading, cell.model.price),
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
  sent: { input: shownInput(cell.model.secrets, inputOf(plan, cell), cellRedactor(plan, cell)) },
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
  const kept = keepPrediction(prediction, cellRedactor(plan, cell, prediction.input));
  const facts = { ...common(plan, cell), ...outputs, prediction: kept };
  return { ...facts, ...derive(cell, facts), askedAt: binding.askedAt, storedAt: now.toISOString() };
}

/** A price by the second has a bound, and what exceeds it is canceled. */
function ranTooLong(
  prediction: KeptPrediction,
  price: Price | undefined,
): price is Price & { unit: 'second' } {
  return price?.unit === 'second' && (secondsOf(prediction) ?? 0) >= price.seconds;
}

function outcome(
  prediction: KeptPrediction,
  { returned, images }: { returned: number; images: ResultImage[] },
  { refusal, filtered }: Reading,
  price: Price | undefined,
): { status: CellStatus; error?: string } {
  const { status, error, dataRemoved } = prediction;
  switch (status) {
    case 'canceled':
      if (ranTooLong(prediction, price))
        return {
          status: 'failed',
          error: `it ran for longer than the ${price.seconds} seconds that its price allows, and was canceled`,
        };
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
