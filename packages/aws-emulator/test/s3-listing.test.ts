import {
  DeleteObjectCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandInput,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { successor } from '../s3/operations/list.ts';
import { type Endpoint, startEndpoint } from './s3-endpoint.ts';

let s3: Endpoint;
beforeAll(async () => {
  s3 = await startEndpoint({
    buckets: ['keys', 'versions', 'many'].map((name) => ({
      name,
      versioning: name !== 'keys',
      eventBridge: false,
    })),
  });
});
afterAll(() => s3.end());

const utf8 = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** All pages of a list, its keys and common prefixes in the order of the pages. */
async function listAll(
  input: ListObjectsV2CommandInput,
): Promise<{ keys: string[]; prefixes: string[]; pages: number }> {
  const found = { keys: [] as string[], prefixes: [] as string[], pages: 0 };
  let ContinuationToken: string | undefined;
  do {
    const page = await s3.client.send(new ListObjectsV2Command({ ...input, ContinuationToken }));
    const [contents, prefixes] = [page.Contents ?? [], page.CommonPrefixes ?? []];
    expect(contents.length + prefixes.length).toBe(page.KeyCount);
    expect(page.KeyCount).toBeLessThanOrEqual(input.MaxKeys ?? 1000);
    found.keys.push(...contents.map(({ Key }) => Key!));
    found.prefixes.push(...prefixes.map(({ Prefix }) => Prefix!));
    found.pages += 1;
    ContinuationToken = page.NextContinuationToken;
    expect(page.IsTruncated).toBe(ContinuationToken !== undefined);
  } while (ContinuationToken !== undefined);
  return found;
}

// Characters on both sides of the delimiter, of UTF-16 surrogates, and of each other in UTF-8.
const KEYS = [
  'a', 'a/', 'a//b', 'a/b', 'a/b/c', 'a/b/d', 'a0', 'b', 'b/1', 'b/2', 'b-', 'c/x/y/z', 'd%2F', 'd+e f', 'é/1', 'é/2',
  '\u{d7ff}/1', '\u{e000}/1', '\u{ffff}', '\u{1f600}/1', '\u{10ffff}/1', '\u{10ffff}/2',
]; // biome-ignore format: a table

test('any list equals a naive list over sorted keys, page by page', async () => {
  await Promise.all(
    KEYS.map((Key) => s3.client.send(new PutObjectCommand({ Bucket: 'keys', Key, Body: 'x' }))),
  );
  const sorted = [...KEYS].sort(utf8);
  const text = fc.constantFrom('', 'a', 'a/', 'a/b', 'b', 'b/', 'é', 'é/', '\u{10ffff}', 'c/x/', 'none');
  await fc.assert(
    fc.asyncProperty(
      text,
      fc.constantFrom('', '/', '/b', 'b'),
      fc.constantFrom(undefined, 'a/b', 'a/b/c', 'b/1', 'z', '\u{1f600}'),
      fc.integer({ min: 1, max: 5 }),
      async (Prefix, Delimiter, StartAfter, MaxKeys) => {
        const rolled = new Set<string>();
        const keys: string[] = [];
        for (const key of sorted) {
          if (!key.startsWith(Prefix) || (StartAfter !== undefined && utf8(key, StartAfter) <= 0)) continue;
          const at = Delimiter === '' ? -1 : key.indexOf(Delimiter, Prefix.length);
          if (at < 0) keys.push(key);
          else rolled.add(key.slice(0, at + Delimiter.length));
        }
        const input = { Bucket: 'keys', Prefix, Delimiter, StartAfter, MaxKeys };
        const found = await listAll(input);
        expect({ input, keys: found.keys, prefixes: found.prefixes }).toEqual({
          input,
          keys,
          prefixes: [...rolled],
        });
        expect(found.pages).toBe(Math.max(1, Math.ceil((keys.length + rolled.size) / MaxKeys)));
      },
    ),
    { numRuns: 60 },
  );
});

test('the text after a prefix sorts after all that begins with it', () => {
  expect(successor('a/')).toBe('a0');
  expect(successor('\u{d7ff}')).toBe('\u{e000}');
  expect(successor('a\u{10ffff}')).toBe('b');
  expect(successor('\u{10ffff}')).toBeUndefined();
});

test('versions come newest first, key by key, on pages of any size', async () => {
  const Bucket = 'versions';
  const expected: string[] = [];
  for (const Key of ['a', 'b/1', 'b/2', 'c']) {
    const ids: string[] = [];
    for (const Body of ['1', '2', '3']) {
      ids.unshift((await s3.client.send(new PutObjectCommand({ Bucket, Key, Body }))).VersionId!);
    }
    if (Key !== 'c') ids.unshift((await s3.client.send(new DeleteObjectCommand({ Bucket, Key }))).VersionId!);
    expected.push(...ids);
  }
  for (let MaxKeys = 1; MaxKeys <= 16; MaxKeys += 3) {
    const found: string[] = [];
    let next: Partial<ListObjectVersionsCommandInput> = {};
    for (;;) {
      const page = await s3.client.send(new ListObjectVersionsCommand({ Bucket, MaxKeys, ...next }));
      const entries = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
      // Markers stand apart in the answer: the newest of each key.
      entries.sort(
        (a, b) => utf8(a.Key!, b.Key!) || expected.indexOf(a.VersionId!) - expected.indexOf(b.VersionId!),
      );
      found.push(...entries.map(({ VersionId }) => VersionId!));
      expect(
        entries.filter(({ IsLatest }) => IsLatest).every(({ VersionId }) => expected.includes(VersionId!)),
      ).toBe(true);
      if (!page.IsTruncated) break;
      next = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
    }
    expect(found).toEqual(expected);
  }
  const rolled = await s3.client.send(new ListObjectVersionsCommand({ Bucket, Delimiter: '/', MaxKeys: 5 }));
  expect(rolled.CommonPrefixes).toEqual([{ Prefix: 'b/' }]);
  const rest = await s3.client.send(
    new ListObjectVersionsCommand({
      Bucket,
      Delimiter: '/',
      KeyMarker: rolled.NextKeyMarker,
      VersionIdMarker: rolled.NextVersionIdMarker,
    }),
  );
  expect(rest.Versions?.map(({ Key }) => Key)).toEqual(['c', 'c', 'c']);
  // Only what is not deleted.
  expect((await listAll({ Bucket })).keys).toEqual(['c']);
});

test('keys that XML cannot carry come through encoded', async () => {
  const Key = 'control/\u0001 +ü';
  await s3.client.send(new PutObjectCommand({ Bucket: 'keys', Key, Body: 'x' }));
  const input = { Bucket: 'keys', Prefix: 'control/', EncodingType: 'url' as const };
  const { keys } = await listAll(input);
  expect(keys.map((key) => decodeURIComponent(key.replaceAll('+', ' ')))).toEqual([Key]);
});

test('version 1 lists page by page what version 2 lists, from any marker', async () => {
  for (const Delimiter of [undefined, '/']) {
    for (const Prefix of ['', 'a/', '\u{10ffff}/']) {
      for (const MaxKeys of [1, 3, 1000]) {
        const input = { Bucket: 'keys', Prefix, Delimiter, MaxKeys };
        const found = { keys: [] as string[], prefixes: [] as string[] };
        let Marker: string | undefined;
        for (;;) {
          const page = await s3.client.send(new ListObjectsCommand({ ...input, Marker }));
          found.keys.push(...(page.Contents ?? []).map(({ Key }) => Key!));
          found.prefixes.push(...(page.CommonPrefixes ?? []).map((one) => one.Prefix!));
          expect(page.Contents?.every(({ Owner }) => Owner?.ID !== undefined) ?? true).toBe(true);
          // Without a delimiter S3 gives no next marker: the last key is it.
          if (Delimiter === undefined) expect(page.NextMarker).toBeUndefined();
          if (!page.IsTruncated) break;
          Marker = page.NextMarker ?? found.keys.at(-1);
        }
        const { keys, prefixes } = await listAll(input);
        expect(found).toEqual({ keys, prefixes });
      }
    }
  }
});

test('StartAfter is said also beside a token, and owners only where they are asked for', async () => {
  const input = { Bucket: 'keys', StartAfter: 'a', MaxKeys: 2 };
  const first = await s3.client.send(new ListObjectsV2Command(input));
  const ContinuationToken = first.NextContinuationToken;
  const second = await s3.client.send(
    new ListObjectsV2Command({ ...input, ContinuationToken, FetchOwner: true }),
  );
  expect(second).toMatchObject({ StartAfter: 'a', ContinuationToken });
  expect(first.Contents![0]!.Owner).toBeUndefined();
  expect(second.Contents![0]!.Owner).toMatchObject({ ID: '000000000000' });
});
