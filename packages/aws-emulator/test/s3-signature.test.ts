import type { IncomingMessage } from 'node:http';
import { Crc32cJs } from '@aws-sdk/checksums/crc';
import { authenticate, type Payload } from '../s3/authenticate.ts';
import { decodeChunked } from '../s3/chunked.ts';
import { parseRequest } from '../s3/request.ts';

/**
 * The worked examples of the S3 API reference: "Signature Calculations for the Authorization Header" (one chunk,
 * several chunks, several chunks with trailing headers) and "Authenticating Requests: Using Query Parameters".
 */
const ACCESS_KEY = 'AKIAIOSFODNN7EXAMPLE';
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const NOW = new Date('2013-05-24T00:00:00Z');
const SCOPE = '20130524/us-east-1/s3/aws4_request';
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

const options = {
  credentials: (id: string) =>
    id === ACCESS_KEY
      ? {
          secretAccessKey: SECRET,
          principal: { arn: 'arn:aws:iam::1:user/a', accountId: '1', anonymous: false, admin: false },
        }
      : undefined,
};

function authenticated(method: string, url: string, headers: Record<string, string>, now = NOW) {
  const headersDistinct = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]));
  const message = { method, url, headers, headersDistinct, socket: {} } as unknown as IncomingMessage;
  return authenticate(parseRequest(message), options, now);
}

const authorization = (signedHeaders: string, signature: string) =>
  `AWS4-HMAC-SHA256 Credential=${ACCESS_KEY}/${SCOPE},SignedHeaders=${signedHeaders},Signature=${signature}`;

const GET_OBJECT = {
  host: 'examplebucket.s3.amazonaws.com',
  range: 'bytes=0-9',
  'x-amz-content-sha256': EMPTY_SHA256,
  'x-amz-date': '20130524T000000Z',
};
const GET_SIGNED = 'host;range;x-amz-content-sha256;x-amz-date';
const GET_SIGNATURE = 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41';

test('the documented GET is authentic', () => {
  const identity = authenticated('GET', '/test.txt', {
    ...GET_OBJECT,
    authorization: authorization(GET_SIGNED, GET_SIGNATURE),
  });
  expect(identity).toMatchObject({ authType: 'REST-HEADER', principal: { arn: 'arn:aws:iam::1:user/a' } });
});

test('the documented GET of a list, with query parameters, is authentic', () => {
  const signature = '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7';
  const { range: _, ...headers } = GET_OBJECT;
  const identity = authenticated('GET', '/?max-keys=2&prefix=J', {
    ...headers,
    authorization: authorization('host;x-amz-content-sha256;x-amz-date', signature),
  });
  expect(identity.authType).toBe('REST-HEADER');
});

test.each([
  ['another header value', '/test.txt', { range: 'bytes=0-8' }],
  ['another path', '/test.tx', {}],
  ['one more query parameter', '/test.txt?versionId=1', {}],
])('%s than was signed is refused', (_, url, changed) => {
  const headers = { ...GET_OBJECT, ...changed, authorization: authorization(GET_SIGNED, GET_SIGNATURE) };
  expect(() => authenticated('GET', url, headers)).toThrow(
    expect.objectContaining({ code: 'SignatureDoesNotMatch', status: 403 }),
  );
});

test('a header that should have been signed is refused by name', () => {
  const headers = {
    ...GET_OBJECT,
    'x-amz-meta-a': 'b',
    authorization: authorization(GET_SIGNED, GET_SIGNATURE),
  };
  expect(() => authenticated('GET', '/test.txt', headers)).toThrow(
    expect.objectContaining({ code: 'AccessDenied', elements: { HeadersNotSigned: 'x-amz-meta-a' } }),
  );
});

test.each([
  [14 * 60, true],
  [16 * 60, false],
  [-14 * 60, true],
  [-16 * 60, false],
])('a clock %d s away is accepted: %p', (seconds, accepted) => {
  const headers = { ...GET_OBJECT, authorization: authorization(GET_SIGNED, GET_SIGNATURE) };
  const attempt = () => authenticated('GET', '/test.txt', headers, new Date(NOW.getTime() + seconds * 1000));
  if (accepted) expect(attempt().authType).toBe('REST-HEADER');
  else expect(attempt).toThrow(expect.objectContaining({ code: 'RequestTimeTooSkewed', status: 403 }));
});

test('an unknown access key is named', () => {
  const headers = {
    ...GET_OBJECT,
    authorization: authorization(GET_SIGNED, GET_SIGNATURE).replace(ACCESS_KEY, 'NOBODY'),
  };
  expect(() => authenticated('GET', '/test.txt', headers)).toThrow(
    expect.objectContaining({ code: 'InvalidAccessKeyId', elements: { AWSAccessKeyId: 'NOBODY' } }),
  );
});

const PRESIGNED = `/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(`${ACCESS_KEY}/${SCOPE}`)}&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404`;
const HOST = { host: 'examplebucket.s3.amazonaws.com' };

test('the documented presigned URL is authentic until it expires, and not after', () => {
  const after = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
  expect(authenticated('GET', PRESIGNED, HOST)).toMatchObject({ authType: 'REST-QUERY-STRING', ageMs: 0 });
  expect(authenticated('GET', PRESIGNED, HOST, after(86_400)).ageMs).toBe(86_400_000);
  expect(() => authenticated('GET', PRESIGNED, HOST, after(86_401))).toThrow(
    expect.objectContaining({ code: 'AccessDenied', message: 'Request has expired' }),
  );
});

test('a presigned URL for longer than a week is refused', () => {
  expect(() => authenticated('GET', PRESIGNED.replace('Expires=86400', 'Expires=604801'), HOST)).toThrow(
    expect.objectContaining({ code: 'AuthorizationQueryParametersError', status: 400 }),
  );
});

test('without credentials the caller is anonymous', () => {
  expect(authenticated('GET', '/test.txt', HOST).principal.anonymous).toBe(true);
});

// --- bodies in chunks

const CHUNKED = {
  host: 's3.amazonaws.com',
  'content-encoding': 'aws-chunked',
  'x-amz-date': '20130524T000000Z',
  'x-amz-decoded-content-length': '66560',
  'x-amz-storage-class': 'REDUCED_REDUNDANCY',
};
const DATA = Buffer.alloc(66_560, 'a');
const FIRST = DATA.subarray(0, 65_536);
const SECOND = DATA.subarray(65_536);

function plain(): Payload {
  return authenticated('PUT', '/examplebucket/chunkObject.txt', {
    ...CHUNKED,
    'content-length': '66824',
    'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    authorization: authorization(
      'content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class',
      '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
    ),
  }).payload;
}

function withTrailer(): Payload {
  return authenticated('PUT', '/examplebucket/chunkObject.txt', {
    ...CHUNKED,
    'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
    'x-amz-trailer': 'x-amz-checksum-crc32c',
    authorization: authorization(
      'content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer',
      '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e',
    ),
  }).payload;
}

const chunk = (data: Buffer, signature: string) =>
  Buffer.concat([
    Buffer.from(`${data.length.toString(16)};chunk-signature=${signature}\r\n`),
    data,
    Buffer.from(data.length > 0 ? '\r\n' : ''),
  ]);

const PLAIN_BODY = Buffer.concat([
  chunk(FIRST, 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648'),
  chunk(SECOND, '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497'),
  chunk(Buffer.alloc(0), 'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9'),
  Buffer.from('\r\n'),
]);

const TRAILER_BODY = Buffer.concat([
  chunk(FIRST, 'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2'),
  chunk(SECOND, '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7'),
  chunk(Buffer.alloc(0), '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992'),
  Buffer.from(
    'x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n',
  ),
]);

/** Decodes a body that arrives in pieces of `size` bytes. */
async function decode(payload: Payload, body: Buffer, size = 10_000) {
  if (payload.kind !== 'chunked') throw new Error('expected a chunked payload');
  async function* pieces() {
    for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size);
  }
  const trailers: Record<string, string> = {};
  const chunks: Buffer[] = [];
  const onTrailer = (name: string, value: string) => {
    trailers[name] = value;
  };
  for await (const piece of decodeChunked(pieces(), { ...payload, onTrailer })) chunks.push(piece);
  return { data: Buffer.concat(chunks), trailers };
}

test.each([1, 7, 10_000, 1_000_000])(
  'the documented chunks are authentic, arriving %d bytes at a time',
  async (size) => {
    const { data } = await decode(plain(), PLAIN_BODY, size);
    expect(data.equals(DATA)).toBe(true);
  },
);

test('the documented chunks with a trailing checksum are authentic', async () => {
  const { data, trailers } = await decode(withTrailer(), TRAILER_BODY);
  expect(data.equals(DATA)).toBe(true);
  const crc = new Crc32cJs();
  crc.update(DATA);
  expect(trailers).toEqual({
    'x-amz-checksum-crc32c': Buffer.from(await crc.digest()).toString('base64'),
  });
});

test.each([
  ['a byte of the first chunk', 100],
  ['a byte of the last chunk', 66_000],
])('%s changed on the way is refused', async (_, at) => {
  const body = Buffer.from(PLAIN_BODY);
  body[at] = 'b'.charCodeAt(0);
  await expect(decode(plain(), body)).rejects.toMatchObject({ code: 'SignatureDoesNotMatch' });
});

test('a trailing checksum changed on the way is refused', async () => {
  const body = Buffer.from(TRAILER_BODY.toString('latin1').replace('sOO8/Q==', 'sOO8/A=='), 'latin1');
  await expect(decode(withTrailer(), body)).rejects.toMatchObject({ code: 'SignatureDoesNotMatch' });
});

test('a last chunk that is missing leaves the body incomplete', async () => {
  const body = PLAIN_BODY.subarray(0, PLAIN_BODY.length - 90);
  await expect(decode(plain(), body)).rejects.toMatchObject({ code: 'IncompleteBody' });
});

test('a small chunk is refused unless it is the last, as S3 does', async () => {
  const payload: Payload = { kind: 'chunked', trailer: true, signer: undefined };
  const small = '5\r\nhello\r\n';
  await expect(decode(payload, Buffer.from(`${small}0\r\n\r\n`))).resolves.toMatchObject({ trailers: {} });
  await expect(decode(payload, Buffer.from(`${small}${small}0\r\n\r\n`))).rejects.toMatchObject({
    code: 'InvalidChunkSizeError',
  });
});
