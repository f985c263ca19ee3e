import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import type { Metafile } from 'esbuild';
import { unzipSync } from 'fflate';
import { bundleFunctions, functionNames } from '../../build/bundle.ts';
import { type BundleSize, bundleSizes, LIMITS } from '../../build/bundle-size.ts';
import { packageFunctions } from '../../build/package.ts';
import { defaultEndpointResolver } from '../../build/replacements/s3-endpoint.ts';
import { createDecoder } from '../../lib/images/decode/decoder.ts';
import { png } from '../support/images.ts';

describe('bundles', () => {
  let directory: string;
  let metafiles: Record<string, Metafile>;
  let sizes: BundleSize[];

  beforeAll(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'bundles-'));
    metafiles = await bundleFunctions(directory);
    sizes = await bundleSizes(directory, metafiles);
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  const inputsOf = (name: string) =>
    Object.values(metafiles[name]!.outputs).flatMap(({ inputs }) =>
      Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : [])),
    );

  test('there is one for each function', async () => {
    expect(Object.keys(metafiles).sort()).toEqual((await functionNames()).sort());
  });

  test('each keeps within its size', () => {
    const tooLarge = sizes.filter(({ name, zipped }) => zipped > (LIMITS[name] ?? LIMITS.others!));
    expect(tooLarge.map(({ name, zipped }) => `${name}: ${zipped} bytes`)).toEqual([]);
  });

  test('the archive of tag holds the decoder, which runs from there, and no other archive does', async () => {
    const archives = await packageFunctions(directory, ['tag', 'metrics']);
    const entries = async (name: string) => unzipSync(await readFile(archives[name]!));
    expect(Object.keys(await entries('metrics'))).toEqual(['functions/metrics.cjs']);
    const tag = await entries('tag');
    const names = ['tag.cjs', 'decoder.cjs', 'codecs.wasm'].map((file) => `functions/${file}`);
    expect(Object.keys(tag)).toEqual(names);
    const unpacked = await mkdtemp(path.join(directory, 'unpacked-'));
    await mkdir(path.join(unpacked, 'functions'));
    for (const name of names) await writeFile(path.join(unpacked, name), tag[name]!);
    const decoder = createDecoder(path.join(unpacked, 'functions'));
    try {
      expect(await decoder.look(png(40, 30))).toMatchObject({ verdict: 'ok', width: 40, height: 30 });
    } finally {
      decoder.close();
    }
  });

  test('each holds its own function, lib and packages, and nothing of another function, of tests or of the local cloud', () => {
    for (const name of Object.keys(metafiles)) {
      const foreign = inputsOf(name).filter(
        (file) => file !== `functions/${name}.ts` && !/^(lib|build\/replacements|node_modules)\//.test(file),
      );
      expect({ name, foreign }).toEqual({ name, foreign: [] });
    }
  });

  test('none holds a package that is only there for development', async () => {
    const { packages } = JSON.parse(await readFile('package-lock.json', 'utf8')) as {
      packages: Record<string, { dev?: boolean }>;
    };
    const packageOf = (file: string) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
    const foreign = Object.keys(metafiles).flatMap((name) =>
      inputsOf(name).filter((file) => packages[packageOf(file) ?? '']?.dev),
    );
    expect(foreign).toEqual([]);
  });

  test('every replacement takes the place of a part of the SDK that is still there', async () => {
    const replacements = await readdir('build/replacements');
    // Parsed, even if nothing of it is left: some of them only say that there is nothing.
    const parsed = new Set(Object.values(metafiles).flatMap(({ inputs }) => Object.keys(inputs)));
    expect(replacements.length).toBeGreaterThan(5);
    expect(replacements.filter((file) => !parsed.has(`build/replacements/${file}`))).toEqual([]);
  });

  test('the webhook brings no library that it does not run', () => {
    const inputs = inputsOf('webhook');
    for (const unwanted of [
      /credential-provider-(?!node)/,
      /\/event-streams\/(eventstream|Event)/,
      /\/zod\//,
      /\/replicate\/index/,
      /client-(sqs|ssm|sso|sts)/,
      /endpoint\/bdd/,
      /fast-xml-parser/,
    ])
      expect(inputs.filter((file) => unwanted.test(file))).toEqual([]);
  });

  test('two builds of the same sources are the same, byte for byte', async () => {
    const second = await mkdtemp(path.join(os.tmpdir(), 'bundles-'));
    try {
      await bundleFunctions(second, ['webhook']);
      const [one, other] = await Promise.all(
        [directory, second].map((folder) => readFile(path.join(folder, 'webhook.cjs'), 'utf8')),
      );
      expect(one === other).toBe(true);
    } finally {
      await rm(second, { recursive: true, force: true });
    }
  });
});

describe('S3 endpoint in the bundles', () => {
  const sdk = new S3Client({ region: 'eu-central-1' }).config.endpointProvider;
  const BUCKETS = ['weaudit-dev-123456789012-images', 'abc', 'weaudit-local-000000000000-backup'];
  const PLACES = [
    { Region: 'eu-central-1' },
    { Region: 'us-east-1' },
    { Region: 'us-gov-west-1' },
    { Region: 'cn-north-1' },
    { Region: 'eu-central-1', Endpoint: 'http://127.0.0.1:4566' },
    { Region: 'eu-central-1', Endpoint: 'http://localhost:4566' },
    { Region: 'eu-central-1', Endpoint: 'https://s3.example.org/base' },
    { Region: 'eu-central-1', Endpoint: 'https://s3.example.org', ForcePathStyle: true },
  ];

  test.each(PLACES)('is what the SDK itself resolves for %j', (place) => {
    for (const Bucket of BUCKETS) {
      const options = { UseFIPS: false, UseDualStack: false, Accelerate: false, ForcePathStyle: false };
      const expected = sdk({ ...options, ...place, Bucket } as Parameters<typeof sdk>[0]);
      const resolved = defaultEndpointResolver({ ...place, Bucket });
      expect(resolved.url.href).toBe(expected.url.href);
      expect(resolved.properties.authSchemes).toEqual([
        expect.objectContaining((expected.properties as { authSchemes: object[] }).authSchemes[0]!),
      ]);
    }
  });

  test.each(['with.dots', 'UPPER', 'a', 'x--x-s3', 'name-s3alias', 'arn:aws:s3:::bucket'])(
    'refuses "%s", which it would not reach',
    (Bucket) => {
      expect(() => defaultEndpointResolver({ Bucket, Region: 'eu-central-1' })).toThrow('not supported');
    },
  );

  test.each(['UseFIPS', 'UseDualStack', 'Accelerate'])('refuses %s instead of ignoring it', (option) => {
    const place = { Bucket: 'weaudit-dev-images', Region: 'eu-central-1', [option]: true };
    expect(() => defaultEndpointResolver(place)).toThrow('not supported');
  });
});
