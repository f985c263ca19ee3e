import { objectArn } from './access.ts';
import { accessDenied, invalidArgument, S3Error } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { type BucketSettings, NULL_VERSION, type Store } from './store.ts';

/** The object that a request is about. It need not exist. */
export interface Target {
  bucket: string;
  key: string;
  arn: string;
}

/** Throws NoSuchBucket. */
export function existingBucket(store: Store, name: string): BucketSettings {
  const bucket = store.bucket(name);
  if (bucket === undefined) {
    throw new S3Error('NoSuchBucket', 'The specified bucket does not exist', { BucketName: name });
  }
  return bucket;
}

/** The request's bucket. Throws NoSuchBucket, and AccessDenied where another owner was expected. */
export function bucketOf({ request, store, accountId }: Exchange): BucketSettings {
  const expected = request.header('x-amz-expected-bucket-owner');
  const bucket = existingBucket(store, request.bucket ?? '');
  if (expected !== undefined && expected !== accountId) throw accessDenied();
  return bucket;
}

/** The request's bucket and key. Throws as `bucketOf`. */
export function targetOf(exchange: Exchange): Target {
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
