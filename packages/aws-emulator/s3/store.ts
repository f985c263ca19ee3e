import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { Readable } from 'node:stream';
import { Database } from '@weaudit/sqlite';
import { makeFolder } from '@weaudit/sqlite/data-file';
import { Bodies, BodyLost, type StoredBody } from './bodies.ts';
import type { Checksum } from './checksums.ts';
import { checkWrite, type WriteCondition } from './conditions.ts';
import {
  type EventBridgeS3Event,
  type EventKind,
  type Occasion,
  Outbox,
  type OutboxOptions,
} from './events.ts';
import { type BucketLock, checkDeletion, type Lock } from './lock.ts';
import type { Description } from './metadata.ts';
import type { Tags } from './tags.ts';

/** Version id of what was written while its bucket kept no versions. */
export const NULL_VERSION = 'null';

export interface BucketSettings {
  name: string;
  versioning: boolean;
  eventBridge: boolean;
  /** It kept versions once, and those are still there. */
  suspended?: boolean;
  objectLock?: BucketLock | undefined;
}

export interface ObjectVersion {
  /** Order of writing, over all buckets. */
  seq: number;
  bucket: string;
  key: string;
  versionId: string;
  latest: boolean;
  deleteMarker: boolean;
  /** Milliseconds since 1970. */
  modified: number;
  size: number;
  /** Without quotes. */
  etag: string;
  description: Description;
  checksum: Checksum | undefined;
  tags: Tags;
  /** Undefined: the body is in the database. */
  file: string | undefined;
  /** What protects it from deletion. Listings leave it out. */
  lock?: Lock | undefined;
}

/** A part of an object that was uploaded in parts. */
export interface ObjectPart {
  number: number;
  /** Hex MD5. */
  etag: string;
  size: number;
  checksum: Checksum;
}

export interface NewObject {
  bucket: string;
  key: string;
  etag: string;
  description: Description;
  checksum: Checksum | undefined;
  tags: Tags;
  body: StoredBody;
  lock?: Lock;
  /** The upload that it comes from. */
  uploaded?: { upload: string; parts: readonly ObjectPart[] };
}

export interface Removal {
  versionId: string | undefined;
  /** A delete marker was made, or one was removed. */
  deleteMarker: boolean;
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, created INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS bucket_settings (name TEXT PRIMARY KEY, settings TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS locks (seq INTEGER PRIMARY KEY, lock TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS object_parts (
  seq INTEGER PRIMARY KEY, upload TEXT NOT NULL UNIQUE, parts TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS versions (
  seq INTEGER PRIMARY KEY,
  bucket TEXT NOT NULL,
  key TEXT NOT NULL,
  version_id TEXT NOT NULL,
  latest INTEGER NOT NULL,
  delete_marker INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  size INTEGER NOT NULL,
  etag TEXT NOT NULL,
  description TEXT NOT NULL,
  checksum TEXT,
  tags TEXT NOT NULL,
  file TEXT
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS version_by_id ON versions (bucket, key, version_id);
CREATE INDEX IF NOT EXISTS version_by_age ON versions (bucket, key, seq);
CREATE UNIQUE INDEX IF NOT EXISTS version_latest ON versions (bucket, key) WHERE latest = 1;
CREATE INDEX IF NOT EXISTS version_current ON versions (bucket, key) WHERE latest = 1 AND delete_marker = 0;
CREATE TABLE IF NOT EXISTS small_bodies (seq INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY CHECK (id = 1), value INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO counter VALUES (1, 0);
`;

const FIND = 'SELECT versions.*, lock FROM versions LEFT JOIN locks USING (seq) WHERE bucket = ? AND key = ?';

type Row = Record<string, SQLOutputValue>;

function toVersion(row: Row): ObjectVersion {
  return {
    seq: Number(row.seq),
    bucket: String(row.bucket),
    key: String(row.key),
    versionId: String(row.version_id),
    latest: row.latest === 1,
    deleteMarker: row.delete_marker === 1,
    modified: Number(row.modified),
    size: Number(row.size),
    etag: String(row.etag),
    description: JSON.parse(String(row.description)) as Description,
    checksum: row.checksum === null ? undefined : (JSON.parse(String(row.checksum)) as Checksum),
    tags: JSON.parse(String(row.tags)) as Tags,
    file: row.file === null ? undefined : String(row.file),
    lock: typeof row.lock === 'string' ? (JSON.parse(row.lock) as Lock) : undefined,
  };
}

/**
 * Objects, their versions and tags: rows in SQLite, larger bodies as files. Each write is one transaction of one
 * process, so that nothing happens between the check of a condition and the write, and an event is recorded together
 * with its write. The journal (WAL) survives a kill at any moment.
 */
export class Store {
  readonly database: Database;
  readonly bodies: Bodies;
  readonly outbox: Outbox;
  readonly #now: () => Date;
  readonly #settings = new Map<string, BucketSettings>();

  /** @throws DatabaseInUse when another process has the folder open: it would sweep this one's uploads */
  constructor(dataDir: string, buckets: readonly BucketSettings[], options: OutboxOptions) {
    makeFolder(dataDir);
    this.database = new Database(join(dataDir, 'objects.sqlite'), SCHEMA, { exclusive: true });
    this.bodies = new Bodies(join(dataDir, 'bodies'));
    this.outbox = new Outbox(this.database, options);
    this.#now = options.now;
    for (const { name } of this.buckets()) {
      this.#settings.set(name, { name, versioning: false, eventBridge: false });
    }
    for (const { settings } of this.prepare('SELECT settings FROM bucket_settings').all()) {
      const stored = JSON.parse(String(settings)) as BucketSettings;
      this.#settings.set(stored.name, stored);
    }
    for (const bucket of buckets) {
      this.createBucket(bucket);
      this.#settings.set(bucket.name, bucket);
    }
  }

  prepare(sql: string): StatementSync {
    return this.database.sql(sql);
  }

  /** Runs `work` as one transaction: all of it, or nothing. */
  transaction<T>(work: () => T): T {
    return this.database.transaction(work);
  }

  now(): Date {
    return this.#now();
  }

  // --- buckets

  /** Undefined: there is none. */
  bucket(name: string): BucketSettings | undefined {
    return this.#settings.get(name);
  }

  buckets(): { name: string; created: number }[] {
    const rows = this.prepare('SELECT name, created FROM buckets ORDER BY name').all();
    return rows.map((row) => ({ name: String(row.name), created: Number(row.created) }));
  }

  /** False if it is there already. */
  createBucket(settings: BucketSettings): boolean {
    const { name } = settings;
    return this.transaction(() => {
      const { changes } = this.prepare('INSERT OR IGNORE INTO buckets VALUES (?, ?)').run(
        name,
        this.#now().getTime(),
      );
      if (changes === 1) this.changeBucket(name, settings);
      return changes === 1;
    });
  }

  /** Settings that a caller gave it. Those that the stack declares come back with the next start. */
  changeBucket(name: string, changes: Partial<BucketSettings>): void {
    const before = this.#settings.get(name) ?? { name, versioning: false, eventBridge: false };
    const settings: BucketSettings = { ...before, ...changes };
    this.prepare('INSERT OR REPLACE INTO bucket_settings VALUES (?, ?)').run(name, JSON.stringify(settings));
    this.#settings.set(name, settings);
  }

  /** Removes it with its uploads in progress, as S3 does; false if an object is in it. */
  async deleteBucket(name: string): Promise<boolean> {
    let orphans: string[] = [];
    const deleted = this.transaction(() => {
      if (this.prepare('SELECT 1 FROM versions WHERE bucket = ? LIMIT 1').get(name) !== undefined)
        return false;
      const ids = 'SELECT id FROM uploads WHERE bucket = ?';
      const parts = this.prepare(`SELECT file FROM parts WHERE file IS NOT NULL AND upload IN (${ids})`).all(
        name,
      );
      orphans = parts.map(({ file }) => String(file));
      this.prepare(`DELETE FROM parts WHERE upload IN (${ids})`).run(name);
      for (const [table, column] of [
        ['uploads', 'bucket'],
        ['bucket_settings', 'name'],
        ['buckets', 'name'],
      ])
        this.prepare(`DELETE FROM ${table} WHERE ${column} = ?`).run(name);
      return true;
    });
    if (deleted) this.#settings.delete(name);
    for (const file of orphans) await this.bodies.remove(file);
    return deleted;
  }

  // --- reading

  /** The newest version, which may be a delete marker, or the one named. */
  find(bucket: string, key: string, versionId?: string): ObjectVersion | undefined {
    const row =
      versionId === undefined
        ? this.prepare(`${FIND} AND latest = 1`).get(bucket, key)
        : this.prepare(`${FIND} AND version_id = ?`).get(bucket, key, versionId);
    return row === undefined ? undefined : toVersion(row);
  }

  /** Versions by a query that selects whole rows. */
  *select(sql: string, ...values: SQLInputValue[]): Generator<ObjectVersion> {
    for (const row of this.prepare(sql).iterate(...values)) yield toVersion(row as Row);
  }

  /**
   * The bytes `[start, end]`, both included, of a version that is not empty: of a small one in one piece.
   * Undefined: it was removed meanwhile. Throws BodyLost.
   */
  async read(version: ObjectVersion, start: number, end: number): Promise<Readable | [Buffer] | undefined> {
    if (version.file === undefined) {
      const bytes = this.#smallBody(version);
      return bytes && [bytes.subarray(start, end + 1)];
    }
    return this.bodies.read(version.file, start, end).catch((error) => this.#unread(version, error));
  }

  /** A body of its own with the version's bytes. Undefined: it was removed meanwhile. Throws BodyLost. */
  async duplicate(version: ObjectVersion): Promise<StoredBody | undefined> {
    const { size, file } = version;
    if (file === undefined) {
      const bytes = this.#smallBody(version);
      return bytes && { size, file, bytes };
    }
    return this.bodies
      .duplicate(file, size)
      .then((copy) => ({ size, file: copy, bytes: undefined }))
      .catch((error) => this.#unread(version, error));
  }

  #smallBody(version: ObjectVersion): Buffer | undefined {
    const row = this.prepare('SELECT bytes FROM small_bodies WHERE seq = ?').get(version.seq);
    return row ? Buffer.from(row.bytes as Uint8Array) : this.#unread(version, 'there is no such row');
  }

  /** Undefined: the version was removed since it was found. Throws BodyLost where it is still there. */
  #unread(version: ObjectVersion, cause: unknown): undefined {
    const { seq, bucket, key, versionId, file } = version;
    if (this.prepare('SELECT 1 FROM versions WHERE seq = ?').get(seq) === undefined) return undefined;
    const where = file === undefined ? `row ${seq} of small_bodies` : this.bodies.path(file);
    throw new BodyLost(`${bucket}/${key} (version ${versionId})`, where, cause);
  }

  /** Parts of the version, by number; undefined if it was not uploaded in parts. */
  partsOf(version: ObjectVersion): ObjectPart[] | undefined {
    const row = this.prepare('SELECT parts FROM object_parts WHERE seq = ?').get(version.seq);
    return row && (JSON.parse(String(row.parts)) as ObjectPart[]);
  }

  /** The version that an upload in parts became, while it is there. */
  findUploaded(upload: string): ObjectVersion | undefined {
    const row = this.prepare(
      'SELECT versions.* FROM versions JOIN object_parts USING (seq) WHERE upload = ?',
    ).get(upload);
    return row && toVersion(row);
  }

  // --- writing

  #next(): number {
    const row = this.prepare('UPDATE counter SET value = value + 1 RETURNING value').get();
    return Number(row?.value);
  }

  /** True where what is written gets a version of its own instead of replacing. */
  #keepsVersions(bucket: string): boolean {
    return this.#settings.get(bucket)?.versioning ?? false;
  }

  #announce(
    kind: EventKind,
    version: Pick<ObjectVersion, 'bucket' | 'key' | 'versionId' | 'etag' | 'size'>,
    occasion: Occasion,
    more: {
      seq?: number;
      reason?: EventBridgeS3Event['detail']['reason'];
      deletionType?: EventBridgeS3Event['detail']['deletion-type'];
    } = {},
  ): void {
    if (!this.#settings.get(version.bucket)?.eventBridge) return;
    const { seq, ...rest } = more;
    this.outbox.record(
      {
        kind,
        bucket: version.bucket,
        object: {
          key: version.key,
          ...(kind === 'Object Created' && { size: version.size }),
          etag: version.etag,
          ...(version.versionId !== NULL_VERSION && { 'version-id': version.versionId }),
          ...(seq !== undefined && { sequencer: seq.toString(16).padStart(18, '0').toUpperCase() }),
        },
        ...rest,
      },
      occasion,
    );
  }

  #announceDeleted(
    version: ObjectVersion,
    occasion: Occasion,
    seq: number,
    deletionType: EventBridgeS3Event['detail']['deletion-type'],
  ): void {
    this.#announce('Object Deleted', version, occasion, { seq, reason: 'DeleteObject', deletionType });
  }

  /** Removes one row. Returns the file that no row names any more. */
  #drop(version: ObjectVersion): string | undefined {
    for (const table of ['versions', 'locks', 'object_parts']) {
      this.prepare(`DELETE FROM ${table} WHERE seq = ?`).run(version.seq);
    }
    if (version.file === undefined) this.prepare('DELETE FROM small_bodies WHERE seq = ?').run(version.seq);
    return version.file;
  }

  #insert(version: ObjectVersion, bytes: Buffer | undefined): void {
    this.prepare('UPDATE versions SET latest = 0 WHERE bucket = ? AND key = ? AND latest = 1').run(
      version.bucket,
      version.key,
    );
    this.prepare('INSERT INTO versions VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)').run(
      version.seq,
      version.bucket,
      version.key,
      version.versionId,
      version.deleteMarker ? 1 : 0,
      version.modified,
      version.size,
      version.etag,
      JSON.stringify(version.description),
      version.checksum === undefined ? null : JSON.stringify(version.checksum),
      JSON.stringify(version.tags),
      version.file ?? null,
    );
    if (bytes !== undefined) this.prepare('INSERT INTO small_bodies VALUES (?, ?)').run(version.seq, bytes);
  }

  /** Throws what a write with this condition would throw now. */
  check(bucket: string, key: string, condition: WriteCondition): void {
    const current = this.find(bucket, key);
    checkWrite(condition, current?.deleteMarker ? undefined : current, key);
  }

  /**
   * Creates the object, if the condition holds. On any error its body is removed.
   * @param also further writes of the same transaction
   */
  async put(
    object: NewObject,
    condition: WriteCondition,
    occasion: Occasion,
    reason: NonNullable<EventBridgeS3Event['detail']['reason']>,
    also: () => void = () => {},
  ): Promise<ObjectVersion> {
    let orphan: string | undefined;
    let written: ObjectVersion;
    try {
      written = this.transaction(() => {
        this.check(object.bucket, object.key, condition);
        const seq = this.#next();
        const keeps = this.#keepsVersions(object.bucket);
        const replaced = keeps ? undefined : this.find(object.bucket, object.key, NULL_VERSION);
        if (replaced !== undefined) orphan = this.#drop(replaced);
        const version: ObjectVersion = {
          seq,
          bucket: object.bucket,
          key: object.key,
          versionId: keeps ? newVersionId() : NULL_VERSION,
          latest: true,
          deleteMarker: false,
          modified: this.#now().getTime(),
          size: object.body.size,
          etag: object.etag,
          description: object.description,
          checksum: object.checksum,
          tags: object.tags,
          file: object.body.file,
          lock: object.lock,
        };
        this.#insert(version, object.body.bytes);
        also();
        if (object.lock !== undefined && Object.keys(object.lock).length > 0) {
          this.#writeLock(seq, object.lock);
        }
        if (object.uploaded !== undefined) {
          const { upload, parts } = object.uploaded;
          this.prepare('INSERT INTO object_parts VALUES (?, ?, ?)').run(seq, upload, JSON.stringify(parts));
        }
        this.#announce('Object Created', version, occasion, { seq, reason });
        return version;
      });
    } catch (error) {
      await this.bodies.remove(object.body.file);
      throw error;
    }
    await this.bodies.remove(orphan);
    return written;
  }

  /**
   * Without a version id: removes the object, or hides it under a delete marker where versions are kept.
   * @param bypass the caller may and wants to remove what is locked for governance
   * @throws S3Error AccessDenied for a version that is locked
   */
  async remove(
    { bucket, key }: Pick<NewObject, 'bucket' | 'key'>,
    versionId: string | undefined,
    { condition, bypass }: { condition: WriteCondition; bypass: boolean },
    occasion: Occasion,
  ): Promise<Removal> {
    let orphan: string | undefined;
    const removal = this.transaction((): Removal => {
      if (condition.ifMatch !== undefined) {
        const target = this.find(bucket, key, versionId);
        checkWrite(condition, target?.deleteMarker ? undefined : target, key);
      }
      const seq = this.#next();
      if (versionId !== undefined) {
        const version = this.find(bucket, key, versionId);
        if (version === undefined) return { versionId, deleteMarker: false };
        checkDeletion(version.lock, this.#now().getTime(), bypass);
        orphan = this.#drop(version);
        if (version.latest) this.#promote(bucket, key);
        this.#announceDeleted(version, occasion, seq, 'Permanently Deleted');
        return { versionId, deleteMarker: version.deleteMarker };
      }

      const keeps = this.#keepsVersions(bucket);
      if (!keeps) {
        const version = this.find(bucket, key, NULL_VERSION);
        if (version !== undefined) orphan = this.#drop(version);
        // Versions from a time when the bucket kept them stay hidden, as in a bucket with versioning suspended.
        const older = this.prepare('SELECT 1 FROM versions WHERE bucket = ? AND key = ? LIMIT 1').get(
          bucket,
          key,
        );
        if (older === undefined && !this.#settings.get(bucket)?.suspended) {
          if (version !== undefined) this.#announceDeleted(version, occasion, seq, 'Permanently Deleted');
          return { versionId: undefined, deleteMarker: false };
        }
      }
      const marker: ObjectVersion = {
        seq,
        bucket,
        key,
        versionId: keeps ? newVersionId() : NULL_VERSION,
        latest: true,
        deleteMarker: true,
        modified: this.#now().getTime(),
        size: 0,
        etag: 'd41d8cd98f00b204e9800998ecf8427e',
        description: { headers: {}, metadata: {} },
        checksum: undefined,
        tags: [],
        file: undefined,
      };
      this.#insert(marker, undefined);
      this.#announceDeleted(marker, occasion, seq, 'Delete Marker Created');
      return { versionId: marker.versionId, deleteMarker: true };
    });
    await this.bodies.remove(orphan);
    return removal;
  }

  #promote(bucket: string, key: string): void {
    this.prepare(
      'UPDATE versions SET latest = 1 WHERE seq = (SELECT max(seq) FROM versions WHERE bucket = ? AND key = ?)',
    ).run(bucket, key);
  }

  #writeLock(seq: number, lock: Lock): void {
    this.prepare('INSERT OR REPLACE INTO locks VALUES (?, ?)').run(seq, JSON.stringify(lock));
  }

  /**
   * Changes the lock of a version; undefined if it is gone.
   * @param change returns the new lock, or throws
   */
  setLock(seq: number, change: (current: Lock | undefined) => Lock): ObjectVersion | undefined {
    return this.transaction(() => {
      const row = this.prepare(
        'SELECT versions.*, lock FROM versions LEFT JOIN locks USING (seq) WHERE seq = ?',
      ).get(seq);
      if (row === undefined) return undefined;
      const version = toVersion(row);
      this.#writeLock(seq, change(version.lock));
      return version;
    });
  }

  /** Replaces the tags of a version; false if it is gone. */
  setTags(version: ObjectVersion, tags: Tags, occasion: Occasion): boolean {
    return this.transaction(() => {
      const { changes } = this.prepare('UPDATE versions SET tags = ? WHERE seq = ?').run(
        JSON.stringify(tags),
        version.seq,
      );
      if (changes === 0) return false;
      this.#announce(tags.length > 0 ? 'Object Tags Added' : 'Object Tags Deleted', version, occasion);
      return true;
    });
  }

  /**
   * Removes what a killed process left half-written.
   * @param parts file → what it belongs to, for uploads in progress
   * @returns what has lost its file, each as `bucket/key (version …): path`
   */
  async sweep(parts: ReadonlyMap<string, string>): Promise<string[]> {
    const owners = new Map(parts);
    const rows = this.prepare(
      'SELECT bucket, key, version_id, file FROM versions WHERE file IS NOT NULL',
    ).all();
    for (const { bucket, key, version_id, file } of rows)
      owners.set(String(file), `${bucket}/${key} (version ${version_id})`);
    const missing = await this.bodies.sweep(owners.keys());
    return [...missing].map((file) => `${owners.get(file)}: ${this.bodies.path(file)}`);
  }

  close(): void {
    this.database.close();
  }
}

/** Opaque, URL-ready and 32 characters long, as S3's are. */
function newVersionId(): string {
  return randomBytes(24).toString('base64url').replaceAll('-', '.');
}
