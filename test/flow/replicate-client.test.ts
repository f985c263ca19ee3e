import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { ReplicateClient } from '../../lib/ports.ts';
import { replicateClient } from '../../lib/replicate/client.ts';

const TOKEN = 'r8_a-token-that-must-not-leak';
interface Seen {
  method: string | undefined;
  url: string | undefined;
  headers: http.IncomingHttpHeaders;
  body: string;
}
const seen: Seen[] = [];
let server: http.Server;
let client: ReplicateClient;
let answer: (seen: Seen, response: http.ServerResponse) => void;

beforeAll(async () => {
  server = http.createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method, url, headers } = request;
    seen.push({ method, url, headers, body });
    answer(seen.at(-1)!, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = replicateClient(
    `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    async () => TOKEN,
  );
});
beforeEach(() => {
  seen.length = 0;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const json = (status: number, body: unknown, headers: http.OutgoingHttpHeaders = {}) => {
  answer = (_seen, response) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
  };
};
const create = () =>
  client.create({ version: 'a/b', input: { prompt: 'a nurse' }, webhook: 'https://hooks.example/x' });

describe('asking for a prediction', () => {
  test('sends what Replicate allows, and no more, with a bound on its life', async () => {
    json(201, { id: 'p1', status: 'starting', unknown: 1 });
    expect(await create()).toBe('p1');
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/v1/predictions' });
    expect(seen[0]?.headers).toMatchObject({ authorization: `Bearer ${TOKEN}`, 'cancel-after': '30m' });
    expect(JSON.parse(seen[0]!.body)).toEqual({
      version: 'a/b',
      input: { prompt: 'a nurse' },
      webhook: 'https://hooks.example/x',
      webhook_events_filter: ['completed'],
    });
  });

  test.each([400, 401, 402, 404, 409, 422, 429, 500, 502, 503, 504])(
    'that is answered %i is sent once: a second could be paid twice',
    async (status) => {
      json(status, { title: 'No', detail: 'not now', status });
      await expect(create()).rejects.toMatchObject({
        name: 'ReplicateRefusal',
        status,
        message: 'No: not now',
      });
      expect(seen).toHaveLength(1);
    },
  );

  test.each<[string, typeof answer]>([
    ['is cut before an answer', (_seen, response) => response.socket?.destroy()],
    [
      'is cut in its answer',
      (_seen, response) => {
        response.writeHead(201, { 'content-length': 100 });
        response.write('{', () => response.destroy());
      },
    ],
    [
      'is redirected',
      (_seen, response) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
    ],
  ])('that %s is sent once, and it is open what became of it', async (_how, how) => {
    answer = how;
    await expect(create()).rejects.toMatchObject({ name: 'ReplicateUnreachable' });
    expect(seen).toHaveLength(1);
  });

  test.each<[string, unknown, http.OutgoingHttpHeaders, number | undefined]>([
    ['in the header', { detail: 'resets in ~9s', retry_after: 7 }, { 'retry-after': '5' }, 5],
    ['in the body', { detail: 'resets in ~9s', retry_after: 7 }, {}, 7],
    ['in words', { detail: 'Your rate limit resets in ~9s.' }, {}, 9],
    ['nowhere', { detail: 'Slow down.' }, {}, undefined],
    [
      'as a date, which is not read',
      { detail: 'Slow down.' },
      { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' },
      undefined,
    ],
    ['below zero', { detail: 'x', retry_after: -1 }, {}, undefined],
    ['in a page that is no JSON', '<html>429</html>', { 'retry-after': '3' }, 3],
    ['in JSON that is null', 'null', {}, undefined],
  ])('a 429 whose waiting time stands %s is told so', async (_where, body, headers, retryAfter) => {
    json(429, body, headers);
    await expect(create()).rejects.toMatchObject({ status: 429, retryAfter });
  });

  test('whose status is one that nobody knows yet is asked for all the same: it will be paid', async () => {
    json(201, { id: 'p1', status: 'queued', input: [] });
    expect(await create()).toBe('p1');
  });

  test('a refusal without words says its status, and one with many is bounded', async () => {
    json(502, '<html>Bad gateway</html>');
    await expect(create()).rejects.toThrow('Replicate answered 502 Bad Gateway');
    json(422, { detail: 'x'.repeat(100_000) });
    await expect(create()).rejects.toMatchObject({ message: 'x'.repeat(2_000) });
  });

  test.each<[string, () => void]>([
    ['a refusal', () => json(500, { detail: 'no' })],
    [
      'a broken connection',
      () => {
        answer = (_seen, response) => response.socket?.destroy();
      },
    ],
    ['an answer that is no prediction', () => json(201, { hello: 1 })],
  ])('the token stands in nothing that %s throws', async (_what, prepare) => {
    prepare();
    const error = await create().catch((thrown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(TOKEN);
  });
});

test('an answer that is too large for memory is read no further, and is an error of its own', async () => {
  let sent = 0;
  answer = (_seen, response) => {
    const chunk = Buffer.alloc(1_000_000, 'x');
    const more = () => {
      if (response.destroyed) return;
      sent += chunk.length;
      response.write(chunk, more);
    };
    more();
  };
  await expect(client.get('p1')).rejects.toMatchObject({ name: 'AnswerTooLarge' });
  expect(sent).toBeLessThan(40_000_000);
});

describe('a model', () => {
  const schema = { components: { schemas: { Input: { properties: { prompt: {}, seed: {} } } } } };

  test('that is official has no version to pin', async () => {
    json(200, { is_official: true, latest_version: { id: 'ab', openapi_schema: schema } });
    expect(await client.model('a/b')).toEqual({ official: true, version: null, openapi: schema });
    expect(seen[0]?.url).toBe('/v1/models/a/b');
  });

  test('that is not is pinned to its latest version, and to the asked one where one is asked', async () => {
    json(200, { latest_version: { id: 'ab', openapi_schema: schema } });
    expect(await client.model('a/b')).toMatchObject({ official: false, version: 'ab' });
    json(200, { id: 'cd', openapi_schema: {} });
    expect(await client.model(`a/b:${'cd'.repeat(32)}`)).toEqual({
      official: false,
      version: 'cd'.repeat(32),
      openapi: {},
    });
  });

  test('that never ran has neither', async () => {
    json(200, { latest_version: null });
    expect(await client.model('a/b')).toEqual({ official: false, version: null, openapi: undefined });
  });
});

test('polling and canceling are sent once each, too', async () => {
  json(503, { detail: 'no' });
  await expect(client.get('p1')).rejects.toMatchObject({ status: 503 });
  await expect(client.cancel('p1')).rejects.toMatchObject({ status: 503 });
  expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET /v1/predictions/p1',
    'POST /v1/predictions/p1/cancel',
  ]);
});
