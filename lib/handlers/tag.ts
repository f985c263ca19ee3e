import { keyOf } from '../aws/s3-event.ts';
import { judgeCell } from '../images/judge.ts';
import type { Log, ObjectStore } from '../ports.ts';
import { isStored, type Result } from '../records/result.ts';

/** A result was created: judge its images, tag them, record what was found. */
export const createTag =
  ({ store, log }: { store: ObjectStore; log: Log }) =>
  async (event: unknown) => {
    const key = keyOf(event, store.bucket);
    const record = await store.readJson<Result>(key);
    if (!record) {
      log.info('the result is gone: its audit was deleted', { key });
      return { key, images: [] };
    }
    const { audit, cell, images } = record.value;
    const stored = images.filter(isStored).map(({ index }) => index);
    const judged = [...(await judgeCell(store, audit, cell, stored))];
    for (const [index, found] of judged)
      if (found.status === 'quarantined')
        log.warn('not a valid image: quarantined', { key, index, ...found });
    return { key, images: judged.map(([index, found]) => ({ index, ...found })) };
  };
