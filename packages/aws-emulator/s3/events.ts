import { randomUUID } from 'node:crypto';
import type { StatementSync } from 'node:sqlite';
import type { Database } from '@weaudit/sqlite';

/** Wait before an event that could not be handed over is retried, in milliseconds. */
const RETRY_MS = 1000;

export type EventKind = 'Object Created' | 'Object Deleted' | 'Object Tags Added' | 'Object Tags Deleted';

/** As S3 sends it to EventBridge ("EventBridge event message structure", S3 user guide). `key` is not URL-encoded. */
export interface EventBridgeS3Event {
  version: '0';
  id: string;
  'detail-type': EventKind;
  source: 'aws.s3';
  account: string;
  /** ISO 8601, whole seconds. */
  time: string;
  region: string;
  /** ARN of the bucket. */
  resources: string[];
  detail: {
    version: '0';
    bucket: { name: string };
    object: {
      key: string;
      size?: number;
      etag?: string;
      'version-id'?: string;
      /** Hexadecimal; grows with each write of a key. Not in events about tags. */
      sequencer?: string;
    };
    'request-id': string;
    /** Account that asked. */
    requester: string;
    'source-ip-address': string;
    reason?: 'PutObject' | 'CopyObject' | 'CompleteMultipartUpload' | 'DeleteObject';
    'deletion-type'?: 'Permanently Deleted' | 'Delete Marker Created';
  };
}

/** Who caused an event, and the outbox entries that the answer waits for. */
export interface Occasion {
  requestId: string;
  requester: string;
  ip: string;
  /** Filled as events are recorded. */
  pending: OutboxEntry[];
}

export interface OutboxEntry {
  id: number;
  event: EventBridgeS3Event;
}

/** What an event is about; the rest comes from the occasion. */
export interface EventSubject {
  kind: EventKind;
  bucket: string;
  object: EventBridgeS3Event['detail']['object'];
  reason?: EventBridgeS3Event['detail']['reason'];
  deletionType?: EventBridgeS3Event['detail']['deletion-type'];
}

export interface OutboxOptions {
  region: string;
  accountId: string;
  onEvent(event: EventBridgeS3Event): Promise<void>;
  now(): Date;
}

/**
 * Events to hand over. Each is recorded in the transaction of its write and removed after it was handed over, so that
 * none is lost. An event may be handed over twice if the process dies in between.
 */
export class Outbox {
  readonly #insert: StatementSync;
  readonly #forget: StatementSync;
  readonly #left: StatementSync;
  readonly #options: OutboxOptions;
  readonly #underWay = new Set<Promise<void>>();
  readonly #waiting = new Set<NodeJS.Timeout>();
  #closed = false;

  constructor(database: Database, options: OutboxOptions) {
    this.#options = options;
    database.exec(
      'CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL) STRICT',
    );
    this.#insert = database.sql('INSERT INTO outbox (event) VALUES (?)');
    this.#forget = database.sql('DELETE FROM outbox WHERE id = ?');
    this.#left = database.sql('SELECT id, event FROM outbox ORDER BY id');
  }

  /** Call inside the transaction of the write. */
  record(subject: EventSubject, occasion: Occasion): void {
    const { region, accountId, now } = this.#options;
    const event: EventBridgeS3Event = {
      version: '0',
      id: randomUUID(),
      'detail-type': subject.kind,
      source: 'aws.s3',
      account: accountId,
      time: now()
        .toISOString()
        .replace(/\.\d+Z$/, 'Z'),
      region,
      resources: [`arn:aws:s3:::${subject.bucket}`],
      detail: {
        version: '0',
        bucket: { name: subject.bucket },
        object: subject.object,
        'request-id': occasion.requestId,
        requester: occasion.requester,
        'source-ip-address': occasion.ip,
        ...(subject.reason && { reason: subject.reason }),
        ...(subject.deletionType && { 'deletion-type': subject.deletionType }),
      },
    };
    const { lastInsertRowid } = this.#insert.run(JSON.stringify(event));
    occasion.pending.push({ id: Number(lastInsertRowid), event });
  }

  /** Hands events over. One that fails is retried later; its write stays. */
  async handOver(entries: readonly OutboxEntry[]): Promise<void> {
    await Promise.all(entries.map((entry) => this.#track(this.#attempt(entry))));
  }

  /** Hands over what an earlier process left. */
  resume(): void {
    const rows = this.#left.all();
    void this.handOver(rows.map((row) => ({ id: Number(row.id), event: JSON.parse(String(row.event)) })));
  }

  /** @param accepted the event was handed over already, and only has to be forgotten */
  async #attempt(entry: OutboxEntry, accepted = false): Promise<void> {
    let handedOver = accepted;
    try {
      if (!handedOver) await this.#options.onEvent(entry.event);
      handedOver = true;
      this.#forget.run(entry.id);
    } catch {
      // It stays in the outbox, and this process or the next one retries it.
      if (this.#closed) return;
      const timer = setTimeout(() => {
        this.#waiting.delete(timer);
        void this.#track(this.#attempt(entry, handedOver));
      }, RETRY_MS);
      timer.unref();
      this.#waiting.add(timer);
    }
  }

  async #track(attempt: Promise<void>): Promise<void> {
    this.#underWay.add(attempt);
    try {
      await attempt;
    } finally {
      this.#underWay.delete(attempt);
    }
  }

  /** True when every event has been handed over. */
  idle(): boolean {
    return this.#underWay.size === 0 && this.#waiting.size === 0;
  }

  /** Waits for what is being handed over. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#waiting) clearTimeout(timer);
    await Promise.allSettled([...this.#underWay]);
  }
}
