import { ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';

/** One version of an object, or a delete marker. */
export interface ObjectVersion {
  key: string;
  versionId: string;
  isMarker: boolean;
  /** Whether a reader who names no version gets it, or finds nothing because of it. */
  isLatest: boolean;
  bytes: number;
}

/** Every version and delete marker under a prefix; newest first within a key. */
export async function* listVersions(
  { client, bucket }: { client: S3Client; bucket: string },
  prefix: string,
  limits: { abortSignal?: AbortSignal } = {},
): AsyncGenerator<ObjectVersion> {
  let markers: { KeyMarker?: string; VersionIdMarker?: string } = {};
  for (;;) {
    const page = await client.send(
      new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix, ...markers }),
      limits,
    );
    const versions = [
      ...(page.Versions ?? []).map((version) => ({ ...version, isMarker: false, bytes: version.Size ?? 0 })),
      ...(page.DeleteMarkers ?? []).map((marker) => ({ ...marker, isMarker: true, bytes: 0 })),
    ];
    for (const { Key, VersionId, IsLatest = false, isMarker, bytes } of versions)
      if (Key && VersionId) yield { key: Key, versionId: VersionId, isMarker, isLatest: IsLatest, bytes };
    if (!page.IsTruncated) return;
    markers = {
      ...(page.NextKeyMarker ? { KeyMarker: page.NextKeyMarker } : {}),
      ...(page.NextVersionIdMarker ? { VersionIdMarker: page.NextVersionIdMarker } : {}),
    };
  }
}
