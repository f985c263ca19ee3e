import { createHash, timingSafeEqual } from 'node:crypto';
import { Refusal } from '../errors.ts';

/** What a token of the API allows: to read, or also to start, cancel and delete audits. */
export type ApiScope = 'read' | 'audit';
/** `rate`: a rater's token, which is for one slot of one round and no token of the API. */
export type Scope = ApiScope | 'rate';

/** Who sends a request, as the API's tokens name them. */
export interface Caller {
  name: string;
  scope: ApiScope;
}

interface StoredToken {
  name: string;
  /** SHA-256 of the token, in hex: a leaked list opens nothing. */
  sha256: string;
  scope: ApiScope;
  /** ISO 8601; a token without it does not expire. */
  expires?: string;
}

const BEARER = /^Bearer +([\x21-\x7e]{1,512}) *$/i;
const CHALLENGE = { headers: { 'www-authenticate': 'Bearer' } };

/** The token in a header `Authorization`; empty if there is none. */
export const bearerOf = (header: string | undefined): string => BEARER.exec(header ?? '')?.[1] ?? '';

/** The error is logged, so it does not repeat the value: somebody may have put a token there. */
function parseTokens(value: string): StoredToken[] {
  try {
    const tokens: unknown = JSON.parse(value);
    if (Array.isArray(tokens)) return tokens as StoredToken[];
  } catch {
    // The error below says so.
  }
  throw new Error('The parameter with the API tokens holds no JSON array. Write it again: npx weaudit setup');
}

/**
 * Who sent a request. Every stored token is compared in constant time, so that the duration reveals nothing.
 * @param header the `Authorization` header
 * @param tokens JSON array of {name, sha256, scope, expires?}, as the parameter holds it
 * @throws {Error} if the parameter does not hold a list of tokens
 * @throws {Refusal} 401 for a missing, unknown or expired token, 403 if its scope is not enough
 */
export function authorize(header: string | undefined, tokens: string, needed: ApiScope, now: Date): Caller {
  const token = bearerOf(header);
  if (!token)
    throw new Refusal(401, 'Send an API token in the header "Authorization: Bearer <token>".', CHALLENGE);
  const digest = createHash('sha256').update(token).digest();
  let found: StoredToken | undefined;
  for (const stored of parseTokens(tokens)) {
    const expected = Buffer.from(stored.sha256, 'hex');
    if (expected.length === digest.length && timingSafeEqual(expected, digest)) found = stored;
  }
  if (!found) throw new Refusal(401, 'This API token is unknown. Ask an operator for a new one.', CHALLENGE);
  if (found.expires && !(new Date(found.expires) > now))
    throw new Refusal(
      401,
      `This API token expired at ${found.expires}. Ask an operator for a new one.`,
      CHALLENGE,
    );
  if (needed === 'audit' && found.scope !== 'audit')
    throw new Refusal(
      403,
      `The API token "${found.name}" can only view audits. This request needs a token with the scope "audit".`,
    );
  return { name: found.name, scope: found.scope };
}
