import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SANDBOX = path.join(ROOT, 'lib', 'images', 'decode', 'sandbox');
const { resolve } = createRequire(import.meta.url);
const CODECS = path.dirname(resolve('@img/sharp-wasm32/sharp.node'));

/** Files that the decoder's process is started from, in one folder. */
export const DECODER = 'decoder.cjs';
export const CODECS_WASM = 'codecs.wasm';

/** What sharp and its WebAssembly glue ask of Node, and get from `sandbox/substitutes.ts`. */
const SUBSTITUTED = [
  'node:fs',
  'node:tty',
  'node:os',
  'node:child_process',
  'node:crypto',
  'node:worker_threads',
  'detect-libc',
];

/**
 * Sharp chooses a native library by the machine, and looks for others on it. Here it is the WebAssembly build on every
 * machine, so that one archive runs everywhere and a rendition is the same bytes everywhere.
 */
const webAssemblyOnly: Plugin = {
  name: 'web-assembly-only',
  setup(builder) {
    const nodeModules = `${path.sep}node_modules${path.sep}`;
    builder.onResolve({ filter: /.*/ }, ({ path: name, importer }) => {
      if (name === 'sharp') return { path: resolve('sharp').replace(/\.mjs$/, '.cjs') };
      if (!importer.includes(nodeModules) || !SUBSTITUTED.includes(name)) return undefined;
      return { path: path.join(SANDBOX, 'substitutes.ts') };
    });
    builder.onLoad({ filter: /[\\/]sharp[\\/]dist[\\/]sharp\.cjs$/ }, () => ({
      contents: `module.exports = require('@img/sharp-wasm32/sharp.node');`,
      resolveDir: CODECS,
    }));
    builder.onLoad({ filter: /[\\/]sharp[\\/]dist[\\/]libvips\.cjs$/ }, () => ({
      contents: `module.exports = { runtimePlatformArch: () => 'wasm32', globalLibvipsVersion: () => '' };`,
    }));
  },
};

/** The one WebAssembly file in the package. */
async function codecs(): Promise<string> {
  const folder = path.join(CODECS, 'lib');
  const [file, ...more] = (await readdir(folder)).filter((name) => name.endsWith('.wasm'));
  if (file === undefined || more.length > 0)
    throw new Error(`Expected one .wasm file in ${folder}. Look how @img/sharp-wasm32 is laid out now.`);
  return path.join(folder, file);
}

/**
 * Bundles what runs in the decoder's process, and puts the codecs beside it.
 * @param outdir where decoder.cjs and codecs.wasm are written
 * @param entry another program inside the same walls: a test's
 * @returns what the bundle is made of
 */
export async function bundleDecoder(
  outdir: string,
  entry = path.join(SANDBOX, 'main.ts'),
): Promise<Metafile> {
  await mkdir(outdir, { recursive: true });
  const [{ metafile }] = await Promise.all([
    build({
      entryPoints: [entry],
      outfile: path.join(outdir, DECODER),
      absWorkingDir: ROOT,
      bundle: true,
      platform: 'node',
      target: 'node24',
      format: 'cjs',
      minify: true,
      metafile: true,
      logLevel: 'warning',
      inject: [path.join(SANDBOX, 'process.ts')],
      plugins: [webAssemblyOnly],
    }),
    copyFile(await codecs(), path.join(outdir, CODECS_WASM)),
  ]);
  return metafile;
}
