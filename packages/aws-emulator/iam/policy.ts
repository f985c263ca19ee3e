/** One or several values, as IAM documents write them. */
export type OneOrMany<T> = T | T[];

/** `*`, or a map of kinds (`AWS`, `Service`, `CanonicalUser`, `Federated`) to names. */
export type PrincipalElement = '*' | Record<string, OneOrMany<string>>;

/** Operator → condition key → accepted values. */
export type ConditionBlock = Record<string, Record<string, OneOrMany<string | number | boolean>>>;

export interface Statement {
  Sid?: string;
  Effect: 'Allow' | 'Deny';
  Principal?: PrincipalElement;
  NotPrincipal?: PrincipalElement;
  Action?: OneOrMany<string>;
  NotAction?: OneOrMany<string>;
  Resource?: OneOrMany<string>;
  NotResource?: OneOrMany<string>;
  Condition?: ConditionBlock;
}

export interface PolicyDocument {
  Version?: string;
  Statement: OneOrMany<Statement>;
}

/** Values of condition keys in one request; key names are compared without regard to case. */
export type RequestContext = Readonly<Record<string, string | string[]>>;

export function many<T>(value: OneOrMany<T> | undefined): T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
