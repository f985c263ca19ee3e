import type { S3Store } from '../../lib/aws/objects.ts';
import { isMissing } from './faults.ts';
import { hashObject } from './inspect.ts';

/** The SHA-256 of a record in hex, or undefined if there is none. */
export async function hashRecord(store: S3Store, key: string): Promise<string | undefined> {
  try {
    return await hashObject(store, key);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
