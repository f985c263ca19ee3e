import { pairNumber } from '../../../lib/records/pairs.ts';
import type { Plan, PlannedModel } from '../api/types.ts';
import { words } from '../words/compare.ts';
import { seedsInWords } from './axes.ts';
import { inputOf, secretText } from './facts.ts';

/** A prompt and a model in two audits, side by side. */
export interface AlignedRow {
  prompt: string;
  model: string;
  /** Where it is in each audit; undefined if that audit does not have it. */
  a: { prompt: number; model: number } | undefined;
  b: { prompt: number; model: number } | undefined;
}

/** What is different in two audits. */
export interface Difference {
  what: string;
  a: string;
  b: string;
}

/**
 * Pairs of models: those with the same name and inputs, then those with the same name, in order. If the audits share no
 * name and have equally many models, those at the same position, because then the models are what is compared.
 */
function pairModels(a: Plan, b: Plan): [number | undefined, number | undefined][] {
  const taken = new Set<number>();
  const claim = (fits: (other: PlannedModel) => boolean) => {
    const found = b.models.findIndex((other, j) => !taken.has(j) && fits(other));
    if (found < 0) return undefined;
    taken.add(found);
    return found;
  };
  const same = a.models.map((model) =>
    claim((other) => other.model === model.model && isSame(inputOf(a, model), inputOf(b, other))),
  );
  const pairs = a.models.map(({ model }, i): [number, number | undefined] => [
    i,
    same[i] ?? claim((other) => other.model === model),
  ]);
  if (taken.size === 0 && a.models.length === b.models.length) return a.models.map((_, i) => [i, i]);
  const rest = b.models.flatMap((_, j): [undefined, number][] => (taken.has(j) ? [] : [[undefined, j]]));
  return [...pairs, ...rest];
}

const namesOf = (x: object, y: object) => [...new Set([...Object.keys(x), ...Object.keys(y)])];
const isSame = (x: Record<string, unknown>, y: Record<string, unknown>) =>
  namesOf(x, y).every((name) => show(x[name]) === show(y[name]));

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
  const models = pairModels(a, b);
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

/** Settings that differ between two audits: samples, seeds, models, their versions, and inputs by model. */
export function settingDifferences(a: Plan, b: Plan): Difference[] {
  const differences: Difference[] = [];
  const compare = (what: string, x: unknown, y: unknown) => {
    if (show(x) !== show(y)) differences.push({ what, a: show(x), b: show(y) });
  };
  compare(words.samples, a.samples, b.samples);
  compare(words.seed, a.seed, b.seed);
  compare(words.seeds, seedsInWords(a), seedsInWords(b));
  const pairs = pairModels(a, b).map(([i, j]) => [
    i === undefined ? undefined : a.models[i],
    j === undefined ? undefined : b.models[j],
  ]);
  for (const [x, y] of pairs) compare(words.model, x?.model ?? words.none, y?.model ?? words.none);
  const shared = pairs.flatMap(([x, y]) => (x && y ? [{ x, y, name: both([x.model, y.model]) }] : []));
  for (const { x, y, name } of shared)
    if (x.model === y.model)
      compare(words.versionOf(name), x.version ?? words.undisclosed, y.version ?? words.undisclosed);
  const inputs = shared.flatMap(({ x, y, name }) => {
    const [given, other] = [inputOf(a, x), inputOf(b, y)];
    return namesOf(given, other)
      .map((input) => ({ input, model: name, a: show(given[input]), b: show(other[input]) }))
      .filter((found) => found.a !== found.b);
  });
  for (const { input, model, ...values } of inputs) {
    const alike = inputs.filter((other) => isSame({ ...other, model }, { input, model, ...values }));
    // What is so for every model is said once.
    if (shared.length < 2 || alike.length < shared.length)
      differences.push({ what: words.inputOf(model, input), ...values });
    else if (alike[0]!.model === model) differences.push({ what: words.input(input), ...values });
  }
  return differences;
}

/** Prompts that differ between two audits: those that were reworded, and those in only one. */
export const promptDifferences = (a: Plan, b: Plan): Difference[] =>
  pairPrompts(a.prompts, b.prompts).flatMap(([i, j]) => {
    const [x, y] = [i === undefined ? undefined : a.prompts[i], j === undefined ? undefined : b.prompts[j]];
    return x?.text === y?.text
      ? []
      : [
          {
            what: !y ? words.onlyIn('A') : !x ? words.onlyIn('B') : words.reworded,
            a: x?.text ?? words.none,
            b: y?.text ?? words.none,
          },
        ];
  });
