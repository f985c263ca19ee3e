import { judgeCell } from '../images/judge.ts';
import type { Log, ObjectStore } from '../ports.ts';
import { isStored } from '../records/result.ts';
import { createdResult } from './created-result.ts';

/** A result was created: judge its images, tag them, record what was found. */
export const createTag =
  ({ store, log }: { store: ObjectStore; log: Log }) =>
  async (event: unknown) => {
    const { key, result } = await createdResult({ store, log }, event);
    if (!result) return { key, images: [] };
    const { audit, cell, images } = result;
    const stored = images.filter(isStored).map(({ index }) => index);
    const judged = [...(await judgeCell(store, audit, cell, stored))];
    for (const [index, found] of judged)
      if (found.status === 'quarantined')
        log.warn('not a valid image: quarantined', { key, index, ...found });
    return { key, images: judged.map(([index, found]) => ({ index, ...found })) };
  };
