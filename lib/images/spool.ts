import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Source } from './download.ts';
import { SNIFF_BYTES } from './formats.ts';

/**
 * Writes a stream without a length to a temporary file, so that its length is known and memory is not needed
 * for it, hands it on from there, and removes the file.
 * @param tooLarge makes the error for a stream of more than `maxBytes`
 */
export async function spool<T>(
  stream: Readable,
  maxBytes: number,
  tooLarge: (maxBytes: number) => Error,
  use: (source: Source) => Promise<T>,
): Promise<T> {
  const path = join(tmpdir(), `output-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  try {
    let bytes = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      await file.write(chunk);
    }
    const head = Buffer.alloc(Math.min(bytes, SNIFF_BYTES));
    await file.read(head, 0, head.length, 0);
    return await use({ head, body: createReadStream(path), bytes });
  } finally {
    await file.close();
    await unlink(path);
  }
}
