/**
 * Which prompt of an audit goes to which model, how its cells are numbered by that, and which prompts share seeds. This
 * file imports nothing, because the page calculates with it, too.
 */

/** The places of a prompt and of a model in a plan. */
export type Pair = [prompt: number, model: number];

/** Prompts and models, as far as their pairs go. */
export interface Paired {
  prompts: { readonly length: number };
  models: { readonly length: number };
  /** Absent if every prompt goes to every model. In the order of prompts, then models; none is there twice. */
  pairs?: readonly Pair[] | undefined;
}

/** An audit, as far as the numbers of its cells go. */
export interface Numbered extends Paired {
  samples: number;
  /** Of an import whose prompts have different numbers of pictures: how many samples each pair has. */
  counts?: readonly number[] | undefined;
}

export const countPairs = ({ prompts, models, pairs }: Paired): number =>
  pairs ? pairs.length : prompts.length * models.length;

/** Every pair with every sample that it has, in this order. */
export const countCells = (plan: Numbered): number =>
  plan.counts ? plan.counts.reduce((sum, count) => sum + count, 0) : countPairs(plan) * plan.samples;

/** The number of the pair of a cell, and which sample of it the cell is. */
export function pairOf({ samples, counts }: Pick<Numbered, 'samples' | 'counts'>, n: number) {
  if (!counts) return { pair: Math.floor(n / samples), sample: n % samples };
  let [pair, sample] = [0, n];
  while (pair < counts.length && sample >= counts[pair]!) sample -= counts[pair++]!;
  return { pair, sample };
}

/** The pair numbered k; undefined if there is none. */
export function pairAt(plan: Paired, k: number): Pair | undefined {
  if (plan.pairs) return plan.pairs[k];
  if (k >= countPairs(plan)) return undefined;
  const { length } = plan.models;
  return [Math.floor(k / length), k % length];
}

/** The number of a pair: the inverse of `pairAt`; undefined if the prompt does not go to the model. */
export function pairNumber({ models, pairs }: Paired, prompt: number, model: number): number | undefined {
  const place = prompt * models.length + model;
  if (!pairs) return place;
  let [from, to] = [0, pairs.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    const [p, m] = pairs[middle]!;
    if (p * models.length + m < place) from = middle + 1;
    else to = middle;
  }
  const found = pairs[from];
  return found?.[0] === prompt && found[1] === model ? from : undefined;
}

/** Where a cell is in its plan. */
export interface Place {
  prompt: number;
  model: number;
  sample: number;
}

/** The place of the cell numbered n; undefined if there is none. */
export function placeOf(plan: Numbered, n: number): Place | undefined {
  const { pair: k, sample } = pairOf(plan, n);
  const pair = pairAt(plan, k);
  return pair && { prompt: pair[0], model: pair[1], sample };
}

/** The number of a cell: the inverse of `placeOf`; undefined if the prompt does not go to the model, or has fewer samples. */
export function numberOf(plan: Numbered, { prompt, model, sample }: Place): number | undefined {
  const pair = pairNumber(plan, prompt, model);
  if (pair === undefined) return undefined;
  const { counts, samples } = plan;
  if (!counts) return pair * samples + sample;
  if (sample >= (counts[pair] ?? 0)) return undefined;
  return counts.slice(0, pair).reduce((sum, count) => sum + count, sample);
}

/** For each model, how many prompts go to it. */
export function promptsByModel({ prompts, models, pairs }: Paired): number[] {
  const counts = Array.from({ length: models.length }, () => (pairs ? 0 : prompts.length));
  for (const [, model] of pairs ?? []) counts[model]!++;
  return counts;
}

/** A plan, as far as it says which prompts share seeds. */
export interface Seeded {
  /** 2: each prompt has seeds of its own, apart from `groups`. Absent: all prompts share them. */
  version?: 2 | undefined;
  /** For each prompt, the place of the first one with the same seeds. Absent: none shares them. */
  groups?: readonly number[] | undefined;
}

/** The place of the first prompt that has the same seeds as the one at a place. */
export const seedGroup = ({ version, groups }: Seeded, prompt: number): number =>
  version === undefined ? 0 : (groups?.[prompt] ?? prompt);
