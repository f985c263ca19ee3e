import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { waitFor } from '../../../test/support/wait-for.ts';
import { signed, wire } from './conformance/wire.ts';
import { type Endpoint, startEndpoint } from './s3-endpoint.ts';

let s3: Endpoint;
beforeAll(async () => {
  s3 = await startEndpoint();
});
afterAll(() => s3.end());

const Bucket = 'versioned';
const textOf = async (Key: string) =>
  (await s3.client.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString();
const files = () => readdir(join(s3.dataDir, 'bodies'));
const statusOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 200,
    (error) => error.$metadata.httpStatusCode as number,
  );

describe.each([
  ['small', 10],
  ['large', 300_000],
])('of twenty %s writers of one key', (size, bytes) => {
  const bodies = Array.from({ length: 20 }, (_, index) => Buffer.alloc(bytes, index));

  test('who all say If-None-Match: * exactly one wins, and the others get 412', async () => {
    const Key = `race/${size}`;
    const statuses = await Promise.all(
      bodies.map((Body) =>
        statusOf(s3.client.send(new PutObjectCommand({ Bucket, Key, Body, IfNoneMatch: '*' }))),
      ),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 412)).toHaveLength(19);
    const winner = bodies[statuses.indexOf(200)]!;
    const { Body } = await s3.client.send(new GetObjectCommand({ Bucket, Key }));
    expect(Buffer.from(await Body!.transformToByteArray()).equals(winner)).toBe(true);
    const { Versions } = await s3.client.send(new ListObjectVersionsCommand({ Bucket, Prefix: Key }));
    expect(Versions).toHaveLength(1);
  });

  test('who all swap the same version exactly one wins', async () => {
    const Key = `swap/${size}`;
    const { ETag } = await s3.client.send(new PutObjectCommand({ Bucket, Key, Body: 'before' }));
    const statuses = await Promise.all(
      bodies.map((Body) =>
        statusOf(s3.client.send(new PutObjectCommand({ Bucket, Key, Body, IfMatch: ETag }))),
      ),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 412)).toHaveLength(19);
  });

  test('who copy to it exactly one wins', async () => {
    const Key = `copy/${size}`;
    const CopySource = `${Bucket}/race/${size}`;
    const statuses = await Promise.all(
      bodies.map(() =>
        statusOf(s3.client.send(new CopyObjectCommand({ Bucket, Key, CopySource, IfNoneMatch: '*' }))),
      ),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
  });

  test('in a bucket without versions the last one stays, and only its bytes are kept', async () => {
    const before = (await files()).length;
    await Promise.all(
      bodies.map((Body) =>
        s3.client.send(new PutObjectCommand({ Bucket: 'plain', Key: `last/${size}`, Body })),
      ),
    );
    expect((await files()).length).toBe(before + (bytes > 100_000 ? 1 : 0));
    await s3.client.send(new DeleteObjectCommand({ Bucket: 'plain', Key: `last/${size}` }));
    expect((await files()).length).toBe(before);
  });
});

test('losing writers leave no bytes behind', async () => {
  const { Versions } = await s3.client.send(new ListObjectVersionsCommand({ Bucket, Prefix: '' }));
  const large = Versions!.filter(({ Size }) => Size! > 100_000);
  expect(await files()).toHaveLength(large.length);
});

test('creating once succeeds on a deleted key', async () => {
  const Key = 'again';
  await s3.client.send(new PutObjectCommand({ Bucket, Key, Body: '1', IfNoneMatch: '*' }));
  await s3.client.send(new DeleteObjectCommand({ Bucket, Key }));
  await s3.client.send(new PutObjectCommand({ Bucket, Key, Body: '2', IfNoneMatch: '*' }));
  expect(await textOf(Key)).toBe('2');
});

test('deleting with If-Match deletes the object that was read, and no other', async () => {
  const Key = 'conditional';
  const first = await s3.client.send(new PutObjectCommand({ Bucket, Key, Body: '1' }));
  const second = await s3.client.send(new PutObjectCommand({ Bucket, Key, Body: '2' }));
  const remove = (IfMatch: string) =>
    statusOf(s3.client.send(new DeleteObjectCommand({ Bucket, Key, IfMatch })));
  expect(await remove(first.ETag!)).toBe(412);
  expect(await textOf(Key)).toBe('2');
  expect(await remove(second.ETag!)).toBe(200);
  expect(await remove(second.ETag!)).toBe(404);
});

test('a stream of many chunks with a trailing checksum arrives byte for byte', async () => {
  const pieces = Array.from({ length: 40 }, (_, index) => Buffer.alloc(65_536, index));
  const put = await s3.client.send(
    new PutObjectCommand({
      Bucket,
      Key: 'stream',
      Body: Readable.from(pieces, { objectMode: false }),
      ContentLength: 40 * 65_536,
      ChecksumAlgorithm: 'SHA256',
    }),
  );
  const sha256 = createHash('sha256').update(Buffer.concat(pieces)).digest('base64');
  expect(put.ChecksumSHA256).toBe(sha256);
  const head = await s3.client.send(
    new HeadObjectCommand({ Bucket, Key: 'stream', ChecksumMode: 'ENABLED' }),
  );
  expect(head).toMatchObject({ ChecksumSHA256: sha256, ContentLength: 40 * 65_536 });
});

/** Sends the head of a PUT and part of its body on a socket of its own. */
async function sendHalf(key: string, length: number, sent: number): Promise<net.Socket> {
  const path = `/${Bucket}/${key}`;
  const headers = await signed(s3.url, {
    method: 'PUT',
    path,
    headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'content-length': String(length) },
  });
  const { hostname, port } = new URL(s3.url);
  const socket = net.connect(Number(port), hostname);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`PUT ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  socket.write(Buffer.alloc(sent, 'x'));
  return socket;
}

test('an upload that is cut leaves no object and no bytes', async () => {
  const before = (await files()).length;
  const socket = await sendHalf('cut', 1_000_000, 500_000);
  await waitFor('its first bytes', async () => (await files()).length > before);
  socket.destroy();
  await waitFor('its bytes are gone', async () => (await files()).length === before);
  await expect(statusOf(s3.client.send(new HeadObjectCommand({ Bucket, Key: 'cut' })))).resolves.toBe(404);
});

test('an upload in progress is not visible, and what it replaces is read until it ends', async () => {
  await s3.client.send(new PutObjectCommand({ Bucket, Key: 'slow', Body: 'old' }));
  const before = (await files()).length;
  const socket = await sendHalf('slow', 1_000_000, 500_000);
  await waitFor('its first bytes', async () => (await files()).length > before);
  expect(await textOf('slow')).toBe('old');
  socket.write(Buffer.alloc(500_000, 'x'));
  await waitFor('all of it is there', async () => (await textOf('slow'))!.length === 1_000_000);
  socket.destroy();
});

test('an object that is deleted while it is read is read to its end', async () => {
  await s3.client.send(
    new PutObjectCommand({ Bucket: 'plain', Key: 'read', Body: Buffer.alloc(8_000_000, 'x') }),
  );
  const { Body } = await s3.client.send(new GetObjectCommand({ Bucket: 'plain', Key: 'read' }));
  await s3.client.send(new DeleteObjectCommand({ Bucket: 'plain', Key: 'read' }));
  expect((await Body!.transformToByteArray()).length).toBe(8_000_000);
});

test('a refused upload is answered even though its body was not read, and the connection stays usable', async () => {
  await s3.client.send(new PutObjectCommand({ Bucket, Key: 'taken', Body: 'x' }));
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const Body = Buffer.alloc(3_000_000);
    const put = s3.client.send(new PutObjectCommand({ Bucket, Key: 'taken', Body, IfNoneMatch: '*' }));
    await expect(put).rejects.toMatchObject({ name: 'PreconditionFailed' });
  }
  expect(await textOf('taken')).toBe('x');
});

test('a connection stays usable after a HEAD that was answered with an error', async () => {
  const agent = new http.Agent({ keepAlive: true });
  const head = () =>
    new Promise<http.ClientRequest>((resolve, reject) => {
      const request = http.request(`${s3.url}/${Bucket}/none`, { method: 'HEAD', agent }, (response) =>
        response.resume().on('close', () => resolve(request)),
      );
      request.on('error', reject).end();
    });
  await head();
  expect((await head()).reusedSocket).toBe(true);
  agent.destroy();
});

test('an upload without a length is refused with 411', async () => {
  const answer = await wire(s3.url, {
    method: 'PUT',
    path: `/${Bucket}/endless`,
    headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'transfer-encoding': 'chunked' },
    body: 'x',
  });
  expect(answer.status).toBe(411);
  expect(answer.body.toString()).toContain('<Code>MissingContentLength</Code>');
});

test('every answer names its request', async () => {
  const [first, second] = await Promise.all(
    [1, 2].map(() => wire(s3.url, { method: 'GET', path: `/${Bucket}/none` })),
  );
  expect(first!.headers['x-amz-request-id']).toMatch(/^[0-9A-F]{16}$/);
  expect(first!.body.toString()).toContain(`<RequestId>${first!.headers['x-amz-request-id']}</RequestId>`);
  expect(first!.headers['x-amz-request-id']).not.toBe(second!.headers['x-amz-request-id']);
});

test('a key that is overwritten again and again without versions is never missing', async () => {
  const write = (byte: number) =>
    s3.client.send(new PutObjectCommand({ Bucket: 'plain', Key: 'busy', Body: Buffer.alloc(30_000, byte) }));
  await write(0);
  let writing = true;
  const writer = (async () => {
    for (let byte = 1; byte <= 100; byte += 1) await write(byte);
    writing = false;
  })();
  const reader = async () => {
    while (writing) {
      const { Body } = await s3.client.send(new GetObjectCommand({ Bucket: 'plain', Key: 'busy' }));
      const bytes = await Body!.transformToByteArray();
      expect(bytes.length).toBe(30_000);
      expect(bytes.every((byte) => byte === bytes[0])).toBe(true);
    }
  };
  await Promise.all([writer, reader(), reader(), reader()]);
});

test.each([
  ['deflate, gzip', 'deflate, gzip'],
  ['gzip, aws-chunked', 'gzip'],
  ['aws-chunked, gzip', 'gzip'],
  ['aws-chunked', undefined],
])('Content-Encoding %p is kept as it came, without what is only of the way', async (sent, kept) => {
  const at = { Bucket, Key: 'encoded' };
  await s3.client.send(new PutObjectCommand({ ...at, Body: 'x', ContentEncoding: sent }));
  expect((await s3.client.send(new HeadObjectCommand(at))).ContentEncoding).toBe(kept);
});

/** What comes before the body of a PUT is sent. */
async function expectContinue(
  path: string,
  more: Record<string, string> = {},
): Promise<net.Socket & { told: string }> {
  const headers = await signed(s3.url, {
    method: 'PUT',
    path,
    headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'content-length': '3', ...more },
  });
  const { hostname, port } = new URL(s3.url);
  const socket = Object.assign(net.connect(Number(port), hostname), { told: '' });
  socket.on('data', (data) => (socket.told += String(data)));
  const lines = Object.entries({ ...headers, expect: '100-continue' }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  socket.write(`PUT ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  await waitFor('an answer to the expectation', () => socket.told.includes('\r\n\r\n'));
  return socket;
}

test('a client that expects 100 Continue is asked for its body, or refused before it has sent one', async () => {
  const socket = await expectContinue('/versioned/expected');
  expect(socket.told).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  socket.write('abc');
  await waitFor('the answer', () => socket.told.includes('HTTP/1.1 200 OK'));
  socket.destroy();
  expect(await textOf('expected')).toBe('abc');

  for (const [path, status, more] of [
    ['/nowhere/expected', 404, {}],
    ['/versioned/expected', 412, { 'if-none-match': '*' }],
    ['/versioned/expected', 501, { 'x-amz-write-offset-bytes': '3' }],
  ] as const) {
    const refused = await expectContinue(path, more);
    expect(refused.told).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(refused.told).toMatch(/^connection: close/im);
    refused.destroy();
  }
});
