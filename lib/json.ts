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
