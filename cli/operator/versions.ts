import { DeleteObjectsCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import type { S3Store } from '../../lib/aws/objects.ts';

/** One version of an object, or the marker that its deletion left. */
export interface ObjectVersion {
  key: string;
  versionId: string;
  isMarker: boolean;
  bytes: number;
}

/** S3 deletes at most so many in one call. */
const DELETE_BATCH = 1_000;

/** Every version and delete marker under a prefix; those of one key newest first. */
export async function* listVersions(
  { client, bucket }: S3Store,
  prefix: string,
): AsyncGenerator<ObjectVersion> {
  let markers: { KeyMarker?: string; VersionIdMarker?: string } = {};
  for (;;) {
    const page = await client.send(
      new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix, ...markers }),
    );
    const versions = [
      ...(page.Versions ?? []).map((version) => ({ ...version, isMarker: false, bytes: version.Size ?? 0 })),
      ...(page.DeleteMarkers ?? []).map((marker) => ({ ...marker, isMarker: true, bytes: 0 })),
    ];
    for (const { Key, VersionId, isMarker, bytes } of versions)
      if (Key && VersionId) yield { key: Key, versionId: VersionId, isMarker, bytes };
    if (!page.IsTruncated) return;
    markers = {
      ...(page.NextKeyMarker ? { KeyMarker: page.NextKeyMarker } : {}),
      ...(page.NextVersionIdMarker ? { VersionIdMarker: page.NextVersionIdMarker } : {}),
    };
  }
}

/** The versions of exactly one key that hold bytes, newest first. */
export async function versionsOf(store: S3Store, key: string): Promise<ObjectVersion[]> {
  const found: ObjectVersion[] = [];
  for await (const version of listVersions(store, key))
    if (version.key === key && !version.isMarker) found.push(version);
  return found;
}

/**
 * Deletes versions for good. Where the backup holds them by Object Lock (governance mode), the call is made again
 * with the right to lift it, which an operator may have.
 * @throws {Error} naming the first that could not be deleted
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
        throw new Error(
          `${Errors.length} versions in ${bucket} could not be deleted: ${first.Code} ${first.Message ?? ''} (${first.Key})`,
        );
      left = Errors.map(({ Key, VersionId }) => ({ Key: Key!, VersionId: VersionId! }));
    }
  }
}
