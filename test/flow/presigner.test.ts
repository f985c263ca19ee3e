import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { type Endpoint, startEndpoint } from '@weaudit/aws-emulator/testing';
import { S3Store } from '../../lib/aws/objects.ts';
import { presigner } from '../../lib/aws/presigner.ts';
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
