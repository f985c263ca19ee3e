import { createHmac, randomBytes } from 'node:crypto';
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
  /** Whether a session token belongs to the key. Undefined: the key is permanent, and tokens are not looked at. */
  isSession?(token: string): boolean;
}

/** Access keys of the person at this machine. */
const ADMIN_KEYS = ['local', 'test'];

/** The access key of a function's role. `callerOf` reads it back. */
const keyOf = (functionKey: string) => ({
  accessKeyId: `LOCAL${functionKey.toUpperCase()}`,
  secretAccessKey: `local-${functionKey}`,
});

/** Characters of a session token, as many as AWS's have. */
const TOKEN_LENGTH = 1_000;

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
  // New at each start: sessions of the one before have ended.
  const sessionSecret = randomBytes(32);
  const proof = (functionKey: string, text: string) =>
    createHmac('sha256', sessionSecret).update(`${functionKey} ${text}`).digest('base64');
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
    const isSession = (token: string) => {
      const [text = '', proved] = token.split('.');
      return proved === proof(model.key, text);
    };
    keys.set(accessKeyId, { secretAccessKey, principal: principalOf(model), isSession });
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
    /**
     * The token of a new session of a function's role. Each process has one, as each execution environment on Lambda. A request
     * without one is accepted, too: `serverless invoke local` and tests use the role's key alone.
     */
    sessionToken(functionKey: string): string {
      const text = randomBytes(TOKEN_LENGTH).toString('base64').slice(0, TOKEN_LENGTH);
      return `${text}.${proof(functionKey, text)}`;
    },
    /** Whether AWS itself may do this for a function, with the function's role. */
    roleMay: (model: FunctionModel, action: string, resource: string): boolean =>
      explain({ principal: principalOf(model), action, resource, context: {} }).allowed,
    authorize: (request: AccessRequest): boolean => explain(request).allowed,
    /** As `authorize`, with the reason. */
    explain,
  };
}

export type Access = ReturnType<typeof createAccess>;
