/** Names of secrets that operators store for inputs of models. */
export const SECRET_NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;

/** The value of an input that a secret stands for: `{"secret": "openai"}`. */
export interface SecretReference {
  secret: string;
}

/** Whether a value is an object with the one member `secret`, whatever its name is. */
const isLikeReference = (value: unknown): value is { secret: unknown } =>
  typeof value === 'object' && value !== null && Object.keys(value).join() === 'secret';

/** Whether the value of an input names a secret. */
export const isReference = (value: unknown): value is SecretReference =>
  isLikeReference(value) && typeof value.secret === 'string' && SECRET_NAME.test(value.secret);

/** Whether a value looks as if it named a secret, but its name cannot be one. */
export const isBrokenReference = (value: unknown): boolean => isLikeReference(value) && !isReference(value);

/** The inputs that name secrets, each with the name of its secret. */
export const referencesIn = (input: Record<string, unknown>): [input: string, secret: string][] =>
  Object.entries(input).flatMap(([name, value]) => (isReference(value) ? [[name, value.secret]] : []));
