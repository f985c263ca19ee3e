import { createHmac } from 'node:crypto';

/** Stands in for `fast-sha256`, of which `standardwebhooks` uses this one function: the same, and in native code. */
export const hmac = (key: Uint8Array, data: Uint8Array): Uint8Array =>
  createHmac('sha256', key).update(data).digest();
