import type { ObjectStore } from '../../lib/ports.ts';
import {
  addJudgements,
  type Judgement,
  type Judgements,
  judgementKeys,
  parseJudgementKey,
} from '../../lib/records/judgement.ts';
import { cellJudgementsPrefix, parseImageKey } from '../../lib/records/keys.ts';

/**
 * Makes one judgement the only one of an image: whoever lists them must not find another beside it. What its record
 * tells of other images stays. The new record comes before the old one goes: in between the stricter of the two
 * holds, and no image is without any. Two of these on one cell must come one after the other.
 */
export async function replaceJudgement(images: ObjectStore, key: string, found: Judgement): Promise<void> {
  const image = parseImageKey(key);
  if (!image) return;
  const { audit, cell, index } = image;
  const told: Judgements = new Map();
  const records: string[] = [];
  for await (const { key: record } of images.list(cellJudgementsPrefix(audit, cell))) {
    const judgements = parseJudgementKey(audit, record)?.found;
    if (!judgements?.has(index)) continue;
    addJudgements(told, judgements);
    records.push(record);
  }
  told.set(index, found);
  // An image's place decides in which record it stands: what stands beside it belongs into the same one.
  const [standing = ''] = judgementKeys(audit, cell, told);
  // `tag` may not have come yet: the image itself says how long its record is kept.
  const retention = (await images.tags(records[0] ?? key))?.retention;
  await images.create(standing, '', { tags: retention ? { retention } : {} });
  await images.delete(records.filter((record) => record !== standing));
}
