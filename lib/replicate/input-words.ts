import { boundsIn, choicesIn, isObject, listIn, numberIn, own, type Schema, typesIn } from './schema.ts';

/** Choices that a sentence names, and characters of each. */
const MAX_CHOICES = 20;
const MAX_CHARACTERS = 60;
const ANYTHING = 'another value';

/** A value as a sentence shows it, bounded. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (isObject(value)) return 'an object';
  if (typeof value !== 'string') return String(value);
  const characters = Array.from(value.slice(0, 2 * MAX_CHARACTERS)).slice(0, MAX_CHARACTERS);
  const start = characters.join('');
  return JSON.stringify(start.length < value.length ? `${start}…` : value);
}

function oneOf(choices: unknown[], words: (choice: unknown) => string): string {
  const named = [...new Set(choices.slice(0, MAX_CHOICES).map(words))];
  if (choices.length > MAX_CHOICES) return `one of ${named.join(', ')} … (${choices.length} in all)`;
  return named.length < 2 ? (named[0] ?? ANYTHING) : `${named.slice(0, -1).join(', ')} or ${named.at(-1)}`;
}

function range(schema: Schema): string {
  const { least, most, above, below } = boundsIn(schema);
  if (least !== undefined && most !== undefined) return ` from ${least} to ${most}`;
  const words = [
    least !== undefined && `at least ${least}`,
    above !== undefined && `greater than ${above}`,
    most !== undefined && `at most ${most}`,
    below !== undefined && `less than ${below}`,
  ].filter((word) => word !== false);
  return words.length > 0 ? `, ${words.join(' and ')}` : '';
}

function size(schema: Schema, what: 'Length' | 'Items', unit: string): string {
  const [least, most] = [numberIn(schema, `min${what}`), numberIn(schema, `max${what}`)];
  if (least && most !== undefined) return ` of ${least} to ${most} ${unit}`;
  if (most !== undefined) return ` of at most ${most} ${unit}`;
  return least ? ` of at least ${least} ${unit}` : '';
}

/**
 * What a schema takes, in words that fit behind "takes".
 * @param partsOf the schemas that hold together with one; throws where they lead too deep
 */
export function inWords(
  schema: unknown,
  partsOf: (schema: Schema, depth: number) => unknown[],
  depth = 0,
): string {
  if (!isObject(schema)) return ANYTHING;
  const parts = partsOf(schema, depth);
  const words = (other: unknown) => inWords(other, partsOf, depth + 1);
  const choices = choicesIn(schema);
  if (choices.length > 0) return oneOf(choices, shown);
  const alternatives = [...listIn(schema, 'anyOf'), ...listIn(schema, 'oneOf')];
  if (alternatives.length > 0) return oneOf(alternatives, words);
  switch (typesIn(schema).find((type) => type !== 'null')) {
    case 'integer':
      return `a whole number${range(schema)}`;
    case 'number':
      return `a number${range(schema)}`;
    case 'string':
      return own(schema, 'format') === 'uri'
        ? 'an address, such as https://example.org/a.png'
        : `a text${size(schema, 'Length', 'characters')}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return `a list${size(schema, 'Items', 'entries')}`;
    case 'object':
      return 'an object';
    default:
      return parts.length > 0 ? words(parts[0]) : ANYTHING;
  }
}
