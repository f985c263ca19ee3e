import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import {
  type ChecksumAlgorithm,
  CopyObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { type WireRequest, wire } from './conformance/wire.ts';
import { type Endpoint, startEndpoint } from './s3-endpoint.ts';

const Bucket = 'versioned';
let s3: Endpoint;
beforeAll(async () => {
  s3 = await startEndpoint();
});
afterAll(() => s3.end());

/** The check value of "123456789" in the catalog of CRC algorithms, or its digest, as base64. */
const NINE_DIGITS: Record<string, string> = {
  CRC32: Buffer.from('cbf43926', 'hex').toString('base64'),
  CRC32C: Buffer.from('e3069283', 'hex').toString('base64'),
  CRC64NVME: Buffer.from('ae8b14860a799888', 'hex').toString('base64'),
  SHA1: createHash('sha1').update('123456789').digest('base64'),
  SHA256: createHash('sha256').update('123456789').digest('base64'),
};
const ALGORITHMS = Object.keys(NINE_DIGITS) as ChecksumAlgorithm[];
const header = (algorithm: string) => `x-amz-checksum-${algorithm.toLowerCase()}`;
const codeOf = (body: Buffer) => /<Code>(\w+)<\/Code>/.exec(body.toString())?.[1];

/** Puts with these headers and tells status and error code. */
async function put(headers: Record<string, string>, more: Partial<WireRequest> = {}) {
  const answer = await wire(s3.url, {
    method: 'PUT',
    path: `/${Bucket}/put`,
    body: '123456789',
    headers,
    ...more,
  });
  return { status: answer.status, code: codeOf(answer.body), headers: answer.headers };
}

describe.each(ALGORITHMS)('%s', (ChecksumAlgorithm) => {
  test('is verified, kept, given back and carried along by a copy', async () => {
    const field = `Checksum${ChecksumAlgorithm}`;
    const expected = { [field]: NINE_DIGITS[ChecksumAlgorithm], ChecksumType: 'FULL_OBJECT' };
    const written = await s3.client.send(
      new PutObjectCommand({ Bucket, Key: ChecksumAlgorithm, Body: '123456789', ChecksumAlgorithm }),
    );
    expect(written).toMatchObject(expected);
    const copied = await s3.client.send(
      new CopyObjectCommand({
        Bucket,
        Key: `${ChecksumAlgorithm}-copy`,
        CopySource: `${Bucket}/${ChecksumAlgorithm}`,
      }),
    );
    expect(copied.CopyObjectResult).toMatchObject(expected);
    const head = await s3.client.send(
      new HeadObjectCommand({ Bucket, Key: `${ChecksumAlgorithm}-copy`, ChecksumMode: 'ENABLED' }),
    );
    expect(head).toMatchObject(expected);
  });

  test('that does not match is BadDigest, and nothing is stored', async () => {
    const wrong = Buffer.from(NINE_DIGITS[ChecksumAlgorithm]!, 'base64');
    wrong[0]! ^= 1;
    const path = `/${Bucket}/wrong-${ChecksumAlgorithm}`;
    const refused = await put({ [header(ChecksumAlgorithm)]: wrong.toString('base64') }, { path });
    expect(refused).toMatchObject({ status: 400, code: 'BadDigest' });
    expect((await wire(s3.url, { method: 'HEAD', path })).status).toBe(404);
  });

  test('that is not of its length is InvalidRequest', async () => {
    expect(await put({ [header(ChecksumAlgorithm)]: 'YWI=' })).toMatchObject({
      status: 400,
      code: 'InvalidRequest',
    });
  });
});

test('a copy can be given another checksum', async () => {
  await s3.client.send(
    new PutObjectCommand({ Bucket, Key: 'other', Body: '123456789', ChecksumAlgorithm: 'CRC32' }),
  );
  const { CopyObjectResult } = await s3.client.send(
    new CopyObjectCommand({
      Bucket,
      Key: 'other-copy',
      CopySource: `${Bucket}/other`,
      ChecksumAlgorithm: 'SHA256',
    }),
  );
  expect(CopyObjectResult?.ChecksumSHA256).toBe(NINE_DIGITS.SHA256);
});

test('a copy is answered without the SHA-256 that its source was uploaded without', async () => {
  await s3.client.send(
    new PutObjectCommand({ Bucket, Key: 'plain', Body: '123456789', ChecksumAlgorithm: 'CRC32' }),
  );
  const { CopyObjectResult } = await s3.client.send(
    new CopyObjectCommand({ Bucket, Key: 'plain-copy', CopySource: `${Bucket}/plain` }),
  );
  expect(CopyObjectResult).not.toHaveProperty('ChecksumSHA256');
});

test('without a checksum S3 keeps a CRC64NVME of its own', async () => {
  const { headers } = await put({});
  expect(headers[header('CRC64NVME')]).toBe(NINE_DIGITS.CRC64NVME);
});

test.each([
  [
    'two checksums',
    { [header('CRC32')]: NINE_DIGITS.CRC32!, [header('SHA1')]: NINE_DIGITS.SHA1! },
    'InvalidRequest',
  ],
  ['an algorithm without its checksum', { 'x-amz-sdk-checksum-algorithm': 'SHA256' }, 'InvalidRequest'],
  ['a Content-MD5 that is none', { 'content-md5': 'abc' }, 'InvalidDigest'],
  [
    'a Content-MD5 of something else',
    { 'content-md5': createHash('md5').update('x').digest('base64') },
    'BadDigest',
  ],
  [
    'an x-amz-content-sha256 of something else',
    { 'x-amz-content-sha256': createHash('sha256').update('x').digest('hex') },
    'XAmzContentSHA256Mismatch',
  ],
  ['an x-amz-content-sha256 that is none', { 'x-amz-content-sha256': 'x' }, 'InvalidArgument'],
])('%s is refused', async (_, headers, code) => {
  expect(await put(headers)).toMatchObject({ status: 400, code });
});

/** An aws-chunked body with an unsigned trailer. */
function chunked(data: string, trailer: string): Partial<WireRequest> & { body: string } {
  return { body: `${data.length.toString(16)}\r\n${data}\r\n0\r\n${trailer}\r\n` };
}
const TRAILING = {
  'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
  'content-encoding': 'gzip,aws-chunked',
  'x-amz-decoded-content-length': '9',
  'x-amz-trailer': 'x-amz-checksum-crc32',
};

test('a checksum may follow the body, and only the content encoding proper is kept', async () => {
  const answer = await put(TRAILING, {
    path: `/${Bucket}/trailing`,
    ...chunked('123456789', `x-amz-checksum-crc32:${NINE_DIGITS.CRC32}\r\n`),
  });
  expect(answer).toMatchObject({ status: 200, headers: { 'x-amz-checksum-crc32': NINE_DIGITS.CRC32 } });
  const { Body, ContentEncoding } = await s3.client.send(new GetObjectCommand({ Bucket, Key: 'trailing' }));
  expect(await Body!.transformToString()).toBe('123456789');
  expect(ContentEncoding).toBe('gzip');
});

test.each([
  ['a trailing checksum of something else', '123456789', 'x-amz-checksum-crc32:AAAAAA==\r\n', 'BadDigest'],
  ['a trailing checksum that is missing', '123456789', '', 'MalformedTrailerError'],
  [
    'fewer bytes than announced',
    '12345678',
    `x-amz-checksum-crc32:${NINE_DIGITS.CRC32}\r\n`,
    'IncompleteBody',
  ],
  [
    'more bytes than announced',
    '1234567890',
    `x-amz-checksum-crc32:${NINE_DIGITS.CRC32}\r\n`,
    'IncompleteBody',
  ],
])('%s is refused', async (_, data, trailer, code) => {
  expect(await put(TRAILING, chunked(data, trailer))).toMatchObject({ status: 400, code });
});

test('a chunked body without its decoded length is refused with 411', async () => {
  const { 'x-amz-decoded-content-length': _, ...headers } = TRAILING;
  expect(await put(headers, chunked('123456789', ''))).toMatchObject({
    status: 411,
    code: 'MissingContentLength',
  });
});

test('chunks that only their own signatures protect are refused when these are missing', async () => {
  const headers = { ...TRAILING, 'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER' };
  const body = chunked('123456789', `x-amz-checksum-crc32:${NINE_DIGITS.CRC32}\r\n`);
  expect(await put(headers, body)).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' });
});

test('more than 5 GiB at once are refused before they are sent', async () => {
  const headers = {
    ...TRAILING,
    'x-amz-decoded-content-length': String(5 * 1024 ** 3 + 1),
  };
  expect(await put(headers, { body: '' })).toMatchObject({ status: 400, code: 'EntityTooLarge' });
});

test.each([
  ['eleven tags', Array.from({ length: 11 }, (_, index) => `k${index}=v`).join('&'), 'BadRequest'],
  ['a tag key of 129 characters', `${'k'.repeat(129)}=v`, 'InvalidTag'],
  ['a tag value of 257 characters', `k=${'v'.repeat(257)}`, 'InvalidTag'],
  ['a forbidden sign in a tag', 'k=%21', 'InvalidTag'],
  ['a tag of AWS itself', 'aws:k=v', 'InvalidTag'],
  ['a tag twice', 'k=1&k=2', 'InvalidArgument'],
])('%s on PUT is refused', async (_, tagging, code) => {
  expect(await put({ 'x-amz-tagging': tagging })).toMatchObject({ status: 400, code });
});

test('letters of any script, spaces and + - = . _ : / @ are tags', async () => {
  const TagSet = [{ Key: 'Größe 大 + - = . _ : / @', Value: 'é '.repeat(128).trim() }];
  const answer = await s3.client.send(
    new PutObjectTaggingCommand({ Bucket, Key: 'other', Tagging: { TagSet } }),
  );
  expect(answer.$metadata.httpStatusCode).toBe(200);
});

test('metadata of 2 KB is kept and one byte more is refused', async () => {
  const value = 'v'.repeat(2048 - 'k'.length);
  expect(await put({ 'x-amz-meta-k': value })).toMatchObject({ status: 200 });
  expect(await put({ 'x-amz-meta-k': `${value}v` })).toMatchObject({ status: 400, code: 'MetadataTooLarge' });
});

test('metadata that is an RFC 2047 word comes back as one', async () => {
  const name = `=?UTF-8?B?${Buffer.from('Größe').toString('base64')}?=`;
  await s3.client.send(new PutObjectCommand({ Bucket, Key: 'word', Body: 'x', Metadata: { name } }));
  expect((await s3.client.send(new HeadObjectCommand({ Bucket, Key: 'word' }))).Metadata).toEqual({ name });
});

test('the checksum of a whole file is the one that zlib computes', async () => {
  const bytes = Buffer.alloc(1_000_000, 'weaudit');
  const { ChecksumCRC32 } = await s3.client.send(new PutObjectCommand({ Bucket, Key: 'zlib', Body: bytes }));
  expect(Buffer.from(ChecksumCRC32!, 'base64').readUInt32BE()).toBe(crc32(bytes));
});
