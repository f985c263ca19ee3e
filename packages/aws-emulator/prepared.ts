import { createHash, randomUUID } from 'node:crypto';
import { glob, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

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

/** Removes from a folder of things named by fingerprint what nobody has made within a day, except `keep`. */
async function sweep(folder: string, keep: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const entry = path.join(folder, name);
    const found = await stat(entry).catch(() => undefined);
    if (name !== keep && found !== undefined && Date.now() - found.mtimeMs > KEEP_MS) {
      await rm(entry, { recursive: true, force: true });
    }
  }
}

/**
 * A folder made from sources, kept under their fingerprint: a second start need not make it again, and nobody can read
 * a file that another process is just writing.
 * @param directory holds one folder for each fingerprint; those of the day before are removed
 */
export async function prepare(
  root: string,
  directory: string,
  sources: string[],
  make: (folder: string) => Promise<unknown>,
): Promise<string> {
  for (;;) {
    const name = await fingerprint(root, sources);
    const folder = path.join(directory, name);
    if ((await stat(folder).catch(() => undefined))?.isDirectory()) return folder;
    const draft = path.join(directory, `draft-${randomUUID()}`);
    await mkdir(draft, { recursive: true });
    try {
      await make(draft);
      // Sources that were saved meanwhile may be in the draft by half.
      if ((await fingerprint(root, sources)) !== name) continue;
      // Somebody else may have been faster; their folder comes from the same sources.
      await rename(draft, folder).catch(() => undefined);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
    await sweep(directory, name);
    return folder;
  }
}
