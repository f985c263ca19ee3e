import { Readable } from 'node:stream';
import type { ChecksumConstructor, HashConstructor } from '@smithy/types';

/**
 * Bytes of one chunk, at least. S3 refuses chunks of less than 8 kB before the last one (`InvalidChunkSizeError`),
 * and the 16 kB that TLS hands over at a time would be three writes here and nine on the wire each.
 */
const CHUNK_BYTES = 64 * 1024;

/** What the SDK says of the checksum that is to follow the body. */
interface ChunkedOptions {
  base64Encoder?: (input: Uint8Array) => string;
  checksumAlgorithmFn?: ChecksumConstructor | HashConstructor;
  /** Name of the trailer: `x-amz-checksum-sha256`. */
  checksumLocationName?: string;
}

/**
 * Frames a body as S3 wants it where a checksum follows it: `aws-chunked` with a trailer. For the option
 * `getAwsChunkedEncodingStream` of an S3 client. The SDK's own hashes in a second stream and passes on whatever the
 * network happened to bring; its remedy for that, `requestStreamBufferSize`, reads the body as fast as it comes,
 * however slowly S3 takes it, and so holds all of a large image in memory.
 * An error of the body becomes one of this stream; when this one ends early, the caller still owns the body.
 */
export const chunkedWithChecksum = (body: Readable, options: ChunkedOptions): Readable =>
  new ChunkedBody(body, options);

class ChunkedBody extends Readable {
  readonly #body: Readable;
  readonly #options: ChunkedOptions;
  readonly #hash: InstanceType<ChecksumConstructor | HashConstructor> | undefined;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(body: Readable, options: ChunkedOptions) {
    super({ highWaterMark: CHUNK_BYTES });
    this.#body = body;
    this.#options = options;
    this.#hash = options.checksumAlgorithmFn && new options.checksumAlgorithmFn();
    body.on('data', (data: Buffer) => this.#take(data));
    body.once('end', () => void this.#finish());
    body.once('error', (error) => this.destroy(error));
    body.pause();
  }

  override _read(): void {
    this.#body.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#body.pause();
    this.#parts = [];
    done(error);
  }

  #take(data: Buffer): void {
    if (this.destroyed) return;
    this.#hash?.update(data);
    this.#parts.push(data);
    this.#bytes += data.length;
    if (this.#bytes >= CHUNK_BYTES && !this.#pushChunk()) this.#body.pause();
  }

  /** @returns whether more is wanted now */
  #pushChunk(): boolean {
    this.push(`${this.#bytes.toString(16)}\r\n`);
    for (const part of this.#parts) this.push(part);
    this.#parts = [];
    this.#bytes = 0;
    return this.push('\r\n');
  }

  async #finish(): Promise<void> {
    try {
      if (this.#bytes > 0) this.#pushChunk();
      const { base64Encoder, checksumLocationName } = this.#options;
      const trailer =
        this.#hash && base64Encoder
          ? `${checksumLocationName}:${base64Encoder(await this.#hash.digest())}\r\n`
          : '';
      this.push(`0\r\n${trailer}\r\n`);
      this.push(null);
    } catch (error) {
      this.destroy(error as Error);
    }
  }
}
