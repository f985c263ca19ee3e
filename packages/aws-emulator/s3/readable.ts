import { bucketArn, type Context, demand, may, objectArn, tagContext } from './access.ts';
import { versionHeader } from './answer.ts';
import { accessDenied, noSuchKey, S3Error } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { ObjectVersion } from './store.ts';
import type { Location } from './target.ts';

/**
 * The object a caller wants to read, permission checked with the object's own tags.
 * A missing object is 404 for callers that may list the bucket, and 403 for others, so that they cannot probe.
 * @param action with a version id, `GetObjectVersion` is demanded instead of `GetObject`, and so on
 * @param more condition keys of the operation
 */
export function readable(
  exchange: Exchange,
  { bucket, key, versionId }: Location,
  action: 'GetObject' | 'GetObjectTagging' | 'PutObjectTagging' | 'DeleteObjectTagging',
  more: Context = {},
): ObjectVersion {
  const version = exchange.store.find(bucket, key, versionId);
  const named = versionId === undefined ? action : action.replace('Object', 'ObjectVersion');
  demand(exchange, `s3:${named}`, objectArn(bucket, key), {
    ...more,
    ...tagContext('Existing', version?.tags ?? []),
    ...(versionId !== undefined && { 's3:VersionId': versionId }),
  });
  if (version === undefined || (version.deleteMarker && versionId === undefined)) {
    if (!may(exchange, 's3:ListBucket', bucketArn(bucket))) throw accessDenied();
    if (version !== undefined) {
      throw noSuchKey(key, { 'x-amz-delete-marker': 'true', ...versionHeader(exchange.store, version) });
    }
    if (versionId === undefined) throw noSuchKey(key);
    throw new S3Error('NoSuchVersion', 'The specified version does not exist.', {
      Key: key,
      VersionId: versionId,
    });
  }
  if (version.deleteMarker) {
    throw new S3Error(
      'MethodNotAllowed',
      'The specified method is not allowed against this resource.',
      { Method: exchange.request.method, ResourceType: 'DeleteMarker' },
      { 'x-amz-delete-marker': 'true', allow: 'DELETE', ...versionHeader(exchange.store, version) },
    );
  }
  return version;
}
