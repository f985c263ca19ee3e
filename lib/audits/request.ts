import * as v from 'valibot';
import { AuditRequest, describeIssue, StudyRequest } from '../contract/request.ts';
import { Refusal } from '../errors.ts';
import { DESIGN, type Retention } from '../limits.ts';
import { countCells, type Prompt } from '../records/plan.ts';
import { expandTemplate, TemplateError } from './template.ts';

/** What is wanted, checked, with templates expanded. */
export interface Design {
  name: string | undefined;
  prompts: Prompt[];
  models: { model: string; input: Record<string, unknown> }[];
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

function parseBody<Entries extends v.ObjectEntries>(
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
      .map((issue) => describeIssue(issue, Object.keys(schema.entries)));
    throw new Refusal(422, `Please change: ${errors.join('; ')}.`, { members: { errors } });
  }
  return parsed.output;
}

function toDesign(request: AuditRequest): Design {
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
    maxCost: request.maxCost,
  };
  const cells = countCells(design);
  if (cells > DESIGN.predictions)
    throw new Refusal(
      422,
      `${design.prompts.length} prompts × ${design.models.length} models × ${design.samples} samples are ${cells} predictions; at most ${DESIGN.predictions} are allowed. Take fewer samples, or split the audit.`,
    );
  return design;
}

function promptsOf({ prompts, template, factors }: AuditRequest): Prompt[] {
  if (prompts && (template !== undefined || factors !== undefined))
    throw new Refusal(422, 'Give either "prompts", or "template" with "factors", not both.');
  if (prompts) return prompts.map((prompt) => ({ text: prompt }));
  if (template === undefined)
    throw new Refusal(422, 'Give "prompts" (a list of texts), or a "template" with "factors".');
  try {
    return expandTemplate(template, factors ?? {}, DESIGN);
  } catch (error) {
    if (error instanceof TemplateError) throw new Refusal(422, `The ${error.message}`);
    throw error;
  }
}
