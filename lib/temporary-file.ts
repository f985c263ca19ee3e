import { randomUUID } from 'node:crypto';
import { createReadStream, promises as files } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { TemporaryFile, WithTemporaryFile } from './ports.ts';

// `node:fs/promises` itself would be loaded at each start, with a terminal's line editor, for outputs that hardly occur.
/**
 * Hands out an empty file of this machine's disk. It has no name any more, so that no other process sees it and it is
 * gone with its last handle, however this process ends.
 */
export const withTemporaryFile: WithTemporaryFile = async (use) => {
  const path = join(tmpdir(), `weaudit-${randomUUID()}`);
  const file = await files.open(path, 'wx+', 0o600);
  try {
    await files.unlink(path);
    return await use(new DiskFile(file));
  } finally {
    await file.close();
  }
};

class DiskFile implements TemporaryFile {
  readonly #file: FileHandle;
  bytes = 0;
  constructor(file: FileHandle) {
    this.#file = file;
  }
  async append(data: string | Buffer): Promise<void> {
    // Writes all or throws.
    await this.#file.appendFile(data);
    this.bytes += Buffer.byteLength(data);
  }
  content(): Readable {
    return createReadStream('', { fd: this.#file, start: 0, autoClose: false });
  }
}
