import { dependsOnMachine } from '../../lib/images/verdict.ts';
import type { ObjectStore } from '../../lib/ports.ts';
import {
  addJudgements,
  everyJudgement,
  holding,
  type Judgement,
  type Judgements,
  judgementKeys,
  parseJudgementKey,
} from '../../lib/records/judgement.ts';
import { cellJudgementsPrefix, imageKey, parseImageKey, resultKey } from '../../lib/records/keys.ts';

/**
 * Replaces the judgement of an image and keeps those of the other images in the same record. The new record is created
 * before the old one is deleted: in between the stricter one counts, and no other image is without a judgement. Calls for
 * images of one cell must not overlap.
 * @param found undefined to remove the judgement: then `tag` judges the image as if for the first time
 */
export async function replaceJudgement(
  images: ObjectStore,
  key: string,
  found: Judgement | undefined,
): Promise<void> {
  const image = parseImageKey(key);
  if (!image) return;
  const { audit, cell, index } = image;
  const merged: Judgements = new Map();
  const records: string[] = [];
  for await (const { key: record } of images.list(cellJudgementsPrefix(audit, cell))) {
    const judgements = parseJudgementKey(audit, record)?.found;
    if (!judgements?.has(index)) continue;
    addJudgements(merged, judgements);
    records.push(record);
  }
  if (found) merged.set(index, found);
  else merged.delete(index);
  // The index of an image decides in which record its judgement is kept; its neighbors are in the same record.
  const [current] = judgementKeys(audit, cell, merged);
  if (current !== undefined) {
    // If `tag` has not written a record yet, the image's own tags have the retention.
    const retention = (await images.tags(records[0] ?? key))?.retention;
    await images.create(current, '', { tags: retention ? { retention } : {} });
  }
  await images.delete(records.filter((record) => record !== current));
}

/**
 * Removes judgements of a cell that depend on the machine, such as "too slow": `tag` does not look again at what has one,
 * and the same record would not show that it did. What holds against them stays. Does nothing if the cell has no result:
 * nothing would start `tag`.
 */
export async function forgetMachine(
  images: ObjectStore,
  audit: string,
  cell: number,
  indexes: readonly number[],
): Promise<void> {
  const said = await everyJudgement(images, audit, cell);
  const isMachines = ({ decoded }: Judgement) => dependsOnMachine(decoded?.reason);
  const forgotten = indexes.filter((index) => said.get(index)?.some(isMachines));
  if (forgotten.length === 0 || !(await images.exists(resultKey(audit, cell)))) return;
  for (const index of forgotten) {
    const held = said.get(index)!.reduce(holding);
    await replaceJudgement(images, imageKey(audit, cell, index), isMachines(held) ? undefined : held);
  }
}
