import { createHash } from 'node:crypto';
import type { ChunkVerifier } from '../sigv4/chunks.ts';
import { S3Error } from './errors.ts';

/** Longest line of framing: a size with its signature, or a trailing header. */
const MAX_LINE_BYTES = 8192;
/** S3 takes a smaller chunk only as the last one. */
const MIN_CHUNK_BYTES = 8192;

export const incompleteBody = () =>
  new S3Error(
    'IncompleteBody',
    'You did not provide the number of bytes specified by the Content-Length HTTP header',
  );

/** Hands out a stream of buffers by lines and by counts of bytes, holding one buffer at a time. */
class Pieces {
  readonly #source: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Ends the source, which would otherwise wait to be read. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #more(): Promise<void> {
    const next = await this.#source.next();
    if (next.done === true) throw incompleteBody();
    this.#held = this.#held.length === 0 ? next.value : Buffer.concat([this.#held, next.value]);
  }

  /** The next line without its `\r\n`. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#held.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#held.toString('latin1', 0, end);
        this.#held = this.#held.subarray(end + 2);
        return line;
      }
      if (this.#held.length > MAX_LINE_BYTES) throw incompleteBody();
      await this.#more();
    }
  }

  /** Exactly `count` bytes, in the pieces they come in. */
  async *take(count: number): AsyncGenerator<Buffer> {
    let left = count;
    while (left > 0) {
      if (this.#held.length === 0) await this.#more();
      const piece = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }
}

/**
 * Decodes an aws-chunked body. Chunk and trailer signatures are checked when there is a signer; `onTrailer` gets each
 * trailing header. Throws IncompleteBody, InvalidChunkSizeError, SignatureDoesNotMatch, MalformedTrailerError.
 */
export async function* decodeChunked(
  source: AsyncIterable<Buffer>,
  options: {
    signer: ChunkVerifier | undefined;
    trailer: boolean;
    onTrailer(name: string, value: string): void;
  },
): AsyncGenerator<Buffer> {
  const pieces = new Pieces(source);
  try {
    yield* decode(pieces, options);
  } finally {
    await pieces.close();
  }
}

async function* decode(pieces: Pieces, options: Parameters<typeof decodeChunked>[1]): AsyncGenerator<Buffer> {
  const { signer } = options;
  let number = 0;
  let short = false;
  for (;;) {
    const [sizeText = '', ...extensions] = (await pieces.line()).split(';');
    if (!/^[0-9a-fA-F]{1,12}$/.test(sizeText)) throw incompleteBody();
    const size = Number.parseInt(sizeText, 16);
    number += 1;
    if (size > 0 && short) {
      throw new S3Error(
        'InvalidChunkSizeError',
        `Only the last chunk is allowed to have a size less than ${MIN_CHUNK_BYTES} bytes`,
        { Chunk: String(number), BadChunkSize: String(size) },
      );
    }
    short = size < MIN_CHUNK_BYTES;
    const hash = createHash('sha256');
    for await (const piece of pieces.take(size)) {
      if (signer !== undefined) hash.update(piece);
      yield piece;
    }
    const signature =
      extensions.find((extension) => extension.startsWith('chunk-signature='))?.slice(16) ?? '';
    signer?.checkChunk(hash.digest('hex'), signature);
    if (size === 0) break;
    if ((await pieces.line()) !== '') throw incompleteBody();
  }

  let canonical = '';
  let signature: string | undefined;
  for (;;) {
    const line = (await pieces.line()).trim();
    if (line === '') {
      // Some signers separate the trailer's signature by an empty line.
      if (options.trailer && signer !== undefined && signature === undefined && canonical !== '') continue;
      break;
    }
    const colon = line.indexOf(':');
    if (colon < 0 || !options.trailer) throw malformedTrailer();
    const [name, value] = [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
    if (name === 'x-amz-trailer-signature') {
      signature = value;
    } else {
      canonical += `${name}:${value}\n`;
      options.onTrailer(name, value);
    }
  }
  if (signer !== undefined && options.trailer) {
    signer.checkTrailer(createHash('sha256').update(canonical).digest('hex'), signature ?? '');
  }
}

export const malformedTrailer = () =>
  new S3Error(
    'MalformedTrailerError',
    'The request contained trailing data that was not well-formed or did not conform to our published schema.',
  );
