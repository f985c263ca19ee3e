import { createHash } from 'node:crypto';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { type Endpoint, startEndpoint } from '@weaudit/aws-emulator/testing';
import { S3Store } from '../../lib/aws/objects.ts';
import { presigner, uploadPresigner } from '../../lib/aws/presigner.ts';
import { systemTime } from '../../lib/system.ts';

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
    const time = { ...systemTime, now: () => new Date('2026-01-02T03:59:59Z') };
    const own = new URL(await presigner(new S3Store(client, 'bucket'), time)(KEY));
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

describe('a presigned upload', () => {
  const bytes = Buffer.from('a picture');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const upload = {
    ...{
      bytes: bytes.length,
      sha256,
      contentType: 'image/png',
      contentDisposition: 'inline; filename="a.png"',
    },
    metadata: { cell: '00007' },
    tags: { status: 'pending', retention: 'keep' },
  };
  const put = (url: string, headers: Record<string, string>, body: Buffer | string = bytes) =>
    fetch(url, { method: 'PUT', headers, body }).then(({ status }) => status);

  test('takes the announced file, once, as it was described', async () => {
    const store = new S3Store(s3.client, 'plain');
    const { url, headers } = await uploadPresigner(store)(KEY.replace('1.json', 'put'), upload, 60);
    expect(await put(url, headers)).toBe(200);
    expect(await put(url, headers)).toBe(412);
    const key = KEY.replace('1.json', 'put');
    expect(await store.head(key)).toMatchObject({
      ...{ sha256, bytes: bytes.length, contentType: 'image/png', metadata: { cell: '00007' } },
    });
    expect(await store.tags(key)).toEqual({ status: 'pending', retention: 'keep' });
  });

  test('takes nothing else, and nothing after its time', async () => {
    const store = new S3Store(s3.client, 'plain');
    const { url, headers } = await uploadPresigner(store)('other', upload, 60);
    expect(await put(url, headers, 'a pictuRe')).toBe(400);
    for (const name of Object.keys(headers).filter((name) => name !== 'content-length')) {
      const { [name]: _, ...fewer } = headers;
      expect([name, await put(url, fewer)]).toEqual([name, 403]);
    }
    expect(await put(url, { ...headers, 'x-amz-tagging': 'status=ok' })).toBe(403);
    expect(await put(url.replace('other', 'another'), headers)).toBe(403);
    const then = { ...systemTime, now: () => new Date(Date.now() - 61_000) };
    const old = await uploadPresigner(store, then)('other', upload, 60);
    expect(await put(old.url, old.headers)).toBe(403);
    expect(await store.exists('other')).toBe(false);
  });
});
