import { createHash } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { SNIFF_BYTES } from '../../lib/images/formats.ts';

/** What the resolver answers, look-up by look-up; the last answer stays. */
let answers: string[][] = [];
const dns = await import('node:dns');
jest.unstable_mockModule('node:dns', () => ({
  ...dns,
  lookup: (_name: string, _options: object, callback: (error: null, addresses: object[]) => void) => {
    const addresses = answers.length > 1 ? answers.shift()! : (answers[0] ?? []);
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  },
}));
const { fetchOutput, outputFetcher } = await import('../../lib/images/fetch-output.ts');
const { withOutput } = await import('../../lib/images/open-output.ts');
const { publicLookup } = await import('../../lib/images/origins.ts');

const MAX = 100_000;
const BYTES = Buffer.alloc(MAX, 'abc');
const requests: http.IncomingMessage[] = [];
let server: http.Server;
let origin: string;
/** Of the download under test. It ends when a test says so. */
let deadline: AbortController;
const timeOut = () => deadline.abort(new DOMException('The time is over.', 'TimeoutError'));

/** What each path answers. */
const PATHS: Record<string, (response: http.ServerResponse, authorization?: string) => void> = {
  '/whole': (response) => response.writeHead(200, { 'content-length': MAX }).end(BYTES),
  '/no-length': (response) => response.end(BYTES),
  '/no-length-too-large': (response) => response.end(Buffer.concat([BYTES, Buffer.from('x')])),
  '/endless': (response) => {
    const more = () => response.destroyed || response.write(BYTES, more);
    more();
  },
  '/one-more': (response) => response.writeHead(200, { 'content-length': MAX + 1 }).end(),
  '/claims-a-terabyte': (response) => response.writeHead(200, { 'content-length': 2 ** 40 }).flushHeaders(),
  '/empty': (response) => response.writeHead(200, { 'content-length': 0 }).end(),
  '/empty-no-length': (response) => response.end(),
  '/gzip': (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(BYTES)),
  '/redirect': (response) => response.writeHead(302, { location: 'http://169.254.169.254/latest/' }).end(),
  '/missing': (response) => response.writeHead(404).end('no'),
  '/forbidden': (response) => response.writeHead(403).end('no'),
  '/not-for-all': (response, authorization) =>
    authorization === 'Bearer r8_token' ? response.end(BYTES) : response.writeHead(401).end('no'),
  '/hidden': (response, authorization) =>
    authorization === 'Bearer r8_token' ? response.end(BYTES) : response.writeHead(403).end('no'),
  '/denies-and-redirects': (response, authorization) =>
    authorization
      ? response.writeHead(302, { location: `${origin}/whole` }).end()
      : response.writeHead(401).end('no'),
  '/broken': (response) => response.writeHead(500).end('no'),
  '/cut': (response) => {
    response.writeHead(200, { 'content-length': MAX });
    response.write(BYTES.subarray(0, 1_000), () => response.destroy());
  },
  '/reset': (response) => {
    response.writeHead(200, { 'content-length': MAX });
    response.write(BYTES.subarray(0, 1_000), () => response.socket?.resetAndDestroy());
  },
  '/cut-no-length': (response) => {
    response.write(BYTES.subarray(0, 1_000), () => response.destroy());
  },
  '/cut-at-once': (response) => response.socket?.destroy(),
  '/stalls': (response) => response.writeHead(200, { 'content-length': MAX }).write(BYTES.subarray(0, 1_000)),
  '/never-answers': timeOut,
  '/trickles': (response) => {
    response.writeHead(200, { 'content-length': 20, connection: 'close' });
    let sent = 0;
    const next = () => (++sent < 20 ? response.write('x', () => setImmediate(next)) : response.end('x'));
    next();
  },
  '/longer-than-it-says': (response) => {
    response.socket?.write(`HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n${'x'.repeat(100)}`);
  },
  '/two-lengths': (response) => {
    response.socket?.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\ncontent-length: 5\r\n\r\nxxxxxxxxxx');
  },
};

beforeAll(async () => {
  server = http.createServer((request, response) => {
    requests.push(request);
    PATHS[request.url ?? '']?.(response, request.headers.authorization);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  deadline = new AbortController();
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const open = (address: string, { origins = [origin], onPiece = () => {}, fetch = fetchOutput } = {}) =>
  withOutput(
    address,
    { origins, maxBytes: MAX, signal: deadline.signal, fetchOutput: fetch },
    async ({ head, body, bytes }) => {
      const hash = createHash('sha256');
      let read = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) {
        hash.update(chunk);
        read += chunk.length;
        onPiece();
      }
      return { head: head.toString(), bytes, read, sha256: hash.digest('hex') };
    },
  );
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('an output', () => {
  test.each(['/whole', '/no-length'])('%s of exactly the limit arrives byte for byte', async (path) => {
    expect(await open(origin + path)).toEqual({
      head: BYTES.toString('latin1', 0, SNIFF_BYTES),
      bytes: MAX,
      read: MAX,
      sha256: sha256(BYTES),
    });
  });

  test('that comes a byte at a time arrives, and warns of nothing', async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error) => warnings.push(warning);
    process.on('warning', warn);
    expect(await open(`${origin}/trickles`)).toMatchObject({ bytes: 20, read: 20 });
    process.off('warning', warn);
    expect(warnings).toEqual([]);
  });

  test.each([
    ['/one-more', /^too large: more than 100000 bytes$/],
    ['/no-length-too-large', /^too large/],
    ['/endless', /^too large/],
    ['/claims-a-terabyte', /^too large/],
    ['/empty', /empty/],
    ['/empty-no-length', /empty/],
    ['/gzip', /compressed \(gzip\)/],
    ['/redirect', /redirects, which is not followed/],
  ])('%s is refused for good, in words', async (path, words) => {
    await expect(open(origin + path)).rejects.toMatchObject({
      name: 'OutputRejected',
      message: expect.stringMatching(words),
    });
  });

  test.each([
    '/missing',
    '/forbidden',
    '/broken',
    '/cut',
    '/reset',
    '/cut-no-length',
    '/cut-at-once',
    '/two-lengths',
  ])('%s is unavailable, which may pass', async (path) => {
    await expect(open(origin + path)).rejects.toMatchObject({ name: 'OutputUnavailable' });
  });

  test('that stalls in the middle ends with its deadline, as unavailable', async () => {
    await expect(open(`${origin}/stalls`, { onPiece: timeOut })).rejects.toMatchObject({
      name: 'OutputUnavailable',
    });
  });

  test('that never begins ends with its deadline', async () => {
    await expect(open(`${origin}/never-answers`)).rejects.toThrow();
  });

  test('that is longer than it says is taken as long as it said', async () => {
    expect(await open(`${origin}/longer-than-it-says`)).toMatchObject({ bytes: 10, read: 10 });
  });

  test('from a server that nobody listens at is unavailable', async () => {
    const nobody = 'http://127.0.0.1:1';
    await expect(open(`${nobody}/x`, { origins: [nobody] })).rejects.toMatchObject({
      name: 'OutputUnavailable',
    });
  });

  test('is asked for without credentials, uncompressed, and only from a configured origin', async () => {
    requests.length = 0;
    await open(`${origin}/whole`);
    expect(requests[0]?.headers).toMatchObject({ 'accept-encoding': 'identity' });
    expect(requests[0]?.headers.authorization).toBeUndefined();
    const elsewhere = open(`${origin}/whole`, { origins: ['https://replicate.delivery'] });
    await expect(elsewhere).rejects.toMatchObject({ name: 'OutputRejected' });
    expect(requests).toHaveLength(1);
  });

  describe('that is denied without credentials', () => {
    const fetch = outputFetcher(async () => 'r8_token');
    beforeEach(() => {
      requests.length = 0;
    });
    const authorizations = () => requests.map(({ headers }) => headers.authorization);

    test.each(['/not-for-all', '/hidden'])(
      '%s is fetched with the token where there is one',
      async (path) => {
        expect(await open(origin + path, { fetch })).toMatchObject({ bytes: MAX, sha256: sha256(BYTES) });
        expect(authorizations()).toEqual([undefined, 'Bearer r8_token']);
        await expect(open(origin + path)).rejects.toMatchObject({ name: 'OutputUnavailable' });
      },
    );

    test('is unavailable if the token does not help either', async () => {
      await expect(open(`${origin}/forbidden`, { fetch })).rejects.toMatchObject({
        name: 'OutputUnavailable',
        message: expect.not.stringContaining('r8_'),
      });
      expect(requests).toHaveLength(2);
    });

    test('has the token sent nowhere else: not to another origin, not after a redirect', async () => {
      const elsewhere = open(`${origin}/not-for-all`, { fetch, origins: ['https://replicate.delivery'] });
      await expect(elsewhere).rejects.toMatchObject({ name: 'OutputRejected' });
      expect(requests).toEqual([]);
      await expect(open(`${origin}/denies-and-redirects`, { fetch })).rejects.toMatchObject({
        name: 'OutputRejected',
      });
      expect(requests.map(({ url }) => url)).toEqual(['/denies-and-redirects', '/denies-and-redirects']);
    });

    test('is unavailable, and no token is sent, for any other answer', async () => {
      for (const path of ['/missing', '/broken', '/cut'])
        await expect(open(origin + path, { fetch })).rejects.toMatchObject({ name: 'OutputUnavailable' });
      expect(authorizations()).toEqual([undefined, undefined, undefined]);
    });
  });

  test('whose reader fails ends with the error of the reader', async () => {
    const options = { origins: [origin], maxBytes: MAX, signal: deadline.signal, fetchOutput };
    for (const path of ['/whole', '/no-length'])
      await expect(
        withOutput(origin + path, options, async () => {
          throw new Error('S3 is down');
        }),
      ).rejects.toThrow('S3 is down');
  });
});

describe('a data: URI', () => {
  const uri = (bytes: Buffer, type = 'image/png') => `data:${type};base64,${bytes.toString('base64')}`;

  test.each(['image/png', 'application/octet-stream', '', 'image/svg+xml;charset=utf-8'])(
    'of the type "%s" gives its bytes',
    async (type) => {
      expect(await open(uri(BYTES, type))).toMatchObject({ bytes: MAX, sha256: sha256(BYTES) });
    },
  );

  const bytes = Buffer.from([0xfb, 0xff, 0xfe, 0x3e, 0x3f, 0x00, 0x41]);
  const encoded = bytes.toString('base64');
  test.each([
    ['in lines', `data:image/png;base64,${encoded.slice(0, 4)}\r\n ${encoded.slice(4)}\n`],
    [
      'in the alphabet for addresses, without padding',
      `data:image/png;base64,${bytes.toString('base64url')}`,
    ],
    ['that is percent-encoded base64', `data:image/png;base64,${encodeURIComponent(encoded)}`],
    ['without a type', `data:;base64,${encoded}`],
    ['with a blank and capitals', `DATA:image/png; charset=utf-8; BASE64,${encoded}`],
    [
      'that is percent-encoded',
      `data:,${[...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')}`,
    ],
  ])('%s gives its bytes', async (_how, address) => {
    expect(await open(address)).toMatchObject({ bytes: bytes.length, sha256: sha256(bytes) });
  });

  test('that is text gives it as it is, with percent signs that encode nothing', async () => {
    const text = '<svg width="100%" fill="#fff">é</svg>';
    expect(await open(`data:image/svg+xml;utf8,${text}`)).toMatchObject({
      sha256: sha256(Buffer.from(text)),
    });
    expect(await open(`data:image/svg+xml,${encodeURIComponent(text)}`)).toMatchObject({
      sha256: sha256(Buffer.from(text)),
    });
  });

  test.each([
    ['that is too large', uri(Buffer.alloc(MAX + 1)), /too large/],
    ['that is much too large', `data:,${'%41'.repeat(MAX * 2)}`, /too large/],
    ['that is empty', 'data:image/png;base64,', /empty/],
    ['that is damaged', 'data:image/png;base64,ab%%cd', /damaged/],
    ['with words instead of base64', 'data:image/png;base64,not base64!', /damaged/],
    ['with a type of 10,000 characters', `data:${'a'.repeat(10_000)};base64,AAAA`, /200 characters/],
  ])('%s is refused for good', async (_what, address, words) => {
    await expect(open(address)).rejects.toMatchObject({
      name: 'OutputRejected',
      message: expect.stringMatching(words),
    });
  });
});

describe('a name', () => {
  const look = (all: boolean) =>
    new Promise((resolve, reject) => {
      (publicLookup as LookupFunction)('x.replicate.delivery', { all }, (error, address) =>
        error ? reject(error) : resolve(address),
      );
    });

  test('that resolves to public addresses is connected to at just these', async () => {
    answers = [['104.18.0.1', '2606:4700::1111']];
    expect(await look(false)).toBe('104.18.0.1');
    expect(await look(true)).toEqual([
      { address: '104.18.0.1', family: 4 },
      { address: '2606:4700::1111', family: 6 },
    ]);
  });

  test.each([
    ['a private address', ['10.0.0.1']],
    ['the metadata service', ['169.254.169.254']],
    ['a private address beside a public one', ['104.18.0.1', '192.168.0.1']],
    ['an IPv4 address in IPv6 clothes', ['::ffff:127.0.0.1']],
    ['nothing', []],
  ])('that resolves to %s is refused', async (_what, addresses) => {
    answers = [addresses];
    for (const all of [true, false])
      await expect(look(all)).rejects.toMatchObject({ name: 'RefusedAddress' });
  });

  test('that is public at the first look-up and private at the second is refused at the second', async () => {
    answers = [['104.18.0.1'], ['127.0.0.1']];
    await look(false);
    await expect(look(false)).rejects.toMatchObject({ name: 'RefusedAddress' });
  });

  test('is looked at by the connection itself: an allowed host at a private address is never asked', async () => {
    answers = [['127.0.0.1']];
    const allowed = 'https://replicate.delivery';
    await expect(open(`${allowed}/x.png`, { origins: [allowed] })).rejects.toMatchObject({
      name: 'OutputRejected',
      message: 'replicate.delivery resolves to 127.0.0.1',
    });
  });
});
