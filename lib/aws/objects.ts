import type { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { chunkedWithChecksum } from './chunked-body.ts';

/** What a LIST tells of an object. */
export interface Listed {
  key: string;
  bytes: number;
  etag: string;
  modified: Date;
}

/** What is known of an object without reading it. */
export interface Head {
  bytes: number;
  etag: string;
  contentType: string;
  modified: Date;
  metadata: Record<string, string>;
  /** SHA-256 as S3 verified it, in hex; undefined for an object uploaded without one. */
  sha256: string | undefined;
}

/**
 * What became of a copy: made now, there before, or without a source. S3 answers with the SHA-256 of one that it
 * makes, here in hex, if the source was uploaded with its own ("CopyObjectResult" in the API reference).
 */
export type Copied = { outcome: 'copied'; sha256: string | undefined } | { outcome: 'exists' | 'gone' };

/** What may be said of an object at upload. */
export interface Upload {
  contentType?: string;
  contentDisposition?: string;
  metadata?: Record<string, string>;
  tags?: Record<string, string>;
}

/** S3 answers a LIST with at most so many objects. */
const LIST_PAGE = 1_000;
/**
 * What an S3 client needs that sends streams. Without `Expect: 100-continue`: for it the SDK opens a connection an
 * upload. A body that was lost in a connection that S3 had closed is a fault like any other: whoever sent it starts
 * over with a new stream.
 */
export const STREAMING = { getAwsChunkedEncodingStream: chunkedWithChecksum, expectContinueHeader: false };

/** A conditional write may meet another in flight; S3 then answers 409 and wants it sent again. */
const CONFLICT_TRIES = 6;

const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;

/** A key that is not there; a bucket that is not there is a fault and stays one. */
const isMissing = (error: unknown) => statusOf(error) === 404 && (error as Error).name !== 'NoSuchBucket';

const toHex = (base64: string | undefined) =>
  base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('hex');

const encodeTags = (tags: Record<string, string> | undefined) => tags && new URLSearchParams(tags).toString();

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

/**
 * The verbs this pipeline speaks to one bucket. Facts are objects created once with `If-None-Match: *` and
 * never changed; of writers that race, one creates and the others read what it wrote.
 */
export class ObjectStore {
  readonly bucket: string;
  readonly client: S3Client;

  constructor(client: S3Client, bucket: string) {
    this.client = client;
    this.bucket = bucket;
  }

  /**
   * Creates an object where none is.
   * @returns false where one stands already: it is left as it is.
   */
  async create(key: string, body: string | Buffer, upload: Upload = {}): Promise<boolean> {
    return (await this.#conditionalPut(key, body, upload, { IfNoneMatch: '*' })) !== undefined;
  }

  /** Creates a JSON record where none is; false where one stands already. */
  async createJson(key: string, value: unknown, upload: Upload = {}): Promise<boolean> {
    return this.create(key, JSON.stringify(value), { contentType: 'application/json', ...upload });
  }

  /**
   * Creates an object from a stream of known length. S3 verifies its SHA-256 and keeps it. The stream is
   * consumed, so whoever wants to try again starts over with a new one.
   * @returns the SHA-256 in hex, or undefined where an object stands already.
   */
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
        abortSignal: AbortSignal.any([signal, broken]),
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

  /** Writes an object whatever stands there: only for state that is no fact, such as why an audit waits. */
  async replaceJson(key: string, value: unknown, upload: Upload = {}): Promise<void> {
    await this.client.send(
      new PutObjectCommand({
        ...this.#put(key, { contentType: 'application/json', ...upload }),
        Body: JSON.stringify(value),
      }),
    );
  }

  /**
   * Compare and swap: writes only if the object is the one that was read, or, without an etag, if none is.
   * @returns the new etag, or undefined if somebody else was quicker.
   */
  async swapJson(key: string, value: unknown, etag: string | undefined): Promise<string | undefined> {
    const condition = etag === undefined ? { IfNoneMatch: '*' } : { IfMatch: etag };
    return this.#conditionalPut(key, JSON.stringify(value), { contentType: 'application/json' }, condition);
  }

  /** A JSON record and its etag, or undefined where there is none. */
  async readJson<T>(key: string): Promise<{ value: T; etag: string; modified: Date } | undefined> {
    try {
      const { Body, ETag, LastModified } = await this.client.send(
        new GetObjectCommand({ Bucket: this.bucket, Key: key }),
      );
      const text = await Body?.transformToString();
      return { value: JSON.parse(text ?? '') as T, etag: ETag ?? '', modified: LastModified ?? new Date(0) };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /**
   * A part of an object by an HTTP range such as `bytes=0-1023` or `bytes=-64`.
   * @returns the bytes, and the size of the whole object; undefined where there is none.
   */
  async readRange(key: string, range: string): Promise<{ bytes: Buffer; total: number } | undefined> {
    try {
      const { Body, ContentRange, ContentLength } = await this.client.send(
        new GetObjectCommand({ Bucket: this.bucket, Key: key, Range: range }),
      );
      const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
      return { bytes, total: Number(ContentRange?.split('/')[1] ?? ContentLength ?? bytes.length) };
    } catch (error) {
      if (isMissing(error)) return undefined;
      // An empty object has no range that could be satisfied (416).
      if (statusOf(error) === 416) return { bytes: Buffer.alloc(0), total: 0 };
      throw error;
    }
  }

  /** What is known of an object, or undefined where there is none. */
  async head(key: string): Promise<Head | undefined> {
    let output: HeadObjectCommandOutput;
    try {
      output = await this.client.send(
        new HeadObjectCommand({ Bucket: this.bucket, Key: key, ChecksumMode: 'ENABLED' }),
      );
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    return {
      bytes: output.ContentLength ?? 0,
      etag: output.ETag ?? '',
      contentType: output.ContentType ?? 'application/octet-stream',
      modified: output.LastModified ?? new Date(0),
      metadata: output.Metadata ?? {},
      sha256: toHex(output.ChecksumSHA256),
    };
  }

  async exists(key: string): Promise<boolean> {
    return (await this.head(key)) !== undefined;
  }

  /**
   * Every object under a prefix in the order of keys, from behind `after`.
   * @param page objects a call: as many as are likely to be read, for reading the answer takes longer than asking
   */
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
      );
      yield page;
      token = page.NextContinuationToken;
    } while (token);
  }

  /** The folders straight under a prefix, at most `limit` of them, from behind `after` (a folder's name). */
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

  /** The tags of an object, or undefined where there is none. */
  async tags(key: string): Promise<Record<string, string> | undefined> {
    try {
      const { TagSet } = await this.client.send(
        new GetObjectTaggingCommand({ Bucket: this.bucket, Key: key }),
      );
      return Object.fromEntries((TagSet ?? []).map(({ Key, Value }) => [Key, Value ?? '']));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Replaces the whole set of tags (S3 knows no other way); false where there is no such object any more. */
  async setTags(key: string, tags: Record<string, string>): Promise<boolean> {
    const TagSet = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    try {
      await this.client.send(
        new PutObjectTaggingCommand({ Bucket: this.bucket, Key: key, Tagging: { TagSet } }),
      );
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  /**
   * Copies an object of another bucket to the same key here, inside S3, with its metadata, tags and checksum.
   * Where this bucket has one already it is left as it is.
   */
  async createCopy(source: ObjectStore, key: string): Promise<Copied> {
    const CopySource = `${source.bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
    try {
      const { CopyObjectResult } = await this.#retryConflicts(() =>
        this.client.send(
          new CopyObjectCommand({ Bucket: this.bucket, Key: key, CopySource, IfNoneMatch: '*' }),
        ),
      );
      return { outcome: 'copied', sha256: toHex(CopyObjectResult?.ChecksumSHA256) };
    } catch (error) {
      if (statusOf(error) === 412) return { outcome: 'exists' };
      if (isMissing(error)) return { outcome: 'gone' };
      throw error;
    }
  }

  /** Deletes up to 1,000 objects in one call (S3's limit). On a versioned bucket the bytes stay as old versions. */
  async delete(keys: string[]): Promise<void> {
    if (keys.length === 0) return;
    const { Errors } = await this.client.send(
      new DeleteObjectsCommand({
        Bucket: this.bucket,
        Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: true },
      }),
    );
    if (Errors?.length)
      throw new Error(
        `${Errors.length} of ${keys.length} objects could not be deleted: ${Errors[0]?.Code} ${Errors[0]?.Key}`,
      );
  }

  #put(key: string, { contentType, contentDisposition, metadata, tags }: Upload) {
    return {
      Bucket: this.bucket,
      Key: key,
      ContentType: contentType,
      ContentDisposition: contentDisposition,
      Metadata: metadata,
      Tagging: encodeTags(tags),
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
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 40 * attempt));
      }
    }
  }
}
