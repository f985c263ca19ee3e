import { randomBytes } from 'node:crypto';
import { sha256Hex } from '../../lib/sha256.ts';
import { CommandError, EXIT } from '../exit.ts';

/** An API token as it is stored. Only its hash is kept, so that a leaked list is useless. */
export interface StoredToken {
  name: string;
  /** Hex. */
  sha256: string;
  scope: 'read' | 'audit';
  /** ISO 8601. */
  expires?: string;
}

/** A new API token of 256 bits, and its stored form. */
export function newApiToken(
  name: string,
  scope: StoredToken['scope'],
  expires: string | undefined,
): { token: string; stored: StoredToken } {
  const token = `wa_${randomBytes(32).toString('base64url')}`;
  const sha256 = sha256Hex(token);
  return { token, stored: { name, sha256, scope, ...(expires ? { expires } : {}) } };
}

const TIMEOUT_MS = 15_000;

/**
 * The secret with which Replicate signs the webhooks of an account.
 * @param api for example `https://api.replicate.com/v1`
 * @throws {CommandError} if Replicate rejects the token or cannot be reached
 */
export async function fetchWebhookSecret(api: string, token: string): Promise<string> {
  let response: Response;
  try {
    response = await fetch(`${api}/webhooks/default/secret`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    const { message, cause } = error as Error & { cause?: { code?: string } };
    throw new CommandError(
      EXIT.unavailable,
      `Replicate cannot be reached at ${api} (${cause?.code ?? message}). Check the network. Nothing was changed.`,
    );
  }
  if (response.status === 401)
    throw new CommandError(
      EXIT.refused,
      'Replicate rejected the token. Create one at https://replicate.com/account/api-tokens. Nothing was changed.',
    );
  const { key } = (await response.json().catch(() => ({}))) as { key?: unknown };
  if (!response.ok || typeof key !== 'string' || !key.startsWith('whsec_'))
    throw new CommandError(
      EXIT.unavailable,
      `Replicate did not return the webhook secret (status ${response.status}). Try again later. Nothing was changed.`,
    );
  return key;
}

/** During a rotation, webhooks in transit are still signed with the previous secret. */
const KEPT_SECRETS = 2;

/** The current secret, then the previous one. */
export const rotate = (secrets: string[], current: string): string[] =>
  [current, ...secrets.filter((secret) => secret !== current)].slice(0, KEPT_SECRETS);
