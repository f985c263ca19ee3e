import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import { AuditRequest, describeIssue, StudyRequest, unfold } from '../contract/request.ts';
import { Refusal } from '../errors.ts';
import { DESIGN, type Retention } from '../limits.ts';
import { countCells, countPairs, type Pair } from '../records/pairs.ts';
import type { Prompt } from '../records/plan.ts';
import {
  factorNames,
  groupsOf,
  isNumber,
  mergeRows,
  type RequestedModel,
  type Row,
  RowsError,
} from './rows.ts';
import { expandTemplate, TemplateError } from './template.ts';

/** What is wanted, checked, with templates expanded and equal prompts merged. */
export interface Design {
  name: string | undefined;
  prompts: Prompt[];
  models: RequestedModel[];
  /** Absent if every prompt goes to every model. */
  pairs?: Pair[];
  /** Prompts that were left out, because they were there before. */
  merged: number;
  /** Factors that are contrasted. */
  compare?: string[];
  /** For each prompt, the place of the first one with the same seeds. Absent without `compare`. */
  groups?: number[];
  /** A factor whose values are numbers. */
  reference?: string;
  samples: number;
  input: Record<string, unknown>;
  seed: number | undefined;
  retention: Retention;
  /** Dollars that the audit may cost at most. */
  maxCost: number | undefined;
}

/** Issues that a refusal names. */
const MAX_ISSUES = 5;

/**
 * Checks the body of `POST /api/audits`.
 * @throws {Refusal} 413, 400 or 422, whose detail says what to change
 */
export const parseDesign = (body: string): Design => toDesign(parseBody(AuditRequest, body));

/** @throws {Refusal} 413, 400 or 422 */
export const parseStudyRequest = (body: string): StudyRequest => parseBody(StudyRequest, body);

/**
 * The body of a request, checked.
 * @throws {Refusal} 413, 400 or 422, whose detail says what to change
 */
export function parseBody<Entries extends v.ObjectEntries>(
  schema: v.StrictObjectSchema<Entries, undefined>,
  body: string,
): v.InferOutput<typeof schema> {
  if (Buffer.byteLength(body) > DESIGN.bodyBytes)
    throw new Refusal(413, `The body has more than ${DESIGN.bodyBytes} bytes. Split the audit into several.`);
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (error) {
    throw new Refusal(400, `The body is not JSON: ${(error as Error).message.slice(0, 200)}`);
  }
  const parsed = v.safeParse(schema, json, { abortPipeEarly: true });
  if (!parsed.success) {
    const errors = parsed.issues
      .slice(0, MAX_ISSUES)
      .flatMap(unfold)
      .slice(0, MAX_ISSUES)
      .map((issue) => describeIssue(issue, Object.keys(schema.entries)));
    throw new Refusal(422, `Please change: ${errors.join('; ')}.`, { members: { errors } });
  }
  return parsed.output;
}

function toDesign(request: AuditRequest): Design {
  const rows = rowsOf(request);
  const models = (request.models ?? []).map((entry) =>
    typeof entry === 'string'
      ? { model: entry, input: {} }
      : { model: entry.model, input: entry.input ?? {} },
  );
  requireModels(request, rows, models);
  const merged = merge(request, rows, models);
  const design: Design = {
    // A crossing is named by its template: its first prompt is one of many.
    name: request.name ?? request.template,
    ...merged,
    ...comparisonOf(request, merged.prompts),
    samples: request.samples,
    input: request.input ?? {},
    seed: request.seed,
    retention: request.retention ?? 'standard',
    maxCost: request.maxCost,
  };
  requireSize(design);
  return design;
}

function rowsOf({ prompts, template, factors }: AuditRequest): Row[] {
  if (prompts && (template !== undefined || factors !== undefined))
    throw new Refusal(422, 'Give either "prompts", or "template" with "factors", not both.');
  if (prompts) return prompts.map((prompt) => (typeof prompt === 'string' ? { text: prompt } : prompt));
  if (template === undefined)
    throw new Refusal(422, 'Give "prompts" (a list of texts), or a "template" with "factors".');
  try {
    return expandTemplate(template, factors ?? {}, DESIGN);
  } catch (error) {
    if (error instanceof TemplateError) throw new Refusal(422, `The ${error.message}`);
    throw error;
  }
}

/** @throws {Refusal} 422 if a row has no model, or a model would be paid twice for the same */
function requireModels(request: AuditRequest, rows: Row[], models: RequestedModel[]): void {
  const bare = rows.findIndex(({ model }) => model === undefined);
  if (models.length === 0 && bare >= 0)
    throw new Refusal(
      422,
      `"models" is missing, and ${where(request, bare)} names no model. Name models for all prompts, or one in each prompt.`,
    );
  const again = models.find(({ model, input }, place) =>
    models.slice(0, place).some((other) => other.model === model && isDeepStrictEqual(other.input, input)),
  );
  if (again) throw sameModel(again.model);
}

/** A model that is in a design twice with the same inputs, and gets the same seeds. */
export const sameModel = (model: string) =>
  new Refusal(
    422,
    `"models" has "${model}" twice with the same inputs: the same pictures would be paid twice. Remove one; for more pictures take more samples.`,
    { members: { fields: ['models'] } },
  );

/** How a refusal names a row. */
const where = ({ template }: Pick<AuditRequest, 'template'>, row: number): string =>
  template === undefined ? `"prompts[${row}]"` : `prompt ${row + 1} of the template`;

function merge(request: AuditRequest, rows: Row[], models: RequestedModel[]) {
  try {
    return mergeRows(rows, models);
  } catch (error) {
    if (!(error instanceof RowsError)) throw error;
    const places = error.rows.map((row) => where(request, row)).join(' and ');
    throw new Refusal(422, places ? `${places} ${error.message}` : error.message);
  }
}

/** @throws {Refusal} 422 for too many factors, one that no prompt has, or a reference that is no number */
export function comparisonOf(
  { compare = [], reference }: Pick<AuditRequest, 'compare' | 'reference'>,
  prompts: Prompt[],
) {
  const names = factorNames(prompts);
  // Each is a column of the manifest and an axis on the page, also where most prompts do not have it.
  if (names.length > DESIGN.factors)
    throw new Refusal(
      422,
      `The prompts have ${names.length} different factors together; at most ${DESIGN.factors} are allowed. Give what is the same for all prompts the same name, or split the audit.`,
    );
  const known = names.length > 0 ? `Factors: ${names.join(', ')}.` : 'No prompt has factors.';
  for (const [field, name] of [...compare.map((name) => ['compare', name]), ['reference', reference]])
    if (name !== undefined && !names.includes(name))
      throw new Refusal(422, `"${field}" names a factor "${name}" that no prompt has. ${known}`);
  if (reference !== undefined) {
    if (compare.includes(reference))
      throw new Refusal(
        422,
        `The factor "${reference}" is in "compare" and is the "reference". A reference is what results are held against: remove it from one of the two.`,
      );
    const wrong = prompts.find(({ factors = {} }) => {
      const value = Object.hasOwn(factors, reference) ? factors[reference] : undefined;
      return value !== undefined && !isNumber(value);
    });
    if (wrong)
      throw new Refusal(
        422,
        `The "reference" must be a number, such as 0.87, for every prompt that has it. "${wrong.text.slice(0, SHOWN)}" has "${wrong.factors![reference]}" as "${reference}".`,
      );
  }
  return {
    ...(compare.length > 0
      ? { compare: [...new Set(compare)], groups: groupsOf(prompts, compare, reference) }
      : {}),
    ...(reference === undefined ? {} : { reference }),
  };
}

/** Characters of a prompt that a refusal repeats. */
const SHOWN = 60;

/** @throws {Refusal} 422 */
function requireSize(design: Design): void {
  const { prompts, models, samples, pairs } = design;
  if (prompts.length > DESIGN.prompts)
    throw new Refusal(
      422,
      `These are ${prompts.length} different prompts; at most ${DESIGN.prompts} are allowed. Split the audit into several.`,
    );
  if (models.length > DESIGN.models)
    throw new Refusal(
      422,
      `These are ${models.length} models, with those that prompts name; at most ${DESIGN.models} are allowed. Split the audit into several.`,
    );
  const cells = countCells(design);
  const product = pairs
    ? `${countPairs(design)} pairs of prompt and model`
    : `${prompts.length} prompts × ${models.length} models`;
  if (cells > DESIGN.predictions)
    throw new Refusal(
      422,
      `${product} × ${samples} samples are ${cells} predictions; at most ${DESIGN.predictions} are allowed. Take fewer samples, or split the audit.`,
    );
}
