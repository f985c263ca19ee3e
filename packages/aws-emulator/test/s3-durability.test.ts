import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { waitFor } from '../../../test/support/wait-for.ts';
import { clientFor, signed } from './conformance/wire.ts';
import { startEndpoint } from './s3-endpoint.ts';
import { startS3Process } from './s3-process.ts';

const Bucket = 'versioned';
let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'weaudit-s3-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

test('a kill in the middle of uploads loses nothing acknowledged and shows nothing half-written', async () => {
  const first = await startS3Process(dataDir);
  const client = clientFor(first.url);
  const acknowledged = new Map<string, string>();
  let killed = false;
  const writer = async (name: number) => {
    for (let count = 0; !killed; count += 1) {
      const Key = `${name}/${count}`;
      // Small ones stand in the database, large ones in files.
      const Body = count % 3 === 0 ? Buffer.alloc(200_000, name) : Buffer.from(`${name} ${count}`);
      try {
        const { ETag } = await client.send(new PutObjectCommand({ Bucket, Key, Body }));
        acknowledged.set(Key, ETag!);
      } catch {
        return;
      }
    }
  };
  const writers = [1, 2, 3, 4].map(writer);
  // An upload that never ends.
  const endless = http.request(`${first.url}/${Bucket}/endless`, {
    method: 'PUT',
    headers: await signed(first.url, {
      method: 'PUT',
      path: `/${Bucket}/endless`,
      headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'content-length': '1000000' },
    }),
  });
  endless.on('error', () => {});
  endless.write(Buffer.alloc(500_000));
  await waitFor('some uploads are acknowledged', () => acknowledged.size >= 40);
  await first.kill();
  killed = true;
  await Promise.all(writers);
  client.destroy();

  const second = await startEndpoint({ dataDir });
  const found = new Map<string, number>();
  let token: string | undefined;
  do {
    const page = await second.client.send(new ListObjectsV2Command({ Bucket, ContinuationToken: token }));
    for (const { Key, ETag, Size } of page.Contents ?? []) {
      found.set(Key!, Size!);
      if (acknowledged.has(Key!)) expect(acknowledged.get(Key!)).toBe(ETag);
    }
    token = page.NextContinuationToken;
  } while (token !== undefined);
  for (const Key of acknowledged.keys()) expect(found.has(Key)).toBe(true);
  expect(found.has('endless')).toBe(false);
  // At most the one write that each writer was not told about.
  expect(found.size).toBeLessThanOrEqual(acknowledged.size + 4);
  for (const [Key, size] of found) {
    const { Body } = await second.client.send(new GetObjectCommand({ Bucket, Key }));
    expect((await Body!.transformToByteArray()).length).toBe(size);
  }
  const large = [...found.values()].filter((size) => size > 100_000).length;
  expect(await readdir(join(dataDir, 'bodies'))).toHaveLength(large);
  await second.end();
});

test('a restart keeps objects, versions, tags, metadata and checksums', async () => {
  const first = await startEndpoint({ dataDir });
  const put = async (Body: string) =>
    first.client.send(
      new PutObjectCommand({
        Bucket,
        Key: 'a',
        Body,
        Metadata: { cell: '1' },
        Tagging: 'status=pending',
        ChecksumAlgorithm: 'SHA256',
      }),
    );
  const { VersionId, ChecksumSHA256 } = await put('one');
  await put('two');
  await first.client.send(
    new PutObjectTaggingCommand({
      Bucket,
      Key: 'a',
      VersionId,
      Tagging: { TagSet: [{ Key: 'status', Value: 'ok' }] },
    }),
  );
  await first.stop();

  const second = await startEndpoint({ dataDir });
  const { Versions } = await second.client.send(new ListObjectVersionsCommand({ Bucket }));
  expect(Versions).toHaveLength(2);
  const got = await second.client.send(
    new GetObjectCommand({ Bucket, Key: 'a', VersionId, ChecksumMode: 'ENABLED' }),
  );
  expect(got).toMatchObject({ ChecksumSHA256, Metadata: { cell: '1' } });
  expect(await got.Body!.transformToString()).toBe('one');
  const { TagSet } = await second.client.send(new GetObjectTaggingCommand({ Bucket, Key: 'a', VersionId }));
  expect(TagSet).toEqual([{ Key: 'status', Value: 'ok' }]);
  await second.end();
});

test('an upload in parts continues after a restart', async () => {
  const first = await startEndpoint({ dataDir });
  const Key = 'parts';
  const { UploadId } = await first.client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const part = await first.client.send(
    new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: Buffer.alloc(100_000, 'p') }),
  );
  await first.stop();
  const second = await startEndpoint({ dataDir });
  await second.client.send(
    new CompleteMultipartUploadCommand({
      Bucket,
      Key,
      UploadId,
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag: part.ETag }] },
    }),
  );
  const { ContentLength } = await second.client.send(new GetObjectCommand({ Bucket, Key }));
  expect(ContentLength).toBe(100_000);
  expect(await readdir(join(dataDir, 'bodies'))).toHaveLength(1);
  await second.end();
});

test('an event that was not handed over before a kill is handed over at the next start', async () => {
  const first = await startS3Process(dataDir, 'hang');
  const client = clientFor(first.url);
  // Never answered: the answer waits for the event to be taken over.
  const waiting = client.send(new PutObjectCommand({ Bucket, Key: 'images/é +%.png', Body: 'x' }));
  waiting.catch(() => {});
  const written = async () => (await client.send(new ListObjectsV2Command({ Bucket }))).KeyCount === 1;
  await waitFor('the object is written', written);
  await first.kill();
  await expect(waiting).rejects.toThrow();
  client.destroy();

  const second = await startEndpoint({ dataDir });
  await waitFor('the event', () => second.events.length > 0);
  expect(second.events).toMatchObject([
    {
      'detail-type': 'Object Created',
      detail: { object: { key: 'images/é +%.png', size: 1 }, reason: 'PutObject' },
    },
  ]);
  await second.stop();

  const third = await startEndpoint({ dataDir });
  // Events are handed over in order: one of the kill would come before this one.
  await third.client.send(new PutObjectCommand({ Bucket, Key: 'after', Body: 'x' }));
  await waitFor('an event', () => third.events.length > 0);
  expect(third.events).toMatchObject([{ detail: { object: { key: 'after' } } }]);
  await third.end();
});

test('a second server on the same folder is refused with a sentence', async () => {
  const first = await startEndpoint({ dataDir });
  await expect(startEndpoint({ dataDir })).rejects.toThrow(
    /objects\.sqlite is in use by another process\. Stop that process/,
  );
  await first.end();
});

test.each<[string, (file: string) => Promise<void>]>([
  ['gone', (file) => rm(file)],
  ['cut short', (file) => truncate(file, 1_000)],
])('a body file that is %s is answered with 500 and named, and the server still ends', async (how, harm) => {
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  const first = await startEndpoint({ dataDir, warn });
  const { client } = first;
  const Key = 'large';
  await client.send(new PutObjectCommand({ Bucket, Key, Body: Buffer.alloc(100_000) }));
  const [name = ''] = await readdir(join(dataDir, 'bodies'));
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'parts' }));
  const part = { Bucket, Key: 'parts', UploadId, PartNumber: 1 };
  const { ETag } = await client.send(new UploadPartCommand({ ...part, Body: Buffer.alloc(100_000) }));
  const [other = ''] = (await readdir(join(dataDir, 'bodies'))).filter((file) => file !== name);
  const lost = [name, other].map((file) => join(dataDir, 'bodies', file));
  for (const file of lost) await harm(file);

  const CopySource = `${Bucket}/${Key}`;
  const Checked = { ChecksumAlgorithm: 'SHA1' } as const;
  const attempts = [
    () => client.send(new GetObjectCommand({ Bucket, Key })),
    () => client.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource })),
    () => client.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource, ...Checked })),
    () => client.send(new UploadPartCopyCommand({ ...part, CopySource })),
  ];
  for (const attempt of attempts) {
    await expect(attempt()).rejects.toMatchObject({ $metadata: { httpStatusCode: 500 } });
    expect(warnings.pop()).toMatch(
      new RegExp(`^The bytes of ${Bucket}/${Key} \\(version \\S+\\) cannot be read from ${lost[0]} `),
    );
  }
  await expect(
    client.send(
      new CompleteMultipartUploadCommand({ ...part, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } }),
    ),
  ).rejects.toMatchObject({ $metadata: { httpStatusCode: 500 } });
  expect(warnings.pop()).toContain(`part 1 of the upload of ${Bucket}/parts cannot be read from ${lost[1]} `);
  await first.stop();

  const second = await startEndpoint({ dataDir, warn });
  const said = warnings.join();
  await second.end();
  // A start looks at names only: the sizes of many files would take long.
  if (how === 'gone') for (const file of lost) expect(said).toContain(file);
});
