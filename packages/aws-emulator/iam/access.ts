import type { IncomingMessage } from 'node:http';
import type { FunctionModel, StackModel } from '../stack/model.ts';
import { evaluate, type Verdict } from './evaluate.ts';
import type { RequestContext } from './policy.ts';

/** Who signed a request, as far as a decision needs it. */
export interface Principal {
  arn: string;
  accountId: string;
  /** The request carried no credentials. */
  anonymous: boolean;
  /** The person at this machine, who may do everything, like an account's administrator. */
  admin: boolean;
}

export interface AccessRequest {
  principal: Principal;
  /** For instance `s3:GetObject`. */
  action: string;
  /** For instance `arn:aws:s3:::bucket/key`. */
  resource: string;
  /** Condition keys and their values, for instance `s3:ExistingObjectTag/status`. */
  context: Record<string, string | string[]>;
}

export interface SigningKey {
  secretAccessKey: string;
  principal: Principal;
}

/** Access keys of the person at this machine. */
const ADMIN_KEYS = ['local', 'test'];

/** The access key of a function's role. `callerOf` reads it back. */
const keyOf = (functionKey: string) => ({
  accessKeyId: `LOCAL${functionKey.toUpperCase()}`,
  secretAccessKey: `local-${functionKey}`,
});

/** The function whose role signed a request, by its Authorization header; undefined for everybody else. */
export function callerOf({ headers }: IncomingMessage): string | undefined {
  return /Credential=LOCAL([^/]+)\//.exec(headers.authorization ?? '')?.[1]?.toLowerCase();
}

/**
 * Gives every function an access key for its role, and decides requests by the roles and bucket policies of the stack.
 * @param decided is called after each decision about a role
 */
export function createAccess(
  stack: StackModel,
  decided: (request: AccessRequest, allowed: boolean) => void = () => {},
) {
  const keys = new Map<string, SigningKey>();
  const adminArn = `arn:aws:iam::${stack.accountId}:user/local`;
  for (const key of ADMIN_KEYS) {
    const principal = { arn: adminArn, accountId: stack.accountId, anonymous: false, admin: true };
    keys.set(key, { secretAccessKey: key, principal });
  }
  const principalOf = ({ role }: FunctionModel): Principal => ({
    arn: role.arn,
    accountId: stack.accountId,
    anonymous: false,
    admin: false,
  });
  for (const model of stack.functions) {
    const { accessKeyId, secretAccessKey } = keyOf(model.key);
    keys.set(accessKeyId, { secretAccessKey, principal: principalOf(model) });
  }
  const rolePolicies = new Map(stack.functions.map(({ role }) => [role.arn, role.policies]));

  function resourcePolicies(resource: string) {
    const bucket = stack.buckets.find(({ arn }) => resource === arn || resource.startsWith(`${arn}/`));
    return bucket?.policies ?? [];
  }

  function explain(request: AccessRequest): Verdict {
    const { principal, action, resource } = request;
    if (principal.admin) return { allowed: true, reason: 'the administrator of the local account' };
    // Loopback needs no TLS. What a policy demands of the transport is tested on the packaged template.
    const context: RequestContext = { ...request.context, 'aws:SecureTransport': 'true' };
    const verdict = evaluate({
      caller: principal,
      action,
      resource,
      ownerAccountId: stack.accountId,
      context,
      identityPolicies: rolePolicies.get(principal.arn) ?? [],
      resourcePolicies: resourcePolicies(resource),
    });
    decided(request, verdict.allowed);
    return verdict;
  }

  return {
    /** Undefined for an unknown access key. */
    credentials: (accessKeyId: string): SigningKey | undefined => keys.get(accessKeyId),
    /** The key of a function's role. */
    functionKey: keyOf,
    /** Whether AWS itself may do this for a function, with the function's role. */
    roleMay: (model: FunctionModel, action: string, resource: string): boolean =>
      explain({ principal: principalOf(model), action, resource, context: {} }).allowed,
    authorize: (request: AccessRequest): boolean => explain(request).allowed,
    /** As `authorize`, with the reason. */
    explain,
  };
}

export type Access = ReturnType<typeof createAccess>;
