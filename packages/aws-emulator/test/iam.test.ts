// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the placeholders of AWS documents, in plain strings
import { type AccessQuestion, evaluate } from '../iam/evaluate.ts';
import type { PolicyDocument, Statement } from '../iam/policy.ts';
import { matchesArn, matchesWildcard } from '../iam/wildcard.ts';

const OWN = '000000000000';
const ROLE = `arn:aws:iam::${OWN}:role/weaudit-local-tag`;
const OBJECT = 'arn:aws:s3:::images/images/a/00001/0';

const policy = (...statements: Statement[]): PolicyDocument => ({
  Version: '2012-10-17',
  Statement: statements,
});
const allow: Statement = {
  Effect: 'Allow',
  Action: 's3:GetObject',
  Resource: 'arn:aws:s3:::images/images/*',
};
const allowAll: Statement = { ...allow, Principal: '*' };
const deny: Statement = { ...allow, Effect: 'Deny', Principal: '*' };

interface Case {
  title: string;
  identity?: Statement[];
  resource?: Statement[];
  action?: string;
  on?: string;
  context?: Record<string, string | string[]>;
  who?: 'role' | 'outsider' | 'anonymous';
  allowed: boolean;
}

function ask(item: Case): boolean {
  const caller = {
    role: { arn: ROLE, accountId: OWN, anonymous: false },
    outsider: { arn: 'arn:aws:iam::111111111111:role/other', accountId: '111111111111', anonymous: false },
    anonymous: { arn: '*', accountId: 'anonymous', anonymous: true },
  }[item.who ?? 'role'];
  const question: AccessQuestion = {
    caller,
    action: item.action ?? 's3:GetObject',
    resource: item.on ?? OBJECT,
    ownerAccountId: OWN,
    context: item.context ?? {},
    identityPolicies: item.identity === undefined ? [] : [policy(...item.identity)],
    resourcePolicies: item.resource === undefined ? [] : [policy(...item.resource)],
  };
  return evaluate(question).allowed;
}

const when = (Condition: Statement['Condition']): Statement[] => [
  { ...allow, ...(Condition ? { Condition } : {}) },
];
const principal = (Principal: Statement['Principal']): Statement[] => [
  { ...allow, ...(Principal ? { Principal } : {}) },
];

const CASES: Case[] = [
  { title: 'nothing is allowed by default', allowed: false },
  { title: 'the role allows', identity: [allow], allowed: true },
  { title: 'another action is not allowed', identity: [allow], action: 's3:PutObject', allowed: false },
  { title: 'actions ignore case', identity: [allow], action: 'S3:getobject', allowed: true },
  { title: 'an action with * matches', identity: [{ ...allow, Action: 's3:Get*' }], allowed: true },
  {
    title: 'NotAction allows the rest',
    identity: [{ Effect: 'Allow', NotAction: 's3:Put*', Resource: '*' }],
    allowed: true,
  },
  {
    title: 'NotAction leaves out what it names',
    identity: [{ Effect: 'Allow', NotAction: 's3:*', Resource: '*' }],
    allowed: false,
  },
  {
    title: 'another key is not allowed',
    identity: [allow],
    on: 'arn:aws:s3:::images/audits/x',
    allowed: false,
  },
  {
    title: 'resources are case-sensitive',
    identity: [allow],
    on: 'arn:aws:s3:::images/IMAGES/x',
    allowed: false,
  },
  {
    title: 'NotResource allows the rest',
    identity: [{ Effect: 'Allow', Action: '*', NotResource: 'arn:aws:s3:::other/*' }],
    allowed: true,
  },
  { title: 'an explicit deny by the bucket wins', identity: [allow], resource: [deny], allowed: false },
  {
    title: 'an explicit deny by the role wins',
    identity: [{ ...allow, Effect: 'Deny' }],
    resource: [allowAll],
    allowed: false,
  },
  {
    title: 'within the account the bucket alone may allow',
    resource: principal({ AWS: ROLE }),
    allowed: true,
  },
  {
    title: 'a bucket that names the account hands the decision to the role',
    resource: principal({ AWS: `arn:aws:iam::${OWN}:root` }),
    allowed: false,
  },
  {
    title: 'a deny that names the account meets its roles',
    identity: [allow],
    resource: [{ ...deny, Principal: { AWS: OWN } }],
    allowed: false,
  },
  {
    title: 'a deny for another role leaves this one alone',
    identity: [allow],
    resource: [{ ...deny, Principal: { AWS: `${ROLE}-other` } }],
    allowed: true,
  },
  {
    title: 'NotPrincipal denies everybody else',
    identity: [allow],
    resource: [{ ...allow, Effect: 'Deny', NotPrincipal: { AWS: `${ROLE}-other` } }],
    allowed: false,
  },
  {
    title: 'NotPrincipal spares whom it names',
    identity: [allow],
    resource: [{ ...allow, Effect: 'Deny', NotPrincipal: { AWS: ROLE } }],
    allowed: true,
  },
  {
    title: 'anonymous callers are let in by the bucket only',
    who: 'anonymous',
    resource: [allowAll],
    allowed: true,
  },
  { title: 'anonymous callers have no role', who: 'anonymous', identity: [allow], allowed: false },
  {
    title: 'a service principal is nobody here',
    resource: principal({ Service: 'cloudfront.amazonaws.com' }),
    allowed: false,
  },
  { title: 'an outsider needs more than its own policy', who: 'outsider', identity: [allow], allowed: false },
  { title: 'an outsider needs more than the bucket', who: 'outsider', resource: [allowAll], allowed: false },
  {
    title: 'an outsider with both is let in',
    who: 'outsider',
    identity: [allow],
    resource: [allowAll],
    allowed: true,
  },

  {
    title: 'StringEquals on a tag',
    identity: when({ StringEquals: { 's3:ExistingObjectTag/status': 'ok' } }),
    context: { 's3:ExistingObjectTag/status': 'ok' },
    allowed: true,
  },
  {
    title: 'StringEquals on another value',
    identity: when({ StringEquals: { 's3:ExistingObjectTag/status': 'ok' } }),
    context: { 's3:ExistingObjectTag/status': 'pending' },
    allowed: false,
  },
  {
    title: 'StringEquals without the key does not match',
    identity: when({ StringEquals: { 's3:prefix': 'x' } }),
    allowed: false,
  },
  {
    title: 'StringNotEquals without the key matches',
    identity: when({ StringNotEquals: { 's3:prefix': 'x' } }),
    allowed: true,
  },
  {
    title: 'StringNotEquals means none of the values',
    identity: when({ StringNotEquals: { 's3:prefix': ['x', 'y'] } }),
    context: { 's3:prefix': 'y' },
    allowed: false,
  },
  {
    title: 'IfExists matches without the key',
    identity: when({ StringEqualsIfExists: { 's3:prefix': 'x' } }),
    allowed: true,
  },
  {
    title: 'IfExists still compares an existing key',
    identity: when({ StringEqualsIfExists: { 's3:prefix': 'x' } }),
    context: { 's3:prefix': 'y' },
    allowed: false,
  },
  {
    title: 'StringLike takes wildcards',
    identity: when({ StringLike: { 's3:prefix': 'audits/*' } }),
    context: { 's3:prefix': 'audits/a' },
    allowed: true,
  },
  {
    title: 'StringEquals takes none',
    identity: when({ StringEquals: { 's3:prefix': 'audits/*' } }),
    context: { 's3:prefix': 'audits/a' },
    allowed: false,
  },
  {
    title: 'StringNotLike excludes',
    identity: when({ StringNotLike: { 's3:prefix': 'audits/*' } }),
    context: { 's3:prefix': 'audits/a' },
    allowed: false,
  },
  {
    title: 'key names ignore case',
    identity: when({ StringEquals: { 'S3:Prefix': 'x' } }),
    context: { 's3:prefix': 'x' },
    allowed: true,
  },
  {
    title: 'every key of a block must match',
    identity: when({ StringEquals: { a: '1', b: '2' } }),
    context: { a: '1', b: '3' },
    allowed: false,
  },
  {
    title: 'every operator must match',
    identity: when({ StringEquals: { a: '1' }, Bool: { b: 'true' } }),
    context: { a: '1', b: 'false' },
    allowed: false,
  },
  {
    title: 'Bool accepts JSON booleans',
    identity: when({ Bool: { 'aws:SecureTransport': true } }),
    context: { 'aws:SecureTransport': 'true' },
    allowed: true,
  },
  { title: 'Null true wants the key absent', identity: when({ Null: { a: 'true' } }), allowed: true },
  { title: 'Null false wants the key present', identity: when({ Null: { a: 'false' } }), allowed: false },
  {
    title: 'NumericLessThan',
    identity: when({ NumericLessThan: { 's3:signatureAge': 1000 } }),
    context: { 's3:signatureAge': '999' },
    allowed: true,
  },
  {
    title: 'NumericLessThan without the key',
    identity: when({ NumericLessThan: { 's3:signatureAge': 1000 } }),
    allowed: false,
  },
  {
    title: 'DateGreaterThan',
    identity: when({ DateGreaterThan: { 'aws:CurrentTime': '2026-01-01T00:00:00Z' } }),
    context: { 'aws:CurrentTime': '2026-06-01T00:00:00Z' },
    allowed: true,
  },
  {
    title: 'the caller is known as aws:PrincipalArn',
    identity: when({ ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:role/weaudit-*' } }),
    allowed: true,
  },
  {
    title: 'ArnNotLike spares a role',
    identity: [allow],
    resource: [{ ...deny, Condition: { ArnNotLike: { 'aws:PrincipalArn': ROLE } } }],
    allowed: true,
  },
  {
    title: 'ArnNotLike meets anonymous callers, who have no ARN',
    who: 'anonymous',
    resource: [allowAll, { ...deny, Condition: { ArnNotLike: { 'aws:PrincipalArn': ROLE } } }],
    allowed: false,
  },
  {
    title: 'ForAllValues matches an absent key',
    identity: when({ 'ForAllValues:StringEquals': { tags: ['a'] } }),
    allowed: true,
  },
  {
    title: 'ForAllValues wants all',
    identity: when({ 'ForAllValues:StringEquals': { tags: ['a'] } }),
    context: { tags: ['a', 'b'] },
    allowed: false,
  },
  {
    title: 'ForAnyValue wants one',
    identity: when({ 'ForAnyValue:StringEquals': { tags: ['a'] } }),
    context: { tags: ['a', 'b'] },
    allowed: true,
  },
  {
    title: 'ForAnyValue does not match an absent key',
    identity: when({ 'ForAnyValue:StringEquals': { tags: ['a'] } }),
    allowed: false,
  },
  {
    title: 'a policy variable takes the request’s value',
    identity: [{ ...allow, Resource: 'arn:aws:s3:::images/images/${aws:PrincipalTag/audit}/*' }],
    context: { 'aws:PrincipalTag/audit': 'a' },
    allowed: true,
  },
  {
    title: 'a policy variable without a value matches nothing',
    identity: [{ ...allow, Resource: 'arn:aws:s3:::images/images/${aws:PrincipalTag/audit}/*' }],
    allowed: false,
  },
];

describe('the policy evaluator decides as IAM does', () => {
  test.each(CASES)('$title', (item) => {
    expect(ask(item)).toBe(item.allowed);
  });

  test('an operator it does not know is an error, not a silent mismatch', () => {
    expect(() =>
      ask({ title: '', identity: when({ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }), allowed: false }),
    ).toThrow('IpAddress');
  });
});

describe('wildcards', () => {
  test.each([
    ['*', '', true],
    ['a*c', 'abbc', true],
    ['a*c', 'abbd', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['*a*b*', 'xaxxbx', true],
    ['a.c', 'abc', false],
    ['a*', 'b', false],
  ])('%s on %s: %s', (pattern, text, expected) => {
    expect(matchesWildcard(pattern, text)).toBe(expected);
  });

  test('a * in one piece of an ARN does not reach into the next', () => {
    expect(matchesArn('arn:aws:sqs:*:cells', 'arn:aws:sqs:eu-central-1:000000000000:cells')).toBe(false);
    expect(matchesArn('arn:aws:sqs:*:*:cells', 'arn:aws:sqs:eu-central-1:000000000000:cells')).toBe(true);
    expect(matchesArn('arn:aws:logs:*:*:log-group:/x:*', 'arn:aws:logs:r:1:log-group:/x:log-stream:y')).toBe(
      true,
    );
  });
});
