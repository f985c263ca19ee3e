import { isDeepStrictEqual } from 'node:util';
import type { ObjectStore } from '../ports.ts';

/** A copy that is not what it was copied from. Nothing is overwritten: an operator has to look. */
export class BackupMismatch extends Error {
  override name = 'BackupMismatch';
}

/**
 * Copies an object into the backup, inside S3, and proves it by its SHA-256, which S3 answers with the copy. A copy
 * that is there already is proved by asking for its SHA-256, and its tags are brought into step. Nothing is ever
 * deleted or overwritten.
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
  const copy = await backup.createCopy(images, key);
  if (copy.outcome === 'gone') return 'gone';
  const answered = copy.outcome === 'copied' ? copy.sha256 : undefined;
  const sha256 = answered ?? (await backup.head(key))?.sha256;
  if (!sha256 || sha256 !== source.sha256)
    throw new BackupMismatch(
      `the backup of ${key} has the SHA-256 ${sha256}, the original (${source.bytes} bytes) ${source.sha256}`,
    );
  if (copy.outcome === 'copied') return 'copied';
  const [wanted, existing] = await Promise.all([images.tags(key), backup.tags(key)]);
  if (wanted && !isDeepStrictEqual(wanted, existing)) await backup.setTags(key, wanted);
  return 'kept';
}
