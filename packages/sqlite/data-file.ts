import { mkdirSync, readFileSync, statSync } from 'node:fs';

/** A file or folder of a data folder that cannot be used. The message names it, says why, and the way out. */
export class UnusableFile extends Error {
  override name = 'UnusableFile';

  constructor(file: string, problem: string, wayOut: string, cause: unknown) {
    super(`${file} ${problem}. ${wayOut}`, { cause });
  }
}

const MOVE_AWAY = 'Move it away.';
const RESTORE = 'Restore it from a copy, or move it away to start without what it held.';
const PERMISSIONS = 'Change its permissions.';

const isFolder = (file: string) => statSync(file, { throwIfNoEntry: false })?.isDirectory() === true;

/** The error of a file that could not be opened, in words for a person. */
export function unusable(file: string, error: unknown, kind: string): UnusableFile {
  const { message } = error as Error;
  if (isFolder(file)) return new UnusableFile(file, 'is a folder where a file must be', MOVE_AWAY, error);
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EACCES' || code === 'EPERM' || /unable to open|readonly/.test(message)
    ? new UnusableFile(file, `cannot be opened (${message})`, PERMISSIONS, error)
    : new UnusableFile(file, `cannot be read as ${kind} (${message})`, RESTORE, error);
}

/**
 * Makes a folder and those above it, where they are missing.
 * @throws UnusableFile where a file is in its place or it may not be made
 */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOTDIR') {
      throw new UnusableFile(folder, 'cannot be a folder, because a file is in its place', MOVE_AWAY, error);
    }
    if (code === 'ENOSPC') throw error;
    throw new UnusableFile(folder, `cannot be created (${code})`, PERMISSIONS, error);
  }
}

/**
 * What a file of JSON holds; undefined where there is none.
 * @throws UnusableFile where it cannot be read as JSON
 */
export function readJsonFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unusable(file, error, 'JSON');
  }
}
