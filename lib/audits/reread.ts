import { type Derived, derive } from '../cells/derive.ts';
import { cellAt, type Plan } from '../records/plan.ts';
import { EXPIRED, NO_REASON, type Result } from '../records/result.ts';
import type { KeptPrediction } from '../replicate/kept.ts';

/** A member of a result that the current rules read differently. */
export interface Change {
  field: 'status' | 'refusal' | 'filtered' | 'asked' | 'seed' | 'seedSource';
  recorded: unknown;
  read: unknown;
}

/** A result that the current rules would change. */
export interface Reread {
  cell: number;
  model: string;
  changes: Change[];
  /** The model's words behind the changes. */
  words: string[];
}

/**
 * Reads the facts of a result again with the current rules.
 * @returns undefined if nothing would change, or if the cell was closed without a prediction
 */
export function rereadResult(plan: Plan, result: Result): Reread | undefined {
  if (!result.prediction) return undefined;
  const today = derive(cellAt(plan, result.cell), {
    ...result,
    prediction: factsOf(result, result.prediction),
  });
  const changes = FIELDS.map((field) => ({
    field,
    recorded: memberOf(result, field) ?? null,
    read: memberOf(today, field) ?? null,
  })).filter(({ field, recorded, read }) => recorded !== read && (field !== 'refusal' || result.reading));
  if (changes.length === 0) return undefined;
  const { refusal, filtered, seed } = today.reading ?? {};
  const words = changes.flatMap(({ field }) =>
    field === 'status' || field === 'refusal'
      ? [refusal?.words ?? filtered?.words]
      : field === 'filtered' || field === 'asked'
        ? [filtered?.words]
        : [seed?.words],
  );
  return {
    cell: result.cell,
    model: result.model,
    changes,
    words: [...new Set(words.filter((text) => text !== undefined))],
  };
}

const FIELDS = ['status', 'refusal', 'asked', 'filtered', 'seed', 'seedSource'] as const;

const memberOf = (derived: Derived, field: Change['field']): unknown =>
  field === 'refusal' ? derived.reading?.refusal?.family : derived[field];

/** In an older result, the model's words are the error of the result, if it has any. */
function factsOf({ error }: Result, prediction: KeptPrediction): KeptPrediction {
  if (prediction.error !== undefined) return prediction;
  const isTheModels = prediction.status === 'failed' && error !== undefined && error !== NO_REASON;
  return {
    ...prediction,
    error: isTheModels ? error : null,
    ...(error === EXPIRED ? { dataRemoved: true } : {}),
  };
}
