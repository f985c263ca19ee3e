import { bucketArn, type Context, demand } from '../access.ts';
import { type Answer, isoDate, quoted, xmlAnswer } from '../answer.ts';
import { invalidArgument } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { integerParameter, type Query } from '../request.ts';
import type { BucketSettings, ObjectVersion, Store } from '../store.ts';
import type { Upload } from '../uploads.ts';
import type { XmlValue } from '../xml.ts';

const MAX_KEYS = 1000;

/** Where a listing continues. */
interface Position {
  key: string;
  /** False: after this key. */
  inclusive: boolean;
  /** Of this key, only versions written before this one. */
  beforeSeq?: number;
  /** Of this key, only uploads after this one. */
  afterUpload?: string;
}

interface Page<Item> {
  items: Item[];
  prefixes: string[];
  /** The last thing on a page that is not the last page. */
  end: { item: Item } | { prefix: string } | undefined;
}

/** The smallest text that sorts after everything beginning with `prefix`, in the order of UTF-8; undefined: nothing does. */
export function successor(prefix: string): string | undefined {
  const points = [...prefix].map((char) => char.codePointAt(0)!);
  while (points.length > 0) {
    const last = points.pop()!;
    if (last === 0x10ffff) continue;
    // Surrogates are not characters.
    points.push(last === 0xd7ff ? 0xe000 : last + 1);
    return String.fromCodePoint(...points);
  }
  return undefined;
}

interface Question {
  prefix: string;
  delimiter: string;
  max: number;
}

const isCommonPrefix = (text: string, { prefix, delimiter }: Question) =>
  delimiter !== '' &&
  text.startsWith(prefix) &&
  text.indexOf(delimiter, prefix.length) === text.length - delimiter.length &&
  text.length > prefix.length;

/** One page. After a common prefix it seeks past all keys below it instead of walking them. */
function collect<Item extends { key: string }>(
  walk: (from: Position) => Iterable<Item>,
  question: Question,
  start: Position | undefined,
): Page<Item> {
  const { prefix, delimiter, max } = question;
  const page: Page<Item> = { items: [], prefixes: [], end: undefined };
  let last: Page<Item>['end'];
  let from = start;
  seek: while (from !== undefined && max > 0) {
    for (const item of walk(from)) {
      if (page.items.length + page.prefixes.length === max) {
        page.end = last;
        return page;
      }
      const at = delimiter === '' ? -1 : item.key.indexOf(delimiter, prefix.length);
      if (at < 0) {
        page.items.push(item);
        last = { item };
        continue;
      }
      const common = item.key.slice(0, at + delimiter.length);
      page.prefixes.push(common);
      last = { prefix: common };
      const next = successor(common);
      from = next === undefined ? undefined : { key: next, inclusive: true };
      continue seek;
    }
    break;
  }
  return page;
}

/** The later of where the prefix begins and where the caller wants to continue. */
function startOf(question: Question, after: Position | undefined): Position {
  const first: Position = { key: question.prefix, inclusive: true };
  return after === undefined || Buffer.compare(Buffer.from(after.key), Buffer.from(first.key)) < 0
    ? first
    : after;
}

const afterPrefix = (prefix: string): Position | undefined => {
  const key = successor(prefix);
  return key === undefined ? undefined : { key, inclusive: true };
};

/** Upper bound of keys with the prefix, as a condition and its value. */
function below(prefix: string): { sql: string; values: string[] } {
  const bound = prefix === '' ? undefined : successor(prefix);
  return bound === undefined ? { sql: '', values: [] } : { sql: 'AND key < ?', values: [bound] };
}

/** Objects from a position on, by key; with all versions, the newest of each key first. */
function walker(store: Store, bucket: string, prefix: string, versions: boolean) {
  const { sql, values } = below(prefix);
  const which = versions ? '' : 'AND latest = 1 AND delete_marker = 0';
  return function* walk(from: Position): Generator<ObjectVersion> {
    if (from.beforeSeq !== undefined) {
      yield* store.select(
        'SELECT * FROM versions WHERE bucket = ? AND key = ? AND seq < ? ORDER BY seq DESC',
        bucket,
        from.key,
        from.beforeSeq,
      );
    }
    yield* store.select(
      `SELECT * FROM versions WHERE bucket = ? ${which} AND key ${from.inclusive ? '>=' : '>'} ? ${sql}
       ORDER BY key${versions ? ', seq DESC' : ''}`,
      bucket,
      from.key,
      ...values,
    );
  };
}

/** `encoding-type=url`: like a form field, but `/` and `*` stay. */
function urlEncode(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%2F', '/')
    .replaceAll('%20', '+')
    .replace(/[!'()~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function readQuestion(
  query: Query,
  maxParameter = 'max-keys',
): Question & { encodingType: string | undefined; encode: (text: string) => string } {
  const encodingType = query.get('encoding-type');
  if (encodingType !== undefined && encodingType !== 'url') {
    throw invalidArgument('Invalid Encoding Method specified in Request', 'encoding-type', encodingType);
  }
  return {
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') ?? '',
    max: integerParameter(query, maxParameter, MAX_KEYS, MAX_KEYS),
    encodingType,
    encode: encodingType === undefined ? (text) => text : urlEncode,
  };
}

function demandList(exchange: Exchange, action: string, bucket: string): void {
  const { query } = exchange.request;
  const context: Context = {};
  for (const parameter of ['prefix', 'delimiter', 'max-keys']) {
    const value = query.get(parameter);
    if (value !== undefined) context[`s3:${parameter}`] = value;
  }
  demand(exchange, action, bucketArn(bucket), context);
}

/** A token says which key was last, or which common prefix. */
const writeToken = (end: NonNullable<Page<ObjectVersion>['end']>) =>
  Buffer.from('prefix' in end ? `p${end.prefix}` : `k${end.item.key}`).toString('base64url');

function readToken(token: string): Position | undefined {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  if (text.startsWith('k')) return { key: text.slice(1), inclusive: false };
  if (text.startsWith('p')) return afterPrefix(text.slice(1));
  throw invalidArgument('The continuation token provided is incorrect', 'continuation-token', token);
}

const described = (version: ObjectVersion) => ({
  LastModified: isoDate(version.modified),
  ETag: quoted(version.etag),
  ChecksumAlgorithm: version.checksum?.algorithm,
  ChecksumType: version.checksum?.type,
  Size: version.size,
});

const storageClass = (version: ObjectVersion) =>
  version.description.headers['x-amz-storage-class'] ?? 'STANDARD';

/** What both versions of ListObjects say of a page. */
function listed(page: Page<ObjectVersion>, question: ReturnType<typeof readQuestion>, owner: XmlValue) {
  const { encode, prefix, delimiter, max, encodingType } = question;
  return {
    Prefix: encode(prefix),
    MaxKeys: max,
    Delimiter: delimiter === '' ? undefined : encode(delimiter),
    EncodingType: encodingType,
    IsTruncated: page.end !== undefined,
    Contents: page.items.map((version) => ({
      Key: encode(version.key),
      ...described(version),
      Owner: owner,
      StorageClass: storageClass(version),
    })),
    CommonPrefixes: page.prefixes.map((common) => ({ Prefix: encode(common) })),
  };
}

/** ListObjectsV2. */
export async function listObjects(exchange: Exchange, { name: bucket }: BucketSettings): Promise<Answer> {
  const { query } = exchange.request;
  const version = query.get('list-type') ?? '';
  if (version !== '2') throw invalidArgument('Invalid List Type specified in Request', 'list-type', version);
  demandList(exchange, 's3:ListBucket', bucket);
  const question = readQuestion(query);
  const [startAfter, token] = [query.get('start-after'), query.get('continuation-token')];
  if (token === '')
    throw invalidArgument('The continuation token provided is incorrect', 'continuation-token', token);
  const after =
    token !== undefined ? readToken(token) : startAfter ? { key: startAfter, inclusive: false } : undefined;
  const finished = token !== undefined && after === undefined;
  const page = collect(
    walker(exchange.store, bucket, question.prefix, false),
    question,
    finished ? undefined : startOf(question, after),
  );
  const owner = query.get('fetch-owner') === 'true' ? { ID: exchange.accountId } : undefined;
  return xmlAnswer('ListBucketResult', {
    Name: bucket,
    StartAfter: startAfter ? question.encode(startAfter) : undefined,
    ContinuationToken: token,
    NextContinuationToken: page.end && writeToken(page.end),
    KeyCount: page.items.length + page.prefixes.length,
    ...listed(page, question, owner),
  });
}

/** Where a listing continues whose marker is a key, or a common prefix that was listed. */
function afterMarker(marker: string, question: Question): Position | undefined {
  if (isCommonPrefix(marker, question)) return afterPrefix(marker);
  return startOf(question, marker === '' ? undefined : { key: marker, inclusive: false });
}

/** Version 1 of ListObjects. */
export async function listObjectsV1(exchange: Exchange, { name: bucket }: BucketSettings): Promise<Answer> {
  const { query } = exchange.request;
  demandList(exchange, 's3:ListBucket', bucket);
  const question = readQuestion(query);
  const { encode, delimiter } = question;
  const marker = query.get('marker') ?? '';
  const page = collect(
    walker(exchange.store, bucket, question.prefix, false),
    question,
    afterMarker(marker, question),
  );
  const next = page.end && ('prefix' in page.end ? page.end.prefix : page.end.item.key);
  return xmlAnswer('ListBucketResult', {
    Name: bucket,
    Marker: encode(marker),
    // Without a delimiter, the last key is the next marker.
    NextMarker: next === undefined || delimiter === '' ? undefined : encode(next),
    ...listed(page, question, { ID: exchange.accountId }),
  });
}

function versionStart(store: Store, bucket: string, question: Question, query: Query): Position | undefined {
  const [keyMarker, idMarker] = [
    query.get('key-marker') || undefined,
    query.get('version-id-marker') || undefined,
  ];
  if (idMarker !== undefined && keyMarker === undefined) {
    throw invalidArgument(
      'A version-id marker cannot be specified without a key marker.',
      'version-id-marker',
      idMarker,
    );
  }
  if (keyMarker === undefined) return startOf(question, undefined);
  const marker = idMarker === undefined ? undefined : store.find(bucket, keyMarker, idMarker);
  if (marker === undefined) return afterMarker(keyMarker, question);
  return startOf(question, { key: keyMarker, inclusive: false, beforeSeq: marker.seq });
}

export async function listObjectVersions(
  exchange: Exchange,
  { name: bucket }: BucketSettings,
): Promise<Answer> {
  const { store, accountId } = exchange;
  const { query } = exchange.request;
  demandList(exchange, 's3:ListBucketVersions', bucket);
  const question = readQuestion(query);
  const { encode } = question;
  const page = collect(
    walker(store, bucket, question.prefix, true),
    question,
    versionStart(store, bucket, question, query),
  );
  const next: { [name: string]: XmlValue } =
    page.end === undefined
      ? {}
      : 'prefix' in page.end
        ? { NextKeyMarker: encode(page.end.prefix) }
        : { NextKeyMarker: encode(page.end.item.key), NextVersionIdMarker: page.end.item.versionId };
  const Owner = { ID: accountId };
  const common = (version: ObjectVersion) => ({
    Key: encode(version.key),
    VersionId: version.versionId,
    IsLatest: version.latest,
  });
  return xmlAnswer('ListVersionsResult', {
    Name: bucket,
    Prefix: encode(question.prefix),
    KeyMarker: encode(query.get('key-marker') ?? ''),
    VersionIdMarker: query.get('version-id-marker') ?? '',
    ...next,
    MaxKeys: question.max,
    Delimiter: question.delimiter === '' ? undefined : encode(question.delimiter),
    EncodingType: question.encodingType,
    IsTruncated: page.end !== undefined,
    Version: page.items
      .filter((version) => !version.deleteMarker)
      .map((version) => ({
        ...common(version),
        ...described(version),
        Owner,
        StorageClass: storageClass(version),
      })),
    DeleteMarker: page.items
      .filter((version) => version.deleteMarker)
      .map((version) => ({ ...common(version), LastModified: isoDate(version.modified), Owner })),
    CommonPrefixes: page.prefixes.map((prefix) => ({ Prefix: encode(prefix) })),
  });
}

/** Uploads in progress from a position on, by key, the oldest of each key first. */
const uploadWalker = (uploads: readonly Upload[]) => (from: Position) => {
  const marker = uploads.findIndex(({ id }) => id === from.afterUpload);
  const bytes = Buffer.from(from.key);
  return uploads.filter(({ key }, at) => {
    const order = Buffer.compare(Buffer.from(key), bytes);
    return order > 0 || (order === 0 && (from.inclusive || (marker >= 0 && at > marker)));
  });
};

export async function listMultipartUploads(
  exchange: Exchange,
  { name: bucket }: BucketSettings,
): Promise<Answer> {
  const { request, uploads, accountId } = exchange;
  const { query } = request;
  demand(exchange, 's3:ListBucketMultipartUploads', bucketArn(bucket));
  const question = readQuestion(query, 'max-uploads');
  const { encode, prefix, delimiter, max, encodingType } = question;
  const [keyMarker, idMarker] = [query.get('key-marker') ?? '', query.get('upload-id-marker') ?? ''];
  // S3 ignores the marker of an upload without one of its key.
  const start =
    keyMarker !== '' && idMarker !== ''
      ? startOf(question, { key: keyMarker, inclusive: false, afterUpload: idMarker })
      : afterMarker(keyMarker, question);
  const page = collect(uploadWalker(uploads.list(bucket, prefix)), question, start);
  const owner = { ID: accountId };
  return xmlAnswer('ListMultipartUploadsResult', {
    Bucket: bucket,
    KeyMarker: encode(keyMarker),
    UploadIdMarker: keyMarker === '' ? '' : idMarker,
    ...(page.end !== undefined &&
      ('prefix' in page.end
        ? { NextKeyMarker: encode(page.end.prefix), NextUploadIdMarker: '' }
        : { NextKeyMarker: encode(page.end.item.key), NextUploadIdMarker: page.end.item.id })),
    Prefix: encode(prefix),
    Delimiter: delimiter === '' ? undefined : encode(delimiter),
    EncodingType: encodingType,
    MaxUploads: max,
    IsTruncated: page.end !== undefined,
    Upload: page.items.map((upload) => ({
      Key: encode(upload.key),
      UploadId: upload.id,
      Initiator: owner,
      Owner: owner,
      StorageClass: upload.description.headers['x-amz-storage-class'] ?? 'STANDARD',
      Initiated: isoDate(upload.initiated),
    })),
    CommonPrefixes: page.prefixes.map((common) => ({ Prefix: encode(common) })),
  });
}
