/**
 * What the domain needs of the world. It comes in as arguments and in no other way, so that tests and a simulator can
 * take the world's place. `lib/aws/`, `lib/replicate/client.ts`, `lib/images/fetch-output.ts`,
 * `lib/images/decode/`, `lib/temporary-file.ts` and `lib/system.ts` are the real ones.
 */
import type { Readable } from 'node:stream';
import type { Looked } from './images/decode/looked.ts';
import type { Message } from './records/blocks.ts';
import type { Prediction } from './replicate/prediction.ts';

export interface Time {
  now(): Date;
  /** Milliseconds since some moment, by a clock that is never set. */
  monotonic(): number;
  /** Resolves after so long; rejects as soon as the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** A signal that aborts after so long. */
  timeout(ms: number): AbortSignal;
}

export interface Chance {
  /** A number from 0 up to, but without, 1. */
  fraction(): number;
  /** A name that nothing else has. */
  id(): string;
}

/** Writes log lines as JSON. Keys that were appended are in every line until they are reset. */
export interface Log {
  info(message: string, ...about: Record<string, unknown>[]): void;
  warn(message: string, ...about: Record<string, unknown>[]): void;
  error(message: string, ...about: Record<string, unknown>[]): void;
  appendKeys(keys: Record<string, unknown>): void;
  resetKeys(): void;
}

/** What a LIST says about an object. */
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
  /** What a client is to do with the bytes before it shows them; undefined for all that the pipeline writes itself. */
  contentEncoding: string | undefined;
  modified: Date;
  metadata: Record<string, string>;
  /** SHA-256 as S3 verified it, in hex; undefined for an object uploaded without one. */
  sha256: string | undefined;
  /** Undefined in a bucket without versions. */
  versionId: string | undefined;
}

/** What may be said of an object at upload. */
export interface Upload {
  contentType?: string;
  contentDisposition?: string;
  metadata?: Record<string, string>;
  tags?: Record<string, string>;
}

/** What became of a copy. S3 answers with the SHA-256 of one that it makes, here in hex, if the source has one. */
export type Copied = { outcome: 'copied'; sha256: string | undefined } | { outcome: 'exists' | 'gone' };

/**
 * The verbs this pipeline speaks to one bucket. Facts are objects created once with `If-None-Match: *` and never
 * changed; of writers that race, one creates and the others read what it wrote.
 */
export interface ObjectStore {
  readonly bucket: string;
  /** The same bucket for a piece of work that has an end: every call fails as soon as the signal aborts. */
  within(signal: AbortSignal): ObjectStore;
  /** Creates an object. @returns false where one exists: it is left as it is. */
  create(key: string, body: string | Buffer, upload?: Upload): Promise<boolean>;
  /** Creates a JSON record. @returns false where one exists: it is left as it is. */
  createJson(key: string, value: unknown, upload?: Upload): Promise<boolean>;
  /**
   * Creates an object from a stream of known length; S3 verifies its SHA-256 and keeps it. The stream is consumed:
   * another try needs a new one.
   * @returns the SHA-256 in hex, or undefined where an object exists
   */
  createFromStream(
    key: string,
    body: Readable,
    bytes: number,
    upload: Upload,
    signal: AbortSignal,
  ): Promise<string | undefined>;
  /** Writes a JSON object over any that exists: only for state that is no fact, such as why an audit waits. */
  replaceJson(key: string, value: unknown, upload?: Upload): Promise<void>;
  /**
   * Compare and swap: writes only if the object is the one that was read, or, without an etag, if there is none.
   * @returns the new etag, or undefined if another writer was quicker
   */
  swapJson(key: string, value: unknown, etag: string | undefined): Promise<string | undefined>;
  /** A JSON record and its etag; undefined where there is none. */
  readJson<T>(key: string): Promise<{ value: T; etag: string; modified: Date } | undefined>;
  /**
   * A part of an object by an HTTP range such as `bytes=0-1023` or `bytes=-64`.
   * @returns the bytes, and the size of the whole object; undefined where there is none
   */
  readRange(key: string, range: string): Promise<{ bytes: Buffer; total: number } | undefined>;
  /** What is known of an object; undefined where there is none. */
  head(key: string): Promise<Head | undefined>;
  exists(key: string): Promise<boolean>;
  /**
   * Every object under a prefix in the order of keys, from behind `after`.
   * @param page objects a call: as many as are likely to be read, for reading the answer takes longer than asking
   */
  list(prefix: string, after?: string, page?: number): AsyncGenerator<Listed>;
  /** The folders straight under a prefix, at most `limit`, from behind `after` (a folder's name). */
  folders(prefix: string, limit: number, after?: string): Promise<string[]>;
  /** The tags of an object; undefined where there is none. */
  tags(key: string): Promise<Record<string, string> | undefined>;
  /** Replaces the whole set of tags (S3 has no other way). @returns false where there is no such object */
  setTags(key: string, tags: Record<string, string>): Promise<boolean>;
  /**
   * Copies an object of another bucket to the same key here, inside S3, with metadata, tags and checksum. One that
   * exists here is left as it is.
   */
  createCopy(source: ObjectStore, key: string): Promise<Copied>;
  /** Deletes an object if it is the one that was read. @returns false if it is another one by now, or gone */
  deleteIf(key: string, etag: string): Promise<boolean>;
  /** Deletes up to 1,000 objects in one call (S3's limit). On a versioned bucket the bytes stay as old versions. */
  delete(keys: string[]): Promise<void>;
  /**
   * Deletes all versions of an object for good, also those behind a delete marker: its bytes do not stay.
   * @param key one that ends with `/` stands for all objects below it
   */
  destroy(key: string): Promise<void>;
}

/**
 * Says what an image is, and makes its rendition.
 * @throws if the signal aborts or no decoder can be started; never because of the image
 */
export type LookAtImage = (image: Uint8Array, signal?: AbortSignal) => Promise<Looked>;

/** Makes the address at which a browser gets an object: for two hours at most, and no longer than its signer's credentials. */
export type Presign = (key: string) => Promise<string>;

/** What may be uploaded: one file, by its length and its hash in hex. */
export interface ExpectedUpload extends Upload {
  bytes: number;
  sha256: string;
}

/** Makes the address at which a file may be created, once, and the headers that its PUT must have. It lives for so many seconds. */
export type PresignUpload = (
  key: string,
  upload: ExpectedUpload,
  seconds: number,
) => Promise<{ url: string; headers: Record<string, string> }>;

/** A queue of messages about cells: `cells` or `polls`. */
export interface CellQueue {
  /** Sends messages, all to be delivered no earlier than `delaySeconds` (at most 900). Their audits share the queue. */
  send(messages: Message[], delaySeconds?: number): Promise<void>;
  /** Whether no message is due or being worked on; those with a delay may wait. SQS counts approximately. */
  isIdle(): Promise<boolean>;
}

/** What a model says of itself, as far as an audit needs it. */
export interface ModelFacts {
  official: boolean;
  version: string | null;
  /** The OpenAPI description of the version, as strangers wrote it; undefined where Replicate shows none. */
  openapi: unknown;
}

/** Replicate's API. Every call throws `ReplicateRefusal`, `ReplicateUnreachable` or `AnswerTooLarge`. */
export interface ReplicateClient {
  /** @param model `owner/name` or `owner/name:version` */
  model(model: string): Promise<ModelFacts>;
  /** @returns the prediction's id */
  create(request: {
    version: string;
    input: Record<string, unknown>;
    webhook: string;
    /** Ends the request. Whether Replicate took it stays open. */
    signal?: AbortSignal;
  }): Promise<string>;
  get(id: string): Promise<Prediction>;
  cancel(id: string): Promise<Prediction>;
}

/** The bytes of one output, on their way. */
export interface Source {
  /** The first bytes, enough to tell the format; `body` gives them again. */
  head: Buffer;
  body: Readable;
  /** Known before the body is read: S3 wants it. */
  bytes: number;
}

/**
 * Opens an output on the network. Redirects are not followed, bytes are taken as they are, and at most `maxBytes`.
 * @param use reads `body` to its end; what it returns is returned
 * @throws OutputRejected for what no retry changes, OutputUnavailable for what a retry may change
 */
export type FetchOutput = <T>(
  url: URL,
  limits: { maxBytes: number; signal: AbortSignal },
  use: (source: Source) => Promise<T>,
) => Promise<T>;

/** A file that only this process sees, and only for a while. */
export interface TemporaryFile {
  readonly bytes: number;
  append(data: string | Buffer): Promise<void>;
  /** All of the file from its beginning. */
  content(): Readable;
}

export type WithTemporaryFile = <T>(use: (file: TemporaryFile) => Promise<T>) => Promise<T>;

/**
 * Reads the value of a secret that an operator stored for a model, as `lib/records/secret.ts` describes it, by its name.
 * @throws {SecretRefused} if there is none
 */
export type SecretValue = (name: string) => Promise<string>;

/** Reads a secret; `refresh` reads it again unless it was read within the last seconds. */
export type SecretReader = (options?: { refresh?: boolean }) => Promise<string>;
