/**
 * A key as codebooks name it, from `a` to `z` and `0` to `9`. Where the keyboard writes something else with it, its place counts: digits on
 * a French keyboard need Shift, and a Greek or Cyrillic one has no Latin letters.
 */
export function keyOf({ key, code }: { key: string; code: string }): string {
  const digit = /^Digit(\d)$/.exec(code)?.[1];
  const letter = key > '~' ? /^Key([A-Z])$/.exec(code)?.[1] : undefined;
  if (key.length > 1 || /^[a-z0-9.,]$/i.test(key)) return key.toLowerCase();
  return digit ?? letter?.toLowerCase() ?? key;
}
