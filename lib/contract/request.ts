import * as v from 'valibot';
import { jsonOf } from '../json.ts';
import { AUDIT_ID, DESIGN, FACTOR_NAME, MODEL_NAME, RETENTIONS, STUDY } from '../limits.ts';
import { described, matching, optional } from './parts.ts';
import { isBrokenReference } from './secret-reference.ts';

// Control characters other than tab and line break show nowhere and break logs and CSV.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
export const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/** A text of 1 to `most` characters, without blanks around it. */
export const text = (most: number) =>
  v.pipe(
    v.string(),
    v.trim(),
    v.minLength(1, 'must not be empty'),
    v.maxLength(most, `must have at most ${most} characters`),
    v.check((value) => !CONTROL.test(value), 'must not hold control characters'),
    v.check((value) => value.isWellFormed(), 'must be well-formed Unicode'),
  );

/** Counted before anything in it is checked: a body of some MB can hold a million wrong things, each with an issue. */
export const list = <const Item extends v.GenericSchema>(item: Item, most: number, of: string) =>
  v.pipe(v.array(v.unknown()), v.maxLength(most, `must have at most ${most} ${of}`), v.array(item));

export const wholeNumber = (least: number, most: number) =>
  v.pipe(
    v.number(),
    v.integer('must be a whole number'),
    v.minValue(least, `must be at least ${least}`),
    v.maxValue(most, `must be at most ${most}`),
  );

const model = matching(
  MODEL_NAME,
  'must be owner/name, or owner/name:version with a version of 64 hexadecimal digits',
);

/** Members that valibot drops from a record without a word, because they can change what all objects have. */
export const DROPPED = ['__proto__', 'constructor', 'prototype'];
/** To valibot a list is a record, too. */
export const object = (message: string) =>
  v.pipe(
    v.custom<Record<string, unknown>>(
      (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
      message,
    ),
    v.check(
      (value) => DROPPED.every((name) => !Object.hasOwn(value, name)),
      `must not have the names ${DROPPED.join(', ')}`,
    ),
  );

export const auditId = matching(AUDIT_ID, 'must be the id of an audit: 26 characters');

const INPUT_NAME = /^[A-Za-z0-9_]{1,64}$/;
/** Inputs that every cell gets from its place in the audit. */
const PLANNED_INPUTS = ['prompt', 'seed'];
const input = v.pipe(
  object('must be an object, such as {"aspect_ratio": "1:1"}'),
  v.record(v.string(), v.unknown()),
  v.check(
    (value) => (jsonOf(value)?.length ?? Number.POSITIVE_INFINITY) <= DESIGN.inputLength,
    `must have at most ${DESIGN.inputLength} characters as JSON`,
  ),
  v.check(
    (value) => Object.keys(value).every((name) => INPUT_NAME.test(name)),
    'must have names of 1 to 64 letters, digits or _',
  ),
  v.check(
    (value) => PLANNED_INPUTS.every((name) => !Object.hasOwn(value, name)),
    'must not hold prompt or seed: they come from prompts and seed',
  ),
  v.check(
    (value) => !Object.values(value).some(isBrokenReference),
    'must name a stored secret by at most 40 lower-case letters, digits and hyphens, as {"secret": "openai"}',
  ),
  v.metadata({
    description: `Inputs of models other than prompt and seed; at most ${DESIGN.inputLength} characters as JSON. The value {"secret": "<name>"} stands for a key or password that an operator stored for this model and input.`,
    propertyNames: { pattern: INPUT_NAME.source, not: { enum: PLANNED_INPUTS } },
  }),
);

const factorName = matching(
  new RegExp(`^${FACTOR_NAME}$`, 'u'),
  'must have names of 1 to 40 letters, digits, _ or -',
);

/** A prompt with what it is an example of. */
export const promptRow = v.strictObject({
  text: text(DESIGN.promptLength),
  factors: optional(
    v.pipe(
      object('must be an object, such as {"job": "doctor"}'),
      v.maxEntries(DESIGN.factors, `must have at most ${DESIGN.factors} factors`),
      v.record(factorName, text(DESIGN.valueLength)),
    ),
    'What the prompt is an example of, such as {"job": "doctor", "gender": "female"}.',
  ),
  model: optional(
    model,
    'The only model that this prompt goes to. Without it, the prompt goes to all of `models`.',
  ),
});

/** The body of `POST /api/audits`. */
export const AuditRequest = v.strictObject({
  name: v.exactOptional(text(DESIGN.nameLength)),
  prompts: optional(
    v.pipe(
      list(
        v.union([text(DESIGN.promptLength), promptRow], 'must be a text, or {"text": …, "factors": {…}}'),
        DESIGN.rows,
        'prompts',
      ),
      v.minLength(1, 'must have at least one prompt'),
    ),
    `Equal prompts are merged; at most ${DESIGN.prompts} may be left. The same text with different factors is refused.`,
  ),
  template: v.exactOptional(text(DESIGN.promptLength)),
  factors: v.exactOptional(
    v.pipe(
      object('must be an object of lists, such as {"job": ["doctor", "nurse"]}'),
      v.maxEntries(DESIGN.factors, `must have at most ${DESIGN.factors} factors`),
      v.record(v.string(), list(text(DESIGN.valueLength), DESIGN.valuesPerFactor, 'values')),
    ),
  ),
  models: optional(
    v.pipe(
      list(
        v.union(
          [model, v.strictObject({ model, input: v.exactOptional(input) })],
          'must be owner/name, owner/name:version, or {"model": …, "input": {…}}',
        ),
        DESIGN.models,
        'models',
      ),
      v.minLength(1, 'must have at least one model'),
    ),
    'May be absent if every prompt names its model.',
  ),
  compare: optional(
    list(factorName, DESIGN.factors, 'factors'),
    'Factors that are contrasted: prompts that differ in these alone share seeds. All others have seeds of their own.',
  ),
  reference: optional(
    factorName,
    'A factor whose values are all numbers, such as a share of the labor force, to hold results against.',
  ),
  samples: wholeNumber(1, DESIGN.samples),
  input: v.exactOptional(input),
  seed: v.exactOptional(wholeNumber(0, DESIGN.seed)),
  retention: v.exactOptional(v.picklist(RETENTIONS, 'must be short, standard or keep')),
  maxCost: optional(
    v.pipe(
      v.number(),
      v.finite('must be a number of dollars, such as 2.5'),
      v.minValue(0, 'must not be negative'),
      v.maxValue(DESIGN.maxCost, `must be at most ${DESIGN.maxCost} dollars`),
    ),
    'Dollars that the audit may cost at most.',
  ),
});
export type AuditRequest = v.InferOutput<typeof AuditRequest>;

/** The body of `POST /api/studies`. */
export const StudyRequest = v.strictObject({
  name: described(text(DESIGN.nameLength), 'Runs of spaces count as one.'),
  audits: v.exactOptional(list(auditId, STUDY.audits, 'audits')),
});
export type StudyRequest = v.InferOutput<typeof StudyRequest>;

/** Characters of a name that somebody sent, as far as a refusal repeats it. */
const SHOWN = 40;

/** `models[2].input` */
const pathOf = ({ path }: v.BaseIssue<unknown>): string =>
  (path ?? [])
    .map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${String(key).slice(0, SHOWN)}`))
    .join('')
    .replace(/^\./, '');

/** What valibot expects, in words. */
const KINDS: Record<string, string> = {
  Array: 'a list',
  Object: 'an object',
  string: 'a text',
  number: 'a number',
};

/** Of an object that fits no form, what is wrong with its members, rather than that it is no text. */
export function unfold(issue: v.BaseIssue<unknown>): v.BaseIssue<unknown>[] {
  const inside = issue.type === 'union' ? (issue.issues ?? []).filter(({ path }) => path) : [];
  if (inside.length === 0) return [issue];
  return inside.map((one) => ({
    ...one,
    path: [...(issue.path ?? []), ...(one.path ?? [])] as typeof one.path,
  }));
}

/** Fields of the objects in a list of the body. */
const FIELDS: Record<string, readonly string[]> = {
  prompts: Object.keys(promptRow.entries),
  models: ['model', 'input'],
};

/** Where an issue is and what to change, in one line: `"models[2].input" must …`. @param known fields of the body */
export function describeIssue(
  issue: v.BaseIssue<unknown>,
  known: readonly string[] = Object.keys(AuditRequest.entries),
): string {
  const name = pathOf(issue);
  const what = name ? `"${name}"` : 'the body';
  if (issue.expected === 'never') {
    const [list] = issue.path ?? [];
    const own = issue.path!.length > 1 ? FIELDS[String(list?.key)] : known;
    // An import takes fewer fields.
    const fields = own?.filter((field) => field !== issue.path!.at(-1)?.key);
    return `${what} is not a known field${fields ? ` (known: ${fields.join(', ')})` : ''}`;
  }
  if (issue.received === 'undefined') return `${what} is missing`;
  if (issue.message.startsWith('must')) return `${what} ${issue.message}`;
  const expected = KINDS[issue.expected ?? ''] ?? issue.expected ?? 'valid';
  return `${what} must be ${expected}, not ${issue.received.slice(0, SHOWN)}`;
}
