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

/**
 * Deletes versions for good. If an Object Lock (governance mode) protects them, a second call bypasses it, which needs
 * `s3:BypassGovernanceRetention`.
 * @throws {CommandError} naming the first version that could not be deleted
 */
export async function destroyVersions({ client, bucket }: S3Store, versions: ObjectVersion[]): Promise<void> {
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
      const [first] = Errors;
      if (!first) break;
      if (bypass || !Errors.every(({ Code }) => Code === 'AccessDenied'))
        throw new CommandError(
          EXIT.refused,
          `${Errors.length} versions in ${bucket} could not be deleted. First error: ${first.Code} ${first.Message ?? ''} (${first.Key}). Check your permissions and run the same command again.`,
        );
      left = Errors.map(({ Key, VersionId }) => ({ Key: Key!, VersionId: VersionId! }));
    }
  }
}
