import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  GetBucketLocationCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { Call } from './recorder.ts';

/** Keeps versions. */
export const VERSIONED = 'conformance-versioned';
/** Keeps none. */
export const PLAIN = 'conformance-plain';
/** For calls that are to be refused: whatever they leave behind where they are not, no later call sees. */
export const SCRATCH = 'conformance-scratch';

const Bucket = VERSIONED;
/** A key with everything that encodings stumble over. */
const AWKWARD = 'awkward/a b/é+ü%20&=?#~*.txt';
const OLD = new Date(Date.UTC(2001, 0, 1));
const AHEAD = new Date(Date.UTC(2100, 0, 1));
const ETAG_ONE = '"f97c5d29941bfb1b2fdab0874906ab82"';
const md5 = (text: string) => createHash('md5').update(text).digest('base64');
const source = (key: string) => `${VERSIONED}/${key.split('/').map(encodeURIComponent).join('/')}`;
const tags = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ Key: `k${index}`, Value: 'v' }));
const deleteDocument = (keys: string[]) =>
  `<Delete>${keys.map((key) => `<Object><Key>${key}</Key></Object>`).join('')}</Delete>`;
const tagDocument = (pairs: [string, string][]) =>
  `<Tagging><TagSet>${pairs.map(([key, value]) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`).join('')}</TagSet></Tagging>`;

/** Calls in the order they are made; later ones rely on what earlier ones left. */
export const CALLS: readonly Call[] = [
  // --- buckets
  { name: 'head bucket', run: ({ sdk, client }) => sdk(client.send(new HeadBucketCommand({ Bucket }))) },
  {
    name: 'head bucket that does not exist',
    run: ({ sdk, client }) => sdk(client.send(new HeadBucketCommand({ Bucket: 'conformance-none' }))),
  },
  {
    name: 'bucket location',
    run: ({ sdk, client }) => sdk(client.send(new GetBucketLocationCommand({ Bucket }))),
  },
  {
    name: 'bucket that keeps versions',
    run: ({ sdk, client }) => sdk(client.send(new GetBucketVersioningCommand({ Bucket }))),
  },
  {
    name: 'bucket that keeps no versions',
    run: ({ sdk, client }) => sdk(client.send(new GetBucketVersioningCommand({ Bucket: PLAIN }))),
  },
  {
    name: 'put into a bucket that does not exist',
    run: ({ sdk, client }) =>
      sdk(client.send(new PutObjectCommand({ Bucket: 'conformance-none', Key: 'a', Body: 'x' }))),
  },

  // --- put, get, head
  {
    name: 'put',
    run: ({ sdk, client, kept }) =>
      sdk(
        client.send(
          new PutObjectCommand({
            Bucket,
            Key: 'one',
            Body: 'one',
            ContentType: 'text/plain',
            ContentDisposition: 'inline; filename="one.txt"',
            CacheControl: 'max-age=60',
            Metadata: { audit: 'a1', cell: '00001' },
            Tagging: 'status=pending&retention=short',
          }),
        ),
        ({ VersionId }) => kept.set('one', VersionId!),
      ),
  },
  { name: 'get', run: ({ sdk, client }) => sdk(client.send(new GetObjectCommand({ Bucket, Key: 'one' }))) },
  { name: 'head', run: ({ sdk, client }) => sdk(client.send(new HeadObjectCommand({ Bucket, Key: 'one' }))) },
  {
    name: 'head with checksum',
    run: ({ sdk, client }) =>
      sdk(client.send(new HeadObjectCommand({ Bucket, Key: 'one', ChecksumMode: 'ENABLED' }))),
  },
  {
    name: 'get of a version',
    run: ({ sdk, client, kept }) =>
      sdk(client.send(new GetObjectCommand({ Bucket, Key: 'one', VersionId: kept.get('one') }))),
  },
  {
    name: 'get of a missing key',
    run: ({ sdk, client }) => sdk(client.send(new GetObjectCommand({ Bucket, Key: 'none' }))),
  },
  {
    name: 'head of a missing key',
    run: ({ sdk, client }) => sdk(client.send(new HeadObjectCommand({ Bucket, Key: 'none' }))),
  },
  {
    name: 'put of an awkward key',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new PutObjectCommand({ Bucket, Key: AWKWARD, Body: 'awkward', Tagging: 'note=a%20b%2Bc%3Dd' }),
        ),
      ),
  },
  {
    name: 'get of an awkward key',
    run: ({ sdk, client }) => sdk(client.send(new GetObjectCommand({ Bucket, Key: AWKWARD }))),
  },
  {
    name: 'put of nothing',
    run: ({ sdk, client }) =>
      sdk(client.send(new PutObjectCommand({ Bucket, Key: 'empty', Body: '', ContentLength: 0 }))),
  },
  {
    name: 'get of nothing',
    run: ({ sdk, client }) => sdk(client.send(new GetObjectCommand({ Bucket, Key: 'empty' }))),
  },
  {
    name: 'put of a stream',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new PutObjectCommand({
            Bucket,
            Key: 'stream',
            Body: Readable.from([Buffer.alloc(70_000, 'a'), Buffer.alloc(30_000, 'b')], {
              objectMode: false,
            }),
            ContentLength: 100_000,
          }),
        ),
      ),
  },
  {
    name: 'put with SHA-256',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new PutObjectCommand({ Bucket, Key: 'sha256', Body: 'bytes', ChecksumAlgorithm: 'SHA256' }),
        ),
      ),
  },
  {
    name: 'head with SHA-256',
    run: ({ sdk, client }) =>
      sdk(client.send(new HeadObjectCommand({ Bucket, Key: 'sha256', ChecksumMode: 'ENABLED' }))),
  },
  {
    name: 'put with SHA-1',
    run: ({ sdk, client }) =>
      sdk(
        client.send(new PutObjectCommand({ Bucket, Key: 'sha1', Body: 'bytes', ChecksumAlgorithm: 'SHA1' })),
      ),
  },
  {
    name: 'put with CRC32C',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new PutObjectCommand({ Bucket, Key: 'crc32c', Body: 'bytes', ChecksumAlgorithm: 'CRC32C' }),
        ),
      ),
  },
  {
    name: 'put with CRC64NVME',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new PutObjectCommand({ Bucket, Key: 'crc64', Body: 'bytes', ChecksumAlgorithm: 'CRC64NVME' }),
        ),
      ),
  },
  {
    name: 'put with a wrong Content-MD5',
    run: ({ http }) =>
      http({
        method: 'PUT',
        path: `/${SCRATCH}/md5`,
        body: 'bytes',
        headers: { 'content-md5': md5('other') },
      }),
  },
  {
    name: 'put with a right Content-MD5',
    run: ({ http }) =>
      http({
        method: 'PUT',
        path: `/${VERSIONED}/md5`,
        body: 'bytes',
        headers: { 'content-md5': md5('bytes') },
      }),
  },
  {
    name: 'put with a wrong checksum',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new PutObjectCommand({
            Bucket: SCRATCH,
            Key: 'wrong',
            Body: 'bytes',
            ChecksumSHA256: createHash('sha256').update('x').digest('base64'),
          }),
        ),
      ),
  },
  {
    name: 'put with metadata beyond 2 KB',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new PutObjectCommand({
            Bucket: SCRATCH,
            Key: 'meta',
            Body: '',
            ContentLength: 0,
            Metadata: { long: 'x'.repeat(2100) },
          }),
        ),
      ),
  },
  {
    name: 'put with a key of 1025 bytes',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new PutObjectCommand({ Bucket: SCRATCH, Key: 'x'.repeat(1025), Body: '', ContentLength: 0 }),
        ),
      ),
  },

  // --- ranges, conditions, overrides
  ...(
    [
      ['first bytes', 'bytes=0-0'],
      ['middle bytes', 'bytes=69998-70001'],
      ['from an offset', 'bytes=99997-'],
      ['last bytes', 'bytes=-3'],
      ['more last bytes than there are', 'bytes=-200000'],
      ['beyond the end', 'bytes=99998-200000'],
    ] as const
  ).map(
    ([name, range]): Call => ({
      name: `get of a range: ${name}`,
      run: async ({ http }) => {
        const { body, ...outcome } = await http({
          method: 'GET',
          path: `/${VERSIONED}/stream`,
          headers: { range },
        });
        return { ...outcome, sha256: createHash('sha256').update(String(body)).digest('hex') };
      },
    }),
  ),
  {
    name: 'get of a range that starts after the end',
    run: ({ sdk, client }) =>
      sdk(client.send(new GetObjectCommand({ Bucket, Key: 'one', Range: 'bytes=3-' }))),
  },
  {
    name: 'head of a range',
    run: ({ http }) => http({ method: 'HEAD', path: `/${VERSIONED}/one`, headers: { range: 'bytes=1-1' } }),
  },
  ...(
    [
      ['If-Match that holds', { IfMatch: ETAG_ONE }],
      ['If-Match that does not hold', { IfMatch: '"no"' }],
      ['If-None-Match that holds', { IfNoneMatch: '"no"' }],
      ['If-None-Match that does not hold', { IfNoneMatch: ETAG_ONE }],
      ['If-Modified-Since that holds', { IfModifiedSince: OLD }],
      ['If-Unmodified-Since that holds', { IfUnmodifiedSince: AHEAD }],
      ['If-Unmodified-Since that does not hold', { IfUnmodifiedSince: OLD }],
    ] as const
  ).flatMap(([name, condition]): Call[] => [
    {
      name: `get with ${name}`,
      run: ({ sdk, client }) => sdk(client.send(new GetObjectCommand({ Bucket, Key: 'one', ...condition }))),
    },
    {
      name: `head with ${name}`,
      run: ({ sdk, client }) => sdk(client.send(new HeadObjectCommand({ Bucket, Key: 'one', ...condition }))),
    },
  ]),
  {
    name: 'get with other response headers',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new GetObjectCommand({
            Bucket,
            Key: 'one',
            ResponseContentType: 'image/png',
            ResponseContentDisposition: 'attachment; filename="x y.png"',
            ResponseCacheControl: 'no-cache',
            ResponseContentLanguage: 'de',
          }),
        ),
      ),
  },

  // --- conditional writes
  {
    name: 'create once, first',
    run: ({ sdk, client }) =>
      sdk(client.send(new PutObjectCommand({ Bucket, Key: 'once', Body: 'first', IfNoneMatch: '*' }))),
  },
  {
    name: 'create once, second',
    run: ({ sdk, client }) =>
      sdk(client.send(new PutObjectCommand({ Bucket, Key: 'once', Body: 'second', IfNoneMatch: '*' }))),
  },
  {
    name: 'what create once left',
    run: ({ sdk, client }) => sdk(client.send(new GetObjectCommand({ Bucket, Key: 'once' }))),
  },
  {
    name: 'compare and swap with another ETag',
    run: ({ sdk, client }) =>
      sdk(client.send(new PutObjectCommand({ Bucket, Key: 'once', Body: 'third', IfMatch: '"no"' }))),
  },
  {
    name: 'compare and swap with its ETag',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new PutObjectCommand({
            Bucket,
            Key: 'once',
            Body: 'third',
            IfMatch: `"${createHash('md5').update('first').digest('hex')}"`,
          }),
        ),
      ),
  },
  {
    name: 'compare and swap of a missing key',
    run: ({ sdk, client }) =>
      sdk(client.send(new PutObjectCommand({ Bucket, Key: 'none', Body: 'x', IfMatch: ETAG_ONE }))),
  },
  {
    name: 'delete what was created once',
    run: ({ sdk, client }) => sdk(client.send(new DeleteObjectCommand({ Bucket, Key: 'once' }))),
  },
  {
    name: 'create once over a delete marker',
    run: ({ sdk, client }) =>
      sdk(client.send(new PutObjectCommand({ Bucket, Key: 'once', Body: 'again', IfNoneMatch: '*' }))),
  },

  // --- tagging
  {
    name: 'put what is to be tagged',
    run: ({ sdk, client }) =>
      sdk(client.send(new PutObjectCommand({ Bucket: SCRATCH, Key: 'tagged', Body: '', ContentLength: 0 }))),
  },
  {
    name: 'tags from put',
    run: ({ sdk, client }) => sdk(client.send(new GetObjectTaggingCommand({ Bucket, Key: 'one' }))),
  },
  {
    name: 'tags of an awkward key',
    run: ({ sdk, client }) => sdk(client.send(new GetObjectTaggingCommand({ Bucket, Key: AWKWARD }))),
  },
  {
    name: 'tags of an object without',
    run: ({ sdk, client }) => sdk(client.send(new GetObjectTaggingCommand({ Bucket, Key: 'empty' }))),
  },
  {
    name: 'replace tags',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new PutObjectTaggingCommand({
            Bucket,
            Key: 'one',
            Tagging: { TagSet: [{ Key: 'status', Value: 'ok' }] },
          }),
        ),
      ),
  },
  {
    name: 'replaced tags',
    run: ({ sdk, client }) => sdk(client.send(new GetObjectTaggingCommand({ Bucket, Key: 'one' }))),
  },
  {
    name: 'tags of a version',
    run: ({ sdk, client, kept }) =>
      sdk(client.send(new GetObjectTaggingCommand({ Bucket, Key: 'one', VersionId: kept.get('one') }))),
  },
  {
    name: 'tags of a missing key',
    run: ({ sdk, client }) => sdk(client.send(new GetObjectTaggingCommand({ Bucket, Key: 'none' }))),
  },
  {
    name: 'tag a missing key',
    run: ({ sdk, client }) =>
      sdk(client.send(new PutObjectTaggingCommand({ Bucket, Key: 'none', Tagging: { TagSet: tags(1) } }))),
  },
  {
    name: 'ten tags',
    run: ({ sdk, client }) =>
      sdk(client.send(new PutObjectTaggingCommand({ Bucket, Key: 'empty', Tagging: { TagSet: tags(10) } }))),
  },
  {
    name: 'eleven tags',
    run: ({ sdk, client }) =>
      sdk(client.send(new PutObjectTaggingCommand({ Bucket, Key: 'empty', Tagging: { TagSet: tags(11) } }))),
  },
  ...(
    [
      [
        'the same tag twice',
        [
          ['a', '1'],
          ['a', '2'],
        ],
      ],
      ['a tag key of 129 characters', [['x'.repeat(129), '']]],
      ['a tag value of 257 characters', [['a', 'x'.repeat(257)]]],
      ['a tag value with a forbidden sign', [['a', 'b;c']]],
      ['a tag of AWS itself', [['aws:a', 'b']]],
    ] as [string, [string, string][]][]
  ).map(
    ([name, pairs]): Call => ({
      name,
      run: ({ http }) => {
        const body = tagDocument(pairs);
        return http({
          method: 'PUT',
          path: `/${SCRATCH}/tagged`,
          query: { tagging: '' },
          body,
          headers: { 'content-md5': md5(body) },
        });
      },
    }),
  ),
  {
    name: 'tags that are not XML',
    run: ({ http }) =>
      http({
        method: 'PUT',
        path: `/${SCRATCH}/tagged`,
        query: { tagging: '' },
        body: '<Tagging><TagSet>',
        headers: { 'content-md5': md5('<Tagging><TagSet>') },
      }),
  },
  {
    name: 'put with the same tag twice',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new PutObjectCommand({
            Bucket: SCRATCH,
            Key: 'twice',
            Body: '',
            ContentLength: 0,
            Tagging: 'a=1&a=2',
          }),
        ),
      ),
  },
  {
    name: 'delete tags',
    run: ({ sdk, client }) => sdk(client.send(new DeleteObjectTaggingCommand({ Bucket, Key: 'empty' }))),
  },
  {
    name: 'deleted tags',
    run: ({ sdk, client }) => sdk(client.send(new GetObjectTaggingCommand({ Bucket, Key: 'empty' }))),
  },

  // --- copies
  {
    name: 'copy of an awkward key',
    run: ({ sdk, client }) =>
      sdk(client.send(new CopyObjectCommand({ Bucket, Key: 'copies/ä b', CopySource: source(AWKWARD) }))),
  },
  {
    name: 'what was copied',
    run: ({ sdk, client }) => sdk(client.send(new GetObjectCommand({ Bucket, Key: 'copies/ä b' }))),
  },
  {
    name: 'tags that were copied',
    run: ({ sdk, client }) => sdk(client.send(new GetObjectTaggingCommand({ Bucket, Key: 'copies/ä b' }))),
  },
  {
    name: 'copy of SHA-256',
    run: ({ sdk, client }) =>
      sdk(client.send(new CopyObjectCommand({ Bucket, Key: 'copies/sha256', CopySource: source('sha256') }))),
  },
  {
    name: 'SHA-256 that was copied',
    run: ({ sdk, client }) =>
      sdk(client.send(new HeadObjectCommand({ Bucket, Key: 'copies/sha256', ChecksumMode: 'ENABLED' }))),
  },
  {
    name: 'copy with other metadata and tags',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new CopyObjectCommand({
            Bucket,
            Key: 'copies/replaced',
            CopySource: source('one'),
            MetadataDirective: 'REPLACE',
            Metadata: { other: 'x' },
            ContentType: 'image/png',
            TaggingDirective: 'REPLACE',
            Tagging: 'copied=yes',
          }),
        ),
      ),
  },
  {
    name: 'metadata that was replaced',
    run: ({ sdk, client }) => sdk(client.send(new HeadObjectCommand({ Bucket, Key: 'copies/replaced' }))),
  },
  {
    name: 'tags that were replaced',
    run: ({ sdk, client }) =>
      sdk(client.send(new GetObjectTaggingCommand({ Bucket, Key: 'copies/replaced' }))),
  },
  {
    name: 'put of a second version',
    run: ({ sdk, client }) => sdk(client.send(new PutObjectCommand({ Bucket, Key: 'one', Body: 'two' }))),
  },
  {
    name: 'copy of the first version',
    run: ({ sdk, client, kept }) =>
      sdk(
        client.send(
          new CopyObjectCommand({
            Bucket,
            Key: 'copies/first',
            CopySource: `${source('one')}?versionId=${kept.get('one')}`,
          }),
        ),
      ),
  },
  {
    name: 'first version that was copied',
    run: ({ sdk, client }) => sdk(client.send(new GetObjectCommand({ Bucket, Key: 'copies/first' }))),
  },
  {
    name: 'copy of a missing key',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new CopyObjectCommand({ Bucket: SCRATCH, Key: 'copies/none', CopySource: source('none') }),
        ),
      ),
  },
  {
    name: 'copy with If-Match on the source that does not hold',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new CopyObjectCommand({
            Bucket: SCRATCH,
            Key: 'copies/c',
            CopySource: source('sha256'),
            CopySourceIfMatch: '"no"',
          }),
        ),
      ),
  },
  {
    name: 'copy with If-None-Match on the source that does not hold',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new CopyObjectCommand({
            Bucket: SCRATCH,
            Key: 'copies/c',
            CopySource: source('sha256'),
            CopySourceIfNoneMatch: `"${createHash('md5').update('bytes').digest('hex')}"`,
          }),
        ),
      ),
  },
  {
    name: 'copy once, first',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new CopyObjectCommand({
            Bucket: SCRATCH,
            Key: 'copied',
            CopySource: source('sha256'),
            IfNoneMatch: '*',
          }),
        ),
      ),
  },
  {
    name: 'copy once, second',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new CopyObjectCommand({
            Bucket: SCRATCH,
            Key: 'copied',
            CopySource: source('one'),
            IfNoneMatch: '*',
          }),
        ),
      ),
  },
  {
    name: 'copy to itself without a change',
    run: ({ sdk, client }) =>
      sdk(client.send(new CopyObjectCommand({ Bucket, Key: 'one', CopySource: source('one') }))),
  },
  {
    name: 'copy to another bucket',
    run: ({ sdk, client }) =>
      sdk(client.send(new CopyObjectCommand({ Bucket: PLAIN, Key: 'copied', CopySource: source('sha256') }))),
  },

  // --- listings
  ...['list/a', 'list/b/1', 'list/b/2', 'list/c c/é', 'list/d', 'list/~', 'list/é'].map(
    (Key): Call => ({
      name: `put ${Key}`,
      run: ({ sdk, client }) => sdk(client.send(new PutObjectCommand({ Bucket: PLAIN, Key, Body: Key }))),
    }),
  ),
  {
    name: 'list by prefix',
    run: ({ sdk, client }) => sdk(client.send(new ListObjectsV2Command({ Bucket: PLAIN, Prefix: 'list/' }))),
  },
  {
    name: 'list by prefix and delimiter',
    run: ({ sdk, client }) =>
      sdk(client.send(new ListObjectsV2Command({ Bucket: PLAIN, Prefix: 'list/', Delimiter: '/' }))),
  },
  {
    name: 'list by delimiter',
    run: ({ sdk, client }) => sdk(client.send(new ListObjectsV2Command({ Bucket: PLAIN, Delimiter: '/' }))),
  },
  {
    name: 'list nothing',
    run: ({ sdk, client }) => sdk(client.send(new ListObjectsV2Command({ Bucket: PLAIN, Prefix: 'none/' }))),
  },
  {
    name: 'list after a key',
    run: ({ sdk, client }) =>
      sdk(client.send(new ListObjectsV2Command({ Bucket: PLAIN, Prefix: 'list/', StartAfter: 'list/b/1' }))),
  },
  {
    name: 'list two, first page',
    run: ({ sdk, client, kept }) =>
      sdk(client.send(new ListObjectsV2Command({ Bucket: PLAIN, Prefix: 'list/', MaxKeys: 2 })), (output) =>
        kept.set('token', output.NextContinuationToken!),
      ),
  },
  {
    name: 'list two, second page',
    run: ({ sdk, client, kept }) =>
      sdk(
        client.send(
          new ListObjectsV2Command({
            Bucket: PLAIN,
            Prefix: 'list/',
            MaxKeys: 2,
            ContinuationToken: kept.get('token'),
          }),
        ),
      ),
  },
  {
    name: 'list two by delimiter, first page',
    run: ({ sdk, client, kept }) =>
      sdk(
        client.send(new ListObjectsV2Command({ Bucket: PLAIN, Prefix: 'list/', Delimiter: '/', MaxKeys: 2 })),
        (output) => kept.set('token', output.NextContinuationToken!),
      ),
  },
  {
    name: 'list two by delimiter, second page',
    run: ({ sdk, client, kept }) =>
      sdk(
        client.send(
          new ListObjectsV2Command({
            Bucket: PLAIN,
            Prefix: 'list/',
            Delimiter: '/',
            MaxKeys: 2,
            ContinuationToken: kept.get('token'),
          }),
        ),
      ),
  },
  {
    name: 'list with encoded keys',
    run: ({ sdk, client }) =>
      sdk(client.send(new ListObjectsV2Command({ Bucket, Prefix: 'awkward/', EncodingType: 'url' }))),
  },
  {
    name: 'list at most none',
    run: ({ sdk, client }) => sdk(client.send(new ListObjectsV2Command({ Bucket: PLAIN, MaxKeys: 0 }))),
  },
  {
    name: 'list with a token that is none',
    run: ({ sdk, client }) =>
      sdk(client.send(new ListObjectsV2Command({ Bucket: PLAIN, ContinuationToken: '' }))),
  },
  {
    name: 'list a bucket that does not exist',
    run: ({ sdk, client }) => sdk(client.send(new ListObjectsV2Command({ Bucket: 'conformance-none' }))),
  },

  // --- versions and delete markers
  {
    name: 'delete under a marker',
    run: ({ sdk, client, kept }) =>
      sdk(client.send(new DeleteObjectCommand({ Bucket, Key: 'one' })), ({ VersionId }) =>
        kept.set('marker', VersionId!),
      ),
  },
  {
    name: 'get under a delete marker',
    run: ({ http }) => http({ method: 'GET', path: `/${VERSIONED}/one` }),
  },
  {
    name: 'head under a delete marker',
    run: ({ http }) => http({ method: 'HEAD', path: `/${VERSIONED}/one` }),
  },
  {
    name: 'get of a delete marker by its version',
    run: ({ http, kept }) =>
      http({ method: 'GET', path: `/${VERSIONED}/one`, query: { versionId: kept.get('marker')! } }),
  },
  {
    name: 'get of a version under a delete marker',
    run: ({ sdk, client, kept }) =>
      sdk(client.send(new GetObjectCommand({ Bucket, Key: 'one', VersionId: kept.get('one') }))),
  },
  {
    name: 'tags under a delete marker',
    run: ({ sdk, client }) => sdk(client.send(new GetObjectTaggingCommand({ Bucket, Key: 'one' }))),
  },
  {
    name: 'versions of a key',
    run: ({ sdk, client }) => sdk(client.send(new ListObjectVersionsCommand({ Bucket, Prefix: 'one' }))),
  },
  {
    name: 'versions of a key, first page',
    run: ({ sdk, client, kept }) =>
      sdk(client.send(new ListObjectVersionsCommand({ Bucket, Prefix: 'o', MaxKeys: 2 })), (output) => {
        kept.set('key marker', output.NextKeyMarker!);
        kept.set('version marker', output.NextVersionIdMarker!);
      }),
  },
  {
    name: 'versions of a key, second page',
    run: ({ sdk, client, kept }) =>
      sdk(
        client.send(
          new ListObjectVersionsCommand({
            Bucket,
            Prefix: 'o',
            KeyMarker: kept.get('key marker'),
            VersionIdMarker: kept.get('version marker'),
          }),
        ),
      ),
  },
  {
    name: 'versions by delimiter',
    run: ({ sdk, client }) => sdk(client.send(new ListObjectVersionsCommand({ Bucket, Delimiter: '/' }))),
  },
  {
    name: 'delete of the delete marker',
    run: ({ sdk, client, kept }) =>
      sdk(client.send(new DeleteObjectCommand({ Bucket, Key: 'one', VersionId: kept.get('marker') }))),
  },
  {
    name: 'get after the delete marker went',
    run: ({ sdk, client }) => sdk(client.send(new GetObjectCommand({ Bucket, Key: 'one' }))),
  },
  {
    name: 'delete of a version',
    run: ({ sdk, client, kept }) =>
      sdk(client.send(new DeleteObjectCommand({ Bucket, Key: 'one', VersionId: kept.get('one') }))),
  },
  {
    name: 'get of a deleted version',
    run: ({ sdk, client, kept }) =>
      sdk(client.send(new GetObjectCommand({ Bucket, Key: 'one', VersionId: kept.get('one') }))),
  },
  {
    name: 'delete without versions',
    run: ({ sdk, client }) => sdk(client.send(new DeleteObjectCommand({ Bucket: PLAIN, Key: 'list/a' }))),
  },
  {
    name: 'delete of a missing key without versions',
    run: ({ sdk, client }) => sdk(client.send(new DeleteObjectCommand({ Bucket: PLAIN, Key: 'none' }))),
  },
  {
    name: 'delete of several',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new DeleteObjectsCommand({
            Bucket: PLAIN,
            Delete: { Objects: [{ Key: 'list/b/1' }, { Key: 'list/é' }, { Key: 'none' }] },
          }),
        ),
      ),
  },
  {
    name: 'delete of several, quietly',
    run: ({ sdk, client }) =>
      sdk(
        client.send(
          new DeleteObjectsCommand({
            Bucket: PLAIN,
            Delete: { Objects: [{ Key: 'list/b/2' }], Quiet: true },
          }),
        ),
      ),
  },
  {
    name: 'delete of several with versions',
    run: ({ sdk, client }) =>
      sdk(client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'md5' }] } }))),
  },
  {
    name: 'delete of several without a checksum',
    run: ({ http }) =>
      http({ method: 'POST', path: `/${SCRATCH}`, query: { delete: '' }, body: deleteDocument(['list/d']) }),
  },
  {
    name: 'delete of several with a wrong Content-MD5',
    run: ({ http }) =>
      http({
        method: 'POST',
        path: `/${SCRATCH}`,
        query: { delete: '' },
        body: deleteDocument(['list/d']),
        headers: { 'content-md5': md5('x') },
      }),
  },
  {
    name: 'delete of several that is not XML',
    run: ({ http }) =>
      http({
        method: 'POST',
        path: `/${SCRATCH}`,
        query: { delete: '' },
        body: '<Delete>',
        headers: { 'content-md5': md5('<Delete>') },
      }),
  },
  {
    name: 'what is left',
    run: ({ sdk, client }) => sdk(client.send(new ListObjectsV2Command({ Bucket: PLAIN }))),
  },

  // --- uploads in parts
  {
    name: 'start an upload in parts',
    run: ({ sdk, client, kept }) =>
      sdk(
        client.send(
          new CreateMultipartUploadCommand({
            Bucket,
            Key: 'parts',
            ContentType: 'image/png',
            Metadata: { audit: 'a1' },
            Tagging: 'status=pending',
          }),
        ),
        ({ UploadId }) => kept.set('upload', UploadId!),
      ),
  },
  ...[1, 2].map(
    (PartNumber): Call => ({
      name: `upload part ${PartNumber}`,
      run: ({ sdk, client, kept }) =>
        sdk(
          client.send(
            new UploadPartCommand({
              Bucket,
              Key: 'parts',
              UploadId: kept.get('upload'),
              PartNumber,
              Body: Buffer.alloc(5 * 1024 ** 2, PartNumber),
            }),
          ),
          ({ ETag }) => kept.set(`part ${PartNumber}`, ETag!),
        ),
    }),
  ),
  {
    name: 'copy into part 3',
    run: ({ sdk, client, kept }) =>
      sdk(
        client.send(
          new UploadPartCopyCommand({
            Bucket,
            Key: 'parts',
            UploadId: kept.get('upload'),
            PartNumber: 3,
            CopySource: source('stream'),
            CopySourceRange: 'bytes=0-9',
          }),
        ),
      ),
  },
  {
    name: 'list parts',
    run: ({ sdk, client, kept }) =>
      sdk(client.send(new ListPartsCommand({ Bucket, Key: 'parts', UploadId: kept.get('upload') }))),
  },
  ...(
    [
      ['with a part that is missing', [1, 4]],
      ['', [1, 2]],
    ] as [string, number[]][]
  ).map(
    ([name, numbers]): Call => ({
      name: `complete an upload in parts ${name}`.trim(),
      run: ({ sdk, client, kept }) =>
        sdk(
          client.send(
            new CompleteMultipartUploadCommand({
              Bucket,
              Key: 'parts',
              UploadId: kept.get('upload'),
              MultipartUpload: {
                Parts: numbers.map((PartNumber) => ({
                  PartNumber,
                  ETag: kept.get(`part ${PartNumber}`) ?? '"none"',
                })),
              },
            }),
          ),
        ),
    }),
  ),
  {
    name: 'head of what came in parts',
    run: ({ sdk, client }) => sdk(client.send(new HeadObjectCommand({ Bucket, Key: 'parts' }))),
  },
  {
    name: 'tags of what came in parts',
    run: ({ sdk, client }) => sdk(client.send(new GetObjectTaggingCommand({ Bucket, Key: 'parts' }))),
  },
  {
    name: 'upload a part after the end',
    run: ({ sdk, client, kept }) =>
      sdk(
        client.send(
          new UploadPartCommand({
            Bucket,
            Key: 'parts',
            UploadId: kept.get('upload'),
            PartNumber: 3,
            Body: 'x',
          }),
        ),
      ),
  },
  {
    name: 'start an upload to abort',
    run: ({ sdk, client, kept }) =>
      sdk(client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'aborted' })), ({ UploadId }) =>
        kept.set('abort', UploadId!),
      ),
  },
  {
    name: 'abort an upload',
    run: ({ sdk, client, kept }) =>
      sdk(
        client.send(new AbortMultipartUploadCommand({ Bucket, Key: 'aborted', UploadId: kept.get('abort') })),
      ),
  },
  {
    name: 'abort an upload that does not exist',
    run: ({ sdk, client, kept }) =>
      sdk(
        client.send(new AbortMultipartUploadCommand({ Bucket, Key: 'aborted', UploadId: kept.get('abort') })),
      ),
  },

  // Last, because a server that makes no marker here numbers later versions otherwise.
  {
    name: 'delete of a missing key',
    run: ({ sdk, client }) => sdk(client.send(new DeleteObjectCommand({ Bucket, Key: 'none' }))),
  },
];
