import { fromProxyResult } from '../gateway/payload.ts';
import { createRouter } from '../gateway/routes.ts';

const router = createRouter(
  [
    'GET /api/audits',
    'GET /api/audits/{audit}',
    'GET /api/audits/latest',
    'POST /webhooks/{audit}/{cell}',
    '* /files/{path+}',
  ].map((text) => {
    const [method = '', path = ''] = text.split(' ');
    return { method, path, functionKey: text };
  }),
);

describe('routes match as in an HTTP API', () => {
  test.each<[string, string, string | undefined, Record<string, string>?]>([
    ['GET', '/api/audits', 'GET /api/audits', {}],
    ['GET', '/api/audits/', undefined],
    ['POST', '/api/audits', undefined],
    ['GET', '/api/audits/01', 'GET /api/audits/{audit}', { audit: '01' }],
    ['GET', '/api/audits/a%20b', 'GET /api/audits/{audit}', { audit: 'a b' }],
    ['GET', '/api/audits/latest', 'GET /api/audits/latest', {}],
    ['POST', '/webhooks/a/00001', 'POST /webhooks/{audit}/{cell}', { audit: 'a', cell: '00001' }],
    ['PUT', '/files/a/b/c', '* /files/{path+}', { path: 'a/b/c' }],
    ['GET', '/other', undefined],
  ])('%s %s → %s', (method, path, functionKey, parameters = {}) => {
    const matched = router.match(method, path);
    expect(matched?.route.functionKey).toBe(functionKey);
    if (functionKey !== undefined) expect(matched?.parameters).toEqual(parameters);
  });
});

describe('what a function returns becomes the response', () => {
  test('status, headers, cookies and body', () => {
    const result = { statusCode: 201, headers: { 'X-A': 1 }, cookies: ['a=b'], body: 'ok' };
    expect(fromProxyResult(JSON.stringify(result))).toEqual({
      statusCode: 201,
      headers: { 'x-a': '1', 'content-type': 'text/plain;charset=UTF-8' },
      cookies: ['a=b'],
      body: Buffer.from('ok'),
    });
  });

  test('a base64 body is decoded', () => {
    const result = { statusCode: 200, body: Buffer.from([0, 255]).toString('base64'), isBase64Encoded: true };
    expect(fromProxyResult(JSON.stringify(result))?.body).toEqual(Buffer.from([0, 255]));
  });

  test('anything without a status is JSON with 200', () => {
    expect(fromProxyResult('{"a":1}')).toMatchObject({ statusCode: 200, body: Buffer.from('{"a":1}') });
  });

  test('an impossible status is no response', () => {
    expect(fromProxyResult('{"statusCode":"many"}')).toBeUndefined();
  });
});
