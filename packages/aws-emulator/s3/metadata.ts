import { invalidArgument, notImplemented, S3Error } from './errors.ts';
import type { S3Request } from './request.ts';

/** User metadata may have 2 KB in all, names and values. */
const MAX_METADATA_BYTES = 2048;
const PREFIX = 'x-amz-meta-';

/** HTTP's headers about an object, which a signed GET may replace. */
export const OWN_HEADERS = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
];
/** Headers that are kept with an object and given back with it. */
const KEPT = [...OWN_HEADERS, 'x-amz-storage-class', 'x-amz-website-redirect-location'];

/** What an object's own headers are when it is read. */
export interface Description {
  /** By name in lower case. */
  headers: Record<string, string>;
  /** User metadata by name without `x-amz-meta-`. */
  metadata: Record<string, string>;
}

/** Storage classes whose objects can be read at once. Those of archives would have to be restored first. */
const STORAGE_CLASSES = [
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER_IR',
];
const ARCHIVES = ['GLACIER', 'DEEP_ARCHIVE'];

function checkStorageClass(value: string | undefined): void {
  if (value === undefined || STORAGE_CLASSES.includes(value)) return;
  if (ARCHIVES.includes(value)) throw notImplemented(`x-amz-storage-class: ${value}`);
  throw new S3Error('InvalidStorageClass', 'The storage class you specified is not valid', {
    StorageClassRequested: value,
  });
}

const KMS = ['aws:kms', 'aws:kms:dsse'];

function encryption(request: S3Request): string {
  const value = request.header('x-amz-server-side-encryption') ?? 'AES256';
  if (value === 'AES256') return value;
  if (KMS.includes(value)) throw notImplemented(`x-amz-server-side-encryption: ${value}`);
  throw invalidArgument(
    'The encryption method specified is not supported',
    'x-amz-server-side-encryption',
    value,
  );
}

/** Access control lists that say what is so anyway. Buckets have none: their owner owns every object. */
const OWNERS_ACLS = ['private', 'bucket-owner-full-control'];

/** Throws AccessControlListNotSupported. */
export function checkAcl(request: S3Request): void {
  const acl = request.header('x-amz-acl');
  const grants = Object.keys(request.headers).some((name) => name.startsWith('x-amz-grant-'));
  if (!grants && (acl === undefined || OWNERS_ACLS.includes(acl))) return;
  throw new S3Error('AccessControlListNotSupported', 'The bucket does not allow ACLs');
}

/** As it came. `aws-chunked` only says how the body was sent. */
function contentEncoding(value: string | undefined): string | undefined {
  if (!value?.includes('aws-chunked')) return value;
  const left = value.split(',').filter((item) => item.trim() !== 'aws-chunked');
  return left.join(',').trim() || undefined;
}

/** The description that a PUT, a copy with `REPLACE` or a new upload brings. Throws S3Error. */
export function describe(request: S3Request): Description {
  const headers: Record<string, string> = {};
  for (const name of KEPT) {
    const value = request.header(name);
    if (value !== undefined && value !== '') headers[name] = value;
  }
  const encodings = contentEncoding(headers['content-encoding']);
  if (encodings !== undefined) headers['content-encoding'] = encodings;
  else delete headers['content-encoding'];
  checkStorageClass(headers['x-amz-storage-class']);
  if (headers['x-amz-storage-class'] === 'STANDARD') delete headers['x-amz-storage-class'];
  headers['content-type'] ??= 'binary/octet-stream';
  headers['x-amz-server-side-encryption'] = encryption(request);
  checkAcl(request);

  const metadata: Record<string, string> = {};
  let bytes = 0;
  for (const name of Object.keys(request.headers)) {
    if (!name.startsWith(PREFIX)) continue;
    const value = request.header(name) ?? '';
    metadata[name.slice(PREFIX.length)] = value;
    bytes += name.length - PREFIX.length + Buffer.byteLength(value);
  }
  if (bytes > MAX_METADATA_BYTES) {
    throw new S3Error('MetadataTooLarge', 'Your metadata headers exceed the maximum allowed metadata size', {
      Size: String(bytes),
      MaxSizeAllowed: String(MAX_METADATA_BYTES),
    });
  }
  return { headers, metadata };
}

/**
 * The headers of an answer that carries the object. Metadata beyond ASCII goes out as an RFC 2047 word, as S3 does
 * ("Working with object metadata", S3 user guide); what came in as such a word stays one.
 */
export function descriptionHeaders(description: Description): Record<string, string> {
  const headers = { ...description.headers };
  for (const [name, value] of Object.entries(description.metadata)) {
    const ascii = /^[\x20-\x7e]*$/.test(value);
    headers[PREFIX + name] = ascii ? value : `=?UTF-8?B?${Buffer.from(value, 'utf8').toString('base64')}?=`;
  }
  return headers;
}
