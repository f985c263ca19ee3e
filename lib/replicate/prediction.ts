import * as v from 'valibot';
import { Refusal } from '../errors.ts';

const TERMINAL = ['succeeded', 'failed', 'canceled', 'aborted'] as const;
export type TerminalStatus = (typeof TERMINAL)[number];

const text = v.nullish(v.string());

/**
 * Replicate's prediction object, as its API answers it and as a webhook's whole body. Read loosely: unknown
 * members are normal, and so are absent optional ones.
 */
const Prediction = v.object({
  id: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,64}$/)),
  /** One that is not known (`aborted` was new once) says that it has not ended. */
  status: v.string(),
  model: text,
  version: text,
  input: v.nullish(v.record(v.string(), v.unknown())),
  output: v.optional(v.unknown()),
  error: v.optional(v.unknown()),
  logs: text,
  metrics: v.nullish(v.record(v.string(), v.unknown())),
  created_at: text,
  started_at: text,
  completed_at: text,
  data_removed: v.nullish(v.boolean()),
  webhook: text,
});
export type Prediction = v.InferOutput<typeof Prediction>;
export type EndedPrediction = Prediction & { status: TerminalStatus };

/** @throws {Refusal} 422 for anything that is no prediction object */
export function parsePrediction(value: unknown): Prediction {
  const parsed = v.safeParse(Prediction, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  // Without what was there instead: it may be a prompt, and this is logged.
  throw new Refusal(
    422,
    `this is no Replicate prediction: ${v.getDotPath(issue) ?? 'it'} must be ${issue.expected ?? 'valid'}`,
  );
}

/**
 * The id in the answer to a create. Whatever else it says, this prediction was made and is to be paid.
 * @throws {Refusal} 422
 */
export function parseCreated(value: unknown): string {
  const parsed = v.safeParse(v.pick(Prediction, ['id']), value);
  if (parsed.success) return parsed.output.id;
  throw new Refusal(422, 'Replicate answered a create without the id of a prediction');
}

export const hasEnded = (prediction: Prediction): prediction is EndedPrediction =>
  (TERMINAL as readonly string[]).includes(prediction.status);
