type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
/** An EventBridge event pattern: nested objects whose leaves are arrays of accepted values or matchers. */
export type EventPattern = { [key: string]: EventPattern | EventPattern[] | Json[] };

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** EventBridge's `wildcard` knows only `*`. */
function matchesStars(pattern: string, text: string): boolean {
  const escaped = pattern.split('*').map((piece) => piece.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${escaped.join('[\\s\\S]*')}$`).test(text);
}

function fold(value: unknown, apply: (pattern: string) => boolean): boolean {
  const patterns = Array.isArray(value) ? value : [value];
  return patterns.some((pattern) => typeof pattern === 'string' && apply(pattern));
}

function matchesAffix(value: unknown, text: string, affix: 'startsWith' | 'endsWith'): boolean {
  if (isObject(value) && 'equals-ignore-case' in value) {
    return fold(value['equals-ignore-case'], (pattern) => text.toLowerCase()[affix](pattern.toLowerCase()));
  }
  return fold(value, (pattern) => text[affix](pattern));
}

function matchesNumeric(conditions: unknown, actual: unknown): boolean {
  if (typeof actual !== 'number' || !Array.isArray(conditions)) return false;
  for (let i = 0; i < conditions.length; i += 2) {
    const [operator, bound] = [conditions[i], Number(conditions[i + 1])];
    const ok =
      (operator === '=' && actual === bound) ||
      (operator === '<' && actual < bound) ||
      (operator === '<=' && actual <= bound) ||
      (operator === '>' && actual > bound) ||
      (operator === '>=' && actual >= bound);
    if (!ok) return false;
  }
  return conditions.length > 0;
}

function matchesAnythingBut(excluded: unknown, actual: unknown): boolean {
  if (isObject(excluded)) return !matchesOperator(excluded, actual);
  return !(Array.isArray(excluded) ? excluded : [excluded]).includes(actual);
}

/** One matcher such as `{"prefix": "images/"}` on one value; `exists` is handled where absence can be seen. */
function matchesOperator(matcher: Record<string, unknown>, actual: unknown): boolean {
  const [entry, more] = Object.entries(matcher);
  if (entry === undefined || more !== undefined)
    throw new Error('An event pattern matcher has exactly one key.');
  const [operator, value] = entry;
  const text = typeof actual === 'string' ? actual : undefined;
  switch (operator) {
    case 'prefix':
      return text !== undefined && matchesAffix(value, text, 'startsWith');
    case 'suffix':
      return text !== undefined && matchesAffix(value, text, 'endsWith');
    case 'wildcard':
      return text !== undefined && fold(value, (pattern) => matchesStars(pattern, text));
    case 'equals-ignore-case':
      return text !== undefined && fold(value, (pattern) => pattern.toLowerCase() === text.toLowerCase());
    case 'anything-but':
      return matchesAnythingBut(value, actual);
    case 'numeric':
      return matchesNumeric(value, actual);
    default:
      throw new Error(
        `The event pattern uses the matcher "${operator}", which the emulator does not know. Add it to packages/aws-emulator/events/pattern.ts.`,
      );
  }
}

function matchesLeaf(accepted: readonly unknown[], actual: unknown): boolean {
  const values = Array.isArray(actual) ? actual : actual === undefined ? [] : [actual];
  return accepted.some((item) => {
    // `exists` looks at leaves only: an object in this place does not count as existing.
    if (isObject(item) && 'exists' in item)
      return item.exists === (actual !== undefined && !isObject(actual));
    if (isObject(item)) return values.some((value) => !isObject(value) && matchesOperator(item, value));
    return values.includes(item);
  });
}

/**
 * Decides whether an event matches a rule's pattern, as EventBridge does ("Amazon EventBridge event patterns"): every
 * key of the pattern must match, any of a leaf's values is enough, an array in the event matches if one element does.
 */
export function matchesPattern(pattern: EventPattern, event: unknown): boolean {
  return Object.entries(pattern).every(([key, wanted]) => {
    if (key === '$or' && Array.isArray(wanted)) {
      return wanted.some((alternative) => matchesPattern(alternative as EventPattern, event));
    }
    const actual = isObject(event) ? event[key] : undefined;
    if (Array.isArray(wanted)) return matchesLeaf(wanted, actual);
    if (Array.isArray(actual)) return actual.some((element) => matchesPattern(wanted, element));
    return matchesPattern(wanted, actual);
  });
}
