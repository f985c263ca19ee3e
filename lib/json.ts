/** A value as JSON, or undefined for one that is nested too deep to be written (JSON.parse reads any depth). */
export function jsonOf(
  value: unknown,
  replace?: (name: string, member: unknown) => unknown,
): string | undefined {
  try {
    return JSON.stringify(value, replace);
  } catch {
    return undefined;
  }
}

/**
 * JSON with sorted members, so that equal values have the same text.
 * @throws {RangeError} for what `jsonOf` cannot write either
 */
export function canonicalJson(value: unknown): string {
  const whole: Record<string, unknown> = { value };
  // Not by a function that calls itself: it would end before JSON.stringify does.
  const open = [whole];
  for (const holder of open)
    for (const [name, member] of Object.entries(holder)) {
      if (typeof member !== 'object' || member === null) continue;
      const sorted = Array.isArray(member) ? [...member] : sortedMembers(member);
      holder[name] = sorted;
      open.push(sorted as Record<string, unknown>);
    }
  return JSON.stringify(whole.value);
}

const sortedMembers = (value: object) =>
  Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
