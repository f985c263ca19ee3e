import { DeleteObjectsCommand } from '@aws-sdk/client-s3';
import type { S3Store } from '../../lib/aws/objects.ts';
import { listVersions, type ObjectVersion } from '../../lib/aws/versions.ts';
import { CommandError, EXIT } from '../exit.ts';

/** The most that S3 deletes in one call. */
const DELETE_BATCH = 1_000;

/** The versions of one key, newest first, without delete markers. */
export async function versionsOf(store: S3Store, key: string): Promise<ObjectVersion[]> {
  const found: ObjectVersion[] = [];
  for await (const version of listVersions(store, key))
    if (version.key === key && !version.isMarker) found.push(version);
  return found;
}

/** A version that S3 did not delete, and why. */
export interface RefusedVersion {
  key: string;
  versionId: string;
  code: string;
  message: string;
}

/**
 * Deletes versions for good. If an Object Lock (governance mode) protects them, a second call bypasses it, which needs
 * `s3:BypassGovernanceRetention`.
 * @returns those that S3 refused to delete
 */
export async function destroyAllowed(
  { client, bucket }: S3Store,
  versions: readonly Pick<ObjectVersion, 'key' | 'versionId'>[],
): Promise<RefusedVersion[]> {
  const refused: RefusedVersion[] = [];
  for (let from = 0; from < versions.length; from += DELETE_BATCH) {
    let left = versions
      .slice(from, from + DELETE_BATCH)
      .map(({ key, versionId }) => ({ Key: key, VersionId: versionId }));
    for (const bypass of [false, true]) {
      const { Errors = [] } = await client.send(
        new DeleteObjectsCommand({
          Bucket: bucket,
          Delete: { Objects: left, Quiet: true },
          ...(bypass ? { BypassGovernanceRetention: true } : {}),
        }),
      );
      if (Errors.length === 0) break;
      if (bypass || !Errors.every(({ Code }) => Code === 'AccessDenied')) {
        for (const { Key = '', VersionId = '', Code = '', Message = '' } of Errors)
          refused.push({ key: Key, versionId: VersionId, code: Code, message: Message });
        break;
      }
      left = Errors.map(({ Key, VersionId }) => ({ Key: Key!, VersionId: VersionId! }));
    }
  }
  return refused;
}

/**
 * Deletes versions for good, as `destroyAllowed`.
 * @throws {CommandError} naming the first version that could not be deleted
 */
export async function destroyVersions(store: S3Store, versions: ObjectVersion[]): Promise<void> {
  const refused = await destroyAllowed(store, versions);
  const [first] = refused;
  if (first)
    throw new CommandError(
      EXIT.refused,
      `${refused.length} versions in ${store.bucket} could not be deleted. First error: ${first.code} ${first.message} (${first.key}). Check your permissions and run the same command again.`,
    );
}
