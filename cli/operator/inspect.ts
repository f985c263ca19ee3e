import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { GetBucketLifecycleConfigurationCommand, GetObjectCommand } from '@aws-sdk/client-s3';
import type { S3Store } from '../../lib/aws/objects.ts';
import { isForbidden, isMissing } from './faults.ts';

/**
 * - `sound`: its bytes are those of the manifest
 * - `damaged`: they are not
 * - `missing`: there is none, and there should be
 * - `expired`: there is none any more, because its retention is over
 * - `purged`: an operator removed it for good
 * - `sealed`: it is there, and the bucket lets nobody outside the pipeline read it, because it is no sound image
 */
export type Condition = 'sound' | 'damaged' | 'missing' | 'expired' | 'purged' | 'sealed';

/** Reads an object, or one version of it, and hashes what comes; a piece at a time, so that size does not matter. */
export async function hashObject(store: S3Store, key: string, versionId?: string): Promise<string> {
  const { Body } = await store.client.send(
    new GetObjectCommand({ Bucket: store.bucket, Key: key, ...(versionId ? { VersionId: versionId } : {}) }),
  );
  const hash = createHash('sha256');
  for await (const piece of Body as Readable) hash.update(piece as Buffer);
  return hash.digest('hex');
}

/** Whether a key is listed. Where a policy hides what is not sound, a GET cannot tell hidden from absent. */
async function isListed(store: S3Store, key: string): Promise<boolean> {
  for await (const object of store.list(key)) return object.key === key;
  return false;
}

/** What has become of an object that should hash to `sha256`. S3's own checksum on the way counts as damage too. */
export async function inspect(
  store: S3Store,
  key: string,
  sha256: string,
): Promise<'sound' | 'damaged' | 'missing' | 'sealed'> {
  try {
    return (await hashObject(store, key)) === sha256 ? 'sound' : 'damaged';
  } catch (error) {
    if (isMissing(error)) return 'missing';
    if (isForbidden(error)) return (await isListed(store, key)) ? 'sealed' : 'missing';
    if (/checksum mismatch/i.test((error as Error).message)) return 'damaged';
    throw error;
  }
}

/**
 * Days after which objects with a retention go, as the bucket's own rules say; undefined where nothing says so.
 * (The local cloud has no such rules: nothing expires there.)
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
    // Not allowed, or not known: then a missing object counts as missing, which is the careful reading.
    return undefined;
  }
}
