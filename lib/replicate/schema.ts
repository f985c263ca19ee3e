/** Reading a JSON Schema that strangers wrote: nothing in it is trusted to have the type that it should have. */
export type Schema = Record<string, unknown>;

export const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A member of its own; `constructor` and the like are members only if they were written. */
export const own = (of: unknown, name: string): unknown =>
  isObject(of) && Object.hasOwn(of, name) ? of[name] : undefined;

/** The entries of a list that a schema has under a name; none if there is no list. */
export function listIn(schema: Schema, name: string): unknown[] {
  const value = own(schema, name);
  return Array.isArray(value) ? value : [];
}

export function numberIn(schema: Schema, name: string): number | undefined {
  const value = own(schema, name);
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** The values that a schema lists, if it does. */
export const choicesIn = (schema: Schema): unknown[] =>
  Object.hasOwn(schema, 'const') ? [schema.const] : listIn(schema, 'enum');

/** The types that a schema names, if it does. */
export const typesIn = (schema: Schema): unknown[] => [own(schema, 'type') ?? []].flat();

/** Between which numbers a number must be. */
export interface Bounds {
  least: number | undefined;
  most: number | undefined;
  above: number | undefined;
  below: number | undefined;
}

/** In OpenAPI 3.0 `exclusiveMinimum: true` changes what `minimum` means; later it is a number of its own. */
export function boundsIn(schema: Schema): Bounds {
  const [minimum, maximum] = [numberIn(schema, 'minimum'), numberIn(schema, 'maximum')];
  const isAbove = own(schema, 'exclusiveMinimum') === true;
  const isBelow = own(schema, 'exclusiveMaximum') === true;
  return {
    least: isAbove ? undefined : minimum,
    most: isBelow ? undefined : maximum,
    above: isAbove ? minimum : numberIn(schema, 'exclusiveMinimum'),
    below: isBelow ? maximum : numberIn(schema, 'exclusiveMaximum'),
  };
}
