import { createHash, randomBytes } from 'node:crypto';
import { CommandError, EXIT } from '../exit.ts';

/** One API token as it is stored: a leaked list opens nothing. */
export interface StoredToken {
  name: string;
  /** Hex. */
  sha256: string;
  scope: 'read' | 'audit';
  /** ISO 8601. */
  expires?: string;
}

/** A new API token of 256 bits, and what is stored of it. */
export function newApiToken(
  name: string,
  scope: StoredToken['scope'],
  expires: string | undefined,
): { token: string; stored: StoredToken } {
  const token = `wa_${randomBytes(32).toString('base64url')}`;
  const sha256 = createHash('sha256').update(token).digest('hex');
  return { token, stored: { name, sha256, scope, ...(expires ? { expires } : {}) } };
}

const TIMEOUT_MS = 15_000;

/**
 * The secret that Replicate signs an account's webhooks with.
 * @param api such as `https://api.replicate.com/v1`
 * @throws {CommandError} where the token is not accepted, or nobody answers
 */
export async function fetchWebhookSecret(api: string, token: string): Promise<string> {
  let response: Response;
  try {
    response = await fetch(`${api}/webhooks/default/secret`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new CommandError(
      EXIT.unavailable,
      `Replicate cannot be reached at ${api}: ${(error as Error).message}. Nothing was changed.`,
    );
  }
  if (response.status === 401)
    throw new CommandError(
      EXIT.refused,
      'Replicate does not accept this token. Make one at https://replicate.com/account/api-tokens. Nothing was changed.',
    );
  const { key } = (await response.json().catch(() => ({}))) as { key?: unknown };
  if (!response.ok || typeof key !== 'string' || !key.startsWith('whsec_'))
    throw new CommandError(
      EXIT.unavailable,
      `Replicate did not tell the webhook secret (status ${response.status}). Nothing was changed.`,
    );
  return key;
}

/** While a secret is rotated, deliveries under way are still signed with the one before. */
const KEPT_SECRETS = 2;

/** The new secret first, the one before after it. */
export const rotate = (secrets: string[], current: string): string[] =>
  [current, ...secrets.filter((secret) => secret !== current)].slice(0, KEPT_SECRETS);
