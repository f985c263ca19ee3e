import { randomBytes } from 'node:crypto';
import { BodyLost, type StoredBody } from './bodies.ts';
import type { Algorithm, Checksum } from './checksums.ts';
import type { Lock } from './lock.ts';
import type { Description } from './metadata.ts';
import type { Store } from './store.ts';
import type { Tags } from './tags.ts';

/** A multipart upload in progress. */
export interface Upload {
  id: string;
  bucket: string;
  key: string;
  /** Milliseconds since 1970. */
  initiated: number;
  description: Description;
  tags: Tags;
  /** Undefined in uploads that older starts began. */
  lock?: Lock;
  algorithm: Algorithm;
  checksumType: Checksum['type'];
  /** True if the client chose the algorithm, and so expects it named in answers. */
  algorithmChosen: boolean;
}

export interface Part {
  number: number;
  /** Hex MD5. */
  etag: string;
  size: number;
  /** Milliseconds since 1970. */
  modified: number;
  checksum: Checksum;
  file: string | undefined;
  bytes: Buffer | undefined;
}

/** Uploads in progress and their parts, in the store's database and folder. */
export class Uploads {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
    store.database.exec(`
      CREATE TABLE IF NOT EXISTS uploads (
        id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, upload TEXT NOT NULL
      ) STRICT;
      CREATE TABLE IF NOT EXISTS parts (
        upload TEXT NOT NULL, number INTEGER NOT NULL, etag TEXT NOT NULL, size INTEGER NOT NULL,
        modified INTEGER NOT NULL, checksum TEXT NOT NULL, file TEXT, bytes BLOB,
        PRIMARY KEY (upload, number)
      ) STRICT;`);
  }

  start(upload: Omit<Upload, 'id' | 'initiated'>): Upload {
    const started: Upload = {
      ...upload,
      id: randomBytes(48).toString('base64url'),
      initiated: this.#store.now().getTime(),
    };
    this.#store
      .prepare('INSERT INTO uploads VALUES (?, ?, ?, ?)')
      .run(started.id, started.bucket, started.key, JSON.stringify(started));
    return started;
  }

  find(bucket: string, key: string, id: string): Upload | undefined {
    const row = this.#store
      .prepare('SELECT upload FROM uploads WHERE id = ? AND bucket = ? AND key = ?')
      .get(id, bucket, key);
    return row && (JSON.parse(String(row.upload)) as Upload);
  }

  /** By key, the oldest of each key first. */
  list(bucket: string, prefix: string): Upload[] {
    const rows = this.#store
      .prepare('SELECT upload FROM uploads WHERE bucket = ? ORDER BY key, rowid')
      .all(bucket);
    return rows
      .map((row) => JSON.parse(String(row.upload)) as Upload)
      .filter(({ key }) => key.startsWith(prefix));
  }

  /** Keeps the part, replacing an earlier one of its number; false if the upload no longer exists; the body is then removed. */
  async add(
    upload: Upload,
    part: Omit<Part, 'file' | 'bytes' | 'size' | 'modified'>,
    body: StoredBody,
  ): Promise<boolean> {
    let orphan = body.file;
    const kept = this.#store.transaction(() => {
      if (this.find(upload.bucket, upload.key, upload.id) === undefined) return false;
      const before = this.#store
        .prepare('SELECT file FROM parts WHERE upload = ? AND number = ?')
        .get(upload.id, part.number);
      this.#store
        .prepare('INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
        .run(
          upload.id,
          part.number,
          part.etag,
          body.size,
          this.#store.now().getTime(),
          JSON.stringify(part.checksum),
          body.file ?? null,
          body.bytes ?? null,
        );
      orphan = before?.file == null ? undefined : String(before.file);
      return true;
    });
    await this.#store.bodies.remove(orphan);
    return kept;
  }

  /** By number. */
  parts(upload: Upload): Part[] {
    const rows = this.#store.prepare('SELECT * FROM parts WHERE upload = ? ORDER BY number').all(upload.id);
    return rows.map((row) => ({
      number: Number(row.number),
      etag: String(row.etag),
      size: Number(row.size),
      modified: Number(row.modified),
      checksum: JSON.parse(String(row.checksum)) as Checksum,
      file: row.file === null ? undefined : String(row.file),
      bytes: row.bytes === null ? undefined : Buffer.from(row.bytes as Uint8Array),
    }));
  }

  /** Bytes of parts, one after the other. Throws BodyLost, and the reason of `ended` where the upload ended meanwhile. */
  async *bytesOf(upload: Upload, parts: readonly Part[], ended: () => Error): AsyncGenerator<Buffer> {
    for (const { number, size, file, bytes } of parts) {
      if (file === undefined) {
        yield bytes ?? Buffer.alloc(0);
        continue;
      }
      yield* await this.#store.bodies.read(file, 0, size - 1).catch((error) => {
        const part = this.parts(upload).find((one) => one.file === file);
        if (part === undefined) throw ended();
        const what = `part ${number} of the upload of ${upload.bucket}/${upload.key}`;
        throw new BodyLost(what, this.#store.bodies.path(file), error);
      });
    }
  }

  /** Forgets the upload, inside a transaction; false if it is gone already. Its parts' files are then for `discard`. */
  forget(upload: Upload): boolean {
    const { changes } = this.#store.prepare('DELETE FROM uploads WHERE id = ?').run(upload.id);
    this.#store.prepare('DELETE FROM parts WHERE upload = ?').run(upload.id);
    return changes === 1;
  }

  async discard(parts: readonly Part[]): Promise<void> {
    for (const part of parts) await this.#store.bodies.remove(part.file);
  }

  /** Files of all parts, and what each belongs to. */
  files(): Map<string, string> {
    const rows = this.#store
      .prepare(
        'SELECT file, number, bucket, key FROM parts JOIN uploads ON id = parts.upload WHERE file IS NOT NULL',
      )
      .all();
    return new Map(
      rows.map(({ file, number, bucket, key }) => [
        String(file),
        `part ${number} of the upload of ${bucket}/${key}`,
      ]),
    );
  }
}
