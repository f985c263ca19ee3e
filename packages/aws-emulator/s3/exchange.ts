import type { Identity } from './authenticate.ts';
import { accessDenied, invalidArgument, noSuchKey, S3Error } from './errors.ts';
import type { Occasion } from './events.ts';
import type { S3Options } from './options.ts';
import type { S3Request } from './request.ts';
import { type BucketSettings, NULL_VERSION, type ObjectVersion, type Store } from './store.ts';
import type { Tags } from './tags.ts';
import type { Uploads } from './uploads.ts';

/** One authenticated request with all that an operation needs to carry it out. */
export interface Exchange {
  request: S3Request;
  identity: Identity;
  store: Store;
  uploads: Uploads;
  options: S3Options;
  occasion: Occasion;
}

export type Context = Record<string, string | string[]>;

export const bucketArn = (bucket: string) => `arn:aws:s3:::${bucket}`;
export const objectArn = (bucket: string, key: string) => `arn:aws:s3:::${bucket}/${key}`;

/** Condition keys about tags: `Existing` for those an object has, `Request` for those a request brings. */
export function tagContext(kind: 'Existing' | 'Request', tags: Tags): Context {
  const context: Context = Object.fromEntries(
    tags.map(([key, value]) => [`s3:${kind}ObjectTag/${key}`, value]),
  );
  if (kind === 'Request' && tags.length > 0) context['s3:RequestObjectTagKeys'] = tags.map(([key]) => key);
  return context;
}

function baseContext({ request, identity, options, store }: Exchange): Context {
  const { principal } = identity;
  const header = (name: string, key: string): Context => {
    const value = request.header(name);
    return value === undefined ? {} : { [key]: value };
  };
  return {
    // The local endpoint stands for S3's HTTPS endpoint; what never leaves the machine needs no TLS.
    'aws:SecureTransport': 'true',
    'aws:SourceIp': request.ip,
    'aws:CurrentTime': store.now().toISOString(),
    's3:ResourceAccount': options.accountId ?? DEFAULT_ACCOUNT,
    's3:authType': identity.authType,
    ...(principal.anonymous
      ? {}
      : {
          'aws:PrincipalArn': principal.arn,
          'aws:PrincipalAccount': principal.accountId,
          's3:signatureversion': 'AWS4-HMAC-SHA256',
        }),
    ...(identity.ageMs !== undefined && { 's3:signatureAge': String(identity.ageMs) }),
    ...header('user-agent', 'aws:UserAgent'),
    ...header('referer', 'aws:Referer'),
    ...header('x-amz-content-sha256', 's3:x-amz-content-sha256'),
    ...header('x-amz-storage-class', 's3:x-amz-storage-class'),
    ...header('x-amz-server-side-encryption', 's3:x-amz-server-side-encryption'),
    ...header('x-amz-copy-source', 's3:x-amz-copy-source'),
    ...header('x-amz-metadata-directive', 's3:x-amz-metadata-directive'),
    ...header('if-match', 's3:if-match'),
    ...header('if-none-match', 's3:if-none-match'),
  };
}

export const DEFAULT_ACCOUNT = '000000000000';

/** True if the caller may do `action`, for instance `s3:GetObject`, on the resource. */
export function may(exchange: Exchange, action: string, resource: string, context: Context = {}): boolean {
  return exchange.options.authorize({
    principal: exchange.identity.principal,
    action,
    resource,
    context: { ...baseContext(exchange), ...context },
  });
}

/** Throws AccessDenied unless the caller may. */
export function demand(exchange: Exchange, action: string, resource: string, context: Context = {}): void {
  if (may(exchange, action, resource, context)) return;
  const { principal } = exchange.identity;
  throw accessDenied(
    principal.anonymous
      ? 'Access Denied'
      : `User: ${principal.arn} is not authorized to perform: ${action} on resource: "${resource}"`,
  );
}

/** The request's bucket. Throws NoSuchBucket. */
export function bucketOf(exchange: Exchange): BucketSettings {
  const { request, store, options } = exchange;
  const expected = request.header('x-amz-expected-bucket-owner');
  const bucket = existingBucket(store, request.bucket ?? '');
  if (expected !== undefined && expected !== (options.accountId ?? DEFAULT_ACCOUNT)) throw accessDenied();
  return bucket;
}

/** Throws NoSuchBucket. */
export function existingBucket(store: Store, name: string): BucketSettings {
  const bucket = store.bucket(name);
  if (bucket === undefined) {
    throw new S3Error('NoSuchBucket', 'The specified bucket does not exist', { BucketName: name });
  }
  return bucket;
}

/** The request's bucket and key. Throws NoSuchBucket. */
export function targetOf(exchange: Exchange): { bucket: string; key: string; arn: string } {
  const { name } = bucketOf(exchange);
  const key = exchange.request.key ?? '';
  return { bucket: name, key, arn: objectArn(name, key) };
}

/** The version that the query or a copy source names. Throws InvalidArgument where it cannot be one. */
export function checkVersionId(versionId: string | undefined): string | undefined {
  if (versionId === '') throw invalidArgument('Version id cannot be the empty string', 'versionId', '');
  if (versionId !== undefined && versionId !== NULL_VERSION && !/^[A-Za-z0-9._-]{32}$/.test(versionId)) {
    throw invalidArgument('Invalid version id specified', 'versionId', versionId);
  }
  return versionId;
}

/** Where an object is named: in the request itself or as the source of a copy. */
export interface Location {
  bucket: string;
  key: string;
  versionId: string | undefined;
}

/** `x-amz-version-id`, where there is one to name. */
export function versionHeader(
  exchange: Exchange,
  version: Pick<ObjectVersion, 'bucket' | 'versionId'>,
): Record<string, string> {
  const versioned = exchange.store.bucket(version.bucket)?.versioning === true;
  return versioned || version.versionId !== NULL_VERSION ? { 'x-amz-version-id': version.versionId } : {};
}

/**
 * The object a caller wants to read, permission checked with the object's own tags.
 * What is missing is 404 only for callers that may list the bucket, and 403 for others, so that they cannot probe.
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
      throw noSuchKey(key, { 'x-amz-delete-marker': 'true', ...versionHeader(exchange, version) });
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
      { 'x-amz-delete-marker': 'true', allow: 'DELETE', ...versionHeader(exchange, version) },
    );
  }
  return version;
}
