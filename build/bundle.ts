import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * Lambda passes a function its role's credentials in the environment. The SDK's default chain would look in seven
 * other places too (files, SSO, the metadata service …) and brings the clients for them along: 128 kB and a fifth
 * of the start-up time, for nothing.
 */
const environmentCredentials: Plugin = {
  name: 'environment-credentials',
  setup(builder) {
    builder.onResolve({ filter: /^@aws-sdk\/credential-provider-node$/ }, () => ({
      path: join(ROOT, 'build', 'environment-credentials.ts'),
    }));
  },
};

/**
 * A client's schemas describe every call of its service. Their keys are written as `[_name]`, which could run code,
 * so esbuild keeps all of them. Written as literals, only those of the calls in use stay.
 */
const literalSchemaKeys: Plugin = {
  name: 'literal-schema-keys',
  setup(builder) {
    builder.onLoad({ filter: /@aws-sdk\/client-\w+\/dist-es\/schemas\/schemas_0\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const names = new Map(
        [...source.matchAll(/^const (\w+) = (".*");$/gm)].map(([, name, text]) => [name, text]),
      );
      return {
        contents: source.replace(/\[(\w+)\]:/g, (whole, name) =>
          names.has(name) ? `${names.get(name)}:` : whole,
        ),
      };
    });
  },
};

/** A client tells its name and version in the User-Agent; the rest of its package.json nobody reads. */
const versionsOnly: Plugin = {
  name: 'versions-only',
  setup(builder) {
    builder.onLoad({ filter: /@aws-sdk\/client-\w+\/package\.json$/ }, async ({ path }) => {
      const { name, version } = JSON.parse(await readFile(path, 'utf8'));
      return { contents: JSON.stringify({ name, version }), loader: 'json' };
    });
  },
};

/** The functions, by the files in `functions/`. */
export async function functionNames(): Promise<string[]> {
  const files = await readdir(join(ROOT, 'functions'));
  return files.filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -3));
}

/**
 * Bundles each function into one CommonJS file: it starts a third faster than an ES module, and holds only what
 * the function uses.
 * @param outdir where `<name>.cjs` and its source map are written
 * @param only the functions wanted; all of them if left out
 * @returns what each bundle is made of
 */
export async function bundleFunctions(outdir: string, only?: string[]): Promise<Record<string, Metafile>> {
  const names = only ?? (await functionNames());
  const bundles = await Promise.all(
    names.map(async (name) => {
      const { metafile } = await build({
        entryPoints: [join(ROOT, 'functions', `${name}.ts`)],
        outfile: join(outdir, `${name}.cjs`),
        absWorkingDir: ROOT,
        bundle: true,
        platform: 'node',
        target: 'node24',
        format: 'cjs',
        mainFields: ['module', 'main'],
        minify: true,
        sourcemap: 'linked',
        sourcesContent: false,
        metafile: true,
        logLevel: 'warning',
        plugins: [environmentCredentials, literalSchemaKeys, versionsOnly],
      });
      return [name, metafile] as const;
    }),
  );
  return Object.fromEntries(bundles);
}
