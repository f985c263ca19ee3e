import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectTaggingCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { Outcome } from './recorder.ts';

/** Two buckets that keep versions. */
export const FIRST = 'verbs-first';
export const SECOND = 'verbs-second';

/** What somebody who knows S3 only by these verbs can tell of an answer. */
const TOLD = [
  'ETag',
  'ContentLength',
  'ContentRange',
  'ContentType',
  'ContentDisposition',
  'Metadata',
  'ChecksumSHA256',
  'TagSet',
  'CommonPrefixes',
  'KeyCount',
  'Errors',
];

const pick = (from: Record<string, unknown>, names: string[]): Outcome =>
  Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]));

/** An answer, or an error's name and status, without what differs from run to run. */
async function told(sending: Promise<object>): Promise<Outcome> {
  try {
    const output = (await sending) as Record<string, unknown> & { $metadata: { httpStatusCode?: number } };
    const body = output.Body as { transformToString(): Promise<string> } | undefined;
    const contents = output.Contents as Record<string, unknown>[] | undefined;
    const copied = output.CopyObjectResult as Record<string, unknown> | undefined;
    return {
      status: output.$metadata.httpStatusCode,
      ...pick(output, TOLD),
      ...(contents?.length && { Contents: contents.map((one) => pick(one, ['Key', 'Size', 'ETag'])) }),
      ...(copied && { CopyObjectResult: pick(copied, ['ETag', 'ChecksumSHA256']) }),
      ...(output.NextContinuationToken !== undefined && { more: true }),
      ...(body && { body: await body.transformToString() }),
    };
  } catch (error) {
    const { name, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    if ($metadata === undefined) throw error;
    return { error: name, status: $metadata.httpStatusCode };
  }
}

type Verb = (client: S3Client) => Promise<object>;
const put = (Key: string, more: Partial<PutObjectCommandInput> = {}): Verb => {
  const input = { Bucket: FIRST, Key, Body: Key, ...more };
  return (client) => client.send(new PutObjectCommand(input));
};
const get =
  (Key: string, Range?: string): Verb =>
  (client) =>
    client.send(new GetObjectCommand({ Bucket: FIRST, Key, ...(Range && { Range }) }));
const head =
  (Key: string, Bucket = FIRST): Verb =>
  (client) =>
    client.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
const list =
  (Prefix: string, more: object = {}): Verb =>
  (client) =>
    client.send(new ListObjectsV2Command({ Bucket: FIRST, Prefix, ...more }));
const tags =
  (Key: string, Bucket = FIRST): Verb =>
  (client) =>
    client.send(new GetObjectTaggingCommand({ Bucket, Key }));
const setTags =
  (Key: string, set: Record<string, string>): Verb =>
  (client) =>
    client.send(
      new PutObjectTaggingCommand({
        Bucket: FIRST,
        Key,
        Tagging: { TagSet: Object.entries(set).map(([name, Value]) => ({ Key: name, Value })) },
      }),
    );
const copy =
  (Key: string, IfNoneMatch?: string): Verb =>
  (client) =>
    client.send(
      new CopyObjectCommand({
        Bucket: SECOND,
        Key,
        CopySource: `${FIRST}/${Key.split('/').map(encodeURIComponent).join('/')}`,
        ...(IfNoneMatch && { IfNoneMatch }),
      }),
    );
const remove =
  (...keys: string[]): Verb =>
  (client) =>
    client.send(
      new DeleteObjectsCommand({
        Bucket: FIRST,
        Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: true },
      }),
    );

const ONCE = { IfNoneMatch: '*' };
const IMAGE: Partial<PutObjectCommandInput> = {
  ...ONCE,
  ChecksumAlgorithm: 'SHA256',
  ContentType: 'image/png',
  ContentDisposition: 'inline; filename="a.png"',
  Metadata: { audit: 'a', cell: '00001' },
  Tagging: 'status=pending&retention=keep',
};
const AWKWARD = 'a b/é+ü%20&=?#~.txt';

/** The calls that a pipeline of facts makes, in their order: every model of S3 is held to the same answers. */
export const VERBS: Record<string, Verb> = {
  'create once': put('fact', ONCE),
  'create once, when it exists': put('fact', { ...ONCE, Body: 'another' }),
  'what was created once': get('fact'),
  'head of what was created once': head('fact'),
  'create with checksum, metadata and tags': put('image', IMAGE),
  'head of it': head('image'),
  'tags of it': tags('image'),
  'get of a key that is missing': get('none'),
  'head of a key that is missing': head('none'),
  'tags of a key that is missing': tags('none'),
  'set tags of a key that is missing': setTags('none', { a: 'b' }),
  'set tags': setTags('image', { status: 'ok', retention: 'keep' }),
  'tags that were set': tags('image'),
  'set eleven tags': setTags(
    'image',
    Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`k${i}`, 'v'])),
  ),
  'an awkward key': put(AWKWARD, { Tagging: 'note=a%20b%2Bc' }),
  'what has an awkward key': get(AWKWARD),
  'tags of an awkward key': tags(AWKWARD),
  'the first bytes': get('image', 'bytes=0-2'),
  'more than there are': get('image', 'bytes=2-100'),
  'the last bytes': get('image', 'bytes=-2'),
  'more last bytes than there are': get('image', 'bytes=-100'),
  'bytes behind the end': get('image', 'bytes=100-'),
  nothing: put('nothing', { Body: '', ContentLength: 0 }),
  'what is nothing': get('nothing'),
  'swap with another etag': put('fact', { Body: 'swapped', IfMatch: '"0123456789abcdef0123456789abcdef"' }),
  'swap with the etag': put('fact', { Body: 'swapped', IfMatch: '"a2f2ed4f8ebc2cbb4c21a29dc40ab61d"' }),
  'swap of a key that is missing': put('none', { IfMatch: '"a2f2ed4f8ebc2cbb4c21a29dc40ab61d"' }),
  replace: put('fact', { Body: 'replaced' }),
  'what was replaced': get('fact'),
  'copy once': copy('image', '*'),
  'head of the copy': head('image', SECOND),
  'tags of the copy': tags('image', SECOND),
  'copy once, when it exists': copy('image', '*'),
  'copy of a key that is missing': copy('none', '*'),
  'copy of an awkward key': copy(AWKWARD),
  'list/a': put('list/a'),
  'list/b/1': put('list/b/1'),
  'list/b/2': put('list/b/2'),
  'list/c': put('list/c'),
  'list/~': put('list/~'),
  'list/é': put('list/é'),
  'list a prefix': list('list/'),
  'list nothing': list('none/'),
  'list from behind a key': list('list/', { StartAfter: 'list/b/1' }),
  'list from behind a key that is missing': list('list/', { StartAfter: 'list/b/15' }),
  'list from behind a key before the prefix': list('list/', { StartAfter: 'image' }),
  'list two': list('list/', { MaxKeys: 2 }),
  'list folders': list('list/', { Delimiter: '/' }),
  'list two folders': list('', { Delimiter: '/', MaxKeys: 2 }),
  'list folders from behind one': list('list/', { Delimiter: '/', StartAfter: 'list/b0' }),
  'delete two': remove('list/a', 'list/b/1'),
  'delete what is missing': remove('none'),
  'get of what was deleted': get('list/a'),
  'head of what was deleted': head('list/a'),
  'what is left': list('list/'),
  'create once what was deleted': put('list/a', ONCE),
  'copy of what was deleted': copy('list/b/1', '*'),
};

/** Makes all calls in order. */
export async function tellAll(client: S3Client): Promise<Record<string, Outcome>> {
  const outcomes: Record<string, Outcome> = {};
  for (const [name, verb] of Object.entries(VERBS))
    outcomes[name] = JSON.parse(JSON.stringify(await told(verb(client)))) as Outcome;
  return outcomes;
}

/** Where moto answers otherwise than S3, what S3 answers, by its API reference. */
export const VERBS_ON_S3: Record<string, (recorded: Outcome) => Outcome> = {
  // A destination that exists fails the condition: CopyObject, `If-None-Match`.
  'copy once, when it exists': () => ({ error: 'PreconditionFailed', status: 412 }),
  // A checksum is sent to those who ask for it: GetObject, `x-amz-checksum-mode`.
  'more last bytes than there are': ({ ChecksumSHA256: _unasked, ...rest }) => rest,
};
