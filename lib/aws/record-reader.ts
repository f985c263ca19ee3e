import type { ObjectStore } from './objects.ts';
import { SignedGets } from './signed-gets.ts';

/**
 * Reads JSON records that a LIST has just shown, as many beside each other as one likes. Whatever comes but the
 * record (it is gone by now, S3 wants to be asked more slowly, the connection broke) is left to the client, which
 * knows what it means and when to try again.
 */
export function recordReader<T>(store: ObjectStore): (key: string) => Promise<T | undefined> {
  const gets = new SignedGets(store.client, store.bucket);
  return async (key) => {
    const text = await gets.read(key).catch(() => undefined);
    return text === undefined ? (await store.readJson<T>(key))?.value : (JSON.parse(text) as T);
  };
}
