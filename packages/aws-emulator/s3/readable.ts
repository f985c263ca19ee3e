import { bucketArn, type Context, demand, may, objectArn, tagContext } from './access.ts';
import { versionHeader } from './answer.ts';
import { accessDenied, noSuchKey, S3Error } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { ObjectVersion } from './store.ts';
import type { Location } from './target.ts';

type Action =
  | 'GetObject'
  | `${'Get' | 'Put' | 'Delete'}ObjectTagging`
  | `${'Get' | 'Put'}Object${'Retention' | 'LegalHold'}`;
/** These have no action of their own for a named version. */
const SAME_FOR_VERSIONS = /Retention$|LegalHold$/;

/**
 * The object a caller wants to read, permission checked with the object's own tags.
 * A missing object is 404 for callers that may list the bucket, and 403 for others, so that they cannot probe.
 * @param action with a version id, `GetObjectVersion` is demanded instead of `GetObject`, and so on
 * @param more condition keys of the operation
 */
export function readable(
  exchange: Exchange,
  { bucket, key, versionId }: Location,
  action: Action,
  more: Context = {},
): ObjectVersion {
  const version = exchange.store.find(bucket, key, versionId);
  const same = versionId === undefined || SAME_FOR_VERSIONS.test(action);
  const named = same ? action : action.replace('Object', 'ObjectVersion');
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

/** How often an object is looked up again that was replaced before its bytes were open. */
const ATTEMPTS = 20;

/**
 * Repeats `attempt` while it answers undefined: what it found was replaced before its bytes were open.
 * @throws S3Error SlowDown after 20 times; clients retry that
 */
export async function whileReplaced<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  for (let attempts = 0; attempts < ATTEMPTS; attempts += 1) {
    const result = await attempt();
    if (result !== undefined) return result;
  }
  throw new S3Error('SlowDown', 'Please reduce your request rate.');
}
