import {
  factorNames,
  isNumber,
  type Merged,
  mergeRows,
  type Row,
  RowsError,
} from '../../../../lib/audits/rows.ts';
import { expandTemplate, TemplateError } from '../../../../lib/audits/template.ts';
import { DESIGN, FACTOR_NAME, MODEL_NAME } from '../../../../lib/limits.ts';
import type { Order } from '../../../../lib/money/cost.ts';
import { countCells } from '../../../../lib/records/pairs.ts';
import type { AuditRequest, Retention } from '../../api/types.ts';
import type { Problem as FieldProblem } from '../../parts/problem.ts';
import { problems, RUN, SAVED, type Several, STUDY } from '../../words/new-audit.ts';

/** What is filled in. It is kept for the session, so that a reload loses nothing. */
export interface Draft {
  name: string;
  way: 'prompts' | 'template' | 'table';
  prompts: string;
  template: string;
  /** Values by the name of the factor, one per line. */
  factors: Record<string, string>;
  /** Rows of a file or of a pasted table. */
  table: Row[];
  /** Factors that are contrasted; those that the prompts lack do not count. */
  compare: string[];
  /** The factor whose values are published numbers; empty if none. */
  reference: string;
  /** What filled the form last, and sentences about it. */
  opened: Opened | undefined;
  models: string[];
  samples: number;
  retention: Retention;
  /** As typed. */
  seed: string;
  input: string;
  maxCost: string;
}

/** A file, a pasted table or a published design. */
export interface Opened {
  name: string;
  notes: string[];
}

export const EMPTY: Draft = {
  name: '',
  way: 'prompts',
  prompts: '',
  template: '',
  factors: {},
  table: [],
  compare: [],
  reference: '',
  opened: undefined,
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

/** An address of a model at Replicate, or of one of its pages; its name, and the version if the address has one. */
const ADDRESS =
  /^(?:https?:\/\/)?(?:www\.)?replicate\.com\/([^/?#\s]+\/[^/?#\s]+)(?:\/versions\/([^/?#\s]+))?(?:[/?#]\S*)?$/i;

/** The model that is meant by a name or by an address that was pasted; undefined if it is neither. */
export function modelNameOf(text: string): string | undefined {
  const [, name, version] = ADDRESS.exec(text.trim()) ?? [];
  const wanted = name === undefined ? text.trim() : version === undefined ? name : `${name}:${version}`;
  return MODEL_NAME.test(wanted) ? wanted : undefined;
}

/** What a draft asks for, as the API reads it. */
export interface Asked extends Merged {
  /** Whether there are prompts that name no model. */
  needsModels: boolean;
  /** Names of its factors, and of those whose values are all numbers. */
  factors: string[];
  numeric: string[];
  /** What is wrong with the prompts. */
  problem?: Problem;
}

/** The prompts of a draft, each once, and the models that they go to. */
export function askedBy(draft: Draft): Asked {
  const { rows, problem } = rowsOf(draft);
  const needsModels = rows.length === 0 || rows.some(({ model }) => model === undefined);
  const models = needsModels ? draft.models.map((model) => ({ model, input: {} })) : [];
  try {
    const merged = rows.length === 0 ? { prompts: [], models, merged: 0 } : mergeRows(rows, models);
    const factors = factorNames(merged.prompts);
    const numeric = factors.filter((name) =>
      merged.prompts.every(
        ({ factors: values = {} }) => !Object.hasOwn(values, name) || isNumber(values[name]!),
      ),
    );
    return { ...merged, needsModels, factors, numeric, ...(problem === undefined ? {} : { problem }) };
  } catch (error) {
    if (!(error instanceof RowsError)) throw error;
    const places = error.rows.map((row) => row + 1);
    return {
      ...{ prompts: [], models, merged: 0, needsModels, factors: [], numeric: [] },
      problem: { field: 'prompts', text: problems.rows(places, error.message) },
    };
  }
}

/** The rows of a draft, or what is wrong with its template. */
function rowsOf(draft: Draft): { rows: Row[]; problem?: Problem } {
  if (draft.way === 'table') return { rows: draft.table };
  if (draft.way === 'prompts') return { rows: linesOf(draft.prompts).map((text) => ({ text })) };
  const template = draft.template.trim();
  if (template === '') return { rows: [] };
  const factors = factorsOf(draft);
  for (const [name, values] of Object.entries(factors)) {
    const wrong = (text: string) => ({ rows: [], problem: { field: `factor-${name}` as const, text } });
    if (values.length === 0) return wrong(problems.noValue(name));
    const twice = values.find((value, i) => values.indexOf(value) < i);
    if (twice !== undefined) return wrong(problems.twice(twice, name));
  }
  try {
    return { rows: expandTemplate(template, factors, DESIGN) };
  } catch (error) {
    if (error instanceof TemplateError)
      return { rows: [], problem: { field: 'prompts', text: problems.template(error.message) } };
    throw error;
  }
}

/** The fields of the form that can be wrong, by the ids of their elements and by their names in the request. */
export type Field = 'prompts' | `factor-${string}` | 'models' | 'samples' | 'seed' | 'input' | 'maxCost';

export type Problem = FieldProblem<Field>;

/** Why a draft cannot be sent, each reason once, in the order of the form. */
export function problemsOf(draft: Draft): Problem[] {
  const asked = askedBy(draft);
  const { prompts, models, needsModels, problem } = asked;
  const cells = countCells({ ...asked, samples: draft.samples });
  const several = severalOf(draft);
  const found: [Field, string | false | undefined][] = [
    [problem?.field ?? 'prompts', problem?.text],
    ['prompts', !problem && prompts.length === 0 && problems.noPrompt],
    ['prompts', prompts.length > DESIGN.prompts && problems.prompts(prompts.length, several)],
    ['models', needsModels && draft.models.length === 0 && problems.noModel],
    ['models', models.length > DESIGN.models && problems.models(models.length)],
    [
      'samples',
      (!Number.isInteger(draft.samples) || draft.samples < 1 || draft.samples > DESIGN.samples) &&
        problems.samples,
    ],
    ['samples', cells > DESIGN.predictions && problems.predictions(cells, several)],
    [
      'seed',
      draft.seed.trim() !== '' &&
        !(/^\d{1,10}$/.test(draft.seed.trim()) && Number(draft.seed) <= DESIGN.seed) &&
        problems.seed,
    ],
    ['input', parseInput(draft.input) === undefined && problems.input],
    ['maxCost', draft.maxCost.trim() !== '' && !(costOf(draft)! <= DESIGN.maxCost) && problems.maxCost],
  ];
  return found.flatMap(([field, text]) => (typeof text === 'string' ? [{ field, text }] : []));
}

/** The command that runs a draft as a study. */
function severalOf(draft: Draft): Several {
  const { way, opened, template, models, samples, compare, reference, name } = draft;
  const file = /\.(csv|tsv|txt|jsonl?)$/i.test(opened?.name ?? '') && opened?.name;
  const save = way === 'table' ? 'table' : 'list';
  const prompts =
    way === 'template'
      ? [
          `--template ${quoted(template.trim())}`,
          ...Object.entries(factorsOf(draft)).map(
            ([factor, values]) => `--factor ${quoted(`${factor}=${values.join()}`)}`,
          ),
        ]
      : [quoted(file || SAVED[save])];
  const command = [
    RUN,
    ...prompts,
    ...models.map((model) => `--model ${quoted(model)}`),
    `--samples ${samples}`,
    ...compare.map((factor) => `--compare ${quoted(factor)}`),
    ...(reference === '' ? [] : [`--reference ${quoted(reference)}`]),
    `--study ${quoted(name.trim() || STUDY)}`,
  ].join(' ');
  return { command, ...(way === 'template' || file ? {} : { save }) };
}

/** As a shell takes it for one word. */
const quoted = (text: string): string =>
  /^[\w./:-]+$/.test(text) ? text : `"${text.replace(/["$\\`]/g, '\\$&')}"`;

/** The most that the audit may cost; undefined if nothing is entered, NaN if it is no amount. */
export const costOf = ({ maxCost }: Draft): number | undefined =>
  maxCost.trim() === '' ? undefined : Number(/^\d+(\.\d+)?$/.exec(maxCost.trim())?.[0]);

/** What the cost of a draft follows from. */
export const orderOf = ({ samples, input }: Draft, { prompts, models, pairs }: Asked): Order => ({
  ...{ prompts, models, pairs },
  samples,
  input: parseInput(input) ?? {},
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
  const { prompts, needsModels, factors } = askedBy(draft);
  const compare = draft.compare.filter((name) => factors.includes(name) && name !== draft.reference);
  return {
    ...(draft.name.trim() ? { name: draft.name.trim() } : {}),
    ...(draft.way === 'template'
      ? { template: draft.template.trim(), factors: factorsOf(draft) }
      : { prompts: draft.way === 'table' ? draft.table : prompts.map(({ text }) => text) }),
    ...(needsModels ? { models: draft.models } : {}),
    ...(compare.length > 0 ? { compare } : {}),
    ...(factors.includes(draft.reference) ? { reference: draft.reference } : {}),
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

/** A browser keeps some megabytes for a page. A larger draft is lost with a reload, and works until then. */
export function keepDraft(draft: Draft): void {
  try {
    sessionStorage.setItem(NAME, JSON.stringify(draft));
  } catch {
    sessionStorage.removeItem(NAME);
  }
}
