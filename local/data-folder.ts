import { rm } from 'node:fs/promises';
import path from 'node:path';
import { Database } from '@weaudit/sqlite';
import { makeFolder } from '@weaudit/sqlite/data-file';

/** What starts leave in a data folder, except its lock. */
const LEFTOVERS = [
  's3',
  'replicate',
  'logs',
  'queue.sqlite',
  'queue.sqlite-wal',
  'queue.sqlite-shm',
  'parameters.json',
];

/**
 * Makes the folder if it is missing, and holds it until `close` or the end of this process.
 * @throws DatabaseInUse while another cloud holds it, UnusableFile where it cannot be a folder
 */
export function takeFolder(dataDir: string): Pick<Database, 'close'> {
  makeFolder(dataDir);
  return new Database(path.join(dataDir, 'lock.sqlite'), '', { exclusive: true });
}

/** Deletes what earlier starts left, and nothing else. Only for the cloud that holds the folder. */
export async function removeLeftovers(dataDir: string): Promise<void> {
  for (const name of LEFTOVERS) await rm(path.join(dataDir, name), { recursive: true, force: true });
}
