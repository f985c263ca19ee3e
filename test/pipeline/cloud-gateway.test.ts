import { scriptedFunctions, withCloud } from '../support/cloud.ts';

const local = withCloud({
  ...scriptedFunctions,
  amend(stack) {
    return {
      ...stack,
      siteHeaders: {
        'content-security-policy':
          'img-src https://weaudit-local-000000000000-images.s3.eu-central-1.amazonaws.com',
      },
    };
  },
});
const call = (path: string, init: RequestInit = {}) => fetch(`${local.cloud.endpoints.api}${path}`, init);

describe('the HTTP API in front of the functions', () => {
  test('a request arrives in payload format 2.0, and the response comes back as returned', async () => {
    const response = await call('/api/audits/some%20id?b=2&a=1&b=3', {
      headers: { 'X-Custom': 'Yes', cookie: 'one=1; two=2', authorization: 'Bearer local' },
    });
    expect(response.status).toBe(201);
    expect(response.headers.get('x-script')).toBe('some id');
    expect(response.headers.getSetCookie()).toEqual(['a=b']);
    expect(await response.json()).toMatchObject({
      version: '2.0',
      routeKey: 'GET /api/audits/{audit}',
      rawPath: '/api/audits/some id',
      rawQueryString: 'b=2&a=1&b=3',
      queryStringParameters: { a: '1', b: '2,3' },
      pathParameters: { audit: 'some id' },
      cookies: ['one=1', 'two=2'],
      headers: { 'x-custom': 'Yes', authorization: 'Bearer local' },
      requestContext: { stage: '$default', http: { method: 'GET', sourceIp: '127.0.0.1' } },
      isBase64Encoded: false,
    });
  });

  test.each<[string, string, Uint8Array | string, boolean]>([
    ['JSON travels as text', 'application/json', '{"a":"ä"}', false],
    ['bytes that are no UTF-8 travel as base64', 'application/json', new Uint8Array([0xff, 0xfe]), true],
    ['an image travels as base64', 'image/png', new Uint8Array([0x89, 0x50]), true],
  ])('%s', async (_, type, body, encoded) => {
    const sent = Buffer.from(body);
    const response = await call('/api/audits', {
      method: 'POST',
      headers: { 'content-type': type },
      body: new Uint8Array(sent),
    });
    const event = (await response.json()) as { body: string; isBase64Encoded: boolean };
    expect(event.isBase64Encoded).toBe(encoded);
    expect(Buffer.from(event.body, encoded ? 'base64' : 'utf8')).toEqual(sent);
  });

  test('no route: 404 with API Gateway’s words', async () => {
    const response = await call('/api/nothing');
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({ message: 'Not Found' });
  });

  test('a function that fails: 500 without its words', async () => {
    const response = await call('/api/audits/fail');
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ message: 'Internal Server Error' });
  });

  test.each([
    ['above the 10 MB of the HTTP API', 10 * 1024 * 1024 + 1],
    ['above the 6 MB of Lambda', 6 * 1024 * 1024],
  ])('a body %s: 413, and the function is not started', async (_, bytes) => {
    const before = local.cloud.logs('api').length;
    const response = await call('/api/audits', { method: 'POST', body: 'x'.repeat(bytes) });
    expect(response.status).toBe(413);
    expect(local.cloud.logs('api').length).toBe(before);
  });
});

describe('the page beside the API', () => {
  test('its files come with their types and the deployed headers, with local addresses in them', async () => {
    const page = await call('/');
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toBe(`img-src ${local.cloud.endpoints.aws}`);
    const script = /src="?(\/assets\/[^" >]+)/.exec(await page.text())?.[1] ?? '';
    const answer = await call(script);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      200,
      'text/javascript; charset=utf-8',
    ]);
  });

  test.each(['/../package.json', '/%2e%2e/package.json', '/%2e%2e%2fpackage.json', '/.git/config', '/%00'])(
    'nothing outside its folder is served (%s)',
    async (path) => {
      const response = await call(path);
      expect(response.status).toBe(404);
    },
  );
});
