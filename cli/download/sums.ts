import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SUMS } from '../../lib/download/sums.ts';

/** @returns hexadecimal digits */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

const LINE = /^([0-9a-f]{64}) [ *](.+)$/;
/** A path inside the folder, with `/`: the list came with the download, and nobody vouches for it. */
const isInside = (path: string) =>
  !/[\\:]/.test(path) && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');

export interface Sums {
  /** SHA-256 by path inside the folder. */
  files: Map<string, string>;
  /** Lines that name no file of the folder. */
  unreadable: string[];
}

/** Reads the list of a download. @throws if the folder has none */
export async function readSums(folder: string): Promise<Sums> {
  const files = new Map<string, string>();
  const unreadable: string[] = [];
  for (const line of (await readFile(join(folder, SUMS), 'utf8')).split('\n')) {
    if (line === '') continue;
    const [, sha256, path] = LINE.exec(line) ?? [];
    if (!sha256 || !path || !isInside(path) || files.has(path)) unreadable.push(line);
    else files.set(path, sha256);
  }
  return { files, unreadable };
}
