import { pairNumber } from '../../../lib/records/pairs.ts';
import type { Plan, PlannedModel } from '../api/types.ts';
import { words } from '../words/compare.ts';
import { seedsInWords } from './axes.ts';
import { secretText } from './facts.ts';

/** A prompt and a model in two audits, side by side. */
export interface AlignedRow {
  prompt: string;
  model: string;
  /** Where it is in each audit; undefined if that audit does not have it. */
  a: { prompt: number; model: number } | undefined;
  b: { prompt: number; model: number } | undefined;
}

/** A setting that is different in two audits. */
export interface InputDifference {
  what: string;
  a: string;
  b: string;
}

/**
 * Pairs of models: those with the same name, in order. If the audits share no name and have equally many models, those
 * at the same position, because then the models are what is compared.
 */
function pairModels(a: PlannedModel[], b: PlannedModel[]): [number | undefined, number | undefined][] {
  const taken = new Set<number>();
  const pairs = a.map((model, i): [number | undefined, number | undefined] => {
    const found = b.findIndex((other, j) => other.model === model.model && !taken.has(j));
    if (found >= 0) taken.add(found);
    return [i, found >= 0 ? found : undefined];
  });
  if (taken.size === 0 && a.length === b.length) return a.map((_, i) => [i, i]);
  const rest = b.flatMap((_, j): [undefined, number][] => (taken.has(j) ? [] : [[undefined, j]]));
  return [...pairs, ...rest];
}

/** Pairs of prompts: those with the same text, then those with the same factors, for templates that were reworded. */
function pairPrompts(a: Plan['prompts'], b: Plan['prompts']): [number | undefined, number | undefined][] {
  const taken = new Set<number>();
  const texts = new Map<string, number>();
  const factors = new Map<string, number>();
  b.forEach((prompt, j) => {
    if (!texts.has(prompt.text)) texts.set(prompt.text, j);
    const key = factorKey(prompt.factors);
    if (key && !factors.has(key)) factors.set(key, j);
  });
  const claim = (j: number | undefined) => {
    if (j === undefined || taken.has(j)) return undefined;
    taken.add(j);
    return j;
  };
  const byText = a.map(({ text }) => claim(texts.get(text)));
  const pairs = a.map((prompt, i): [number, number | undefined] => [
    i,
    byText[i] ?? claim(factors.get(factorKey(prompt.factors))),
  ]);
  const rest = b.flatMap((_, j): [undefined, number][] => (taken.has(j) ? [] : [[undefined, j]]));
  return [...pairs, ...rest];
}

const factorKey = (factors: Record<string, string> | undefined): string =>
  factors ? JSON.stringify(Object.entries(factors).sort(([x], [y]) => (x < y ? -1 : 1))) : '';

/** Pairs of prompt and model of two audits: first those in both audits, then those in only one. */
export function alignAudits(a: Plan, b: Plan): AlignedRow[] {
  const models = pairModels(a.models, b.models);
  return pairPrompts(a.prompts, b.prompts)
    .flatMap(([promptA, promptB]) =>
      models.map(([modelA, modelB]) => {
        const inA = has(a, promptA, modelA);
        const inB = has(b, promptB, modelB);
        const texts = [
          promptA === undefined ? undefined : a.prompts[promptA]?.text,
          promptB === undefined ? undefined : b.prompts[promptB]?.text,
        ];
        const names = [
          modelA === undefined ? undefined : a.models[modelA]?.model,
          modelB === undefined ? undefined : b.models[modelB]?.model,
        ];
        return {
          prompt: both(texts),
          model: both(names),
          a: inA ? { prompt: promptA!, model: modelA! } : undefined,
          b: inB ? { prompt: promptB!, model: modelB! } : undefined,
        };
      }),
    )
    .filter((row) => row.a || row.b)
    .sort((x, y) => Number(!(x.a && x.b)) - Number(!(y.a && y.b)));
}

/** Whether an audit has asked a model for a prompt. */
const has = (plan: Plan, prompt: number | undefined, model: number | undefined): boolean =>
  prompt !== undefined && model !== undefined && pairNumber(plan, prompt, model) !== undefined;

const both = (values: (string | undefined)[]): string =>
  [...new Set(values.filter((value) => value !== undefined))].join(' ↔ ');

const show = (value: unknown): string =>
  value === undefined
    ? words.notSet
    : typeof value === 'string'
      ? value
      : (secretText(value) ?? JSON.stringify(value));

/** Settings that differ between two audits, apart from prompts: samples, seed, inputs, models and their versions. */
export function inputDifferences(a: Plan, b: Plan): InputDifference[] {
  const differences: InputDifference[] = [];
  const compare = (what: string, x: unknown, y: unknown) => {
    if (show(x) !== show(y)) differences.push({ what, a: show(x), b: show(y) });
  };
  const compareInputs = (
    nameOf: (name: string) => string,
    x: Record<string, unknown>,
    y: Record<string, unknown>,
  ) => {
    for (const name of new Set([...Object.keys(x), ...Object.keys(y)]))
      compare(nameOf(name), x[name], y[name]);
  };
  compare(words.samples, a.samples, b.samples);
  compare(words.seed, a.seed, b.seed);
  compare(words.seeds, seedsInWords(a), seedsInWords(b));
  compareInputs(words.input, a.input, b.input);
  for (const [i, j] of pairModels(a.models, b.models)) {
    const x = i === undefined ? undefined : a.models[i];
    const y = j === undefined ? undefined : b.models[j];
    compare(words.model, x?.model ?? words.noModel, y?.model ?? words.noModel);
    if (!x || !y) continue;
    if (x.model === y.model)
      compare(words.versionOf(x.model), x.version ?? words.undisclosed, y.version ?? words.undisclosed);
    compareInputs((name) => words.inputOf(x.model, name), x.input, y.input);
  }
  return differences;
}
