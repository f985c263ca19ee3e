import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { glob, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { LocalError } from './local-error.ts';

/** A short hash over names and contents of the files that the patterns match below `root`. */
export async function fingerprint(root: string, patterns: string[]): Promise<string> {
  const files: string[] = [];
  for await (const entry of glob(patterns, { cwd: root, withFileTypes: true })) {
    if (entry.isFile()) files.push(path.join(entry.parentPath, entry.name));
  }
  const hash = createHash('sha256');
  for (const file of files.sort())
    hash
      .update(`${path.relative(root, file)}\0`)
      .update(await readFile(file))
      .update('\0');
  return hash.digest('hex').slice(0, 16);
}

const KEEP_MS = 24 * 3600 * 1000;

/** Removes from a folder what is older than a day, except `keep`. */
async function sweep(folder: string, keep: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const entry = path.join(folder, name);
    const found = await stat(entry).catch(() => undefined);
    if (name !== keep && found !== undefined && Date.now() - found.mtimeMs > KEEP_MS) {
      await rm(entry, { recursive: true, force: true });
    }
  }
}

const preparing = new Map<string, Promise<string>>();

/**
 * Makes a folder from sources, unless it was made from the same sources before. It appears complete or not at all, so
 * that no process reads what another is just writing. Calls at once for the same directory share the work.
 * @param directory holds a folder for each fingerprint of the sources; those older than a day are removed
 * @returns the folder
 */
export function prepare(
  root: string,
  directory: string,
  sources: string[],
  make: (folder: string) => Promise<unknown>,
): Promise<string> {
  const known = preparing.get(directory);
  if (known !== undefined) return known;
  const made = prepareFolder(root, directory, sources, make).finally(() => preparing.delete(directory));
  preparing.set(directory, made);
  return made;
}

/** Builds that are repeated because a source changed meanwhile. */
const ATTEMPTS = 10;

async function prepareFolder(
  root: string,
  directory: string,
  sources: string[],
  make: (folder: string) => Promise<unknown>,
): Promise<string> {
  for (let attempts = 0; attempts < ATTEMPTS; attempts += 1) {
    const name = await fingerprint(root, sources);
    const folder = path.join(directory, name);
    if (existsSync(folder)) return folder;
    const draft = path.join(directory, `draft-${randomUUID()}`);
    await mkdir(draft, { recursive: true });
    try {
      await make(draft);
      // A source that was saved meanwhile may be in only a part of the draft.
      if ((await fingerprint(root, sources)) !== name) continue;
      await rename(draft, folder).catch((error: unknown) => {
        // Another process may have been faster; its folder comes from the same sources.
        if (!existsSync(folder)) throw error;
      });
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
    await sweep(directory, name);
    return folder;
  }
  throw new LocalError(
    `The sources below ${root} changed during each of ${ATTEMPTS} builds of ${directory}. Stop the program that writes them, and start again.`,
  );
}
