import { rm } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { bundleFunctions } from '../../build/bundle.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** The folder of bundles for measurements; they are built for every run. */
export const BUNDLES = path.join(ROOT, '.build', 'bench');

/** The functions as they are deployed. */
export async function bundleForBench(functions: string[]) {
  await rm(path.join(BUNDLES, 'functions'), { recursive: true, force: true });
  return bundleFunctions(path.join(BUNDLES, 'functions'), functions);
}

/** A way of `bench/ways/` by esbuild's defaults for Node.js; returns the bundle's path. */
export async function bundleWay(name: string, format: 'cjs' | 'esm' = 'cjs'): Promise<string> {
  const outfile = path.join(BUNDLES, `${name}.${format === 'cjs' ? 'cjs' : 'mjs'}`);
  await build({
    entryPoints: [path.join(ROOT, 'bench', 'ways', `${name}.ts`)],
    outfile,
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node24',
    format,
    logLevel: 'warning',
    ...(format === 'esm'
      ? {
          banner: {
            js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);",
          },
        }
      : {}),
  });
  return outfile;
}
