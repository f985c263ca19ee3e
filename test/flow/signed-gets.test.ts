import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { clientFor, type Endpoint, startEndpoint } from '@weaudit/aws-emulator/testing';
import { S3Store } from '../../lib/aws/objects.ts';
import { presigner, recordReader, SignedGets } from '../../lib/aws/signed-gets.ts';

const KEY = "audits/a b+ü(1)'*!~/1.json";
const CACHE = 'private, max-age=3600, immutable';

let s3: Endpoint;
beforeAll(async () => {
  s3 = await startEndpoint();
  await s3.client.send(new PutObjectCommand({ Bucket: 'plain', Key: KEY, Body: '{"n":1}' }));
});
afterAll(() => s3.end());

describe('a presigned address', () => {
  test('opens the object whatever its key, with the header that lets a browser keep it', async () => {
    const answer = await fetch(await presigner(new S3Store(s3.client, 'plain'))(KEY));
    expect(answer.headers.get('cache-control')).toBe(CACHE);
    expect(await answer.text()).toBe('{"n":1}');
  });

  test('opens nothing else', async () => {
    const url = await presigner(new S3Store(s3.client, 'plain'))(KEY);
    const [address, query] = url.split('?');
    expect((await fetch(`${address}x?${query}`)).status).toBe(403);
    expect((await fetch(`${address}?${query!.replace('%3D3600', '%3D3601')}`)).status).toBe(403);
  });

  test("is on AWS the SDK's own, without the parameters that a browser does not need", async () => {
    const client = new S3Client({
      region: 'eu-central-1',
      credentials: { accessKeyId: 'ASIA', secretAccessKey: 'secret', sessionToken: 'a/token+=' },
    });
    const options = { signingDate: new Date('2026-01-02T03:00:00Z'), expiresIn: 7_200 };
    const own = new URL(
      await new SignedGets(client, 'bucket').presign(KEY, { 'response-cache-control': CACHE }, options),
    );
    const sdk = new URL(
      await getSignedUrl(
        client,
        new GetObjectCommand({ Bucket: 'bucket', Key: KEY, ResponseCacheControl: CACHE }),
        options,
      ),
    );
    const differs = ['X-Amz-Signature', 'x-id', 'x-amz-checksum-mode'];
    for (const name of differs) for (const url of [own, sdk]) url.searchParams.delete(name);
    expect(own.href).toBe(sdk.href);
  });
});

describe('a record that a LIST has shown', () => {
  const reader = () => recordReader(new S3Store(s3.client, 'plain'));

  test('is read whatever its key', async () => {
    await expect(reader()(KEY)).resolves.toEqual({ n: 1 });
  });

  test('is undefined where it has been deleted since', async () => {
    await expect(reader()('audits/gone.json')).resolves.toBeUndefined();
  });

  test.each<[string, (response: http.ServerResponse) => void]>([
    ['S3 wants to be asked more slowly', (response) => response.writeHead(503).end()],
    ['the connection breaks before the answer', (response) => response.destroy()],
    [
      'the connection breaks in the answer',
      (response) => response.writeHead(200, { 'content-length': 7 }).write('{"n"', () => response.destroy()),
    ],
  ])('is read again where %s', async (_, fail) => {
    let requests = 0;
    const server = http.createServer((_request, response) =>
      ++requests === 1 ? fail(response) : response.end('{"n":1}'),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = clientFor(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    try {
      await expect(recordReader(new S3Store(client, 'plain'))('1.json')).resolves.toEqual({ n: 1 });
      expect(requests).toBe(2);
    } finally {
      client.destroy();
      server.close();
    }
  });

  test('is an error where its bucket is not there', async () => {
    const read = recordReader(new S3Store(s3.client, 'no-such-bucket'));
    await expect(read('1.json')).rejects.toMatchObject({ name: 'NoSuchBucket' });
  });
});
