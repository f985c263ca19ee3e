import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';
import { bundleDecoder, CODECS_WASM, DECODER } from './decoder.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

// esbuild's process collects no garbage below 1 GB, as its own command never does. A build takes 200 MB and ends before
// collecting pays: a fourth of its processor time.
process.env.GOGC ??= 'off';
process.env.GOMEMLIMIT ??= '1GiB';

/** Matches paths that end like this one; Windows writes them with backslashes. */
const endingIn = (...ends: string[]) =>
  new RegExp(`(${ends.map((end) => end.replaceAll('.', '\\.').replaceAll('/', '[\\\\/]')).join('|')})$`);

/**
 * Parts of packages that no function runs, and what takes their place, by the end of their path. They would be
 * loaded, compiled and partly run at each start: together 36 kB zipped and a fourth of the webhook's start-up time
 * (docs/performance.md, docs/decisions/0080). Nothing that checks anything is among them.
 */
const REPLACED: [module: RegExp, by: string][] = [
  // Lambda passes a function its role's credentials in the environment. The SDK's default chain would search seven
  // other places too (files, SSO, the metadata service …) and brings the clients for them along.
  [endingIn('/@aws-sdk/credential-provider-node/dist-es/index.js'), 'environment-credentials'],
  [
    endingIn('/@smithy/core/dist-es/submodules/config/node-config-provider/configLoader.js'),
    'environment-config',
  ],
  [endingIn('/regionConfig/getInstanceMetadataRegion.js'), 'instance-metadata'],
  [endingIn('/@smithy/core/dist-es/submodules/event-streams/index.js'), 'event-streams'],
  [endingIn('/@aws-sdk/signature-v4-multi-region/dist-es/index.js'), 'single-region-signer'],
  [endingIn('/util-endpoints/lib/aws/partition.js'), 'partition'],
  [endingIn('/@smithy/core/dist-es/submodules/serde/uuid/v4.js'), 'uuid'],
  [endingIn('/Sha256Js.js', '/Sha1Js.js', '/Md5Js.js', '/Crc32Js.js'), 'native-hashes'],
  [endingIn('/@aws-sdk/client-s3/dist-es/endpoint/endpointResolver.js'), 's3-endpoint'],
  [
    endingIn('/S3ExpressIdentityProviderImpl.js', '/SignatureV4S3Express.js', '/CreateSessionCommand.js'),
    's3-express',
  ],
];

const replaceUnused: Plugin = {
  name: 'replace-unused',
  setup(builder) {
    // One filter each, so that esbuild asks for these files alone and not for each of a thousand.
    for (const [filter, by] of REPLACED)
      builder.onLoad({ filter }, () => {
        const replacement = join(ROOT, 'build', 'replacements', `${by}.ts`);
        return { contents: `export * from ${JSON.stringify(replacement)};`, resolveDir: ROOT };
      });
  },
};

/**
 * A client's schemas describe every call of its service. Their keys are written as `[_name]`, which could run code,
 * so esbuild keeps all of them. Written as literals, only those of the calls in use stay.
 */
const literalSchemaKeys: Plugin = {
  name: 'literal-schema-keys',
  setup(builder) {
    builder.onLoad(
      { filter: /@aws-sdk[\\/]client-\w+[\\/]dist-es[\\/]schemas[\\/]schemas_0\.js$/ },
      async ({ path }) => {
        const source = await readFile(path, 'utf8');
        const names = new Map(
          [...source.matchAll(/^const (\w+) = (".*");$/gm)].map(([, name, text]) => [name, text]),
        );
        return {
          contents: source.replace(/\[(\w+)\]:/g, (whole, name) =>
            names.has(name) ? `${names.get(name)}:` : whole,
          ),
        };
      },
    );
  },
};

/** A client tells its name and version in the User-Agent; the rest of its package.json nobody reads. */
const versionsOnly: Plugin = {
  name: 'versions-only',
  setup(builder) {
    builder.onLoad({ filter: /@aws-sdk[\\/]client-\w+[\\/]package\.json$/ }, async ({ path }) => {
      const { name, version } = JSON.parse(await readFile(path, 'utf8'));
      return { contents: JSON.stringify({ name, version }), loader: 'json' };
    });
  },
};

/** The function that decodes images. Its decoder lies beside its bundle. */
const DECODING = 'tag';

/** What a function is started from. */
export const filesOf = (name: string): string[] => [
  `${name}.cjs`,
  ...(name === DECODING ? [DECODER, CODECS_WASM] : []),
];

/** The functions, by the files in `functions/`. */
export async function functionNames(): Promise<string[]> {
  const files = await readdir(join(ROOT, 'functions'));
  return files.filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -3));
}

/**
 * Bundles each function into one CommonJS file: it starts a third faster than an ES module, and holds only what
 * the function uses.
 * @param outdir where `<name>.cjs` and its source map are written, and for `tag` the files of the decoder
 * @param only the functions wanted; all of them if left out
 * @returns what each bundle is made of
 */
export async function bundleFunctions(outdir: string, only?: string[]): Promise<Record<string, Metafile>> {
  const names = only ?? (await functionNames());
  const [{ inputs, outputs }] = await Promise.all([
    buildFunctions(outdir, names),
    names.includes(DECODING) ? bundleDecoder(outdir) : undefined,
  ]);
  const ofFunction = (name: string) =>
    Object.entries(outputs).filter(([file]) => [`${name}.cjs`, `${name}.cjs.map`].includes(basename(file)));
  return Object.fromEntries(
    names.map((name) => [name, { inputs, outputs: Object.fromEntries(ofFunction(name)) }]),
  );
}

/** One build for all of them: what they share is read and parsed once, and each bundle is the same as alone. */
async function buildFunctions(outdir: string, names: string[]): Promise<Metafile> {
  const { metafile } = await build({
    entryPoints: names.map((name) => ({ in: join(ROOT, 'functions', `${name}.ts`), out: name })),
    outdir,
    outExtension: { '.js': '.cjs' },
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
    // CommonJS's name of the folder that a bundle lies in.
    define: { 'import.meta.dirname': '__dirname' },
    logLevel: 'warning',
    plugins: [replaceUnused, literalSchemaKeys, versionsOnly],
  });
  return metafile;
}
