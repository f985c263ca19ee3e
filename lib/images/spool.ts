import type { Readable } from 'node:stream';
import type { Source } from '../ports.ts';
import { withTemporaryFile } from '../temporary-file.ts';
import { SNIFF_BYTES } from './formats.ts';
import { tooLarge } from './source.ts';

/**
 * Writes a stream without a length to a temporary file, so that its length is known and memory is not needed
 * for it, and hands it on from there.
 * @throws {OutputRejected} for a stream of more than `maxBytes`
 */
export async function spool<T>(
  stream: Readable,
  maxBytes: number,
  use: (source: Source) => Promise<T>,
): Promise<T> {
  return withTemporaryFile(async (file) => {
    let head = Buffer.alloc(0);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (head.length < SNIFF_BYTES) head = Buffer.concat([head, chunk]).subarray(0, SNIFF_BYTES);
      if (file.bytes + chunk.length > maxBytes) throw tooLarge(maxBytes);
      await file.append(chunk);
    }
    return use({ head, body: file.content(), bytes: file.bytes });
  });
}
