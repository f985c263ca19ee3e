import { numberOf, type Place, placeOf as placeIn, seedGroup } from '../../../lib/records/pairs.ts';
import type { Plan, Prompt } from '../api/types.ts';
import { gridWords, seedWords } from '../words/audit.ts';

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
  /** For each prompt, the number of its value for each of `factors`. */
  promptFactors: number[][];
  factors: DimensionId[];
  /** Whether there is a prompt for every combination of factors. */
  crossed: boolean;
}

const factorId = (name: string): DimensionId => `f:${name}`;
const isFactor = (id: DimensionId) => id.startsWith('f:');

/** The dimensions of an audit: its factors, then prompt, model and sample. A reference is none. */
export function spaceOf(plan: Plan): Space {
  const values = factorValues(plan);
  const names = [...values.keys()];
  const promptFactors = plan.prompts.map((prompt) =>
    names.map((name) => values.get(name)!.indexOf(factorOf(prompt, name) ?? gridWords.without(name))),
  );
  const combinations = [...values.values()].reduce((product, found) => product * found.length, 1);
  return {
    plan,
    factors: names.map(factorId),
    promptFactors,
    crossed: new Set(promptFactors.map(String)).size === combinations,
    dimensions: [
      ...names.map((name) => ({ id: factorId(name), name, values: values.get(name)! })),
      { id: 'prompt', name: gridWords.dimension.prompt, values: plan.prompts.map(({ text }) => text) },
      { id: 'model', name: gridWords.dimension.model, values: modelNames(plan) },
      {
        id: 'sample',
        name: gridWords.dimension.sample,
        values: Array.from({ length: plan.samples }, (_, sample) => String(sample + 1)),
      },
    ],
  };
}

const factorOf = ({ factors = {} }: Prompt, name: string): string | undefined =>
  Object.hasOwn(factors, name) ? factors[name] : undefined;

/** The values of each factor, in the order in which they first appear. */
function factorValues({ prompts, reference }: Plan): Map<string, string[]> {
  const names = new Set(prompts.flatMap(({ factors }) => Object.keys(factors ?? {})));
  if (reference !== undefined) names.delete(reference);
  return new Map(
    [...names].map((name) => {
      const found = new Set(prompts.map((prompt) => factorOf(prompt, name) ?? gridWords.without(name)));
      if (found.delete(gridWords.without(name))) found.add(gridWords.without(name));
      return [name, [...found]];
    }),
  );
}

/** The number that the prompts of a value are held against, if they have one in common, such as `share 0.87`. */
export function referenceAt({ plan, promptFactors, factors }: Space, id: DimensionId, value: number) {
  const { reference, prompts } = plan;
  if (reference === undefined || id === 'model' || id === 'sample') return undefined;
  const factor = factors.indexOf(id);
  const found = new Set(
    prompts.flatMap((prompt, p) =>
      (id === 'prompt' ? p : promptFactors[p]![factor]) === value ? [factorOf(prompt, reference)] : [],
    ),
  );
  const [only] = found;
  return found.size === 1 && only !== undefined ? `${reference} ${only}` : undefined;
}

/** Which prompts have the same seeds, in words. */
export const seedsInWords = ({ version, compare }: Plan): string =>
  version === undefined ? seedWords.shared : compare ? seedWords.across(compare) : seedWords.own;

/** Whether a value of a dimension holds prompts with the same seeds: then their pictures are no independent draws. */
export function poolsSeeds({ plan, promptFactors, factors }: Space, id: DimensionId): boolean {
  if (id === 'prompt') return false;
  const factor = factors.indexOf(id);
  const seen = plan.prompts.map(
    (_, p) => `${factor < 0 ? '' : promptFactors[p]![factor]} ${seedGroup(plan, p)}`,
  );
  return new Set(seen).size < seen.length;
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

/**
 * All samples are shown inside a cell; every other dimension starts with its first value. Factors that are not crossed show
 * all values, because most combinations have no prompt.
 */
const defaultPin = ({ crossed }: Space, id: DimensionId): Pin =>
  id === 'sample' || (isFactor(id) && !crossed) ? 'all' : 0;

/**
 * What an audit shows first: two factors of the first model, because people look at one model first. With fewer than two
 * factors, the models are side by side, and so they are for factors that are not crossed.
 */
export function defaultArrangement(space: Space): Arrangement {
  if (!space.crossed) return arrange(space, 'prompt', 'model', {});
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
        const pin = pins[id] ?? defaultPin(space, id);
        return [id, pin === 'all' || pin < values.length ? pin : defaultPin(space, id)];
      }),
    ),
  };
}

/** The numbers of the predictions at a row and a column, in the order of the plan; none where a prompt does not go to a model. */
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
  return prompts.flatMap((prompt) =>
    models.flatMap((model) => samples.flatMap((sample) => numberOf(plan, { prompt, model, sample }) ?? [])),
  );
}

/** How many predictions the fullest cell of an arrangement has. */
export function mostInCell(space: Space, { rows, columns, pins }: Arrangement): number {
  const counts = new Map<number, number>();
  const width = dimensionOf(space, columns).values.length;
  const pinned = Object.entries(pins).filter(([, pin]) => pin !== 'all') as [DimensionId, number][];
  for (let n = 0; n < space.plan.cells; n++) {
    if (pinned.some(([id, pin]) => valueAt(space, id, n) !== pin)) continue;
    const cell = valueAt(space, rows, n) * width + valueAt(space, columns, n);
    counts.set(cell, (counts.get(cell) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}

const range = (length: number, pin: Pin): number[] =>
  pin === 'all' ? Array.from({ length }, (_, i) => i) : pin < length ? [pin] : [];

/** The position of a prediction in the plan. */
export const placeOf = (plan: Plan, n: number): Place => placeIn(plan, n)!;

/** Swaps rows and columns. */
export const pivot = (space: Space, { rows, columns, pins }: Arrangement): Arrangement =>
  arrange(space, columns, rows, pins);

/** The number of a prediction's value in a dimension. */
export function valueAt(space: Space, id: DimensionId, n: number): number {
  const place = placeOf(space.plan, n);
  if (id === 'prompt' || id === 'model' || id === 'sample') return place[id];
  return space.promptFactors[place.prompt]![space.factors.indexOf(id)]!;
}

/** Models of the stand-in have this owner. Their images are never evidence. */
export const isSimulated = (model: string): boolean => model.startsWith('simulated/');
