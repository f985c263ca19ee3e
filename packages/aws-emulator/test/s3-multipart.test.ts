import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  AbortMultipartUploadCommand,
  type ChecksumAlgorithm,
  type ChecksumType,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { type Endpoint, startEndpoint } from './s3-endpoint.ts';

const Bucket = 'versioned';
const MIB = 1024 ** 2;
let s3: Endpoint;
beforeAll(async () => {
  s3 = await startEndpoint();
});
afterAll(() => s3.end());

const files = () => readdir(join(s3.dataDir, 'bodies'));
const PARTS = [Buffer.alloc(5 * MIB, 'a'), Buffer.alloc(6 * MIB, 'b'), Buffer.from('the end')];

async function uploadParts(
  Key: string,
  more: { ChecksumAlgorithm?: ChecksumAlgorithm; ChecksumType?: ChecksumType } = {},
) {
  const { UploadId } = await s3.client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }));
  const { ChecksumAlgorithm } = more;
  const Parts = await Promise.all(
    PARTS.map(async (Body, index) => {
      const PartNumber = index + 1;
      const { $metadata: _, ...part } = await s3.client.send(
        new UploadPartCommand({
          Bucket,
          Key,
          UploadId,
          PartNumber,
          Body,
          ...(ChecksumAlgorithm && { ChecksumAlgorithm }),
        }),
      );
      return { PartNumber, ...part };
    }),
  );
  return { Bucket, Key, UploadId, MultipartUpload: { Parts } };
}

test('parts become one object in their order, with the ETag of parts, and leave no bytes behind', async () => {
  const before = (await files()).length;
  await s3.client.send(new CompleteMultipartUploadCommand(await uploadParts('joined')));
  const got = await s3.client.send(new GetObjectCommand({ Bucket, Key: 'joined' }));
  expect(Buffer.from(await got.Body!.transformToByteArray()).equals(Buffer.concat(PARTS))).toBe(true);
  const md5s = Buffer.concat(PARTS.map((part) => createHash('md5').update(part).digest()));
  expect(got.ETag).toBe(`"${createHash('md5').update(md5s).digest('hex')}-3"`);
  expect(await files()).toHaveLength(before + 1);
  expect(s3.events.at(-1)?.detail).toMatchObject({
    reason: 'CompleteMultipartUpload',
    object: { key: 'joined', size: 11 * MIB + 7 },
  });
});

test('a copy of what came in parts has the ETag and checksum of the whole', async () => {
  await s3.client.send(new CopyObjectCommand({ Bucket, Key: 'joined-copy', CopySource: `${Bucket}/joined` }));
  const head = await s3.client.send(
    new HeadObjectCommand({ Bucket, Key: 'joined-copy', ChecksumMode: 'ENABLED' }),
  );
  expect(head.ETag).toBe(`"${createHash('md5').update(Buffer.concat(PARTS)).digest('hex')}"`);
  expect(head.ChecksumType).toBe('FULL_OBJECT');
});

test('a composite checksum is over the checksums of the parts', async () => {
  const answer = await s3.client.send(
    new CompleteMultipartUploadCommand(await uploadParts('composite', { ChecksumAlgorithm: 'SHA256' })),
  );
  const digests = Buffer.concat(PARTS.map((part) => createHash('sha256').update(part).digest()));
  expect(answer.ChecksumSHA256).toBe(`${createHash('sha256').update(digests).digest('base64')}-3`);
  expect(answer.ChecksumType).toBe('COMPOSITE');
});

test('a full checksum is over the whole and verified when the upload is completed', async () => {
  const whole = await s3.client.send(
    new PutObjectCommand({
      Bucket,
      Key: 'whole',
      Body: Buffer.concat(PARTS),
      ChecksumAlgorithm: 'CRC32',
    }),
  );
  const input = await uploadParts('full', { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' });
  const wrong = s3.client.send(new CompleteMultipartUploadCommand({ ...input, ChecksumCRC32: 'AAAAAA==' }));
  await expect(wrong).rejects.toMatchObject({ name: 'BadDigest' });
  const answer = await s3.client.send(
    new CompleteMultipartUploadCommand({ ...input, ChecksumCRC32: whole.ChecksumCRC32 }),
  );
  expect(answer).toMatchObject({ ChecksumCRC32: whole.ChecksumCRC32, ChecksumType: 'FULL_OBJECT' });
});

test('a completion that is repeated, at once or later, is answered with the same object', async () => {
  const input = await uploadParts('race');
  const complete = () => s3.client.send(new CompleteMultipartUploadCommand(input));
  const answers = [...(await Promise.all([1, 2, 3].map(complete))), await complete()];
  const { VersionId, ETag } = answers[0]!;
  expect(VersionId).toBeDefined();
  for (const answer of answers) expect(answer).toMatchObject({ VersionId, ETag });
  const { Versions } = await s3.client.send(new ListObjectVersionsCommand({ Bucket, Prefix: 'race' }));
  expect(Versions).toHaveLength(1);

  const [first] = input.MultipartUpload.Parts;
  const other = { ...input, MultipartUpload: { Parts: [first!] } };
  const refused = { name: 'NoSuchUpload' };
  await expect(s3.client.send(new CompleteMultipartUploadCommand(other))).rejects.toMatchObject(refused);
  await expect(s3.client.send(new AbortMultipartUploadCommand(input))).rejects.toMatchObject(refused);
  await s3.client.send(new DeleteObjectCommand({ Bucket, Key: 'race', VersionId }));
  await expect(complete()).rejects.toMatchObject(refused);
});

test('a part is read by its number, and the attributes of the object list its parts', async () => {
  const Key = 'by-number';
  const input = await uploadParts(Key, { ChecksumAlgorithm: 'SHA256' });
  const { ETag } = await s3.client.send(new CompleteMultipartUploadCommand(input));
  for (const [index, bytes] of PARTS.entries()) {
    const part = await s3.client.send(new GetObjectCommand({ Bucket, Key, PartNumber: index + 1 }));
    expect(part).toMatchObject({ PartsCount: 3, ETag, ContentLength: bytes.length });
    expect(bytes.equals(await part.Body!.transformToByteArray())).toBe(true);
  }
  const beyond = s3.client.send(new GetObjectCommand({ Bucket, Key, PartNumber: 4 }));
  await expect(beyond).rejects.toMatchObject({ name: 'InvalidPart' });

  const attributes = await s3.client.send(
    new GetObjectAttributesCommand({
      Bucket,
      Key,
      ObjectAttributes: ['ETag', 'Checksum', 'ObjectParts', 'ObjectSize', 'StorageClass'],
      MaxParts: 1,
      PartNumberMarker: '1',
    }),
  );
  const [, second] = input.MultipartUpload.Parts;
  expect(attributes).toMatchObject({
    ETag: ETag!.replaceAll('"', ''),
    ObjectSize: Buffer.concat(PARTS).length,
    StorageClass: 'STANDARD',
    Checksum: { ChecksumType: 'COMPOSITE' },
    ObjectParts: {
      TotalPartsCount: 3,
      IsTruncated: true,
      NextPartNumberMarker: '2',
      Parts: [{ PartNumber: 2, Size: PARTS[1]!.length, ChecksumSHA256: second!.ChecksumSHA256 }],
    },
  });
});

test('a completion that claims another size or kind of checksum is refused', async () => {
  const input = await uploadParts('claims');
  for (const claim of [{ MpuObjectSize: 1 }, { ChecksumType: 'COMPOSITE' as const }]) {
    const attempt = s3.client.send(new CompleteMultipartUploadCommand({ ...input, ...claim }));
    await expect(attempt).rejects.toMatchObject({ name: 'InvalidRequest' });
  }
  const MpuObjectSize = Buffer.concat(PARTS).length;
  await s3.client.send(new CompleteMultipartUploadCommand({ ...input, MpuObjectSize }));
});

test('uploads in progress are listed in pages and by a delimiter', async () => {
  const keys = ['list/a', 'list/a', 'list/b/1', 'list/b/2', 'list/c'];
  for (const Key of keys) await s3.client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const list = (more: object) =>
    s3.client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'list/', ...more }));
  const found: string[] = [];
  let next: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {};
  do {
    const page = await list({ MaxUploads: 2, ...next });
    expect(page.Uploads!.length).toBeLessThanOrEqual(2);
    found.push(...page.Uploads!.map(({ Key }) => Key!));
    next = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
  } while (next.KeyMarker !== undefined);
  expect(found).toEqual(keys);
  const folders = await list({ Delimiter: '/' });
  expect(folders.Uploads!.map(({ Key }) => Key)).toEqual(['list/a', 'list/a', 'list/c']);
  expect(folders.CommonPrefixes).toEqual([{ Prefix: 'list/b/' }]);
});

test('If-None-Match: * is judged when an upload is completed', async () => {
  await s3.client.send(new PutObjectCommand({ Bucket, Key: 'taken', Body: 'x' }));
  const input = await uploadParts('taken');
  const late = s3.client.send(new CompleteMultipartUploadCommand({ ...input, IfNoneMatch: '*' }));
  await expect(late).rejects.toMatchObject({ name: 'PreconditionFailed' });
});

test.each([
  ['in the wrong order', 'InvalidPartOrder', [1, 0, 2]],
  ['with a part too small in the middle', 'EntityTooSmall', [0, 2, 'again']],
] as const)('parts %s are refused', async (_, name, order) => {
  const Key = `refused-${name}`;
  const input = await uploadParts(Key);
  const { UploadId } = input;
  const { ETag } = await s3.client.send(
    new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 4, Body: 'again' }),
  );
  const Parts = order.map((index) =>
    index === 'again' ? { PartNumber: 4, ETag } : input.MultipartUpload.Parts[index]!,
  );
  const complete = s3.client.send(
    new CompleteMultipartUploadCommand({ ...input, MultipartUpload: { Parts } }),
  );
  await expect(complete).rejects.toMatchObject({ name });
  const before = (await files()).length;
  await s3.client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
  expect(await files()).toHaveLength(before - 2);
});

test('ranges of an object can be copied into parts', async () => {
  const Key = 'from-ranges';
  const { UploadId } = await s3.client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const ranges = [`bytes=0-${5 * MIB - 1}`, `bytes=${5 * MIB}-${11 * MIB + 6}`];
  const Parts = await Promise.all(
    ranges.map(async (CopySourceRange, index) => {
      const PartNumber = index + 1;
      const { CopyPartResult } = await s3.client.send(
        new UploadPartCopyCommand({
          Bucket,
          Key,
          UploadId,
          PartNumber,
          CopySource: `${Bucket}/joined`,
          CopySourceRange,
        }),
      );
      return { PartNumber, ETag: CopyPartResult?.ETag };
    }),
  );
  await s3.client.send(
    new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }),
  );
  const { Body } = await s3.client.send(new GetObjectCommand({ Bucket, Key }));
  expect(Buffer.from(await Body!.transformToByteArray()).equals(Buffer.concat(PARTS))).toBe(true);
});
