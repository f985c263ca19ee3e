import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { bundleFunctions } from '../build/bundle.ts';
import { fingerprint } from './fingerprint.ts';

const SOURCES = ['functions/**/*', 'lib/**/*', 'build/**/*', 'package-lock.json'];
const KEEP_MS = 24 * 3600 * 1000;

/** Bundles nobody started within a day make room. */
async function sweep(directory: string, keep: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const folder = path.join(directory, name);
    const found = await stat(folder).catch(() => undefined);
    if (name !== keep && found !== undefined && Date.now() - found.mtimeMs > KEEP_MS) {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/**
 * The functions as they are deployed, bundled from the present sources. They are kept under the sources' fingerprint,
 * so that a second start need not bundle, and no process can load a file that another is writing.
 * @returns the folder with `<function>.cjs`
 */
export async function prepareBundles(root: string): Promise<string> {
  const directory = path.join(root, '.build', 'local');
  const name = await fingerprint(root, SOURCES);
  const folder = path.join(directory, name);
  if ((await stat(folder).catch(() => undefined))?.isDirectory()) return folder;
  const draft = `${folder}.${process.pid}`;
  await mkdir(draft, { recursive: true });
  try {
    await bundleFunctions(draft);
    // Somebody else may have been faster; their bundles come from the same sources.
    await rename(draft, folder).catch(() => undefined);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  await sweep(directory, name);
  return folder;
}
