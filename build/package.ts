import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Zippable, zipSync } from 'fflate';
import { bundleFunctions, filesOf } from './bundle.ts';

/** ZIP knows no time zones: the same numbers everywhere make the same bytes, so that what did not change is not deployed. */
const NO_TIME = new Date(1980, 0, 1, 0, 0, 0);
/** Made on Unix, a regular file that all may read. */
const UNIX = 3;
const READABLE = 0o100644 << 16;

/**
 * Makes the archive of each function: its bundle, the decoder of `tag`, and nothing else. The source map stays beside the
 * bundle; it would double the archive, and `npm run stack-trace` reads it from there.
 * @param folder where `functions/<name>.cjs` and `<name>.zip` are written
 * @returns the archives by function
 */
export async function packageFunctions(folder: string, only?: string[]): Promise<Record<string, string>> {
  const bundles = join(folder, 'functions');
  await mkdir(bundles, { recursive: true });
  const names = Object.keys(await bundleFunctions(bundles, only));
  const archives = names.map(async (name) => {
    // In the folder that the handler `functions/<name>.handler` leads to.
    const files: Zippable = {};
    for (const file of filesOf(name))
      files[`functions/${file}`] = [
        await readFile(join(bundles, file)),
        { mtime: NO_TIME, os: UNIX, attrs: READABLE },
      ];
    const archive = zipSync(files, { level: 9 });
    const file = join(folder, `${name}.zip`);
    await writeFile(file, archive);
    return [name, file] as const;
  });
  return Object.fromEntries(await Promise.all(archives));
}
