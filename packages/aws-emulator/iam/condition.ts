import { type ConditionBlock, many, type RequestContext } from './policy.ts';
import { matchesArn, matchesWildcard } from './wildcard.ts';

type Test = (actual: string, wanted: string) => boolean;

const number = (compare: (a: number, b: number) => boolean): Test => {
  return (actual, wanted) => {
    const [a, b] = [Number(actual), Number(wanted)];
    return actual !== '' && !Number.isNaN(a) && !Number.isNaN(b) && compare(a, b);
  };
};
const date = (compare: (a: number, b: number) => boolean): Test => {
  const time = (text: string) => (/^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text));
  return (actual, wanted) => {
    const [a, b] = [time(actual), time(wanted)];
    return !Number.isNaN(a) && !Number.isNaN(b) && compare(a, b);
  };
};

/** The positive operators. Each has a negated twin below; `Null` and the set operators are handled separately. */
const OPERATORS: Record<string, Test> = {
  StringEquals: (actual, wanted) => actual === wanted,
  StringEqualsIgnoreCase: (actual, wanted) => actual.toLowerCase() === wanted.toLowerCase(),
  StringLike: (actual, wanted) => matchesWildcard(wanted, actual),
  // AWS documents ArnEquals and ArnLike as identical: both take wildcards.
  ArnEquals: (actual, wanted) => matchesArn(wanted, actual),
  ArnLike: (actual, wanted) => matchesArn(wanted, actual),
  Bool: (actual, wanted) => actual.toLowerCase() === wanted.toLowerCase(),
  NumericEquals: number((a, b) => a === b),
  NumericLessThan: number((a, b) => a < b),
  NumericLessThanEquals: number((a, b) => a <= b),
  NumericGreaterThan: number((a, b) => a > b),
  NumericGreaterThanEquals: number((a, b) => a >= b),
  DateEquals: date((a, b) => a === b),
  DateLessThan: date((a, b) => a < b),
  DateLessThanEquals: date((a, b) => a <= b),
  DateGreaterThan: date((a, b) => a > b),
  DateGreaterThanEquals: date((a, b) => a >= b),
};

const NEGATED: Record<string, string> = {
  StringNotEquals: 'StringEquals',
  StringNotEqualsIgnoreCase: 'StringEqualsIgnoreCase',
  StringNotLike: 'StringLike',
  ArnNotEquals: 'ArnEquals',
  ArnNotLike: 'ArnLike',
  NumericNotEquals: 'NumericEquals',
  DateNotEquals: 'DateEquals',
};

/** Condition key names are not case-sensitive. */
export function contextValue(context: RequestContext, key: string): string[] | undefined {
  const wanted = key.toLowerCase();
  for (const [name, value] of Object.entries(context)) {
    if (name.toLowerCase() === wanted) return many(value);
  }
  return undefined;
}

/** Replaces `${aws:PrincipalArn}`, `${key, 'default'}` and the escapes `${*}`, `${?}`, `${$}`; undefined: a variable has no value. */
export function substituteVariables(text: string, context: RequestContext): string | undefined {
  let missing = false;
  const result = text.replace(/\$\{([^}]*)\}/g, (_, inner: string) => {
    if (inner === '*' || inner === '?' || inner === '$') return inner;
    const [key, fallback] = inner.split(/\s*,\s*/, 2);
    const values = contextValue(context, (key ?? '').trim());
    if (values?.length === 1) return values[0] ?? '';
    if (fallback !== undefined) return fallback.replace(/^'|'$/g, '');
    missing = true;
    return '';
  });
  return missing ? undefined : result;
}

function matchesOperator(written: string, key: string, wanted: string[], context: RequestContext): boolean {
  const quantified = /^(ForAllValues|ForAnyValue):(.*)$/.exec(written);
  const quantifier = quantified?.[1];
  const name = quantified?.[2] ?? written;
  const ifExists = name.endsWith('IfExists');
  const operator = ifExists ? name.slice(0, -'IfExists'.length) : name;
  const actual = contextValue(context, key);

  if (operator === 'Null') {
    return wanted.some((value) => (value === 'true') === (actual === undefined));
  }
  const positive = NEGATED[operator] ?? operator;
  const negated = positive !== operator;
  const test = OPERATORS[positive];
  if (test === undefined) {
    throw new Error(
      `The policy uses the condition operator ${written}, which the emulator does not know. Add it to packages/aws-emulator/iam/condition.ts.`,
    );
  }
  const matchesOne = (value: string) => {
    const any = wanted.some((item) => {
      const resolved = substituteVariables(item, context);
      return resolved !== undefined && test(value, resolved);
    });
    return negated ? !any : any;
  };

  // Missing keys, as the IAM user guide has it: ForAllValues, IfExists and negated operators match, all others do not.
  if (actual === undefined || actual.length === 0) {
    if (quantifier === 'ForAllValues') return true;
    if (quantifier === 'ForAnyValue') return ifExists;
    return ifExists || negated;
  }
  if (quantifier === 'ForAllValues') return actual.every(matchesOne);
  if (quantifier === 'ForAnyValue') return actual.some(matchesOne);
  return negated ? actual.every(matchesOne) : actual.some(matchesOne);
}

/** True if every operator and every key of the block matches; an absent block matches always. */
export function matchesConditions(block: ConditionBlock | undefined, context: RequestContext): boolean {
  return Object.entries(block ?? {}).every(([operator, keys]) =>
    Object.entries(keys).every(([key, values]) =>
      matchesOperator(operator, key, many(values).map(String), context),
    ),
  );
}
