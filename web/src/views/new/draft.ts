import { expandTemplate, TemplateError } from '../../../../lib/audits/template.ts';
import type { AuditRequest, Retention } from '../../api/types.ts';

/** What stands in the form. It is kept for the session, so that a reload loses nothing. */
export interface Draft {
  name: string;
  way: 'prompts' | 'template';
  prompts: string;
  template: string;
  /** Values one a line, by factor name. */
  factors: Record<string, string>;
  models: string[];
  samples: number;
  retention: Retention;
  /** As typed. */
  seed: string;
  input: string;
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
};

/** Limits of the API (its description at /api/openapi.json has them too). */
const LIMITS = { prompts: 1_000, promptLength: 2_000 };
const MAX_CELLS = 10_000;
const MODEL = /^[a-z0-9][a-z0-9._-]{0,63}\/[a-z0-9][a-z0-9._-]{0,127}(?::[0-9a-f]{64})?$/i;

export const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** The names in braces, in order. */
export const namesIn = (template: string): string[] => [
  ...new Set([...template.matchAll(/\{([\p{L}\p{N}_-]{1,40})\}/gu)].map((match) => match[1]!)),
];

const factorsOf = ({ template, factors }: Draft): Record<string, string[]> =>
  Object.fromEntries(namesIn(template).map((name) => [name, linesOf(factors[name] ?? '')]));

export const isModelName = (name: string): boolean => MODEL.test(name);

/** The texts that a draft asks for, or a sentence about what its template lacks. */
export function promptsOf(draft: Draft): { prompts: string[]; problem?: string } {
  if (draft.way === 'prompts') return { prompts: linesOf(draft.prompts) };
  const template = draft.template.trim();
  if (template === '') return { prompts: [] };
  try {
    return { prompts: expandTemplate(template, factorsOf(draft), LIMITS).map(({ text }) => text) };
  } catch (error) {
    if (error instanceof TemplateError) return { prompts: [], problem: `The ${error.message}` };
    throw error;
  }
}

/** What still keeps a draft from being sent, in sentences. */
export function problemsOf(draft: Draft): string[] {
  const { prompts, problem } = promptsOf(draft);
  const cells = prompts.length * draft.models.length * draft.samples;
  const found: (string | false | undefined)[] = [
    problem,
    !problem && prompts.length === 0 && 'Write at least one prompt.',
    prompts.length > LIMITS.prompts && `Take at most ${LIMITS.prompts} prompts; these are ${prompts.length}.`,
    draft.models.length === 0 && 'Choose at least one model.',
    (!Number.isInteger(draft.samples) || draft.samples < 1 || draft.samples > 1_000) &&
      'Samples must be a whole number from 1 to 1,000.',
    cells > MAX_CELLS &&
      `These are ${cells.toLocaleString('en')} predictions; an audit has at most ${MAX_CELLS.toLocaleString('en')}. Take fewer samples, or split it.`,
    draft.seed.trim() !== '' &&
      !(/^\d{1,10}$/.test(draft.seed.trim()) && Number(draft.seed) <= 0xffffffff) &&
      'The seed must be a whole number from 0 to 4,294,967,295.',
    parseInput(draft.input) === undefined &&
      'Inputs must be a JSON object, for example {"aspect_ratio": "1:1"}.',
  ];
  return found.filter((sentence) => typeof sentence === 'string');
}

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
