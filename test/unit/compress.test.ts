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
