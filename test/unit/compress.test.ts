import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { compressed } from '../../lib/http/compress.ts';
import { jsonResponse } from '../../lib/http/problem.ts';

const addresses = Array.from({ length: 100 }, (_, n) => ({
  url: `https://bucket/images/${n}?X-Amz-Security-Token=${'token'.repeat(200)}`,
}));
const large = jsonResponse(200, { addresses });

test('a large answer is compressed for a client that takes gzip, and holds the same', () => {
  const answer = compressed(large, 'gzip, deflate, br');
  expect(answer).toMatchObject({
    statusCode: 200,
    isBase64Encoded: true,
    headers: { 'content-type': 'application/json', 'content-encoding': 'gzip', vary: 'accept-encoding' },
  });
  const bytes = Buffer.from(answer.body, 'base64');
  expect(bytes.length).toBeLessThan(large.body.length / 10);
  expect(JSON.parse(gunzipSync(bytes).toString())).toEqual({ addresses });
});

test.each([undefined, '', 'identity', 'br', 'gzip;q=0', 'br, gzip; q=0.0, identity'])(
  'a client that accepts %j gets plain bytes, and caches are told that others do not',
  (accepted) => {
    expect(compressed(large, accepted)).toEqual({
      ...large,
      headers: { ...large.headers, vary: 'accept-encoding' },
    });
  },
);

test('a small answer stays as it is', () => {
  const small = jsonResponse(202, { id: 'a' });
  expect(compressed(small, 'gzip')).toBe(small);
});

const random = (bytes: number) => randomBytes(bytes).toString('hex');

test('the largest page of predictions is within what Lambda sends', () => {
  const token = randomBytes(750).toString('base64');
  const address = (key: string) =>
    `https://bucket/${key}?X-Amz-Security-Token=${token}&X-Amz-Signature=${random(32)}`;
  const image = (index: number) => ({
    index,
    sha256: random(32),
    url: address('images'),
    rendition: address('renditions'),
  });
  const cell = (n: number) => ({
    n,
    prompt: '护'.repeat(2_000),
    images: Array.from({ length: 100 }, (_, i) => image(i)),
  });
  const page = jsonResponse(200, { predictions: Array.from({ length: 100 }, (_, n) => cell(n)) });
  expect(Buffer.byteLength(page.body)).toBeGreaterThan(20_000_000);
  expect(compressed(page, 'gzip').isBase64Encoded).toBe(true);
});

test('the largest plan is within what Lambda sends, even of characters that nothing compresses', () => {
  const text = () => Array.from(randomBytes(5_000), (byte) => String.fromCharCode(32 + (byte % 95))).join('');
  const plan = jsonResponse(200, { prompts: Array.from({ length: 980 }, text) });
  expect(compressed(plan, 'gzip').isBase64Encoded).toBe(true);
});

test('what is larger than Lambda sends is refused in words, compressed or not', () => {
  const noise = jsonResponse(200, { noise: randomBytes(6_000_000).toString('base64') });
  for (const accepted of [undefined, 'gzip'])
    expect(() => compressed(noise, accepted)).toThrow(
      expect.objectContaining({ status: 406, message: expect.stringMatching(/Accept-Encoding: gzip/) }),
    );
});
