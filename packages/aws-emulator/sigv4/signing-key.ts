import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

/** Keys kept: one per caller and day. Requests choose region and day, so their number must be bounded. */
const MOST = 100;
const kept = new Map<string, KeyObject>();

/** HMAC-SHA-256. With a KeyObject it takes a fifth of the time it takes with a Buffer. */
export const hmac = (key: KeyObject | string, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

/** Compares in constant time. */
export function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** The key that signs a caller's requests of a day to a service ("Create a signed AWS API request", step 4). */
export function signingKey(secretAccessKey: string, scope: readonly string[]): KeyObject {
  const name = [secretAccessKey, ...scope].join('/');
  let key = kept.get(name);
  if (key === undefined) {
    key = scope.reduce<KeyObject>(
      (previous, part) => createSecretKey(hmac(previous, part)),
      createSecretKey(`AWS4${secretAccessKey}`, 'utf8'),
    );
    if (kept.size === MOST) kept.clear();
    kept.set(name, key);
  }
  return key;
}
