import { expandTemplate, TemplateError } from '../../../../lib/audits/template.ts';
import type { AuditRequest, Retention } from '../../api/types.ts';

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

/** The prompts of a draft, or a sentence about what is wrong with its template. */
export function promptsOf(draft: Draft): { prompts: string[]; problem?: string } {
  if (draft.way === 'prompts') return { prompts: linesOf(draft.prompts) };
  const template = draft.template.trim();
  if (template === '') return { prompts: [] };
  const factors = factorsOf(draft);
  for (const [name, values] of Object.entries(factors)) {
    if (values.length === 0) return { prompts: [], problem: `Enter at least one value for ${name}.` };
    const twice = values.find((value, i) => values.indexOf(value) < i);
    if (twice !== undefined) return { prompts: [], problem: `Remove one “${twice}”: ${name} has it twice.` };
  }
  try {
    return { prompts: expandTemplate(template, factors, LIMITS).map(({ text }) => text) };
  } catch (error) {
    if (error instanceof TemplateError) return { prompts: [], problem: `The ${error.message}` };
    throw error;
  }
}

/** Why a draft cannot be sent, in sentences. */
export function problemsOf(draft: Draft): string[] {
  const { prompts, problem } = promptsOf(draft);
  const cells = prompts.length * draft.models.length * draft.samples;
  const found: (string | false | undefined)[] = [
    problem,
    !problem && prompts.length === 0 && 'Enter at least one prompt.',
    prompts.length > LIMITS.prompts &&
      `An audit can have ${LIMITS.prompts.toLocaleString('en')} prompts; these are ${prompts.length.toLocaleString('en')}. Remove some, or split the audit.`,
    draft.models.length === 0 && 'Choose at least one model.',
    (!Number.isInteger(draft.samples) || draft.samples < 1 || draft.samples > 1_000) &&
      'Samples must be a whole number from 1 to 1,000.',
    cells > MAX_CELLS &&
      `An audit can have ${MAX_CELLS.toLocaleString('en')} predictions; these are ${cells.toLocaleString('en')}. Use fewer samples, or split the audit.`,
    draft.seed.trim() !== '' &&
      !(/^\d{1,10}$/.test(draft.seed.trim()) && Number(draft.seed) <= 0xffffffff) &&
      'The seed must be a whole number from 0 to 4,294,967,295, without commas.',
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
