import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type BuildOptions, build, type Plugin } from 'esbuild';

/**
 * Builds the site from web/ into a folder: plain files that work wherever files are served, under a strict
 * content security policy. Names of scripts and styles change with their content.
 */

const SOURCE = resolve(import.meta.dirname, '../web');
/** Pages for auditors, which differ in their title: file, view, title. Raters have a page of their own. */
const PAGES: [file: string, view: string, title: string][] = [
  ['index', 'new', 'New audit'],
  ['audits', 'audits', 'Audits'],
  ['audit', 'audit', 'Audit'],
  ['compare', 'compare', 'Compare audits'],
  ['study', 'study', 'Study'],
  ['round', 'round', 'Rating round'],
];
const DESIGNS = resolve(import.meta.dirname, '../designs');
const RECOMPUTE = resolve(import.meta.dirname, '../lib/findings/report/recompute.py');
/** Where the local gateway and the upload find the site. */
export const SITE_FOLDER = resolve(import.meta.dirname, '../.build/web');

const SHARED: BuildOptions = {
  bundle: true,
  minify: true,
  format: 'esm',
  // What can draw off the page, and knows dialogs and light-dark().
  target: ['chrome123', 'firefox120', 'safari17.5'],
  // What a view loads when it needs it is a file of its own.
  splitting: true,
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  // In a browser csv-parse brings what it needs of Node.
  alias: { 'csv-parse/sync': 'csv-parse/browser/esm/sync' },
  sourcemap: 'linked',
  metafile: true,
  logLevel: 'warning',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  // The editor's settings extend those of the servers, which are for another JSX.
  tsconfigRaw: {},
};

interface Bundle {
  /** Its address on the site. */
  address: string;
  /** Addresses of what it cannot start without, itself first. */
  needed: string[];
}

/** Bundles one file with what it loads later. */
async function bundle(outdir: string, entry: string, plugins: Plugin[]): Promise<Bundle> {
  const { metafile } = await build({
    ...SHARED,
    entryPoints: [join(SOURCE, entry)],
    outdir: join(outdir, 'assets'),
    plugins,
  });
  const { outputs } = metafile!;
  const first = Object.keys(outputs).find((file) => outputs[file]!.entryPoint?.endsWith(`web/${entry}`));
  if (!first) throw new Error(`esbuild made nothing of web/${entry}`);
  const needed = new Set([first]);
  for (const file of needed)
    for (const { path, kind } of outputs[file]!.imports) if (kind === 'import-statement') needed.add(path);
  const addresses = [...needed].map((file) => `/assets/${basename(file)}`);
  return { address: addresses[0]!, needed: addresses };
}

/** Copies the published designs and writes their index, which the page reads when somebody asks for them. */
async function writeDesigns(folder: string): Promise<void> {
  await cp(DESIGNS, folder, { recursive: true });
  const index = (await readdir(folder)).sort().map(async (file) => {
    const { name, samples, prompts, about } = JSON.parse(await readFile(join(folder, file), 'utf8'));
    const { citation, url } = about.source;
    const exact = about.prompts.status === 'exact';
    return { file, name, prompts: prompts.length, samples, exact, citation, url, license: about.license };
  });
  await writeFile(join(folder, 'index.json'), JSON.stringify(await Promise.all(index)));
}

/**
 * Builds the site.
 * @param plugins of a benchmark that replaces parts of the page
 * @returns the size of all scripts of the first view, compressed, in bytes
 */
export async function buildSite(
  outdir: string = SITE_FOLDER,
  plugins: Plugin[] = [],
): Promise<{ compressedScript: number }> {
  await rm(outdir, { recursive: true, force: true });
  await mkdir(outdir, { recursive: true });
  const [script, style, rateScript, rateStyle] = await Promise.all([
    bundle(outdir, 'src/main.tsx', plugins),
    bundle(outdir, 'styles/main.css', plugins),
    // Raters get a script and a style of their own, with nothing about audits.
    bundle(outdir, 'src/rate/main.tsx', plugins),
    bundle(outdir, 'styles/rate.css', plugins),
  ]);
  const preloads = (needed: string[]) =>
    needed
      .slice(1)
      .map((address) => `<link rel="modulepreload" href="${address}" />`)
      .join('');
  const write = async (file: string, html: string, { address, needed }: Bundle, look: Bundle) => {
    const filled = html
      .replace('{{script}}', address)
      .replace('{{preloads}}', preloads(needed))
      .replace('{{style}}', look.address);
    await writeFile(join(outdir, `${file}.html`), filled);
    // `/compare?a=…` is a file as well, so that no server has to rewrite addresses.
    if (file !== 'index') await writeFile(join(outdir, file), filled);
  };
  const page = await readFile(join(SOURCE, 'page.html'), 'utf8');
  for (const [file, view, title] of PAGES)
    await write(file, page.replace('{{title}}', title).replace('{{page}}', view), script, style);
  await write('rate', await readFile(join(SOURCE, 'rate.html'), 'utf8'), rateScript, rateStyle);
  await cp(join(SOURCE, 'static'), outdir, { recursive: true });
  // A report that the page saves has the script that calculates its numbers again.
  await cp(RECOMPUTE, join(outdir, basename(RECOMPUTE)));
  await writeDesigns(join(outdir, 'designs'));
  const sizes = script.needed.map(async (address) => gzipSync(await readFile(join(outdir, address))).length);
  return { compressedScript: (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0) };
}

if (import.meta.main) {
  const { compressedScript } = await buildSite();
  console.log(
    `The site is in .build/web; its script is ${(compressedScript / 1000).toFixed(1)} kB compressed.`,
  );
}
