import { isReference } from '../contract/secret-reference.ts';
import { jsonOf } from '../json.ts';
import { REDACTED, type Redact } from './fingerprints.ts';

/** Shorter texts are no keys, and to remove each of them would garble what a model says. */
const MIN_LENGTH = 6;
/** Most texts of secrets that are looked for. */
const MAX_TEXTS = 50;

/**
 * Names of keys and passwords. Older models, and models whose schema Replicate does not show, do not mark them. A `token`
 * alone is none: models call words of a prompt so.
 */
const NAMES =
  /(^|_)(api_?keys?|(access|secret|private)_?keys?|(api|access|auth|bearer|hf|hugging_?face|replicate|github|civitai)_?tokens?|passwords?|passwd|secret)$/i;

/** Whether an input of this name is a key or password, whatever a schema says. */
export const looksSecret = (name: string): boolean => NAMES.test(name);

/**
 * Removes secrets from what Replicate says: inputs by name, and their values from every text. What a stored secret stands for is
 * removed by its name alone, because its value is not known here.
 * @param marked names of inputs that the model's schema marks as secret
 * @param inputs where values of secret inputs are found
 * @returns a function that returns a copy without secrets (null if the value is nested too deep), or the value itself if
 *   there are none
 */
export function redactor(
  marked: readonly string[] = [],
  ...inputs: (Record<string, unknown> | null | undefined)[]
): Redact {
  const all = inputs.flatMap((input) => Object.entries(input ?? {}));
  const named = all.flatMap(([name, value]) => (isReference(value) ? [name] : []));
  const isSecret = (name: string) => marked.includes(name) || named.includes(name) || looksSecret(name);
  const found = all.filter(([name]) => isSecret(name));
  if (found.length === 0) return (value) => value;
  const texts = textsIn(found.map(([, value]) => value).filter((value) => !isReference(value)));
  const clean = (text: string) => texts.reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text);
  const replaced = (name: string, member: unknown) => {
    if (typeof member === 'string') return isSecret(name) ? REDACTED : clean(member);
    return isSecret(name) && member !== null ? REDACTED : member;
  };
  return (value) => JSON.parse(jsonOf(value, replaced) ?? 'null');
}

/** An input as it is kept and shown: without secrets, but with the names of stored ones. */
export const shownInput = (
  marked: readonly string[] | undefined,
  input: Record<string, unknown>,
  redact = redactor(marked, input),
): Record<string, unknown> => ({
  ...redact(input),
  ...Object.fromEntries(Object.entries(input).filter(([, value]) => isReference(value))),
});

/** Texts in values, as they are and as JSON writes them; the longest first, because one may begin with another. */
function textsIn(values: unknown[]): string[] {
  const texts = new Set<string>();
  const waiting = [...values];
  for (const one of waiting) {
    if (texts.size >= MAX_TEXTS) break;
    if (typeof one === 'string' && one.length >= MIN_LENGTH)
      texts.add(one).add(JSON.stringify(one).slice(1, -1));
    else if (typeof one === 'object' && one !== null)
      for (const member of Object.values(one)) waiting.push(member);
  }
  return [...texts].sort((one, other) => other.length - one.length);
}
