import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

/**
 * Hands out an empty file that nobody else sees: it has no name any more, so that it is gone with its last handle,
 * however this process ends. Write to it with `appendFile`, which writes all or throws.
 */
export async function withTemporaryFile<T>(use: (file: FileHandle) => Promise<T>): Promise<T> {
  const path = join(tmpdir(), `weaudit-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  try {
    await unlink(path);
    return await use(file);
  } finally {
    await file.close();
  }
}

/** All of the file from its beginning. The stream ends with the file, read or not. */
export const contentOf = (file: FileHandle): Readable =>
  createReadStream('', { fd: file, start: 0, autoClose: false });
