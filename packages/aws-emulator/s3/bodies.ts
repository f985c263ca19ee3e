import { randomUUID } from 'node:crypto';
import { constants, readdirSync } from 'node:fs';
import { copyFile, type FileHandle, link, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { makeFolder } from '@weaudit/sqlite/data-file';

/** Bodies up to this size are in the database: most records are far smaller, and a file costs more than a row. */
export const SMALL_BYTES = 16 * 1024;
const READ_BYTES = 256 * 1024;

/** Bytes that were received and belong to no object yet. */
export interface StoredBody {
  size: number;
  /** Undefined: `bytes` holds them. */
  file: string | undefined;
  bytes: Buffer | undefined;
}

/** The bytes of something that the database names cannot be read. The message says what, where, and the way out. */
export class BodyLost extends Error {
  override name = 'BodyLost';

  constructor(what: string, where: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      `The bytes of ${what} cannot be read from ${where} (${reason}). Restore that file, or delete ${what}.`,
      {
        cause,
      },
    );
  }
}

function checkSize(actual: number, needed: number): void {
  if (actual < needed) throw new Error(`it has ${actual} bytes of at least ${needed}`);
}

/**
 * Files with the bytes of objects, never changed once written. A file counts only when a row in the database names it:
 * until then it is an upload in progress, and the next start removes those that a killed process left.
 */
export class Bodies {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    makeFolder(folder);
  }

  /** Where a file is. */
  path(file: string): string {
    return join(this.#folder, file);
  }

  /** Writes what comes, keeping at most `SMALL_BYTES` and one chunk in memory. Leaves nothing behind when `chunks` throws. */
  async receive(chunks: AsyncIterable<Buffer>): Promise<StoredBody> {
    const held: Buffer[] = [];
    let size = 0;
    let file: string | undefined;
    let handle: FileHandle | undefined;
    try {
      for await (const chunk of chunks) {
        size += chunk.length;
        if (handle === undefined) {
          held.push(chunk);
          if (size <= SMALL_BYTES) continue;
          file = randomUUID();
          handle = await open(this.path(file), 'wx');
          await handle.writeFile(Buffer.concat(held.splice(0)));
        } else {
          await handle.writeFile(chunk);
        }
      }
    } catch (error) {
      await handle?.close();
      handle = undefined;
      await this.remove(file);
      throw error;
    } finally {
      await handle?.close();
    }
    return { size, file, bytes: file === undefined ? Buffer.concat(held) : undefined };
  }

  /**
   * A second name for the same `size` bytes, so that each object owns its file and may remove it.
   * @throws for a file that is missing or too short
   */
  async duplicate(file: string, size: number): Promise<string> {
    checkSize((await stat(this.path(file))).size, size);
    const copy = randomUUID();
    try {
      await link(this.path(file), this.path(copy));
    } catch {
      // File systems without hard links.
      await copyFile(this.path(file), this.path(copy), constants.COPYFILE_FICLONE);
    }
    return copy;
  }

  /**
   * Opens the file for one read of `[start, end]`, both included. What is removed meanwhile can still be read.
   * @throws for a file that is missing or too short
   */
  async read(file: string, start: number, end: number): Promise<Readable> {
    const handle = await open(this.path(file), 'r');
    try {
      checkSize((await handle.stat()).size, end + 1);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return handle.createReadStream({ start, end, highWaterMark: READ_BYTES });
  }

  async remove(file: string | undefined): Promise<void> {
    if (file !== undefined) await rm(this.path(file), { force: true });
  }

  /**
   * Removes every file that is not `wanted`. Only while nothing is being received.
   * @returns those wanted that are missing
   */
  async sweep(wanted: Iterable<string>): Promise<Set<string>> {
    const missing = new Set(wanted);
    for (const file of readdirSync(this.#folder)) {
      if (!missing.delete(file)) await this.remove(file);
    }
    return missing;
  }
}
