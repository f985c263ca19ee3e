import { keyOf } from '../aws/s3-event.ts';
import type { Log, ObjectStore } from '../ports.ts';
import type { Result } from '../records/result.ts';

/** The result whose creation an event reports; undefined if its audit was deleted since. */
export async function createdResult(
  { store, log }: { store: ObjectStore; log: Log },
  event: unknown,
): Promise<{ key: string; result: Result | undefined }> {
  const key = keyOf(event, store.bucket);
  const record = await store.readJson<Result>(key);
  if (!record) log.info('the result is gone: its audit was deleted', { key });
  return { key, result: record?.value };
}
