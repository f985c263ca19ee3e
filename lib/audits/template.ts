import { FACTOR_NAME } from '../limits.ts';
import type { Prompt } from '../records/plan.ts';

/** A template or its factors are not right; the message says what to change. */
export class TemplateError extends Error {
  override name = 'TemplateError';
}

const IS_FACTOR_NAME = new RegExp(`^${FACTOR_NAME}$`, 'u');

type Part = { text: string } | { factor: string };

/** Splits `a {b} c` into texts and factors. Braces cannot be nested and every opened one is closed. */
function parse(template: string): Part[] {
  const parts: Part[] = [];
  let rest = template;
  while (rest !== '') {
    const open = rest.search(/[{}]/);
    if (open === -1) {
      parts.push({ text: rest });
      break;
    }
    if (rest[open] === '}') throw new TemplateError('template has a } without a { before it.');
    const close = rest.indexOf('}', open);
    const name = rest.slice(open + 1, close === -1 ? undefined : close);
    if (close === -1) throw new TemplateError(`template has a { that is never closed: {${name}`);
    if (name.includes('{'))
      throw new TemplateError(`template has a { inside another: {${name}}. Factors cannot be nested.`);
    if (!IS_FACTOR_NAME.test(name))
      throw new TemplateError(
        `template names a factor {${name}}; a factor's name has 1 to 40 letters, digits, _ or -.`,
      );
    parts.push({ text: rest.slice(0, open) }, { factor: name });
    rest = rest.slice(close + 1);
  }
  return parts;
}

/** The combination numbered n, as an odometer shows it: the last factor is its last wheel. */
function combination(names: string[], factors: Record<string, string[]>, n: number): Record<string, string> {
  const chosen: [string, string][] = [];
  let left = n;
  for (const name of names.toReversed()) {
    const values = factors[name] ?? [];
    chosen.push([name, values[left % values.length] ?? '']);
    left = Math.floor(left / values.length);
  }
  return Object.fromEntries(chosen.reverse());
}

/**
 * Every combination of the factors' values in the template, the last factor varying fastest.
 * @param most prompts wanted, counted before anything is built, and characters of each
 * @throws {TemplateError} for a factor without values, values without a place, or more than is wanted
 */
export function expandTemplate(
  template: string,
  factors: Record<string, string[]>,
  most: { prompts: number; promptLength: number },
): Prompt[] {
  const parts = parse(template);
  const names = [...new Set(parts.flatMap((part) => ('factor' in part ? [part.factor] : [])))];
  for (const name of names)
    if (!Object.hasOwn(factors, name) || factors[name]?.length === 0)
      throw new TemplateError(`template uses {${name}}, but factors has no values for "${name}".`);
  for (const name of Object.keys(factors)) {
    if (!names.includes(name))
      throw new TemplateError(`factors has "${name}", but the template has no {${name}}.`);
    if (new Set(factors[name]).size !== factors[name]?.length)
      throw new TemplateError(`factors."${name}" has the same value twice.`);
  }
  const count = names.reduce((product, name) => product * (factors[name]?.length ?? 0), 1);
  if (count > most.prompts)
    throw new TemplateError(
      `template and factors make ${count} prompts; at most ${most.prompts} are allowed.`,
    );

  return Array.from({ length: count }, (_, n) => {
    const chosen = combination(names, factors, n);
    const text = parts.map((part) => ('text' in part ? part.text : chosen[part.factor])).join('');
    if (text.length > most.promptLength)
      throw new TemplateError(`template makes prompts of more than ${most.promptLength} characters.`);
    return { text, factors: chosen };
  });
}
