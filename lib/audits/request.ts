import * as v from 'valibot';
import { Refusal } from '../errors.ts';
import { jsonOf } from '../json.ts';
import { countCells, type Prompt } from '../records/plan.ts';
import { expandTemplate, TemplateError } from './template.ts';

/** Limits of one audit, for people to read in the OpenAPI description and the documentation. */
export const LIMITS = {
  prompts: 1_000,
  promptLength: 2_000,
  factors: 20,
  models: 20,
  samples: 1_000,
  cells: 10_000,
  /** Largest request body, in bytes. */
  body: 5_000_000,
  inputLength: 10_000,
} as const;

// Control characters other than tab and line break show nowhere and break logs and CSV.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

const text = (max: number) =>
  v.pipe(
    v.string(),
    v.trim(),
    v.minLength(1, 'must not be empty'),
    v.maxLength(max, `must have at most ${max} characters`),
    v.check((value) => !CONTROL.test(value), 'must not hold control characters'),
    v.check((value) => value.isWellFormed(), 'must be well-formed Unicode'),
  );

const MODEL = /^[a-z0-9][a-z0-9._-]{0,63}\/[a-z0-9][a-z0-9._-]{0,127}(?::[0-9a-f]{64})?$/i;
const model = v.pipe(
  v.string(),
  v.regex(MODEL, 'must be owner/name, or owner/name:version with a version of 64 hexadecimal digits'),
);

/** Inputs that every cell gets from its place in the audit. */
const PLANNED_INPUTS = ['prompt', 'seed'];
const input = v.pipe(
  v.record(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_]{1,64}$/)), v.unknown()),
  v.check(
    (value) => PLANNED_INPUTS.every((name) => !Object.hasOwn(value, name)),
    'must not hold prompt or seed: they come from prompts and seed',
  ),
  v.check(
    (value) => (jsonOf(value)?.length ?? Number.POSITIVE_INFINITY) <= LIMITS.inputLength,
    `must have at most ${LIMITS.inputLength} characters as JSON`,
  ),
);

/** The body of `POST /api/audits`. The OpenAPI description is made from it. */
export const AuditRequest = v.strictObject({
  name: v.optional(text(200)),
  prompts: v.optional(
    v.pipe(
      v.array(text(LIMITS.promptLength)),
      v.minLength(1, 'must have at least one prompt'),
      v.maxLength(LIMITS.prompts, `must have at most ${LIMITS.prompts} prompts`),
    ),
  ),
  template: v.optional(text(LIMITS.promptLength)),
  factors: v.optional(
    v.pipe(
      v.record(
        v.string(),
        v.pipe(v.array(text(200)), v.maxLength(LIMITS.prompts, `must have at most ${LIMITS.prompts} values`)),
      ),
      v.maxEntries(LIMITS.factors, `must have at most ${LIMITS.factors} factors`),
    ),
  ),
  models: v.pipe(
    v.array(
      v.union(
        [model, v.strictObject({ model, input: v.optional(input) })],
        'must be owner/name, owner/name:version, or {"model": …, "input": {…}}',
      ),
    ),
    v.minLength(1, 'must have at least one model'),
    v.maxLength(LIMITS.models, `must have at most ${LIMITS.models} models`),
  ),
  samples: v.pipe(
    v.number(),
    v.integer('must be a whole number'),
    v.minValue(1, 'must be at least 1'),
    v.maxValue(LIMITS.samples, `must be at most ${LIMITS.samples}`),
  ),
  input: v.optional(input),
  seed: v.optional(
    v.pipe(
      v.number(),
      v.integer('must be a whole number'),
      v.minValue(0, 'must be at least 0'),
      v.maxValue(0xffffffff, 'must be at most 4294967295'),
    ),
  ),
  retention: v.optional(v.picklist(['short', 'standard', 'keep'], 'must be short, standard or keep')),
});

/** What is wanted, checked, with templates expanded. */
export interface Design {
  name: string | undefined;
  prompts: Prompt[];
  models: { model: string; input: Record<string, unknown> }[];
  samples: number;
  input: Record<string, unknown>;
  seed: number | undefined;
  retention: 'short' | 'standard' | 'keep';
}

const MAX_ISSUES = 5;

/** Where an issue is and what to change, in one line: `models[2].input must …`. */
function describe(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? 'the body';
  if (issue.type === 'strict_object') {
    const owner = issue.path?.at(-1);
    return issue.expected === 'never'
      ? `"${String(owner?.key).slice(0, 100)}" is no known field`
      : `"${path}" is missing`;
  }
  if (issue.received === 'undefined') return `"${path}" is missing`;
  return `"${path}" ${issue.message.startsWith('must') ? issue.message : `must be ${issue.expected ?? 'valid'}, not ${issue.received.slice(0, 60)}`}`;
}

/**
 * Checks the body of `POST /api/audits`.
 * @throws {Refusal} 413, 400 or 422, whose detail says what to change
 */
export function parseDesign(body: string): Design {
  if (Buffer.byteLength(body) > LIMITS.body)
    throw new Refusal(413, `The body has more than ${LIMITS.body} bytes. Split the audit into several.`);
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (error) {
    throw new Refusal(400, `The body is not JSON: ${(error as Error).message.slice(0, 200)}`);
  }
  refuseOversized(json);
  const parsed = v.safeParse(AuditRequest, json);
  if (!parsed.success) {
    const errors = parsed.issues.slice(0, MAX_ISSUES).map(describe);
    throw new Refusal(422, `Please change: ${errors.join('; ')}.`, { members: { errors } });
  }
  return toDesign(parsed.output);
}

/**
 * Counts before anything is checked one by one: a body of some MB can hold a million wrong things, and the check
 * remembers each.
 * @throws {Refusal} 422
 */
function refuseOversized(json: unknown): void {
  if (typeof json !== 'object' || json === null) return;
  const { prompts, models, factors, input } = json as Record<string, unknown>;
  const refuse = (what: string) => {
    throw new Refusal(422, `Please change: ${what}.`);
  };
  const count = (name: string, list: unknown, most: number, of: string) => {
    if (Array.isArray(list) && list.length > most) refuse(`"${name}" must have at most ${most} ${of}`);
  };
  const measure = (name: string, value: unknown) => {
    if ((jsonOf(value)?.length ?? Number.POSITIVE_INFINITY) > LIMITS.inputLength)
      refuse(`"${name}" must have at most ${LIMITS.inputLength} characters as JSON`);
  };
  count('prompts', prompts, LIMITS.prompts, 'prompts');
  count('models', models, LIMITS.models, 'models');
  if (Array.isArray(models))
    for (const [i, model] of models.entries()) measure(`models[${i}].input`, model?.input ?? null);
  measure('input', input ?? null);
  if (Array.isArray(factors))
    refuse('"factors" must be an object of lists, such as {"job": ["doctor", "nurse"]}');
  if (typeof factors !== 'object' || factors === null) return;
  if (Object.keys(factors).length > LIMITS.factors)
    refuse(`"factors" must have at most ${LIMITS.factors} factors`);
  for (const [name, values] of Object.entries(factors))
    count(`factors.${name.slice(0, 40)}`, values, LIMITS.prompts, 'values');
}

function toDesign(request: v.InferOutput<typeof AuditRequest>): Design {
  const design: Design = {
    name: request.name,
    prompts: promptsOf(request),
    models: request.models.map((entry) =>
      typeof entry === 'string'
        ? { model: entry, input: {} }
        : { model: entry.model, input: entry.input ?? {} },
    ),
    samples: request.samples,
    input: request.input ?? {},
    seed: request.seed,
    retention: request.retention ?? 'standard',
  };
  const cells = countCells(design);
  if (cells > LIMITS.cells)
    throw new Refusal(
      422,
      `${design.prompts.length} prompts × ${design.models.length} models × ${design.samples} samples are ${cells} predictions; at most ${LIMITS.cells} are allowed. Take fewer samples, or split the audit.`,
    );
  return design;
}

function promptsOf({ prompts, template, factors }: v.InferOutput<typeof AuditRequest>): Prompt[] {
  if (prompts && (template !== undefined || factors !== undefined))
    throw new Refusal(422, 'Give either "prompts", or "template" with "factors", not both.');
  if (prompts) return prompts.map((prompt) => ({ text: prompt }));
  if (template === undefined)
    throw new Refusal(422, 'Give "prompts" (a list of texts), or a "template" with "factors".');
  try {
    return expandTemplate(template, factors ?? {}, LIMITS);
  } catch (error) {
    if (error instanceof TemplateError) throw new Refusal(422, `The ${error.message}`);
    throw error;
  }
}
