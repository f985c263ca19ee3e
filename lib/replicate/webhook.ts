import { Webhook } from 'standardwebhooks';
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

/**
 * Checks a delivery against every accepted secret (two of them while a secret is rotated), over the raw body,
 * within five minutes of its timestamp, in constant time. Rules: Standard Webhooks. The package reads `123abc`
 * as the time 123, hence the strict look at the headers first.
 * @returns the body as JSON
 * @throws {Refusal} 401 for a signature that does not fit, 400 for a signed body that is not JSON
 * @throws {Error} where none fits, and one cannot be used
 */
export function verifyDelivery({ headers, body }: Delivery, secrets: string[]): unknown {
  const { id, timestamp, signature } = signatureOf(headers);
  const keys = secrets.map(keyOf);
  const signed = keys.some((key) => {
    try {
      key?.verify(
        body,
        { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature },
        { jsonParse: false },
      );
      return key !== undefined;
    } catch {
      return false;
    }
  });
  // Then it may be this side's fault, and a delivery that is refused for good would be lost.
  if (!signed && (keys.length === 0 || keys.includes(undefined)))
    throw new Error(
      'there is no webhook secret, or one is not of the form whsec_<base64>. Put what Replicate shows as signing secret into the parameter: npx weaudit setup',
    );
  if (!signed) throw new Refusal(401, 'no signature fits the body, or its time is more than 5 minutes off');
  try {
    return JSON.parse(body);
  } catch {
    throw new Refusal(400, 'the body is signed, but it is not JSON');
  }
}

/** What a secret signs with; undefined for one that cannot be used. */
function keyOf(secret: string): Webhook | undefined {
  try {
    return new Webhook(secret);
  } catch {
    return undefined;
  }
}

/** The parameter's value: secrets separated by white space or commas, the newest first. */
export const parseSecrets = (value: string): string[] =>
  value.split(/[\s,]+/).filter((secret) => secret !== '');
