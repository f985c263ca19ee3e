import { expandTemplate, TemplateError } from '../../../../lib/audits/template.ts';
import { DESIGN, FACTOR_NAME, MODEL_NAME } from '../../../../lib/limits.ts';
import type { Order } from '../../../../lib/money/cost.ts';
import type { AuditRequest, Retention } from '../../api/types.ts';
import { problems } from '../../words/new-audit.ts';

/** What is filled in. It is kept for the session, so that a reload loses nothing. */
export interface Draft {
  name: string;
  way: 'prompts' | 'template';
  prompts: string;
  template: string;
  /** Values by the name of the factor, one per line. */
  factors: Record<string, string>;
  models: string[];
  samples: number;
  retention: Retention;
  /** As typed. */
  seed: string;
  input: string;
  maxCost: string;
}

export const EMPTY: Draft = {
  name: '',
  way: 'prompts',
  prompts: '',
  template: '',
  factors: {},
  models: [],
  samples: 10,
  retention: 'standard',
  seed: '',
  input: '',
  maxCost: '',
};

export const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** The names in braces, in order. */
export const namesIn = (template: string): string[] => [
  ...new Set([...template.matchAll(new RegExp(`\\{(${FACTOR_NAME})\\}`, 'gu'))].map((match) => match[1]!)),
];

const factorsOf = ({ template, factors }: Draft): Record<string, string[]> =>
  Object.fromEntries(namesIn(template).map((name) => [name, linesOf(factors[name] ?? '')]));

export const isModelName = (name: string): boolean => MODEL_NAME.test(name);

/** The prompts of a draft, or a sentence about what is wrong with its template. */
export function promptsOf(draft: Draft): { prompts: string[]; problem?: string } {
  if (draft.way === 'prompts') return { prompts: linesOf(draft.prompts) };
  const template = draft.template.trim();
  if (template === '') return { prompts: [] };
  const factors = factorsOf(draft);
  for (const [name, values] of Object.entries(factors)) {
    if (values.length === 0) return { prompts: [], problem: problems.noValue(name) };
    const twice = values.find((value, i) => values.indexOf(value) < i);
    if (twice !== undefined) return { prompts: [], problem: problems.twice(twice, name) };
  }
  try {
    return { prompts: expandTemplate(template, factors, DESIGN).map(({ text }) => text) };
  } catch (error) {
    if (error instanceof TemplateError) return { prompts: [], problem: problems.template(error.message) };
    throw error;
  }
}

/** Why a draft cannot be sent, in sentences. */
export function problemsOf(draft: Draft): string[] {
  const { prompts, problem } = promptsOf(draft);
  const cells = prompts.length * draft.models.length * draft.samples;
  const found: (string | false | undefined)[] = [
    problem,
    !problem && prompts.length === 0 && problems.noPrompt,
    prompts.length > DESIGN.prompts && problems.prompts(prompts.length),
    draft.models.length === 0 && problems.noModel,
    (!Number.isInteger(draft.samples) || draft.samples < 1 || draft.samples > DESIGN.samples) &&
      problems.samples,
    cells > DESIGN.predictions && problems.predictions(cells),
    draft.seed.trim() !== '' &&
      !(/^\d{1,10}$/.test(draft.seed.trim()) && Number(draft.seed) <= DESIGN.seed) &&
      problems.seed,
    draft.maxCost.trim() !== '' && !(costOf(draft)! <= DESIGN.maxCost) && problems.maxCost,
    parseInput(draft.input) === undefined && problems.input,
  ];
  return found.filter((sentence) => typeof sentence === 'string');
}

/** The most that the audit may cost; undefined if nothing is entered, NaN if it is no amount. */
export const costOf = ({ maxCost }: Draft): number | undefined =>
  maxCost.trim() === '' ? undefined : Number(/^\d+(\.\d+)?$/.exec(maxCost.trim())?.[0]);

/** What the cost of a draft follows from. @param prompts how many */
export const orderOf = ({ models, samples, input }: Draft, prompts: number): Order => ({
  prompts: { length: prompts },
  samples,
  input: parseInput(input) ?? {},
  models: models.map((model) => ({ model, input: {} })),
});

function parseInput(text: string): Record<string, unknown> | undefined {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** The request for a draft without problems. */
export function requestOf(draft: Draft): AuditRequest {
  const input = parseInput(draft.input) ?? {};
  const maxCost = costOf(draft);
  return {
    ...(draft.name.trim() ? { name: draft.name.trim() } : {}),
    ...(draft.way === 'prompts'
      ? { prompts: linesOf(draft.prompts) }
      : { template: draft.template.trim(), factors: factorsOf(draft) }),
    models: draft.models,
    samples: draft.samples,
    ...(Object.keys(input).length > 0 ? { input } : {}),
    ...(draft.seed.trim() ? { seed: Number(draft.seed) } : {}),
    retention: draft.retention,
    ...(maxCost === undefined ? {} : { maxCost }),
  };
}

const NAME = 'weaudit-draft';

export function readDraft(): Draft {
  try {
    return { ...EMPTY, ...JSON.parse(sessionStorage.getItem(NAME) ?? '{}') };
  } catch {
    return EMPTY;
  }
}

export const keepDraft = (draft: Draft): void => sessionStorage.setItem(NAME, JSON.stringify(draft));
