import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * Parts of packages that no function runs, and what takes their place, by the end of their path. They would be
 * loaded, compiled and partly run at each start: together 36 kB zipped and a fourth of the webhook's start-up time
 * (docs/performance.md, docs/decisions/0080). Nothing that checks anything is among them.
 */
const REPLACED: [module: RegExp, by: string][] = [
  // Lambda passes a function its role's credentials in the environment. The SDK's default chain would look in seven
  // other places too (files, SSO, the metadata service …) and brings the clients for them along.
  [/@aws-sdk\/credential-provider-node\/dist-es\/index\.js$/, 'environment-credentials'],
  [
    /@smithy\/core\/dist-es\/submodules\/config\/node-config-provider\/configLoader\.js$/,
    'environment-config',
  ],
  [/\/regionConfig\/getInstanceMetadataRegion\.js$/, 'instance-metadata'],
  [/@smithy\/core\/dist-es\/submodules\/event-streams\/index\.js$/, 'event-streams'],
  [/@aws-sdk\/signature-v4-multi-region\/dist-es\/index\.js$/, 'single-region-signer'],
  [/\/(Sha256Js|Sha1Js|Md5Js|Crc32Js)\.js$/, 'native-hashes'],
  [/\/fast-sha256\/sha256\.js$/, 'fast-sha256'],
  [/@aws-sdk\/client-s3\/dist-es\/endpoint\/endpointResolver\.js$/, 's3-endpoint'],
  [/\/(S3ExpressIdentityProviderImpl|SignatureV4S3Express|CreateSessionCommand)\.js$/, 's3-express'],
];

const replaceUnused: Plugin = {
  name: 'replace-unused',
  setup(builder) {
    builder.onLoad({ filter: /node_modules\/.*\.js$/ }, ({ path }) => {
      const by = REPLACED.find(([module]) => module.test(path))?.[1];
      if (by === undefined) return undefined;
      const replacement = join(ROOT, 'build', 'replacements', `${by}.ts`);
      return { contents: `export * from ${JSON.stringify(replacement)};`, resolveDir: ROOT };
    });
  },
};

/** Steps of every call that do nothing here: S3 Express, redirects to another region (off unless asked for), no logger. */
const UNUSED_STEPS =
  /^.*\.use\((getS3ExpressPlugin|getS3ExpressHttpSigningPlugin|getRegionRedirectMiddlewarePlugin|getLoggerPlugin)\(.*$/gm;

const fewerSteps: Plugin = {
  name: 'fewer-steps',
  setup(builder) {
    builder.onLoad({ filter: /@aws-sdk\/client-s3\/dist-es\/S3Client\.js$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replace(UNUSED_STEPS, ''),
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
        plugins: [replaceUnused, fewerSteps, literalSchemaKeys, versionsOnly],
      });
      return [name, metafile] as const;
    }),
  );
  return Object.fromEntries(bundles);
}
