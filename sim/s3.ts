import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type {
  CopyObjectCommandInput,
  DeleteObjectCommandInput,
  DeleteObjectsCommandInput,
  GetObjectCommandInput,
  HeadObjectCommandInput,
  ListObjectsV2CommandInput,
  ListObjectVersionsCommandInput,
  PutObjectCommandInput,
  PutObjectTaggingCommandInput,
  S3Client,
} from '@aws-sdk/client-s3';
import type { Kernel } from './kernel.ts';
import type { Process } from './process.ts';
import { SortedKeys } from './sorted-keys.ts';

/** One version of an object; a delete marker has no body. */
export interface Version {
  id: string;
  body: Buffer | undefined;
  etag: string;
  /** Milliseconds since 1970, in whole seconds as S3 says it. */
  modified: number;
  tags: Record<string, string>;
  metadata: Record<string, string>;
  contentType: string;
  contentDisposition: string | undefined;
  contentEncoding?: string | undefined;
  /** Base64, as S3 answers it; undefined if the upload asked for none. */
  sha256: string | undefined;
  /** Who wrote it. */
  by: string;
}

/** Something that was done to an object: what EventBridge hears of, and what the ledger watches. */
export interface Change {
  bucket: string;
  key: string;
  what: 'Object Created' | 'Object Deleted' | 'Object Tags Added';
  by: string;
  /** After it. */
  is: Version;
}

/** The bytes of an upload that are known as a whole, so that nothing has to be streamed. */
export class KnownBody extends Readable {
  readonly bytes: Buffer;
  constructor(bytes: Buffer) {
    super();
    this.bytes = bytes;
  }
  override _read(): void {
    this.push(this.bytes);
    this.push(null);
  }
}

/** An error as the SDK throws it. */
export function s3Error(name: string, httpStatusCode: number): Error {
  // There are many such answers: where one was made says nothing, and finding out takes time.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const error = Object.assign(new Error(name), { name, $metadata: { httpStatusCode } });
  Error.stackTraceLimit = stackTraceLimit;
  return error;
}
const NO_SUCH_KEY = () => s3Error('NoSuchKey', 404);

/** What a request is about, for the policies that decide it. */
export interface Asked {
  action: string;
  bucket: string;
  key: string;
  /** Condition keys with their values. */
  context: Record<string, string>;
}

/** The model is asked for something that it does not know: it must not guess. */
export class Unmodelled extends Error {
  override name = 'Unmodelled';
}

const PUT = [
  'ContentType',
  'ContentDisposition',
  'ContentEncoding',
  'Metadata',
  'Tagging',
  'Body',
  'ContentLength',
  'ChecksumAlgorithm',
];
/** What the model knows of each command. */
const MODELLED: Record<string, string[]> = {
  PutObjectCommand: ['Bucket', 'Key', 'IfNoneMatch', 'IfMatch', ...PUT],
  GetObjectCommand: ['Bucket', 'Key', 'Range', 'VersionId'],
  HeadObjectCommand: ['Bucket', 'Key', 'ChecksumMode', 'VersionId'],
  ListObjectsV2Command: ['Bucket', 'Prefix', 'MaxKeys', 'StartAfter', 'ContinuationToken', 'Delimiter'],
  ListObjectVersionsCommand: ['Bucket', 'Prefix'],
  GetObjectTaggingCommand: ['Bucket', 'Key'],
  PutObjectTaggingCommand: ['Bucket', 'Key', 'Tagging'],
  CopyObjectCommand: ['Bucket', 'Key', 'CopySource', 'IfNoneMatch'],
  DeleteObjectCommand: ['Bucket', 'Key', 'IfMatch'],
  DeleteObjectsCommand: ['Bucket', 'Delete'],
};

/** What the model needs of a kernel. */
type Clock = { readonly now: number; readonly chance: Pick<Kernel['chance'], 'happens'> };

class Bucket {
  readonly name: string;
  readonly keys = new SortedKeys();
  /** Also deleted ones. */
  readonly everyKey = new SortedKeys();
  readonly versions = new Map<string, Version[]>();
  /** Versions that there ever were. */
  written = 0;
  constructor(name: string) {
    this.name = name;
  }
  copy(): Bucket {
    const copy = new Bucket(this.name);
    copy.written = this.written;
    for (const [key, versions] of this.versions) {
      copy.versions.set(
        key,
        versions.map((version) => ({ ...version })),
      );
      copy.everyKey.add(key);
      if (this.current(key)) copy.keys.add(key);
    }
    return copy;
  }
  current(key: string): Version | undefined {
    const version = this.versions.get(key)?.at(-1);
    return version?.body ? version : undefined;
  }
  /** The version of this name, or the current one. */
  version(key: string, id: string | undefined): Version | undefined {
    if (id === undefined) return this.current(key);
    const version = this.versions.get(key)?.find((one) => one.id === id);
    if (version && !version.body) throw new Unmodelled('sim/s3.ts has no model of reading a delete marker');
    return version;
  }
}

/**
 * S3, as far as the pipeline uses it: conditional writes, versions, tags, LIST in pages, events. Rules: the S3 API
 * reference; test/sim/s3-contract.test.ts holds it to the calls that the local S3 and moto are held to.
 */
export class S3Model {
  readonly #kernel: Clock;
  readonly buckets = new Map<string, Bucket>();
  /** Throws AccessDenied. */
  authorize: (process: string, asked: Asked) => void = () => {};
  onChange: (change: Change) => void = () => {};
  /** Share of LISTs that give fewer keys than they were asked for. */
  shortPages = 0;
  /** Share of conditional writes that are answered by 409. */
  conflicts = 0;
  /** Requests by kind, as they are paid. */
  readonly requests = new Map<string, number>();
  /** Those of reconcile alone, which looks at every open audit in each of its runs. */
  readonly requestsOfReconcile = new Map<string, number>();

  constructor(kernel: Clock, buckets: string[]) {
    this.#kernel = kernel;
    for (const name of buckets) this.buckets.set(name, new Bucket(name));
  }

  /** Another S3 that begins with the same objects. */
  copy(): S3Model {
    const copy = new S3Model(this.#kernel, []);
    for (const [name, bucket] of this.buckets) copy.buckets.set(name, bucket.copy());
    return copy;
  }

  bucket(name: string | undefined): Bucket {
    const bucket = this.buckets.get(name ?? '');
    if (!bucket) throw s3Error('NoSuchBucket', 404);
    return bucket;
  }

  /** Carries out one command. @throws what S3 would answer with */
  do(by: string, command: string, input: object): object {
    const unknown = Object.keys(input).find((name) => !MODELLED[command]?.includes(name));
    if (unknown !== undefined || !MODELLED[command])
      throw new Unmodelled(`sim/s3.ts has no model of ${command}${unknown ? ` with ${unknown}` : ''}`);
    const counts = by.startsWith('reconcile#') ? [this.requests, this.requestsOfReconcile] : [this.requests];
    for (const count of counts) count.set(command, (count.get(command) ?? 0) + 1);
    switch (command) {
      case 'PutObjectCommand':
        return this.#put(by, input as PutObjectCommandInput);
      case 'GetObjectCommand':
        return this.#get(by, input as GetObjectCommandInput);
      case 'HeadObjectCommand':
        return this.#head(by, input as HeadObjectCommandInput);
      case 'ListObjectsV2Command':
        return this.#list(by, input as ListObjectsV2CommandInput);
      case 'ListObjectVersionsCommand':
        return this.#versions(by, input as ListObjectVersionsCommandInput);
      case 'GetObjectTaggingCommand':
        return this.#tags(by, input as GetObjectCommandInput);
      case 'PutObjectTaggingCommand':
        return this.#setTags(by, input as PutObjectTaggingCommandInput);
      case 'CopyObjectCommand':
        return this.#copy(by, input as CopyObjectCommandInput);
      case 'DeleteObjectCommand':
        return this.#deleteIf(by, input as DeleteObjectCommandInput);
      case 'DeleteObjectsCommand':
        return this.#delete(by, input as DeleteObjectsCommandInput);
      default:
        throw new Unmodelled(`sim/s3.ts has no model of ${command}`);
    }
  }

  #write(by: string, bucket: Bucket, key: string, version: Omit<Version, 'id' | 'modified' | 'by'>): Version {
    const id = `v${++bucket.written}`;
    const is = { ...version, id, modified: Math.floor(this.#kernel.now / 1_000) * 1_000, by };
    const versions = bucket.versions.get(key);
    if (versions) versions.push(is);
    else {
      bucket.versions.set(key, [is]);
      bucket.everyKey.add(key);
    }
    if (is.body) bucket.keys.add(key);
    else bucket.keys.delete(key);
    const what = is.body ? 'Object Created' : 'Object Deleted';
    this.onChange({ bucket: bucket.name, key, what, by, is });
    return is;
  }

  #put(by: string, input: PutObjectCommandInput) {
    const { Bucket: name, Key: key = '', Body, IfNoneMatch, IfMatch, Tagging = '' } = input;
    const bucket = this.bucket(name);
    const tags = Object.fromEntries(new URLSearchParams(Tagging));
    this.authorize(by, {
      action: 's3:PutObject',
      bucket: bucket.name,
      key,
      context: { ...(IfNoneMatch && { 's3:if-none-match': IfNoneMatch }), ...tagContext('Request', tags) },
    });
    if (Tagging !== '')
      this.authorize(by, {
        action: 's3:PutObjectTagging',
        bucket: bucket.name,
        key,
        context: tagContext('Request', tags),
      });
    const there = bucket.current(key);
    // S3 may answer so while two conditional writes race.
    if (IfNoneMatch === '*' && this.#kernel.chance.happens(this.conflicts))
      throw s3Error('ConditionalRequestConflict', 409);
    if (IfNoneMatch === '*' && there) throw s3Error('PreconditionFailed', 412);
    if (IfMatch !== undefined) {
      if (!there) throw NO_SUCH_KEY();
      if (there.etag !== IfMatch) throw s3Error('PreconditionFailed', 412);
    }
    const body = Buffer.from(Body as Buffer | string);
    const sha256 =
      input.ChecksumAlgorithm === 'SHA256' ? createHash('sha256').update(body).digest('base64') : undefined;
    const is = this.#write(by, bucket, key, {
      body,
      etag: etagOf(body),
      tags,
      metadata: input.Metadata ?? {},
      contentType: input.ContentType ?? 'application/octet-stream',
      contentDisposition: input.ContentDisposition,
      contentEncoding: input.ContentEncoding,
      sha256,
    });
    return { ETag: is.etag, ...(sha256 && { ChecksumSHA256: sha256 }) };
  }

  /** S3 tells nobody who may not list that a key is not there. */
  #there(
    by: string,
    action: string,
    bucket: Bucket,
    key: string,
    { missing = 'NoSuchKey', id }: { missing?: string; id?: string | undefined } = {},
  ): Version {
    const there = bucket.version(key, id);
    if (!there) {
      this.authorize(by, { action: 's3:ListBucket', bucket: bucket.name, key: '', context: {} });
      throw s3Error(missing, 404);
    }
    this.authorize(by, { action, bucket: bucket.name, key, context: tagContext('Existing', there.tags) });
    return there;
  }

  #get(by: string, { Bucket: name, Key: key = '', Range, VersionId: id }: GetObjectCommandInput) {
    const missing = id === undefined ? 'NoSuchKey' : 'NoSuchVersion';
    const there = this.#there(by, readAction(id), this.bucket(name), key, { missing, id });
    const whole = there.body!;
    const [start, end] = rangeOf(Range, whole.length);
    const body = whole.subarray(start, end + 1);
    return {
      Body: {
        transformToString: async () => body.toString(),
        transformToByteArray: async () => new Uint8Array(body),
        async *[Symbol.asyncIterator]() {
          yield body;
        },
      },
      ...about(there),
      ContentLength: body.length,
      ...(Range && { ContentRange: `bytes ${start}-${end}/${whole.length}` }),
    };
  }

  #head(by: string, { Bucket: name, Key: key = '', VersionId: id }: HeadObjectCommandInput) {
    // An answer to HEAD has no body that could name the error.
    const there = this.#there(by, readAction(id), this.bucket(name), key, { missing: 'NotFound', id });
    return {
      ContentLength: there.body!.length,
      VersionId: there.id,
      ...about(there),
      ...(there.sha256 && { ChecksumSHA256: there.sha256 }),
    };
  }

  #list(by: string, input: ListObjectsV2CommandInput) {
    const { Bucket: name, Prefix = '', MaxKeys = 1_000, StartAfter, ContinuationToken, Delimiter } = input;
    const bucket = this.bucket(name);
    this.authorize(by, {
      action: 's3:ListBucket',
      bucket: bucket.name,
      key: '',
      context: { 's3:prefix': Prefix },
    });
    // S3 may give fewer than it was asked for.
    const most = this.#kernel.chance.happens(this.shortPages) ? Math.ceil(MaxKeys / 3) : MaxKeys;
    const after = ContinuationToken ?? StartAfter;
    const contents: object[] = [];
    const folders: string[] = [];
    let last = '';
    let more = false;
    for (const key of bucket.keys.from(after !== undefined && after > Prefix ? after : Prefix)) {
      if (after !== undefined && key <= after) continue;
      if (!key.startsWith(Prefix)) break;
      const folder = Delimiter ? folderOf(key, Prefix, Delimiter) : undefined;
      if (folder !== undefined && (folder === folders.at(-1) || (after ?? '').startsWith(folder))) continue;
      if (contents.length + folders.length === most) {
        more = true;
        break;
      }
      last = folder ?? key;
      if (folder !== undefined) folders.push(folder);
      else {
        const { body, etag, modified } = bucket.current(key)!;
        contents.push({ Key: key, Size: body!.length, ETag: etag, LastModified: new Date(modified) });
      }
    }
    return {
      Contents: contents,
      ...(folders.length > 0 && { CommonPrefixes: folders.map((folder) => ({ Prefix: folder })) }),
      KeyCount: contents.length + folders.length,
      ...(more && { NextContinuationToken: last, IsTruncated: true }),
    };
  }

  /** In one page: nothing in a world has a thousand versions. */
  #versions(by: string, { Bucket: name, Prefix = '' }: ListObjectVersionsCommandInput) {
    const bucket = this.bucket(name);
    this.authorize(by, {
      action: 's3:ListBucketVersions',
      bucket: bucket.name,
      key: '',
      context: { 's3:prefix': Prefix },
    });
    const found: { Key: string; VersionId: string; isMarker: boolean; Size: number; IsLatest: boolean }[] =
      [];
    for (const key of bucket.everyKey.from(Prefix)) {
      if (!key.startsWith(Prefix)) break;
      const versions = bucket.versions.get(key) ?? [];
      found.push(
        ...versions
          .map(({ id, body }, i) => ({
            ...{ Key: key, VersionId: id, isMarker: !body, Size: body?.length ?? 0 },
            IsLatest: i === versions.length - 1,
          }))
          .reverse(),
      );
    }
    if (found.length > 1_000) throw new Unmodelled('sim/s3.ts has no model of the next page of versions');
    return {
      Versions: found.filter(({ isMarker }) => !isMarker),
      DeleteMarkers: found.filter(({ isMarker }) => isMarker),
    };
  }

  #tags(by: string, { Bucket: name, Key: key = '' }: GetObjectCommandInput) {
    const { tags } = this.#there(by, 's3:GetObjectTagging', this.bucket(name), key);
    return { TagSet: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
  }

  #setTags(by: string, { Bucket: name, Key: key = '', Tagging }: PutObjectTaggingCommandInput) {
    const bucket = this.bucket(name);
    if ((Tagging?.TagSet?.length ?? 0) > 10) throw s3Error('BadRequest', 400);
    const tags = Object.fromEntries((Tagging?.TagSet ?? []).map(({ Key = '', Value = '' }) => [Key, Value]));
    const there = this.#there(by, 's3:PutObjectTagging', bucket, key);
    there.tags = tags;
    this.onChange({ bucket: bucket.name, key, what: 'Object Tags Added', by, is: there });
    return {};
  }

  #copy(by: string, { Bucket: name, Key: key = '', CopySource = '', IfNoneMatch }: CopyObjectCommandInput) {
    const [, from = '', path = '', id] = /^([^/]*)\/([^?]*)(?:\?versionId=(.*))?$/.exec(CopySource) ?? [];
    const missing = id === undefined ? 'NoSuchKey' : 'NoSuchVersion';
    const source = this.#there(by, readAction(id), this.bucket(from), decodeURIComponent(path), {
      missing,
      id,
    });
    const bucket = this.bucket(name);
    this.authorize(by, {
      action: 's3:PutObject',
      bucket: bucket.name,
      key,
      context: {
        ...(IfNoneMatch && { 's3:if-none-match': IfNoneMatch }),
        ...tagContext('Request', source.tags),
      },
    });
    if (IfNoneMatch === '*' && bucket.current(key)) throw s3Error('PreconditionFailed', 412);
    const is = this.#write(by, bucket, key, { ...source, tags: { ...source.tags } });
    return { CopyObjectResult: { ETag: is.etag, ...(is.sha256 && { ChecksumSHA256: is.sha256 }) } };
  }

  #deleteIf(by: string, { Bucket: name, Key: key = '', IfMatch }: DeleteObjectCommandInput) {
    const bucket = this.bucket(name);
    for (const action of ['s3:DeleteObject', ...(IfMatch === undefined ? [] : ['s3:GetObject'])])
      this.authorize(by, { action, bucket: bucket.name, key, context: {} });
    const there = bucket.current(key);
    if (IfMatch !== undefined && !there) throw NO_SUCH_KEY();
    if (IfMatch !== undefined && there?.etag !== IfMatch) throw s3Error('PreconditionFailed', 412);
    if (there) this.#write(by, bucket, key, { ...there, body: undefined, tags: {}, etag: '' });
    return {};
  }

  #delete(by: string, { Bucket: name, Delete }: DeleteObjectsCommandInput) {
    const bucket = this.bucket(name);
    for (const { Key: key = '', VersionId } of Delete?.Objects ?? []) {
      if (VersionId !== undefined) {
        this.#destroy(by, bucket, key, VersionId);
        continue;
      }
      this.authorize(by, { action: 's3:DeleteObject', bucket: bucket.name, key, context: {} });
      const there = bucket.current(key);
      if (there) this.#write(by, bucket, key, { ...there, body: undefined, tags: {}, etag: '' });
    }
    return {};
  }

  /** Removes one version; the one before it is the current one then. */
  #destroy(by: string, bucket: Bucket, key: string, id: string): void {
    this.authorize(by, { action: 's3:DeleteObjectVersion', bucket: bucket.name, key, context: {} });
    const versions = bucket.versions.get(key) ?? [];
    const is = versions.find((version) => version.id === id);
    if (!is) return;
    versions.splice(versions.indexOf(is), 1);
    if (!bucket.current(key)) bucket.keys.delete(key);
    this.onChange({ bucket: bucket.name, key, what: 'Object Deleted', by, is });
  }

  /** The client of one process, with the SDK's own retries. */
  client(
    process: Pick<Process, 'name' | 'call' | 'time' | 'chance'>,
    change: (command: string, input: Record<string, unknown>) => Record<string, unknown> = (_, input) =>
      input,
  ): S3Client {
    const send = async (command: object, options: { abortSignal?: AbortSignal } = {}) => {
      const name = command.constructor.name;
      const input = change(
        name.replace('Command', ''),
        (command as { input: Record<string, unknown> }).input,
      );
      const isStream = input.Body instanceof Readable;
      const ready = isStream ? { ...input, Body: await bytesOf(input.Body as Readable) } : input;
      const about = `${String(input.Bucket).split('-').at(-1)}:${input.Key ?? input.Prefix ?? keysOf(input)}`;
      for (let attempt = 1; ; attempt++) {
        try {
          return await abortable(
            process.call(
              { service: 's3', action: name.replace('Command', ''), about },
              () => ({
                $metadata: { httpStatusCode: ready.Range ? 206 : 200 },
                ...this.do(process.name, name, ready),
              }),
              (fate) =>
                fate === 'lost'
                  ? Object.assign(new Error('socket hang up'), { name: 'TimeoutError' })
                  : s3Error('SlowDown', 503),
            ),
            options.abortSignal,
          );
        } catch (error) {
          const passing = ['TimeoutError', 'SlowDown'].includes((error as Error).name);
          // A stream was consumed: the SDK does not send it again.
          if (!passing || isStream || attempt === 3) throw error;
          await process.time.sleep(100 * 2 ** attempt * process.chance.fraction());
        }
      }
    };
    return { send } as unknown as S3Client;
  }
}

const readAction = (id: string | undefined) => (id === undefined ? 's3:GetObject' : 's3:GetObjectVersion');

/** What GET and HEAD say of an object alike. */
const about = ({ etag, modified, contentType, contentDisposition, contentEncoding, metadata }: Version) => ({
  ETag: etag,
  LastModified: new Date(modified),
  ContentType: contentType,
  Metadata: metadata,
  ...(contentDisposition && { ContentDisposition: contentDisposition }),
  ...(contentEncoding && { ContentEncoding: contentEncoding }),
});

const keysOf = ({ Delete }: { Delete?: DeleteObjectsCommandInput['Delete'] }) =>
  `${Delete?.Objects?.[0]?.Key ?? ''}+${(Delete?.Objects?.length ?? 1) - 1}`;

const etagOf = (body: Buffer) => `"${createHash('md5').update(body).digest('hex')}"`;

const tagContext = (kind: 'Existing' | 'Request', tags: Record<string, string>) =>
  Object.fromEntries(Object.entries(tags).map(([key, value]) => [`s3:${kind}ObjectTag/${key}`, value]));

function folderOf(key: string, prefix: string, delimiter: string): string | undefined {
  const end = key.indexOf(delimiter, prefix.length);
  return end === -1 ? undefined : key.slice(0, end + delimiter.length);
}

/** First and last byte of a range. @throws InvalidRange */
function rangeOf(range: string | undefined, bytes: number): [number, number] {
  if (range === undefined) return [0, bytes - 1];
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
  const start = from === '' ? Math.max(0, bytes - Number(to)) : Number(from);
  const end = from === '' || to === '' ? bytes - 1 : Math.min(bytes - 1, Number(to));
  if (start >= bytes) throw s3Error('InvalidRange', 416);
  return [start, end];
}

async function bytesOf(body: Readable): Promise<Buffer> {
  if (body instanceof KnownBody) return body.bytes;
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks);
}

/** As the promise, unless the signal aborts before. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(Object.assign(new Error('Request aborted'), { name: 'AbortError' }));
    // Its own end is of no interest any more.
    promise.catch(() => {});
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
