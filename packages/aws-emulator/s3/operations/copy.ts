import { demand, objectArn, tagContext } from '../access.ts';
import { type Answer, isoDate, quoted, versionHeader, xmlAnswer } from '../answer.ts';
import type { StoredBody } from '../bodies.ts';
import { chosenAlgorithm, MAX_BODY_BYTES } from '../body.ts';
import { type Algorithm, type Checksum, checksumElement, startDigest } from '../checksums.ts';
import { checkCopySource, writeCondition } from '../conditions.ts';
import { accessDenied, invalidArgument, S3Error } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { describe } from '../metadata.ts';
import { readable, whileReplaced } from '../readable.ts';
import type { S3Request } from '../request.ts';
import type { ObjectVersion, Store } from '../store.ts';
import { parseTagHeader, type Tags } from '../tags.ts';
import { checkVersionId, existingBucket, type Location, type Target } from '../target.ts';
import { newLock } from './lock.ts';
import { demandWrite, writtenHeaders } from './put.ts';

/** `x-amz-copy-source`: `[/]bucket/key[?versionId=…]`, URL-encoded. Throws InvalidArgument. */
export function parseCopySource(header: string): Location {
  const invalid = (message: string) => invalidArgument(message, 'x-amz-copy-source', header);
  const mark = header.indexOf('?versionId=');
  const path = mark < 0 ? header : header.slice(0, mark);
  const versionId = mark < 0 ? undefined : header.slice(mark + '?versionId='.length);
  const decode = (text: string) => {
    try {
      return decodeURIComponent(text);
    } catch {
      throw invalid('Copy Source must be URL encoded');
    }
  };
  const decoded = decode(path.replaceAll('+', ' ')).replace(/^\//, '');
  const slash = decoded.indexOf('/');
  if (slash <= 0 || slash === decoded.length - 1) {
    throw invalid('Copy Source must mention the source bucket and key: sourcebucket/sourcekey');
  }
  return {
    bucket: decoded.slice(0, slash),
    key: decoded.slice(slash + 1),
    versionId: versionId === undefined ? undefined : checkVersionId(decode(versionId)),
  };
}

/** The version to copy from, permissions and conditions checked. */
export function copySource(exchange: Exchange): ObjectVersion {
  const location = parseCopySource(exchange.request.header('x-amz-copy-source') ?? '');
  existingBucket(exchange.store, location.bucket);
  const owner = exchange.request.header('x-amz-source-expected-bucket-owner');
  if (owner !== undefined && owner !== exchange.accountId) throw accessDenied();
  let version: ObjectVersion;
  try {
    version = readable(exchange, location, 'GetObject');
  } catch (error) {
    if (error instanceof S3Error && error.code === 'MethodNotAllowed') {
      throw new S3Error(
        'InvalidRequest',
        'The source of a copy request may not specifically refer to a delete marker by version id.',
      );
    }
    // Headers about the source would be read as headers of the destination.
    if (error instanceof S3Error) throw new S3Error(error.code, error.message, error.elements);
    throw error;
  }
  checkCopySource(exchange.request, version);
  if (version.size > MAX_BODY_BYTES && exchange.request.header('x-amz-copy-source-range') === undefined) {
    throw new S3Error(
      'InvalidRequest',
      `The specified copy source is larger than the maximum allowable size for a copy source: ${MAX_BODY_BYTES}`,
    );
  }
  return version;
}

export function copySourceHeader(exchange: Exchange, source: ObjectVersion): Record<string, string> {
  const { 'x-amz-version-id': versionId } = versionHeader(exchange.store, source);
  return versionId === undefined ? {} : { 'x-amz-copy-source-version-id': versionId };
}

function directive(request: S3Request, name: string): 'COPY' | 'REPLACE' {
  const value = request.header(name) ?? 'COPY';
  if (value !== 'COPY' && value !== 'REPLACE') {
    throw invalidArgument(
      `Unknown ${name === 'x-amz-metadata-directive' ? 'metadata' : 'tagging'} directive.`,
      name,
      value,
    );
  }
  return value;
}

/** Tags of the source, each side's permission checked, or those of the request. */
function copiedTags(exchange: Exchange, source: ObjectVersion): Tags {
  if (directive(exchange.request, 'x-amz-tagging-directive') === 'REPLACE') {
    return parseTagHeader(exchange.request.header('x-amz-tagging') ?? '');
  }
  if (source.tags.length > 0) {
    const named = parseCopySource(exchange.request.header('x-amz-copy-source') ?? '').versionId !== undefined;
    demand(
      exchange,
      named ? 's3:GetObjectVersionTagging' : 's3:GetObjectTagging',
      objectArn(source.bucket, source.key),
      tagContext('Existing', source.tags),
    );
  }
  return source.tags;
}

interface Digests {
  etag: string;
  checksum: Checksum;
}

/** ETag and checksum of the copy: carried along where they are of the whole object, else computed from the bytes. */
async function digestsOf(
  store: Store,
  source: ObjectVersion,
  wanted: Algorithm | undefined,
): Promise<Digests | undefined> {
  const { checksum } = source;
  const algorithm = wanted ?? checksum?.algorithm ?? 'CRC64NVME';
  if (checksum?.algorithm === algorithm && checksum.type === 'FULL_OBJECT' && !source.etag.includes('-')) {
    return { etag: source.etag, checksum };
  }
  const [md5, digest] = [startDigest('MD5'), startDigest(algorithm)];
  const bytes = source.size === 0 ? [] : await store.read(source, 0, source.size - 1);
  if (bytes === undefined) return undefined;
  for await (const chunk of bytes) {
    md5.update(chunk);
    digest.update(chunk);
  }
  return {
    etag: (await md5.digest()).toString('hex'),
    checksum: { algorithm, type: 'FULL_OBJECT', value: (await digest.digest()).toString('base64') },
  };
}

function checkChangesItself(exchange: Exchange, source: ObjectVersion, replacing: boolean): void {
  const { request } = exchange;
  const named = parseCopySource(request.header('x-amz-copy-source') ?? '').versionId !== undefined;
  const itself = source.bucket === request.bucket && source.key === request.key && !named;
  const changes = ['x-amz-storage-class', 'x-amz-website-redirect-location', 'x-amz-server-side-encryption'];
  if (itself && !replacing && changes.every((name) => request.header(name) === undefined)) {
    throw new S3Error(
      'InvalidRequest',
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
}

export const copyObject = (exchange: Exchange, target: Target): Promise<Answer> =>
  whileReplaced(() => copied(exchange, target));

/** Undefined: the source was replaced before its bytes were copied. */
async function copied(exchange: Exchange, target: Target): Promise<Answer | undefined> {
  const { request, store, occasion } = exchange;
  const { bucket, key, arn } = target;
  const source = copySource(exchange);
  const tags = copiedTags(exchange, source);
  const condition = writeCondition(request);
  demandWrite(exchange, arn, tags, condition);
  const replacing = directive(request, 'x-amz-metadata-directive') === 'REPLACE';
  checkChangesItself(exchange, source, replacing);
  const own = describe(request);
  const description = replacing
    ? own
    : {
        metadata: source.description.metadata,
        headers: { ...source.description.headers, ...placement(own.headers) },
      };
  if (!replacing && own.headers['x-amz-storage-class'] === undefined)
    delete description.headers['x-amz-storage-class'];
  const wanted = chosenAlgorithm(request);
  const lock = newLock(exchange, target);
  store.check(bucket, key, condition);

  const digests = await digestsOf(store, source, wanted);
  const body: StoredBody | undefined = await store.duplicate(source);
  if (digests === undefined || body === undefined) {
    await store.bodies.remove(body?.file);
    return undefined;
  }
  const { etag, checksum } = digests;
  const version = await store.put(
    { bucket, key, etag, description, checksum, tags, body, lock },
    condition,
    occasion,
    'CopyObject',
  );
  const { etag: _, ...headers } = writtenHeaders(exchange, version);
  return xmlAnswer(
    'CopyObjectResult',
    {
      LastModified: isoDate(version.modified),
      ETag: quoted(version.etag),
      ChecksumType: checksum.type,
      [checksumElement(checksum.algorithm)]: checksum.value,
    },
    { ...headers, ...copySourceHeader(exchange, source) },
  );
}

/** How the copy is kept, which never comes from its source. */
function placement(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => name === 'x-amz-storage-class' || name.startsWith('x-amz-server-side-encryption'),
    ),
  );
}
