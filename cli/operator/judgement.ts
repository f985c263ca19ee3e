import { type Judgement, judgementKey, parseJudgementKey } from '../../lib/images/judgement.ts';
import { cellName, judgementsPrefix, parseImageKey } from '../../lib/storage/keys.ts';
import type { ObjectStore } from '../../lib/storage/objects.ts';

/** Makes one judgement the only one of an image: whoever lists them must not find another beside it. */
export async function replaceJudgement(images: ObjectStore, key: string, found: Judgement): Promise<void> {
  const image = parseImageKey(key);
  if (!image) return;
  const { audit, cell, index } = image;
  const standing = judgementKey(audit, cell, index, found);
  await images.create(standing, '');
  const others: string[] = [];
  for await (const { key: other } of images.list(`${judgementsPrefix(audit)}${cellName(cell)}/`))
    if (other !== standing && parseJudgementKey(audit, other)?.index === index) others.push(other);
  await images.delete(others);
}
