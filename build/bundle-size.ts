import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Metafile } from 'esbuild';

/** Most bytes a function's zipped bundle may have; every function that is not named is one of the others. */
export const LIMITS: Record<string, number> = { webhook: 110_000, others: 130_000 };

export interface BundleSize {
  name: string;
  /** Bytes of the minified bundle, and of it compressed as in the deployed archive (deflate, level 9). */
  bytes: number;
  zipped: number;
  /** Minified bytes by package, largest first; the project's own sources by folder. */
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
      const bundle = await readFile(join(directory, `${name}.cjs`));
      const packages = new Map<string, number>();
      for (const { inputs } of Object.values(outputs))
        for (const [file, { bytesInOutput }] of Object.entries(inputs))
          packages.set(packageOf(file), (packages.get(packageOf(file)) ?? 0) + bytesInOutput);
      return {
        name,
        bytes: bundle.length,
        zipped: gzipSync(bundle, { level: 9 }).length,
        packages: [...packages].sort(([, a], [, b]) => b - a),
      };
    }),
  );
}
