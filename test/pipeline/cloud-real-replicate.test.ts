import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Listener, listen } from '@weaudit/aws-emulator';
import type { StackModel } from '@weaudit/aws-emulator/stack';
import { openRealReplicate, type RealReplicate } from '../../local/real-replicate.ts';

/** What reached "replicate.com", which this server stands for. */
const seen: {
  method: string;
  url: string;
  authorization: string;
  body: Record<string, unknown> | undefined;
}[] = [];
let answerStatus = 201;
const upstream = http.createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  seen.push({
    method: request.method ?? '',
    url: request.url ?? '',
    authorization: request.headers.authorization ?? '',
    body: text === '' ? undefined : JSON.parse(text),
  });
  response.writeHead(answerStatus, { 'content-type': 'application/json', 'ratelimit-remaining': '7' });
  response.end(JSON.stringify({ id: 'p1', key: 'whsec_real' }));
});
let listener: Listener;
let guard: RealReplicate;

async function start(publicUrl?: string) {
  guard = openRealReplicate({
    token: 'r8_real',
    localToken: 'r8_local',
    maxPredictions: 2,
    publicUrl,
    stack: {
      defaultParameters: { outputOrigins: 'https://replicate.delivery', models: 'a/b' },
    } as unknown as StackModel,
    upstream: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
  });
  listener = await listen(0, 'guard', '--port-replicate');
  listener.serve(guard.handle);
}
const call = (method: string, target: string, body?: object, token = 'r8_local') =>
  fetch(`${listener.origin}${target}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
const create = () =>
  call('POST', '/v1/predictions', {
    version: 'v',
    input: {},
    webhook: 'http://127.0.0.1:3000/x',
    webhook_events_filter: ['completed'],
  });

beforeAll(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
});
beforeEach(async () => {
  seen.length = 0;
  answerStatus = 201;
  await start();
});
afterEach(() => listener.close());
afterAll(() => {
  upstream.close();
  upstream.closeAllConnections();
});

describe('the guard in front of the real Replicate', () => {
  test('it puts the account’s token on the request and hands the answer back', async () => {
    const response = await call('GET', '/v1/predictions/p1?x=1');
    expect([response.status, response.headers.get('ratelimit-remaining')]).toEqual([201, '7']);
    expect(seen).toMatchObject([
      { method: 'GET', url: '/v1/predictions/p1?x=1', authorization: 'Bearer r8_real' },
    ]);
  });

  test('without a public address no webhook is asked for', async () => {
    await create();
    expect(seen[0]?.body).toEqual({ version: 'v', input: {} });
  });

  test('with one the functions’ webhook passes', async () => {
    await listener.close();
    await start('https://tunnel.example');
    await create();
    expect(seen[0]?.body).toMatchObject({ webhook_events_filter: ['completed'] });
    expect(guard.environment).toMatchObject({
      WEBHOOK_URL: 'https://tunnel.example',
      OUTPUT_ORIGINS: 'https://replicate.delivery',
    });
  });

  test('beyond the maximum it answers as Replicate does without credit, also to many at once', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, create));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 402, 402, 402]);
    const refused = answers.find(({ status }) => status === 402);
    expect(await refused?.json()).toMatchObject({
      status: 402,
      detail: expect.stringContaining('--max-predictions'),
    });
    expect(seen).toHaveLength(2);
  });

  test('what Replicate refuses does not count, what fails there does', async () => {
    answerStatus = 422;
    await create();
    expect(guard.created()).toBe(0);
    answerStatus = 500;
    await create();
    expect(guard.created()).toBe(1);
  });

  test.each([
    ['POST', '/v1/trainings'],
    ['DELETE', '/v1/predictions/p1'],
    ['POST', '/v1/models'],
  ])('%s %s is none of the pipeline’s calls and does not pass', async (method, target) => {
    expect((await call(method, target, method === 'POST' ? {} : undefined)).status).toBe(403);
    expect(seen).toEqual([]);
  });

  test('somebody else on this machine cannot spend through it', async () => {
    expect((await call('POST', '/v1/predictions', {}, 'guess')).status).toBe(401);
    expect(seen).toEqual([]);
  });

  test('it fetches the webhooks’ secret of the account', async () => {
    answerStatus = 200;
    expect(await guard.fetchWebhookSecret()).toBe('whsec_real');
  });
});
