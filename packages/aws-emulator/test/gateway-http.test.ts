import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { withEmulator } from './emulator.ts';

const site = mkdtempSync(path.join(tmpdir(), 'site-'));
for (const file of ['index.html', 'script.js', '.hidden']) writeFileSync(path.join(site, file), file);
writeFileSync(`${site}.txt`, 'outside');
afterAll(() => {
  for (const name of [site, `${site}.txt`]) rmSync(name, { recursive: true });
});

const local = withEmulator(
  (stack) => {
    stack.siteHeaders = { 'content-security-policy': "default-src 'self'" };
  },
  { site: async () => site },
);
const call = (target: string, init: RequestInit = {}) => fetch(`${local.running.web}${target}`, init);

describe('the HTTP API in front of the functions', () => {
  test('a request arrives in payload format 2.0, and the response comes back as returned', async () => {
    const response = await call('/items/some%20id?b=2&a=1&b=3', {
      headers: { 'X-Custom': 'Yes', cookie: 'one=1; two=2', authorization: 'Bearer local' },
    });
    expect(response.status).toBe(201);
    expect(response.headers.get('x-script')).toBe('some id');
    expect(response.headers.getSetCookie()).toEqual(['a=b']);
    expect(await response.json()).toMatchObject({
      version: '2.0',
      routeKey: 'GET /items/{item}',
      rawPath: '/items/some id',
      rawQueryString: 'b=2&a=1&b=3',
      queryStringParameters: { a: '1', b: '2,3' },
      pathParameters: { item: 'some id' },
      cookies: ['one=1', 'two=2'],
      headers: { 'x-custom': 'Yes', authorization: 'Bearer local' },
      requestContext: { stage: '$default', http: { method: 'GET', sourceIp: '127.0.0.1' } },
      isBase64Encoded: false,
    });
  });

  test.each<[string, string, Uint8Array | string, boolean]>([
    ['JSON travels as text', 'application/json', '{"a":"ä"}', false],
    ['bytes that are not UTF-8 travel as base64', 'application/json', new Uint8Array([0xff, 0xfe]), true],
    ['an image travels as base64', 'image/png', new Uint8Array([0x89, 0x50]), true],
  ])('%s', async (_, type, body, encoded) => {
    const sent = Buffer.from(body);
    const response = await call('/items', {
      method: 'POST',
      headers: { 'content-type': type },
      body: new Uint8Array(sent),
    });
    const event = (await response.json()) as { body: string; isBase64Encoded: boolean };
    expect(event.isBase64Encoded).toBe(encoded);
    expect(Buffer.from(event.body, encoded ? 'base64' : 'utf8')).toEqual(sent);
  });

  test('no route: 404 with API Gateway’s words', async () => {
    const response = await call('/nothing');
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({ message: 'Not Found' });
  });

  test('a function that fails: 500 without its words', async () => {
    const response = await call('/items/fail');
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ message: 'Internal Server Error' });
  });

  test.each([
    ['above the 10 MB of the HTTP API', 10 * 1024 * 1024 + 1],
    ['above the 6 MB of Lambda', 6 * 1024 * 1024],
  ])('a body %s: 413, and the function is not started', async (_, bytes) => {
    const before = local.running.logs('web').length;
    const response = await call('/items', { method: 'POST', body: 'x'.repeat(bytes) });
    expect(response.status).toBe(413);
    expect(local.running.logs('web').length).toBe(before);
  });
});

describe('the page beside the API', () => {
  test('its files come with their types and the deployed headers', async () => {
    const page = await call('/');
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toBe("default-src 'self'");
    expect(await page.text()).toBe('index.html');
    const script = await call('/script.js');
    expect([script.status, script.headers.get('content-type')]).toEqual([
      200,
      'text/javascript; charset=utf-8',
    ]);
    const since = { 'if-modified-since': script.headers.get('last-modified')! };
    expect((await call('/script.js', { headers: since })).status).toBe(304);
  });

  const outside = `${path.basename(site)}.txt`;
  test.each([`/../${outside}`, `/%2e%2e/${outside}`, `/%2e%2e%2f${outside}`, '/.hidden', '/%00', '/%'])(
    'nothing outside its folder and no hidden file is served (%s)',
    async (target) => {
      expect((await call(target)).status).toBe(404);
    },
  );
});
