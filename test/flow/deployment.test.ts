import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { checkDeployment, probeWebhooks } from '../../cli/operator/deployment.ts';
import { createWebhook } from '../../lib/handlers/webhook.ts';
import type { ObjectStore } from '../../lib/ports.ts';
import { systemTime } from '../../lib/system.ts';

/** What a path answers. */
type Answer = { status: number; body?: unknown; headers?: Record<string, string> };
let answers: Record<string, Answer | (() => Promise<Answer>)>;
let seen: string[];
let server: http.Server;
let url: string;
beforeAll(async () => {
  server = http.createServer(async (request, response) => {
    seen.push(`${request.method} ${request.url}`);
    const found = Object.entries(answers).find(([path]) => request.url?.startsWith(path))?.[1];
    const {
      status,
      body = '',
      headers = {},
    } = (typeof found === 'function' ? await found() : found) ?? {
      status: 404,
    };
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(() => {
  answers = {};
  seen = [];
});

/** What our function answers to a webhook without a signature. */
const ours = async (): Promise<Answer> => {
  const log = { info() {}, warn() {}, error() {}, appendKeys() {}, resetKeys() {} };
  const store = { within: () => store } as unknown as ObjectStore;
  const ports = {
    store,
    secrets: async () => '',
    fetchOutput: async () => {},
    time: systemTime,
    log,
  } as never;
  const handler = createWebhook(ports, { OUTPUT_ORIGINS: 'x', MAX_IMAGE_BYTES: '1' });
  const { statusCode, headers, body } = await handler({ headers: {}, body: '{}' } as never);
  return { status: statusCode, headers, body };
};

describe('the address of webhooks', () => {
  test('is right where our function refuses what is not signed', async () => {
    answers = { '/webhooks/replicate/': ours };
    expect(await probeWebhooks(url)).toEqual([true, expect.stringContaining('refuses a webhook')]);
    expect(seen).toEqual([`POST /webhooks/replicate/${'0'.repeat(26)}/00000`]);
  });

  test.each<[string, Answer, RegExp]>([
    [
      'redirects',
      { status: 301, headers: { location: 'https://www.example.org/' } },
      /redirects to https:\/\/www/,
    ],
    ['is answered by something else', { status: 401, body: 'login' }, /answered 401 .* something else/],
    ['is blocked by a firewall', { status: 403 }, /answered 403/],
    ['has no such route', { status: 404 }, /answered 404/],
    [
      'has a function that fails',
      { status: 500, body: { message: 'Internal Server Error' } },
      /answered 500/,
    ],
  ])('is wrong where it %s, and says what follows', async (_, answer, words) => {
    answers = { '/': answer };
    expect(await probeWebhooks(url)).toEqual([false, expect.stringMatching(words)]);
    expect((await probeWebhooks(url))[1]).toContain('Webhooks do not arrive');
    expect(seen).toHaveLength(2);
  });

  test('is wrong where its certificate is not one, and where nobody listens', async () => {
    expect(await probeWebhooks(url.replace('http:', 'https:'))).toEqual([
      false,
      expect.stringMatching(/cannot be reached: .*(SSL|TLS)/i),
    ]);
    expect(await probeWebhooks('http://127.0.0.1:1')).toEqual([
      false,
      expect.stringMatching(/cannot be reached/),
    ]);
  });
});

describe('a deployment', () => {
  const account = (UnreservedConcurrentExecutions: number): Answer => ({
    status: 200,
    body: { AccountLimit: { ConcurrentExecutions: 1_000, UnreservedConcurrentExecutions } },
  });
  const dispatch = (variables: object): Answer => ({
    status: 200,
    body: { Environment: { Variables: variables } },
  });
  const missing: Answer = {
    status: 404,
    headers: { 'x-amzn-errortype': 'ResourceNotFoundException' },
    body: {},
  };
  const LIMITS = '/2016-08-19/account-settings';
  const CONFIGURATION = '/2015-03-31/functions/weaudit-dev-dispatch/configuration';
  const check = async () => {
    const before = { ...process.env };
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' });
    try {
      const settings = { local: false, stage: 'dev', region: 'eu-central-1', endpoint: url };
      return Object.fromEntries(
        (await checkDeployment(settings)).map(({ step, ok, detail }) => [step, [ok, detail]]),
      );
    } finally {
      process.env = before;
    }
  };

  test('of a new account, which runs 10 functions at once, is told that its rate needs more and what to do', async () => {
    answers = {
      [LIMITS]: account(10),
      [CONFIGURATION]: dispatch({ CREATES_PER_MINUTE: '600', WEBHOOK_URL: url }),
      '/webhooks': ours,
    };
    const { concurrency, 'webhook URL': webhooks } = await check();
    expect(concurrency).toEqual([
      false,
      expect.stringMatching(/10 functions .* about 16\. .*createsPerMinute=240/),
    ]);
    expect(webhooks).toEqual([true, expect.stringContaining(url)]);
  });

  test('that asks Replicate as slowly as the advice says fits a new account, and a larger one fits the default', async () => {
    answers = { [LIMITS]: account(10), [CONFIGURATION]: dispatch({ CREATES_PER_MINUTE: '240' }) };
    expect((await check()).concurrency).toEqual([true, '10 functions may run at once, 10 are needed']);
    answers = { [LIMITS]: account(1_000), [CONFIGURATION]: missing };
    expect((await check()).concurrency).toEqual([true, '1000 functions may run at once, 16 are needed']);
  });

  test('that does not exist yet is no fault', async () => {
    answers = { [LIMITS]: account(1_000), [CONFIGURATION]: missing };
    expect((await check())['webhook URL']).toEqual([undefined, expect.stringContaining('not deployed yet')]);
  });

  test('whose account may not be read is said to be unknown', async () => {
    const denied: Answer = {
      status: 403,
      headers: { 'x-amzn-errortype': 'AccessDeniedException' },
      body: { Message: 'no' },
    };
    answers = { [LIMITS]: denied, [CONFIGURATION]: denied };
    const { concurrency, 'webhook URL': webhooks } = await check();
    expect([concurrency?.[0], webhooks?.[0]]).toEqual([undefined, undefined]);
  });
});
