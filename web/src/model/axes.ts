import type { Plan, Prompt } from '../api/types.ts';

/** `prompt`, `model`, `sample`, or `f:` and a factor's name. */
export type DimensionId = 'prompt' | 'model' | 'sample' | `f:${string}`;

/** Something in which the predictions of an audit differ. */
export interface Dimension {
  id: DimensionId;
  /** Its name on the page. */
  name: string;
  values: string[];
}

/** The number of one value of a dimension, or all values together. */
export type Pin = number | 'all';

/** Which two dimensions are rows and columns, and which values of the others are shown. */
export interface Arrangement {
  rows: DimensionId;
  columns: DimensionId;
  /** One for each dimension that `pinnable` gives. */
  pins: Partial<Record<DimensionId, Pin>>;
}

/** An audit as the page shows it: its dimensions, and the factor values of each prompt. */
export interface Space {
  plan: Plan;
  dimensions: Dimension[];
  /** For each prompt, the number of its value for each of `factors`; -1 if it has none. */
  promptFactors: number[][];
  factors: DimensionId[];
}

const factorId = (name: string): DimensionId => `f:${name}`;
const isFactor = (id: DimensionId) => id.startsWith('f:');

/** The dimensions of an audit: its factors, then prompt, model and sample. */
export function spaceOf(plan: Plan): Space {
  const values = factorValues(plan.prompts);
  const names = [...values.keys()];
  return {
    plan,
    factors: names.map(factorId),
    promptFactors: plan.prompts.map(({ factors }) =>
      names.map((name) => (factors?.[name] === undefined ? -1 : values.get(name)!.indexOf(factors[name]))),
    ),
    dimensions: [
      ...names.map((name) => ({ id: factorId(name), name, values: values.get(name)! })),
      { id: 'prompt', name: 'prompt', values: plan.prompts.map(({ text }) => text) },
      { id: 'model', name: 'model', values: modelNames(plan) },
      {
        id: 'sample',
        name: 'sample',
        values: Array.from({ length: plan.samples }, (_, sample) => String(sample + 1)),
      },
    ],
  };
}

function factorValues(prompts: Prompt[]): Map<string, string[]> {
  const values = new Map<string, Set<string>>();
  for (const { factors } of prompts)
    for (const [name, value] of Object.entries(factors ?? {}))
      values.set(name, (values.get(name) ?? new Set()).add(value));
  return new Map([...values].map(([name, found]) => [name, [...found]]));
}

/** Names of the models. A model that is in the audit twice, with different inputs, gets a number. */
const modelNames = ({ models }: Plan): string[] =>
  models.map(({ model }, i) => {
    const same = models.filter((other) => other.model === model);
    return same.length === 1
      ? model
      : `${model} #${models.slice(0, i + 1).filter((other) => other.model === model).length}`;
  });

export const dimensionOf = (space: Space, id: DimensionId): Dimension =>
  space.dimensions.find((dimension) => dimension.id === id)!;

/** Dimensions that are neither rows nor columns. Factors decide the prompt, so only one of the two can be pinned. */
export function pinnable(space: Space, rows: DimensionId, columns: DimensionId): Dimension[] {
  const taken = [rows, columns];
  const byFactors = space.factors.length > 0 && !taken.includes('prompt');
  return space.dimensions.filter(
    ({ id }) =>
      !taken.includes(id) &&
      (id === 'prompt'
        ? !byFactors && !taken.some(isFactor) && space.factors.length === 0
        : isFactor(id)
          ? byFactors
          : true),
  );
}

/** Whether two dimensions can be rows and columns at once. */
export const canCross = (rows: DimensionId, columns: DimensionId): boolean =>
  rows !== columns && !(rows === 'prompt' && isFactor(columns)) && !(columns === 'prompt' && isFactor(rows));

/** All samples are shown inside a cell; every other dimension starts with its first value. */
const defaultPin = (id: DimensionId): Pin => (id === 'sample' ? 'all' : 0);

/**
 * What an audit shows first: two factors of the first model, because people look at one model first. With fewer than two
 * factors, the models are side by side.
 */
export function defaultArrangement(space: Space): Arrangement {
  const crossed = space.factors.filter((id) => dimensionOf(space, id).values.length > 1);
  const [first, second] = crossed;
  return arrange(space, first ?? 'prompt', second ?? 'model', {});
}

/** A valid arrangement: impossible columns and pins are replaced, missing pins are added, others are dropped. */
export function arrange(
  space: Space,
  rows: DimensionId,
  columns: DimensionId,
  pins: Arrangement['pins'],
): Arrangement {
  const crossing = canCross(rows, columns)
    ? columns
    : (space.dimensions.find(({ id }) => id !== 'sample' && canCross(rows, id))?.id ?? 'sample');
  return {
    rows,
    columns: crossing,
    pins: Object.fromEntries(
      pinnable(space, rows, crossing).map(({ id, values }) => {
        const pin = pins[id] ?? defaultPin(id);
        return [id, pin === 'all' || pin < values.length ? pin : defaultPin(id)];
      }),
    ),
  };
}

/** The numbers of the predictions at a row and a column, in the order of the plan. */
export function cellsAt(
  space: Space,
  { rows, columns, pins }: Arrangement,
  row: number,
  column: number,
): number[] {
  const { plan, factors, promptFactors } = space;
  const wanted = (id: DimensionId): Pin =>
    id === rows ? row : id === columns ? column : (pins[id] ?? 'all');
  const prompt = wanted('prompt');
  const conditions = factors.map(wanted);
  const prompts = range(plan.prompts.length, prompt).filter((p) =>
    conditions.every((value, f) => value === 'all' || promptFactors[p]![f] === value),
  );
  const models = range(plan.models.length, wanted('model'));
  const samples = range(plan.samples, wanted('sample'));
  return prompts.flatMap((p) =>
    models.flatMap((m) => samples.map((s) => (p * plan.models.length + m) * plan.samples + s)),
  );
}

const range = (length: number, pin: Pin): number[] =>
  pin === 'all' ? Array.from({ length }, (_, i) => i) : pin < length ? [pin] : [];

/** The position of a prediction in the plan: `((prompt × models) + model) × samples + sample`. */
export function placeOf(
  { models, samples }: Plan,
  n: number,
): { prompt: number; model: number; sample: number } {
  const pair = Math.floor(n / samples);
  return { prompt: Math.floor(pair / models.length), model: pair % models.length, sample: n % samples };
}

/** Swaps rows and columns. */
export const pivot = (space: Space, { rows, columns, pins }: Arrangement): Arrangement =>
  arrange(space, columns, rows, pins);

/** The number of a prediction's value in a dimension. */
export function valueAt(space: Space, id: DimensionId, n: number): number {
  const place = placeOf(space.plan, n);
  if (id === 'prompt' || id === 'model' || id === 'sample') return place[id];
  return space.promptFactors[place.prompt]![space.factors.indexOf(id)] ?? -1;
}

/** Models of the stand-in have this owner. Their images are never evidence. */
export const isSimulated = (model: string): boolean => model.startsWith('simulated/');
