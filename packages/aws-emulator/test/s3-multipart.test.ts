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
  GetObjectCommand,
  HeadObjectCommand,
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

test('of several that complete or abort one upload exactly one succeeds', async () => {
  const input = await uploadParts('race');
  const outcomes = await Promise.allSettled([
    ...[1, 2, 3].map(() => s3.client.send(new CompleteMultipartUploadCommand(input))),
  ]);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ name: 'NoSuchUpload' });
  }
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
