import type { Readable } from 'node:stream';
import type { Source } from '../ports.ts';
import { contentOf, withTemporaryFile } from '../temporary-file.ts';
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
    let bytes = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      await file.appendFile(chunk);
    }
    const head = Buffer.alloc(Math.min(bytes, SNIFF_BYTES));
    await file.read(head, 0, head.length, 0);
    return use({ head, body: contentOf(file), bytes });
  });
}
