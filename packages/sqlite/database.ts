import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { UnusableFile, unusable } from './data-file.ts';
import { isDiskFull } from './full-disk.ts';

/** Primary result code of SQLite: another connection holds the lock. */
const SQLITE_BUSY = 5;

/** The file is open in another process. */
export class DatabaseInUse extends UnusableFile {
  override name = 'DatabaseInUse';

  constructor(file: string, cause: unknown) {
    super(file, 'is in use by another process', 'Stop that process, or choose another folder.', cause);
  }
}

export interface DatabaseOptions {
  /** Lock the file until `close` or the end of the process. Otherwise wait two seconds for locks of others. */
  exclusive?: boolean;
}

/** One SQLite file. Its write-ahead log keeps every committed change when the process is killed. */
export class Database {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /**
   * Opens the file, creates it when it is missing, and runs `schema`.
   * @throws DatabaseInUse, UnusableFile for a file that is no database or may not be written, SQLite's error of a full disk
   */
  constructor(file: string, schema: string, { exclusive = false }: DatabaseOptions = {}) {
    try {
      this.#database = new DatabaseSync(file);
    } catch (error) {
      throw unusable(file, error, 'a database');
    }
    try {
      this.exec(`PRAGMA ${exclusive ? 'locking_mode = EXCLUSIVE' : 'busy_timeout = 2000'};`);
      this.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
      // The exclusive lock is taken by the first write, which must not be a later one.
      if (exclusive) this.exec('BEGIN EXCLUSIVE; COMMIT');
      this.exec(schema);
    } catch (error) {
      this.#database.close();
      const { errcode = 0 } = error as { errcode?: number };
      if ((errcode & 0xff) === SQLITE_BUSY) throw new DatabaseInUse(file, error);
      throw isDiskFull(error) ? error : unusable(file, error, 'a database');
    }
  }

  /** Runs one or several statements without parameters. */
  exec(statements: string): void {
    this.#database.exec(statements);
  }

  /** The statement, prepared on its first use. */
  sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#database.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  /**
   * Runs `work` as one transaction: everything it writes is kept, or nothing. Inside another transaction it is a part
   * of that one.
   * @throws what `work` or COMMIT threw, also when rolling back fails
   */
  transaction<T>(work: () => T): T {
    if (this.#database.isTransaction) return work();
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.exec('COMMIT');
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  /** SQLite itself ends a transaction on some errors, for instance on a full disk. */
  #rollBack(): void {
    try {
      if (this.#database.isTransaction) this.exec('ROLLBACK');
    } catch {
      // Later writes would join the half-done transaction: a closed database refuses them.
      this.close();
    }
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }
}
