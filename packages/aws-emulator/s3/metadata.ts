import { notImplemented, S3Error } from './errors.ts';
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

/** The description that a PUT, a copy with `REPLACE` or a new upload brings. Throws MetadataTooLarge. */
export function describe(request: S3Request): Description {
  const headers: Record<string, string> = {};
  for (const name of KEPT) {
    const value = request.header(name);
    if (value !== undefined && value !== '') headers[name] = value;
  }
  // `aws-chunked` only says how the body was sent.
  const encodings = headers['content-encoding']
    ?.split(',')
    .map((item) => item.trim())
    .filter((item) => item !== 'aws-chunked');
  if (encodings !== undefined) {
    if (encodings.length > 0) headers['content-encoding'] = encodings.join(',');
    else delete headers['content-encoding'];
  }
  if (headers['x-amz-storage-class'] === 'STANDARD') delete headers['x-amz-storage-class'];
  headers['content-type'] ??= 'binary/octet-stream';
  if (request.header('x-amz-server-side-encryption-customer-algorithm') !== undefined) {
    throw notImplemented('x-amz-server-side-encryption-customer-algorithm');
  }
  headers['x-amz-server-side-encryption'] = request.header('x-amz-server-side-encryption') ?? 'AES256';
  const kmsKey = request.header('x-amz-server-side-encryption-aws-kms-key-id');
  if (kmsKey !== undefined) headers['x-amz-server-side-encryption-aws-kms-key-id'] = kmsKey;

  const metadata: Record<string, string> = {};
  let bytes = 0;
  for (const name of Object.keys(request.message.headers)) {
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
