import type { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  type ObjectIdentifier,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { Chance, Copied, Head, Listed, ObjectStore, Time, Upload } from '../ports.ts';
import { systemChance, systemTime } from '../system.ts';
import { chunkedWithChecksum } from './chunked-body.ts';
import { listVersions } from './versions.ts';

/** S3 answers a LIST with at most so many objects. */
const LIST_PAGE = 1_000;
/** The most that S3 deletes in one call. */
const DELETE_BATCH = 1_000;
/**
 * What an S3 client needs that sends streams. Without `Expect: 100-continue`: for it the SDK opens a connection an
 * upload. A body that was lost in a connection that S3 had closed is a fault like any other: the caller starts over
 * with a new stream.
 */
export const STREAMING = { getAwsChunkedEncodingStream: chunkedWithChecksum, expectContinueHeader: false };

/** A conditional write may meet another in flight; S3 then answers 409 and wants it sent again. */
const CONFLICT_TRIES = 6;
const CONFLICT_PAUSE_MS = 40;

const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;

/** A key that is not there; a bucket that is not there is a fault and stays one. */
const isMissing = (error: unknown) => statusOf(error) === 404 && (error as Error).name !== 'NoSuchBucket';

/** What a call answers; undefined if there is no such object. */
async function ifThere<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

const toHex = (base64: string | undefined) =>
  base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('hex');

/** Tags as the header `x-amz-tagging` has them. */
export const encodeTags = (tags: Record<string, string>): string => new URLSearchParams(tags).toString();

/**
 * A stream that breaks ends its upload. By itself the SDK waits for the rest, and nobody listens to the errors of
 * the stream that it makes of the given one to send a checksum behind it: they would end the process.
 */
function endsWithItsStream(command: PutObjectCommand, body: Readable): AbortSignal {
  const broken = new AbortController();
  const abort = (error: Error) => broken.abort(error);
  body.once('error', abort);
  command.middlewareStack.add(
    (next) => (args) => {
      (args.request as { body: Readable }).body.once('error', abort);
      return next(args);
    },
    { step: 'finalizeRequest', name: 'endsWithItsStream' },
  );
  return broken.signal;
}

/** One bucket through the SDK's client. The port says what each verb does. */
export class S3Store implements ObjectStore {
  readonly bucket: string;
  readonly client: S3Client;
  readonly #time: Time;
  readonly #chance: Chance;
  /** Options of every call: what ends it. */
  #limits: { abortSignal?: AbortSignal } = {};

  constructor(client: S3Client, bucket: string, time: Time = systemTime, chance: Chance = systemChance) {
    this.client = client;
    this.bucket = bucket;
    this.#time = time;
    this.#chance = chance;
  }

  within(signal: AbortSignal): S3Store {
    const limited = new S3Store(this.client, this.bucket, this.#time, this.#chance);
    limited.#limits = { abortSignal: signal };
    return limited;
  }

  async create(key: string, body: string | Buffer, upload: Upload = {}): Promise<boolean> {
    return (await this.#conditionalPut(key, body, upload, { IfNoneMatch: '*' })) !== undefined;
  }

  async createJson(key: string, value: unknown, upload: Upload = {}): Promise<boolean> {
    return this.create(key, JSON.stringify(value), { contentType: 'application/json', ...upload });
  }

  async createFromStream(key: string, body: Readable, bytes: number, upload: Upload, signal: AbortSignal) {
    const command = new PutObjectCommand({
      ...this.#put(key, upload),
      Body: body,
      ContentLength: bytes,
      ChecksumAlgorithm: 'SHA256',
      IfNoneMatch: '*',
    });
    const broken = endsWithItsStream(command, body);
    try {
      const { ChecksumSHA256 } = await this.client.send(command, {
        abortSignal: AbortSignal.any([signal, broken, ...Object.values(this.#limits)]),
      });
      return toHex(ChecksumSHA256);
    } catch (error) {
      broken.throwIfAborted();
      const status = statusOf(error);
      if (status === 412) return undefined;
      if (status === 409) throw new Error(`another writer is creating ${key} at this moment`);
      throw error;
    }
  }

  async replaceJson(key: string, value: unknown, upload: Upload = {}): Promise<void> {
    await this.client.send(
      new PutObjectCommand({
        ...this.#put(key, { contentType: 'application/json', ...upload }),
        Body: JSON.stringify(value),
      }),
      this.#limits,
    );
  }

  async swapJson(key: string, value: unknown, etag: string | undefined): Promise<string | undefined> {
    const condition = etag === undefined ? { IfNoneMatch: '*' } : { IfMatch: etag };
    return this.#conditionalPut(key, JSON.stringify(value), { contentType: 'application/json' }, condition);
  }

  async readJson<T>(key: string): Promise<{ value: T; etag: string; modified: Date } | undefined> {
    const command = new GetObjectCommand({ Bucket: this.bucket, Key: key });
    const output = await ifThere(this.client.send(command, this.#limits));
    if (!output) return undefined;
    const { Body, ETag = '', LastModified = new Date(0) } = output;
    return { value: JSON.parse((await Body?.transformToString()) ?? ''), etag: ETag, modified: LastModified };
  }

  async readRange(key: string, range: string): Promise<{ bytes: Buffer; total: number } | undefined> {
    try {
      const { Body, ContentRange, ContentLength } = await this.client.send(
        new GetObjectCommand({ Bucket: this.bucket, Key: key, Range: range }),
        this.#limits,
      );
      const { buffer, byteOffset, byteLength } = (await Body?.transformToByteArray()) ?? new Uint8Array();
      // Not a copy: it may be an image of 50 MB.
      const bytes = Buffer.from(buffer, byteOffset, byteLength);
      return { bytes, total: Number(ContentRange?.split('/')[1] ?? ContentLength ?? bytes.length) };
    } catch (error) {
      if (isMissing(error)) return undefined;
      // An empty object has no range that could be satisfied (416).
      if (statusOf(error) === 416) return { bytes: Buffer.alloc(0), total: 0 };
      throw error;
    }
  }

  async head(key: string): Promise<Head | undefined> {
    const command = new HeadObjectCommand({ Bucket: this.bucket, Key: key, ChecksumMode: 'ENABLED' });
    const output = await ifThere(this.client.send(command, this.#limits));
    return (
      output && {
        bytes: output.ContentLength ?? 0,
        etag: output.ETag ?? '',
        contentType: output.ContentType ?? 'application/octet-stream',
        contentEncoding: output.ContentEncoding,
        modified: output.LastModified ?? new Date(0),
        metadata: output.Metadata ?? {},
        sha256: toHex(output.ChecksumSHA256),
        versionId: output.VersionId,
      }
    );
  }

  async exists(key: string): Promise<boolean> {
    return (await this.head(key)) !== undefined;
  }

  async *list(prefix: string, after?: string, page = LIST_PAGE): AsyncGenerator<Listed> {
    const request = { Prefix: prefix, ...(page < LIST_PAGE ? { MaxKeys: page } : {}) };
    for await (const { Contents = [] } of this.#pages(request, after))
      for (const { Key, Size, ETag, LastModified } of Contents)
        if (Key)
          yield { key: Key, bytes: Size ?? 0, etag: ETag ?? '', modified: LastModified ?? new Date(0) };
  }

  /** The answers of a LIST. S3 may give fewer than it was asked for although there are more. */
  async *#pages(
    request: Omit<ListObjectsV2CommandInput, 'Bucket'>,
    after?: string,
  ): AsyncGenerator<ListObjectsV2CommandOutput> {
    let token: string | undefined;
    do {
      const page = await this.client.send(
        new ListObjectsV2Command({
          Bucket: this.bucket,
          ...request,
          ...(token ? { ContinuationToken: token } : after ? { StartAfter: after } : {}),
        }),
        this.#limits,
      );
      yield page;
      token = page.NextContinuationToken;
    } while (token);
  }

  async folders(prefix: string, limit: number, after?: string): Promise<string[]> {
    const request = { Prefix: prefix, Delimiter: '/', MaxKeys: limit };
    // Behind every key of that folder: "0" is the character that follows "/".
    const behind = after && `${prefix}${after}0`;
    const names: string[] = [];
    for await (const { CommonPrefixes = [] } of this.#pages(request, behind)) {
      for (const { Prefix } of CommonPrefixes) if (Prefix) names.push(Prefix.slice(prefix.length, -1));
      if (names.length >= limit) break;
    }
    return names.slice(0, limit);
  }

  async tags(key: string): Promise<Record<string, string> | undefined> {
    const command = new GetObjectTaggingCommand({ Bucket: this.bucket, Key: key });
    const output = await ifThere(this.client.send(command, this.#limits));
    return output && Object.fromEntries((output.TagSet ?? []).map(({ Key, Value }) => [Key, Value ?? '']));
  }

  async setTags(key: string, tags: Record<string, string>): Promise<boolean> {
    const TagSet = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    const command = new PutObjectTaggingCommand({ Bucket: this.bucket, Key: key, Tagging: { TagSet } });
    return (await ifThere(this.client.send(command, this.#limits))) !== undefined;
  }

  async createCopy(source: ObjectStore, key: string): Promise<Copied> {
    const CopySource = `${source.bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
    try {
      const { CopyObjectResult } = await this.#retryConflicts(() =>
        this.client.send(
          new CopyObjectCommand({ Bucket: this.bucket, Key: key, CopySource, IfNoneMatch: '*' }),
          this.#limits,
        ),
      );
      return { outcome: 'copied', sha256: toHex(CopyObjectResult?.ChecksumSHA256) };
    } catch (error) {
      if (statusOf(error) === 412) return { outcome: 'exists' };
      if (isMissing(error)) return { outcome: 'gone' };
      throw error;
    }
  }

  async deleteIf(key: string, etag: string): Promise<boolean> {
    try {
      await this.#retryConflicts(() =>
        this.client.send(
          new DeleteObjectCommand({ Bucket: this.bucket, Key: key, IfMatch: etag }),
          this.#limits,
        ),
      );
      return true;
    } catch (error) {
      if (statusOf(error) === 412 || isMissing(error)) return false;
      throw error;
    }
  }

  async delete(keys: string[]): Promise<void> {
    if (keys.length > 0) await this.#delete(keys.map((Key) => ({ Key })));
  }

  async destroy(key: string): Promise<void> {
    const versions: ObjectIdentifier[] = [];
    for await (const { key: Key, versionId: VersionId, isMarker } of listVersions(this, key, this.#limits)) {
      // Other keys that begin alike come behind it.
      if (Key !== key && !key.endsWith('/')) break;
      if (!isMarker) versions.push({ Key, VersionId });
    }
    while (versions.length > 0) await this.#delete(versions.splice(0, DELETE_BATCH));
  }

  async #delete(Objects: ObjectIdentifier[]): Promise<void> {
    const { Errors } = await this.client.send(
      new DeleteObjectsCommand({ Bucket: this.bucket, Delete: { Objects, Quiet: true } }),
      this.#limits,
    );
    if (Errors?.length)
      throw new Error(
        `${Errors.length} of ${Objects.length} objects could not be deleted: ${Errors[0]?.Code} ${Errors[0]?.Key}`,
      );
  }

  #put(key: string, { contentType, contentDisposition, metadata, tags }: Upload) {
    return {
      Bucket: this.bucket,
      Key: key,
      ContentType: contentType,
      ContentDisposition: contentDisposition,
      Metadata: metadata,
      Tagging: tags && encodeTags(tags),
    };
  }

  async #conditionalPut(
    key: string,
    body: string | Buffer,
    upload: Upload,
    condition: { IfNoneMatch: string } | { IfMatch: string },
  ): Promise<string | undefined> {
    try {
      const { ETag } = await this.#retryConflicts(() =>
        this.client.send(
          new PutObjectCommand({
            ...this.#put(key, upload),
            Body: body,
            // Said explicitly, because the SDK takes an empty body for a stream of unknown length.
            ContentLength: Buffer.byteLength(body),
            // The backup proves its copies by it.
            ChecksumAlgorithm: 'SHA256',
            ...condition,
          }),
          this.#limits,
        ),
      );
      return ETag ?? '';
    } catch (error) {
      // If-Match on an object that is gone answers 404.
      if (statusOf(error) === 412 || isMissing(error)) return undefined;
      throw error;
    }
  }

  async #retryConflicts<T>(write: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await write();
      } catch (error) {
        if (statusOf(error) !== 409 || attempt === CONFLICT_TRIES) throw error;
        await this.#time.sleep(
          this.#chance.fraction() * CONFLICT_PAUSE_MS * attempt,
          this.#limits.abortSignal,
        );
      }
    }
  }
}
