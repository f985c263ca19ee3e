import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { AccessRequest } from '../s3/server.ts';
import { clientFor, wire } from './conformance/wire.ts';
import { type Endpoint, startEndpoint } from './s3-endpoint.ts';

const PAGE = 'http://localhost:3000';
const Bucket = 'versioned';
const Key = 'images/a 1';
const Tagging = 'status=pending&retention=short';

let s3: Endpoint;
let asked: AccessRequest[] = [];
/** Actions refused, chosen by each test. */
let refuse: (request: AccessRequest) => boolean = () => false;

beforeAll(async () => {
  s3 = await startEndpoint({
    corsOrigins: [PAGE],
    authorize(request) {
      asked.push(request);
      return !refuse(request);
    },
  });
  await s3.client.send(new PutObjectCommand({ Bucket, Key, Body: 'x', Tagging }));
});
afterAll(() => s3.end());
beforeEach(() => {
  asked = [];
  refuse = () => false;
});

const actions = () => asked.map(({ action }) => action);
const refuseActions = (...names: string[]) => {
  refuse = ({ action }) => names.includes(action);
};
const denied = expect.objectContaining({
  name: 'AccessDenied',
  $metadata: expect.objectContaining({ httpStatusCode: 403 }),
});

test('a missing key is 404 for those who may list the bucket and 403 for others', async () => {
  const get = () => s3.client.send(new GetObjectCommand({ Bucket, Key: 'none' }));
  await expect(get()).rejects.toMatchObject({ name: 'NoSuchKey', $metadata: { httpStatusCode: 404 } });
  refuseActions('s3:ListBucket');
  await expect(get()).rejects.toEqual(denied);
  const head = s3.client.send(new HeadObjectCommand({ Bucket, Key: 'none' }));
  await expect(head).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
});

test('a read is authorized with the tags of the object, so that a policy can refuse what is not ok', async () => {
  refuse = ({ action, context }) =>
    action === 's3:GetObject' && context['s3:ExistingObjectTag/status'] !== 'ok';
  const url = await getSignedUrl(s3.client, new GetObjectCommand({ Bucket, Key }));
  const status = async () => (await fetch(url)).status;
  const CopySource = `${Bucket}/images/a%201`;
  const copy = () => s3.client.send(new CopyObjectCommand({ Bucket: 'plain', Key: 'copy', CopySource }));
  expect(await status()).toBe(403);
  await expect(s3.client.send(new GetObjectCommand({ Bucket, Key }))).rejects.toEqual(denied);
  await expect(copy()).rejects.toEqual(denied);

  const TagSet = [{ Key: 'status', Value: 'ok' }];
  await s3.client.send(new PutObjectTaggingCommand({ Bucket, Key, Tagging: { TagSet } }));
  expect(await status()).toBe(200);
  expect((await copy()).$metadata.httpStatusCode).toBe(200);
});

test('a presigned GET serves what its policy allows, and tells the policy how old the signature is', async () => {
  const url = await getSignedUrl(s3.client, new GetObjectCommand({ Bucket, Key }), { expiresIn: 60 });
  const answer = await fetch(url);
  expect(await answer.text()).toBe('x');
  expect(asked[0]).toMatchObject({
    action: 's3:GetObject',
    resource: `arn:aws:s3:::${Bucket}/${Key}`,
    context: { 's3:authType': 'REST-QUERY-STRING', 's3:signatureAge': expect.stringMatching(/^\d+$/) },
  });
});

test('a presigned URL that was changed is refused', async () => {
  const url = await getSignedUrl(s3.client, new GetObjectCommand({ Bucket, Key }), { expiresIn: 60 });
  for (const other of [
    url.replace('a%201', 'a%202'),
    url.replace('Expires=60', 'Expires=600'),
    `${url}&versionId=null`,
  ]) {
    const answer = await fetch(other);
    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain('<Code>SignatureDoesNotMatch</Code>');
  }
});

test('a presigned URL is refused after its time', async () => {
  const signingDate = new Date(Date.now() - 61_000);
  const url = await getSignedUrl(s3.client, new GetObjectCommand({ Bucket, Key }), {
    expiresIn: 60,
    signingDate,
  });
  const answer = await fetch(url);
  expect(answer.status).toBe(403);
  expect(await answer.text()).toContain('<Message>Request has expired</Message>');
});

test('a presigned URL of signature version 2 is refused with the one that is supported', async () => {
  const answer = await wire(s3.url, {
    method: 'GET',
    path: `/${Bucket}/a`,
    query: { AWSAccessKeyId: 'local', Signature: 'x', Expires: '9999999999' },
    sign: false,
  });
  expect(answer.status).toBe(400);
  expect(answer.body.toString()).toContain('Please use AWS4-HMAC-SHA256');
});

test.each([
  ['a wrong secret', { accessKeyId: 'local', secretAccessKey: 'wrong' }, 'SignatureDoesNotMatch'],
  ['an unknown access key', { accessKeyId: 'nobody', secretAccessKey: 'local' }, 'InvalidAccessKeyId'],
])('%s is refused', async (_, credentials, name) => {
  const client = clientFor(s3.url, { credentials });
  await expect(client.send(new GetObjectCommand({ Bucket, Key }))).rejects.toMatchObject({
    name,
    $metadata: { httpStatusCode: 403 },
  });
  expect(asked).toEqual([]);
  client.destroy();
});

test('a request signed with a clock 16 minutes off is refused', async () => {
  const answer = await wire(s3.url, {
    method: 'GET',
    path: `/${Bucket}/a`,
    date: new Date(Date.now() - 16 * 60_000),
  });
  expect(answer.status).toBe(403);
  expect(answer.body.toString()).toContain('<Code>RequestTimeTooSkewed</Code>');
});

test('a request without credentials is authorized as anonymous', async () => {
  refuse = ({ principal }) => principal.anonymous;
  expect((await fetch(`${s3.url}/${Bucket}/images/a%201`)).status).toBe(403);
  expect(asked[0]!.principal.anonymous).toBe(true);
  expect(asked[0]!.context).not.toHaveProperty('aws:PrincipalArn');
  refuse = () => false;
  expect(await (await fetch(`${s3.url}/${Bucket}/images/a%201`)).text()).toBe('x');
  expect((await fetch(`${s3.url}/${Bucket}/images/a%201?response-content-type=text/html`)).status).toBe(400);
});

test('a PUT with tags needs two permissions, and a policy sees the tags', async () => {
  await s3.client.send(new PutObjectCommand({ Bucket, Key: 'tagged', Body: 'x', Tagging }));
  expect(actions()).toEqual(['s3:PutObject', 's3:PutObjectTagging']);
  expect(asked[1]!.context).toMatchObject({
    's3:RequestObjectTag/status': 'pending',
    's3:RequestObjectTag/retention': 'short',
    's3:RequestObjectTagKeys': ['status', 'retention'],
    'aws:SecureTransport': 'true',
    'aws:PrincipalArn': 'arn:aws:iam::000000000000:user/local',
  });
  refuseActions('s3:PutObjectTagging');
  const put = s3.client.send(new PutObjectCommand({ Bucket, Key: 'refused', Body: 'x', Tagging }));
  await expect(put).rejects.toEqual(denied);
  refuse = () => false;
  await expect(s3.client.send(new HeadObjectCommand({ Bucket, Key: 'refused' }))).rejects.toMatchObject({
    name: 'NotFound',
  });
});

test('a copy needs to read source and tags and to write both', async () => {
  await s3.client.send(
    new CopyObjectCommand({ Bucket: 'plain', Key: 'copy', CopySource: `${Bucket}/tagged` }),
  );
  expect(asked.map(({ action, resource }) => `${action} ${resource.split(':::')[1]}`)).toEqual([
    `s3:GetObject ${Bucket}/tagged`,
    `s3:GetObjectTagging ${Bucket}/tagged`,
    's3:PutObject plain/copy',
    's3:PutObjectTagging plain/copy',
  ]);
});

test('a version is another permission than the newest', async () => {
  const { VersionId } = await s3.client.send(new HeadObjectCommand({ Bucket, Key }));
  asked = [];
  await s3.client.send(new GetObjectCommand({ Bucket, Key, VersionId }));
  await s3.client.send(new GetObjectTaggingCommand({ Bucket, Key, VersionId }));
  expect(actions().filter((action) => action !== 's3:GetObjectTagging')).toEqual([
    's3:GetObjectVersion',
    's3:GetObjectVersionTagging',
  ]);
  expect(asked[0]!.context['s3:VersionId']).toBe(VersionId);
});

test('a list is authorized with its prefix', async () => {
  await s3.client.send(new ListObjectsV2Command({ Bucket, Prefix: 'images/', Delimiter: '/' }));
  expect(asked[0]).toMatchObject({
    action: 's3:ListBucket',
    resource: `arn:aws:s3:::${Bucket}`,
    context: { 's3:prefix': 'images/', 's3:delimiter': '/' },
  });
});

test('of several deletions each is judged by itself', async () => {
  for (const name of ['mine', 'theirs'])
    await s3.client.send(new PutObjectCommand({ Bucket: 'plain', Key: name, Body: 'x' }));
  refuse = ({ action, resource }) => action === 's3:DeleteObject' && resource.endsWith('/theirs');
  const Objects = [{ Key: 'mine' }, { Key: 'theirs' }];
  const answer = await s3.client.send(new DeleteObjectsCommand({ Bucket: 'plain', Delete: { Objects } }));
  expect(answer.Deleted).toEqual([{ Key: 'mine' }]);
  expect(answer.Errors).toEqual([expect.objectContaining({ Key: 'theirs', Code: 'AccessDenied' })]);
});

test('a deletion that compares needs the permission to read', async () => {
  const put = await s3.client.send(new PutObjectCommand({ Bucket: 'plain', Key: 'compared', Body: 'x' }));
  const object = { Bucket: 'plain', Key: 'compared' };
  refuseActions('s3:GetObject');
  await expect(
    s3.client.send(new DeleteObjectCommand({ ...object, IfMatch: put.ETag! })),
  ).rejects.toMatchObject({ name: 'AccessDenied' });
  await s3.client.send(new DeleteObjectCommand(object));
});

test('only a caller who may read tags is told how many there are', async () => {
  const count = async () => (await s3.client.send(new HeadObjectCommand({ Bucket, Key: 'tagged' }))).TagCount;
  expect(await count()).toBe(2);
  refuseActions('s3:GetObjectTagging');
  expect(await count()).toBeUndefined();
});

test('pages of a configured origin may read objects, others may not', async () => {
  const url = await getSignedUrl(s3.client, new GetObjectCommand({ Bucket, Key }));
  const allowed = async (Origin: string) =>
    (await fetch(url, { headers: { Origin } })).headers.get('access-control-allow-origin');
  expect(await allowed(PAGE)).toBe(PAGE);
  expect(await allowed('http://evil.example')).toBeNull();
  const preflight = (Origin: string, method: string) =>
    wire(s3.url, {
      method: 'OPTIONS',
      path: `/${Bucket}/a`,
      sign: false,
      headers: { Origin, 'Access-Control-Request-Method': method, 'Access-Control-Request-Headers': 'range' },
    });
  expect(await preflight(PAGE, 'GET')).toMatchObject({
    status: 200,
    headers: { 'access-control-allow-origin': PAGE, 'access-control-allow-headers': 'range' },
  });
  expect((await preflight(PAGE, 'PUT')).status).toBe(403);
  expect((await preflight('http://evil.example', 'GET')).status).toBe(403);
});

describe('a presigned PUT', () => {
  const bytes = Buffer.from('the one file');
  const sha256 = (body: Buffer) => createHash('sha256').update(body).digest('base64');
  const address = async (Key: string) => {
    const headers: Record<string, string> = {
      'content-length': String(bytes.length),
      'if-none-match': '*',
      'x-amz-checksum-sha256': sha256(bytes),
      'x-amz-tagging': 'status=pending',
    };
    const command = new PutObjectCommand({
      ...{ Bucket, Key, IfNoneMatch: '*', ChecksumSHA256: sha256(bytes), Tagging: 'status=pending' },
      ContentLength: bytes.length,
    });
    const unhoistableHeaders = new Set(Object.keys(headers));
    const signableHeaders = new Set(['host', ...unhoistableHeaders]);
    return { url: await getSignedUrl(s3.client, command, { unhoistableHeaders, signableHeaders }), headers };
  };
  const send = async (url: string, headers: Record<string, string>, body: Buffer = bytes) => {
    const request = http.request(url, { method: 'PUT', headers });
    request.end(body);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    return { status: response.statusCode, code: /<Code>(\w+)</.exec(await text(response))?.[1] };
  };

  test('takes the file whose headers were signed, once, with its tags', async () => {
    const { url, headers } = await address('put/once');
    expect(await send(url, headers)).toEqual({ status: 200, code: undefined });
    expect(await send(url, headers)).toEqual({ status: 412, code: 'PreconditionFailed' });
    const { TagSet } = await s3.client.send(new GetObjectTaggingCommand({ Bucket, Key: 'put/once' }));
    expect(TagSet).toEqual([{ Key: 'status', Value: 'pending' }]);
  });

  test.each([
    ['without its condition', { 'if-none-match': undefined }, 'SignatureDoesNotMatch'],
    ['with another condition', { 'if-none-match': '"e"' }, 'SignatureDoesNotMatch'],
    ['without its checksum', { 'x-amz-checksum-sha256': undefined }, 'SignatureDoesNotMatch'],
    ['with another checksum', { 'x-amz-checksum-sha256': sha256(Buffer.from('x')) }, 'SignatureDoesNotMatch'],
    ['without its tags', { 'x-amz-tagging': undefined }, 'SignatureDoesNotMatch'],
    ['with other tags', { 'x-amz-tagging': 'status=ok' }, 'SignatureDoesNotMatch'],
    ['with one more header of S3', { 'x-amz-meta-a': 'b' }, 'AccessDenied'],
  ])('is refused %s', async (_, changed, code) => {
    const { url, headers } = await address('put/changed');
    const sent = Object.entries({ ...headers, ...changed }).filter(([, value]) => value !== undefined);
    expect(await send(url, Object.fromEntries(sent) as Record<string, string>)).toEqual({
      status: 403,
      code,
    });
    await expect(s3.client.send(new HeadObjectCommand({ Bucket, Key: 'put/changed' }))).rejects.toThrow();
  });

  test('takes no other bytes of the same length, and none of another length', async () => {
    const { url, headers } = await address('put/bytes');
    expect(await send(url, headers, Buffer.from('another one!'))).toEqual({ status: 400, code: 'BadDigest' });
    const longer = Buffer.from('another one, and longer');
    const announced = { ...headers, 'content-length': String(longer.length) };
    expect(await send(url, announced, longer)).toEqual({ status: 403, code: 'SignatureDoesNotMatch' });
    await expect(s3.client.send(new HeadObjectCommand({ Bucket, Key: 'put/bytes' }))).rejects.toThrow();
  });
});
