import { isDeepStrictEqual } from 'node:util';
import type { ObjectStore } from './objects.ts';

/** A copy that is not what it was copied from. Nothing is overwritten: an operator has to look. */
export class BackupMismatch extends Error {
  override name = 'BackupMismatch';
}

/**
 * Copies an object into the backup, inside S3, and proves it: size and SHA-256 agree afterwards. A copy that is
 * there already is proved likewise, and its tags are brought into step. Nothing is ever deleted or overwritten.
 * @returns `gone` where there is no such object (any more)
 * @throws {BackupMismatch}
 */
export async function backUp(
  images: ObjectStore,
  backup: ObjectStore,
  key: string,
): Promise<'copied' | 'kept' | 'gone'> {
  const source = await images.head(key);
  if (!source) return 'gone';
  const copied = await backup.createCopy(images, key);
  if (copied === 'gone') return 'gone';
  const copy = await backup.head(key);
  if (!copy?.sha256 || copy.bytes !== source.bytes || copy.sha256 !== source.sha256)
    throw new BackupMismatch(
      `the backup of ${key} has ${copy?.bytes} bytes and SHA-256 ${copy?.sha256}, the original ${source.bytes} and ${source.sha256}`,
    );
  if (copied === 'copied') return 'copied';
  const [wanted, standing] = await Promise.all([images.tags(key), backup.tags(key)]);
  if (wanted && !isDeepStrictEqual(wanted, standing)) await backup.setTags(key, wanted);
  return 'kept';
}
