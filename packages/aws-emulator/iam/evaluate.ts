import { matchesConditions, substituteVariables } from './condition.ts';
import {
  many,
  type PolicyDocument,
  type PrincipalElement,
  type RequestContext,
  type Statement,
} from './policy.ts';
import { matchesArn, matchesWildcard } from './wildcard.ts';

export interface Caller {
  /** ARN of the role or user; ignored when anonymous. */
  arn: string;
  accountId: string;
  anonymous: boolean;
}

export interface AccessQuestion {
  caller: Caller;
  /** For instance `s3:GetObject`. */
  action: string;
  /** ARN of what is acted upon. */
  resource: string;
  /** Account that owns the resource. */
  ownerAccountId: string;
  context: RequestContext;
  /** Policies attached to the caller's role. */
  identityPolicies: readonly PolicyDocument[];
  /** Policy attached to the resource, for instance the bucket policy. */
  resourcePolicies: readonly PolicyDocument[];
}

export interface Verdict {
  allowed: boolean;
  /** For people: which statement decided, or that none allowed it. */
  reason: string;
}

function matchesAction(statement: Statement, action: string): boolean {
  const lower = action.toLowerCase();
  const any = (patterns: string[]) =>
    patterns.some((pattern) => matchesWildcard(pattern.toLowerCase(), lower));
  if (statement.NotAction !== undefined) return !any(many(statement.NotAction));
  return any(many(statement.Action));
}

function matchesResource(statement: Statement, resource: string, context: RequestContext): boolean {
  const any = (patterns: string[]) =>
    patterns.some((pattern) => {
      const resolved = substituteVariables(pattern, context);
      return resolved !== undefined && matchesArn(resolved, resource);
    });
  if (statement.NotResource !== undefined) return !any(many(statement.NotResource));
  return any(many(statement.Resource));
}

/** How a principal element names the caller: by its own ARN or `*`, or only by its account. */
function namesPrincipal(element: PrincipalElement, caller: Caller): 'itself' | 'account' | undefined {
  const names = element === '*' ? ['*'] : many(element.AWS);
  if (names.includes('*')) return 'itself';
  if (caller.anonymous) return undefined;
  if (names.includes(caller.arn)) return 'itself';
  const account = [caller.accountId, `arn:aws:iam::${caller.accountId}:root`];
  return names.some((name) => account.includes(name)) ? 'account' : undefined;
}

function resourceStatementApplies(statement: Statement, caller: Caller): boolean {
  if (statement.NotPrincipal !== undefined)
    return namesPrincipal(statement.NotPrincipal, caller) === undefined;
  if (statement.Principal === undefined) return false;
  const named = namesPrincipal(statement.Principal, caller);
  // Naming the account leaves the decision to the account's own policies.
  return statement.Effect === 'Deny' ? named !== undefined : named === 'itself';
}

/** True if a resource policy lets in the caller's account, which a caller from another account needs besides its own policies. */
function resourceStatementDelegates(statement: Statement, caller: Caller): boolean {
  return statement.Principal !== undefined && namesPrincipal(statement.Principal, caller) !== undefined;
}

const label = (statement: Statement) =>
  statement.Sid ?? many(statement.Action ?? statement.NotAction).join(', ');

/**
 * Decides one request as IAM does ("Policy evaluation logic" in the IAM user guide): an explicit deny anywhere wins;
 * within one account an allow by the caller's role or by the resource's policy is enough, across accounts both are
 * needed; anonymous callers have only the resource's policy. Pure.
 */
export function evaluate(question: AccessQuestion): Verdict {
  const { caller, action, resource } = question;
  const context: RequestContext = caller.anonymous
    ? question.context
    : { 'aws:PrincipalArn': caller.arn, 'aws:PrincipalAccount': caller.accountId, ...question.context };
  const matches = (statement: Statement) =>
    matchesAction(statement, action) &&
    matchesResource(statement, resource, context) &&
    matchesConditions(statement.Condition, context);

  const identity = caller.anonymous
    ? []
    : question.identityPolicies.flatMap((policy) => many(policy.Statement)).filter(matches);
  const ofResource = question.resourcePolicies.flatMap((policy) => many(policy.Statement)).filter(matches);
  const applied = ofResource.filter((statement) => resourceStatementApplies(statement, caller));

  const denied = [...identity, ...applied].find((statement) => statement.Effect === 'Deny');
  if (denied !== undefined) return { allowed: false, reason: `explicitly denied by "${label(denied)}"` };

  const byIdentity = identity.find((statement) => statement.Effect === 'Allow');
  const byResource = applied.find((statement) => statement.Effect === 'Allow');
  if (!caller.anonymous && caller.accountId !== question.ownerAccountId) {
    const letIn = ofResource.some(
      (statement) => statement.Effect === 'Allow' && resourceStatementDelegates(statement, caller),
    );
    return byIdentity !== undefined && letIn
      ? { allowed: true, reason: `allowed by "${label(byIdentity)}" and the resource's policy` }
      : { allowed: false, reason: 'another account needs an allow on both sides' };
  }
  const allowing = byIdentity ?? byResource;
  return allowing === undefined
    ? { allowed: false, reason: `no statement allows ${action} on ${resource}` }
    : { allowed: true, reason: `allowed by "${label(allowing)}"` };
}
