import { mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { bundleFunctions } from '../build/bundle.ts';
import { fingerprint, sweep } from './fingerprint.ts';

const SOURCES = ['functions/**/*', 'lib/**/*', 'build/**/*', 'package-lock.json'];
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
