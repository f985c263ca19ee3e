import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { GetBucketLifecycleConfigurationCommand, GetObjectCommand } from '@aws-sdk/client-s3';
import type { S3Store } from '../../lib/aws/objects.ts';
import { isForbidden, isMissing } from './faults.ts';

/**
 * - `intact`: its bytes have the SHA-256 of the manifest
 * - `damaged`: they have another
 * - `missing`: it does not exist, but should
 * - `expired`: it was deleted at the end of its retention
 * - `purged`: an operator removed it for good
 * - `quarantined`: it exists, but is not a valid image, so the bucket's policy allows only the pipeline to read it
 */
export type Condition = 'intact' | 'damaged' | 'missing' | 'expired' | 'purged' | 'quarantined';

/** Hashes an object, or one version of it, while streaming. @returns SHA-256 in hex */
export async function hashObject(store: S3Store, key: string, versionId?: string): Promise<string> {
  const { Body } = await store.client.send(
    new GetObjectCommand({ Bucket: store.bucket, Key: key, ...(versionId ? { VersionId: versionId } : {}) }),
  );
  const hash = createHash('sha256');
  for await (const piece of Body as Readable) hash.update(piece as Buffer);
  return hash.digest('hex');
}

/** Whether a key is listed. A GET answers 403 for a quarantined object and may do so for a missing one. */
async function isListed(store: S3Store, key: string): Promise<boolean> {
  for await (const object of store.list(key)) return object.key === key;
  return false;
}

/** The condition of an object that should hash to `sha256` (hex). A failed checksum of S3 is damage too. */
export async function inspect(
  store: S3Store,
  key: string,
  sha256: string,
): Promise<'intact' | 'damaged' | 'missing' | 'quarantined'> {
  try {
    return (await hashObject(store, key)) === sha256 ? 'intact' : 'damaged';
  } catch (error) {
    if (isMissing(error)) return 'missing';
    if (isForbidden(error)) return (await isListed(store, key)) ? 'quarantined' : 'missing';
    if (/checksum mismatch/i.test((error as Error).message)) return 'damaged';
    throw error;
  }
}

/**
 * Days after which objects with a retention expire, according to the bucket's lifecycle rules; undefined without a rule.
 * (The local cloud has no lifecycle rules: nothing expires there.)
 */
export async function retentionDays(store: S3Store, retention: string): Promise<number | undefined> {
  try {
    const { Rules = [] } = await store.client.send(
      new GetBucketLifecycleConfigurationCommand({ Bucket: store.bucket }),
    );
    const rule = Rules.find(
      ({ Status, Filter, Expiration }) =>
        Status === 'Enabled' &&
        Expiration?.Days &&
        Filter?.Tag?.Key === 'retention' &&
        Filter.Tag.Value === retention,
    );
    return rule?.Expiration?.Days;
  } catch {
    // Without access to the rules a missing object counts as missing, not as expired.
    return undefined;
  }
}
