import type { Pair } from '../records/pairs.ts';
import type { Prompt } from '../records/plan.ts';

/** A prompt as it was requested. */
export interface Row extends Prompt {
  /** The only model that it goes to, as `models` would name it. */
  model?: string;
}

/** A model of a design: `owner/name` or `owner/name:version`, and inputs for it alone. */
export interface RequestedModel {
  model: string;
  input: Record<string, unknown>;
}

/** What rows come to. */
export interface Merged {
  /** Each text once, in the order of the rows. */
  prompts: Prompt[];
  /** Those that were named for all rows, then those that rows name. */
  models: RequestedModel[];
  /** Absent if every prompt goes to every model. */
  pairs?: Pair[];
  /** Rows that added nothing to those before them. */
  merged: number;
}

/** Rows do not fit together; the message says what to change, behind the places of the rows. */
export class RowsError extends Error {
  override name = 'RowsError';
  readonly rows: readonly number[];

  constructor(rows: readonly number[], message: string) {
    super(message);
    this.rows = rows;
  }
}

/**
 * Merges equal rows, and finds out which prompt goes to which model.
 * @param models for the rows that name none
 * @throws {RowsError} if one text has different factors, or a model gets no prompt, or cannot be told from another
 */
export function mergeRows(rows: readonly Row[], models: readonly RequestedModel[]): Merged {
  const all = [...models];
  const modelPlaces = new Map<string, number>();
  // Twice, with different inputs: a row cannot say which of them.
  for (const [place, { model }] of models.entries())
    modelPlaces.set(model, modelPlaces.has(model) ? AMBIGUOUS : place);
  const placeOfModel = (model: string, row: number): number => {
    const place = modelPlaces.get(model) ?? all.push({ model, input: {} }) - 1;
    if (place === AMBIGUOUS)
      throw new RowsError(
        [row],
        `names the model "${model}", which is in "models" more than once. Name it once, or leave "model" out of the row.`,
      );
    modelPlaces.set(model, place);
    return place;
  };

  const prompts: Prompt[] = [];
  const firsts = new Map<string, { prompt: number; row: number; key: string }>();
  const taken: Set<number>[] = [];
  let merged = 0;
  for (const [row, { text, factors, model }] of rows.entries()) {
    const key = keyOf(factors);
    let first = firsts.get(text);
    if (!first) {
      first = { prompt: prompts.length, row, key };
      firsts.set(text, first);
      prompts.push({ text, ...(key === '' ? {} : { factors: factors! }) });
      taken.push(new Set());
    } else if (first.key !== key)
      throw new RowsError(
        [first.row, row],
        'have the same text and different factors. One text is one prompt: give both the same factors, or change a text.',
      );
    const places = taken[first.prompt]!;
    const before = places.size;
    if (model === undefined) for (const place of models.keys()) places.add(place);
    else places.add(placeOfModel(model, row));
    if (places.size === before) merged++;
  }
  const unused = models.findIndex((_, place) => !taken.some((places) => places.has(place)));
  if (unused >= 0)
    throw new RowsError(
      [],
      `The model "${models[unused]!.model}" in "models" would get no prompt, because every prompt names its own model. Remove it, or leave "model" out of the prompts that it is for.`,
    );
  const isFull = taken.every((places) => places.size === all.length);
  const pairs = taken.flatMap((places, prompt) =>
    [...places].sort((one, other) => one - other).map((model): Pair => [prompt, model]),
  );
  return { prompts, models: all, ...(isFull ? {} : { pairs }), merged };
}

const AMBIGUOUS = -1;

/** Equal factors in any order have one key; none have the empty one. */
function keyOf(factors: Record<string, string> | undefined): string {
  const entries = Object.entries(factors ?? {});
  return entries.length === 0 ? '' : JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Which prompts share seeds. Prompts that differ in the compared factors alone share them; where several could be
 * matched so, the first with the first, the second with the second. Prompts with the same values of compared factors never
 * share seeds, so that their pictures can be pooled. Neither do prompts without factors.
 * @param compare names of factors
 * @param reference a factor that says nothing about which prompts belong together
 * @returns for each prompt, the place of the first one with the same seeds
 */
export function groupsOf(
  prompts: readonly Prompt[],
  compare: readonly string[],
  reference?: string,
): number[] {
  const counts = new Map<string, number>();
  const firsts = new Map<string, number>();
  return prompts.map(({ factors }, place) => {
    if (!factors) return place;
    const entries = Object.entries(factors);
    const contrasted = keyOf(Object.fromEntries(entries.filter(([name]) => compare.includes(name))));
    const rest = keyOf(
      Object.fromEntries(entries.filter(([name]) => !compare.includes(name) && name !== reference)),
    );
    const level = JSON.stringify([rest, contrasted]);
    const occurrence = (counts.get(level) ?? 0) + 1;
    counts.set(level, occurrence);
    const group = `${occurrence} ${rest}`;
    const first = firsts.get(group) ?? place;
    firsts.set(group, first);
    return first;
  });
}

/** Names of all factors of prompts, in the order in which they first appear. */
export const factorNames = (prompts: readonly Pick<Prompt, 'factors'>[]): string[] => [
  ...new Set(prompts.flatMap(({ factors }) => Object.keys(factors ?? {}))),
];

/** A number as people and spreadsheets write one, with a point. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i;

/** Whether a value can be that of a reference. */
export const isNumber = (value: string): boolean => NUMBER.test(value);
