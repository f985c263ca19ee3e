import { join } from 'node:path';
import { Database } from '@weaudit/sqlite';
import { makeFolder } from '@weaudit/sqlite/data-file';
import type { LedgerEntry, StandInEvent } from './ledger.ts';
import type { Delivery, Prediction, Status } from './prediction.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS predictions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, created REAL NOT NULL, status TEXT NOT NULL,
    due REAL, deadline REAL, completed REAL, removed INTEGER NOT NULL, record TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS live ON predictions (status, due, seq) WHERE due IS NOT NULL;
  CREATE INDEX IF NOT EXISTS timetable ON predictions (due) WHERE due IS NOT NULL;
  CREATE INDEX IF NOT EXISTS limited ON predictions (deadline) WHERE deadline IS NOT NULL;
  CREATE INDEX IF NOT EXISTS kept ON predictions (completed) WHERE removed = 0 AND completed IS NOT NULL;
  CREATE TABLE IF NOT EXISTS deliveries (id TEXT PRIMARY KEY, due REAL NOT NULL, record TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS waiting ON deliveries (due);
  CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT NOT NULL);
`;

/**
 * What the stand-in remembers. SQLite's write-ahead log makes every change outlive a killed process; the columns
 * `due` and `deadline` are the timetable, so that nothing has to be rebuilt at start.
 */
export class Store {
  readonly #database: Database;

  constructor(dataDir: string) {
    makeFolder(dataDir);
    this.#database = new Database(join(dataDir, 'replicate.sqlite'), SCHEMA);
  }

  #sql(text: string): ReturnType<Database['sql']> {
    return this.#database.sql(text);
  }

  /** All of the writes are kept, or none. */
  atomically<T>(work: () => T): T {
    return this.#database.transaction(work);
  }

  /** How many predictions there ever were. */
  predictionCount(): number {
    return Number(this.#sql('SELECT COALESCE(MAX(seq), 0) AS n FROM predictions').get()?.n);
  }

  /** How many predictions have this status and are in progress. */
  countLive(status: Status): number {
    return Number(
      this.#sql('SELECT COUNT(*) AS n FROM predictions WHERE status = ? AND due IS NOT NULL').get(status)?.n,
    );
  }

  insert(prediction: Prediction): void {
    this.#sql(
      'INSERT INTO predictions (id, created, status, due, deadline, completed, removed, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    ).run(
      prediction.id,
      prediction.createdAt,
      prediction.status,
      prediction.due,
      prediction.deadline,
      prediction.completedAt,
      Number(prediction.removed),
      JSON.stringify(prediction),
    );
  }

  update(prediction: Prediction): void {
    this.#sql(
      'UPDATE predictions SET status = ?, due = ?, deadline = ?, completed = ?, removed = ?, record = ? WHERE id = ?',
    ).run(
      prediction.status,
      prediction.due,
      // The deadline of an ended prediction must not be found again.
      prediction.completedAt === null ? prediction.deadline : null,
      prediction.completedAt,
      Number(prediction.removed),
      JSON.stringify(prediction),
      prediction.id,
    );
  }

  find(id: string): Prediction | undefined {
    return one<Prediction>(this.#sql('SELECT record FROM predictions WHERE id = ?').get(id));
  }

  /** Those of a status whose next step is due, oldest first. */
  due(status: Status, now: number, limit: number): Prediction[] {
    return all<Prediction>(
      this.#sql('SELECT record FROM predictions WHERE status = ? AND due <= ? ORDER BY due, seq LIMIT ?').all(
        status,
        now,
        limit,
      ),
    );
  }

  /** Those that have not ended and whose deadline has passed. */
  overdue(now: number): Prediction[] {
    return all<Prediction>(this.#sql('SELECT record FROM predictions WHERE deadline <= ?').all(now));
  }

  /** Those that ended at or before a time and still have their data. */
  withData(completedBy: number): Prediction[] {
    return all<Prediction>(
      this.#sql(
        'SELECT record FROM predictions WHERE removed = 0 AND completed IS NOT NULL AND completed <= ? LIMIT 500',
      ).all(completedBy),
    );
  }

  /** When the first step of any prediction or delivery after this moment is due; null when none is. */
  nextDue(after: number): number | null {
    const row = this.#sql(
      `SELECT MIN(at) AS at FROM (
         SELECT MIN(due) AS at FROM predictions WHERE due > ?
         UNION ALL SELECT MIN(deadline) FROM predictions WHERE deadline > ?
         UNION ALL SELECT MIN(due) FROM deliveries WHERE due > ?)`,
    ).get(after, after, after);
    return row?.at == null ? null : Number(row.at);
  }

  /**
   * Newest first.
   * @param before only those with a smaller number than this
   * @param from created at or after, milliseconds; @param to created before
   */
  list(before: number, from: number, to: number, limit: number): { seq: number; prediction: Prediction }[] {
    return this.#sql(
      'SELECT seq, record FROM predictions WHERE seq < ? AND created >= ? AND created < ? ORDER BY seq DESC LIMIT ?',
    )
      .all(before, from, to, limit)
      .map((row) => ({ seq: Number(row.seq), prediction: JSON.parse(String(row.record)) as Prediction }));
  }

  saveDelivery(delivery: Delivery): void {
    this.#sql('INSERT OR REPLACE INTO deliveries (id, due, record) VALUES (?, ?, ?)').run(
      delivery.id,
      delivery.due,
      JSON.stringify(delivery),
    );
  }

  removeDelivery(id: string): void {
    this.#sql('DELETE FROM deliveries WHERE id = ?').run(id);
  }

  /** Deliveries whose next attempt is due, the most overdue first. */
  dueDeliveries(now: number, limit: number): Delivery[] {
    return all<Delivery>(
      this.#sql('SELECT record FROM deliveries WHERE due <= ? ORDER BY due LIMIT ?').all(now, limit),
    );
  }

  record(entry: LedgerEntry): void {
    this.#sql('INSERT INTO events (record) VALUES (?)').run(JSON.stringify(entry));
  }

  /** What happened, in order. @param after only entries with a greater number */
  entries(after: number): StandInEvent[] {
    return this.#sql('SELECT seq, record FROM events WHERE seq > ? ORDER BY seq')
      .all(after)
      .map((row) => ({ seq: Number(row.seq), ...JSON.parse(String(row.record)) }) as StandInEvent);
  }

  close(): void {
    this.#database.close();
  }
}

type Row = Record<string, unknown>;

const one = <T>(row: Row | undefined): T | undefined =>
  row === undefined ? undefined : (JSON.parse(String(row.record)) as T);

const all = <T>(rows: Row[]): T[] => rows.map((row) => JSON.parse(String(row.record)) as T);
