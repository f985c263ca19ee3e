import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Metafile } from 'esbuild';
import { filesOf } from './bundle.ts';

/** Most bytes a function's archive may have; every function that is not named is one of the others. tag has the decoder. */
export const LIMITS: Record<string, number> = {
  webhook: 110_000,
  tag: 3_900_000,
  others: 135_000,
};

export interface BundleSize {
  name: string;
  /** Bytes of the files that it is started from, and of them compressed as in the deployed archive (deflate, level 9). */
  bytes: number;
  zipped: number;
  /** Minified bytes of the bundle by package, largest first; the project's own sources by folder. */
  packages: [name: string, bytes: number][];
}

const packageOf = (file: string): string =>
  /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? file.split('/')[0] ?? file;

/** How large bundles are, and of what they are made. */
export async function bundleSizes(
  directory: string,
  metafiles: Record<string, Metafile>,
): Promise<BundleSize[]> {
  return Promise.all(
    Object.entries(metafiles).map(async ([name, { outputs }]) => {
      const files = await Promise.all(filesOf(name).map((file) => readFile(join(directory, file))));
      const sum = (sizes: number[]) => sizes.reduce((all, size) => all + size, 0);
      const packages = new Map<string, number>();
      for (const { inputs } of Object.values(outputs))
        for (const [file, { bytesInOutput }] of Object.entries(inputs))
          packages.set(packageOf(file), (packages.get(packageOf(file)) ?? 0) + bytesInOutput);
      return {
        name,
        bytes: sum(files.map(({ length }) => length)),
        zipped: sum(files.map((file) => gzipSync(file, { level: 9 }).length)),
        packages: [...packages].sort(([, a], [, b]) => b - a),
      };
    }),
  );
}
