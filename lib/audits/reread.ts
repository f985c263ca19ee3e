import { type Derived, derive } from '../cells/derive.ts';
import { cellAt, type Plan } from '../records/plan.ts';
import { EXPIRED, NO_REASON, type Result } from '../records/result.ts';
import type { KeptPrediction } from '../replicate/kept.ts';

/** What today's rules read otherwise than those that wrote a result. */
export interface Change {
  field: 'status' | 'refusal' | 'filtered' | 'asked' | 'seed' | 'seedSource';
  recorded: unknown;
  read: unknown;
}

/** A result of which today's rules would change something. */
export interface Reread {
  cell: number;
  model: string;
  changes: Change[];
  /** The words of the model that the change is due to, as far as there are any. */
  words: string[];
}

/**
 * Reads the facts of a result again, by today's rules.
 * @returns undefined if nothing would change, and for a cell that was closed without a prediction
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

/** A result from before rules had versions has the words of the model as its own error, where it had any. */
function factsOf({ error }: Result, prediction: KeptPrediction): KeptPrediction {
  if (prediction.error !== undefined) return prediction;
  const isTheModels = prediction.status === 'failed' && error !== undefined && error !== NO_REASON;
  return {
    ...prediction,
    error: isTheModels ? error : null,
    ...(error === EXPIRED ? { dataRemoved: true } : {}),
  };
}
