import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { jest } from '@jest/globals';
import { Database, DatabaseInUse } from '../database.ts';

const SCHEMA = `
  PRAGMA foreign_keys = ON;
  CREATE TABLE IF NOT EXISTS owners (id INTEGER PRIMARY KEY) STRICT;
  CREATE TABLE IF NOT EXISTS things (
    name TEXT UNIQUE, owner INTEGER REFERENCES owners DEFERRABLE INITIALLY DEFERRED
  ) STRICT;`;

let folder: string;
let file: string;
let database: Database;

const names = (of = database) =>
  of
    .sql('SELECT name FROM things')
    .all()
    .map(({ name }) => name);
const insert = (name: string, owner: number | null = null) =>
  database.sql('INSERT INTO things VALUES (?, ?)').run(name, owner);

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sqlite-'));
  file = path.join(folder, 'file.sqlite');
  database = new Database(file, SCHEMA);
});
afterEach(() => {
  jest.restoreAllMocks();
  database.close();
  rmSync(folder, { recursive: true });
});

test('a transaction returns what its work returns, and its writes are kept', () => {
  expect(database.transaction(() => insert('one').changes)).toBe(1);
  database.close();
  database = new Database(file, SCHEMA);
  expect(names()).toEqual(['one']);
});

test('work that throws leaves nothing behind, and the next transaction works', () => {
  const attempt = () =>
    database.transaction(() => {
      insert('one');
      throw new Error('first');
    });
  expect(attempt).toThrow('first');
  database.transaction(() => insert('two'));
  expect(names()).toEqual(['two']);
});

test('a COMMIT that fails is rolled back, its error is thrown, and the next transaction works', () => {
  expect(() => database.transaction(() => insert('orphan', 7))).toThrow('FOREIGN KEY constraint failed');
  database.transaction(() => insert('two'));
  expect(names()).toEqual(['two']);
});

test('a statement whose failure has rolled back already throws its own error', () => {
  insert('one');
  const attempt = () =>
    database.transaction(() => {
      insert('two');
      database.sql("INSERT OR ROLLBACK INTO things VALUES ('one', NULL)").run();
    });
  expect(attempt).toThrow('UNIQUE constraint failed');
  database.transaction(() => insert('three'));
  expect(names()).toEqual(['one', 'three']);
});

test('an error in ROLLBACK does not hide the first error, and nothing is written into the open transaction', () => {
  const { exec } = DatabaseSync.prototype;
  jest.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(function (this: DatabaseSync, text) {
    if (text === 'ROLLBACK') throw new Error('second');
    exec.call(this, text);
  });
  const attempt = () =>
    database.transaction(() => {
      insert('one');
      throw new Error('first');
    });
  expect(attempt).toThrow('first');
  expect(() => database.transaction(() => insert('two'))).toThrow('database is not open');
  database = new Database(file, SCHEMA);
  expect(names()).toEqual([]);
});

test('work that closes the database throws its own error', () => {
  const attempt = () =>
    database.transaction(() => {
      database.close();
      throw new Error('first');
    });
  expect(attempt).toThrow('first');
});

test('a transaction inside another is kept or lost with it', () => {
  const attempt = () =>
    database.transaction(() => {
      database.transaction(() => insert('inner'));
      throw new Error('outer');
    });
  expect(attempt).toThrow('outer');
  expect(names()).toEqual([]);
});

test('a file that is open exclusively is refused to others until it is closed', () => {
  database.close();
  database = new Database(file, SCHEMA, { exclusive: true });
  expect(() => new Database(file, SCHEMA, { exclusive: true })).toThrow(DatabaseInUse);
  database.close();
  database = new Database(file, SCHEMA, { exclusive: true });
});
