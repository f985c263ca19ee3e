import { createHmac, timingSafeEqual } from 'node:crypto';
import { Refusal } from '../errors.ts';

/** A delivery as it came in; header names in lower case. */
export interface Delivery {
  headers: Record<string, string | undefined>;
  body: string;
}

const ID = /^[\x21-\x7e]{1,256}$/;
const SECONDS = /^\d{10}$/;
const SIGNATURES = /^[\x20-\x7e]{1,2048}$/;

/**
 * What a delivery is signed with.
 * @throws {Refusal} 401 for headers that are missing or not of the form
 */
export function signatureOf(headers: Delivery['headers']) {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const signature = headers['webhook-signature'];
  if (!id || !timestamp || !signature)
    throw new Refusal(401, 'the headers webhook-id, webhook-timestamp and webhook-signature are needed');
  if (!ID.test(id) || !SECONDS.test(timestamp) || !SIGNATURES.test(signature))
    throw new Refusal(401, 'the webhook headers are not of the Standard Webhooks form');
  return { id, timestamp, signature };
}

/** A delivery is believed for so long before and after its time, in seconds. */
const TOLERANCE_SECONDS = 5 * 60;

/**
 * Checks a delivery against every accepted secret (two of them while a secret is rotated), over the raw body, in
 * constant time. Rules: Standard Webhooks, "Verifying signatures". A signature covers id, time and body.
 * @returns the body as JSON
 * @throws {Refusal} 401 for a signature that does not fit, 400 for a signed body that is not JSON
 * @throws {Error} where none fits, and one secret cannot be used
 */
export function verifyDelivery({ headers, body }: Delivery, secrets: string[], now: Date): unknown {
  const { id, timestamp, signature } = signatureOf(headers);
  const keys = secrets.map(keyOf);
  const isTimely = Math.abs(now.getTime() / 1_000 - Number(timestamp)) <= TOLERANCE_SECONDS;
  const given = signature.split(' ');
  const isSigned = keys.some((key) => {
    if (!key) return false;
    const expected = `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
    return given.some((text) => isEqual(text, expected));
  });
  const isValid = isTimely && isSigned;
  // Then it may be this side's fault, and a delivery that is refused for good would be lost.
  if (!isValid && (keys.length === 0 || keys.includes(undefined)))
    throw new Error(
      'there is no webhook secret, or one is not of the form whsec_<base64>. Put what Replicate shows as signing secret into the parameter: npx weaudit setup',
    );
  if (!isValid) throw new Refusal(401, 'no signature fits the body, or its time is more than 5 minutes off');
  try {
    return JSON.parse(body);
  } catch {
    throw new Refusal(400, 'the body is signed, but it is not JSON');
  }
}

const isEqual = (one: string, other: string): boolean =>
  one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));

const SECRET = /^(?:whsec_)?((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;

/** What a secret signs with; undefined for one that cannot be used. */
function keyOf(secret: string): Buffer | undefined {
  const base64 = SECRET.exec(secret)?.[1];
  return base64 ? Buffer.from(base64, 'base64') : undefined;
}

/** The parameter's value: secrets separated by white space or commas, the newest first. */
export const parseSecrets = (value: string): string[] =>
  value.split(/[\s,]+/).filter((secret) => secret !== '');
