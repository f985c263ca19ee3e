import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { parameterReader } from '../../lib/aws/parameter.ts';
import type { SecretReader } from '../../lib/ports.ts';
import { SecretRefused, secretReader, secretsByName } from '../../lib/secrets.ts';
import { systemTime } from '../../lib/system.ts';

const MINUTE = 60_000;
let server: http.Server;
let endpoint: string;
let status: number;
let body: unknown;
/** What is answered instead of a body. */
let text: string | undefined;
let requests: { headers: http.IncomingHttpHeaders; body: string }[];
let read: SecretReader;

beforeAll(async () => {
  server = http.createServer(async (request, response) => {
    let sent = '';
    for await (const chunk of request) sent += chunk;
    requests.push({ headers: request.headers, body: sent });
    response.writeHead(status).end(text ?? JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(() => {
  jest.useFakeTimers({
    doNotFake: ['nextTick', 'setImmediate', 'setTimeout', 'clearTimeout', 'queueMicrotask', 'performance'],
  });
  status = 200;
  body = { Parameter: { Value: 'first' } };
  text = undefined;
  requests = [];
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
  const client = new S3Client({ region: 'eu-central-1', credentials });
  read = secretReader(parameterReader(client, endpoint, '/weaudit/test/token'), systemTime);
});
afterEach(() => {
  jest.useRealTimers();
});

const pass = (ms: number) => jest.setSystemTime(Date.now() + ms);
const rotate = () => {
  body = { Parameter: { Value: 'second' } };
};

describe('a secret', () => {
  test('is asked for by its name, decrypted, in a signed request', async () => {
    expect(await read()).toBe('first');
    expect(JSON.parse(requests[0]!.body)).toEqual({ Name: '/weaudit/test/token', WithDecryption: true });
    expect(requests[0]?.headers['x-amz-target']).toBe('AmazonSSM.GetParameter');
    expect(requests[0]?.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/ssm\/aws4_request/,
    );
  });

  test('is kept for five minutes, and a rotated one is used after that', async () => {
    await read();
    rotate();
    pass(5 * MINUTE);
    expect(await read()).toBe('first');
    expect(requests).toHaveLength(1);
    pass(1);
    expect(await read()).toBe('second');
  });

  test('is read again after a refusal, but not more often than every ten seconds', async () => {
    await read();
    rotate();
    expect(await read({ refresh: true })).toBe('first');
    pass(10_001);
    expect(await read({ refresh: true })).toBe('second');
    for (let i = 0; i < 100; i++) await read({ refresh: true });
    expect(requests).toHaveLength(2);
  });

  test('is asked for once by many at once', async () => {
    await Promise.all(Array.from({ length: 10 }, () => read()));
    expect(requests).toHaveLength(1);
  });

  test('that could not be read is asked for again by the next', async () => {
    status = 400;
    body = { __type: 'com.amazonaws.ssm#ParameterNotFound', message: 'whsec_secret' };
    const error = await read().catch((thrown: Error) => thrown);
    expect(error).toMatchObject({
      message:
        'parameter /weaudit/test/token could not be read: GetParameter was answered 400 ParameterNotFound: "npx weaudit setup" fills it',
    });
    status = 200;
    body = { Parameter: { Value: 'first' } };
    expect(await read()).toBe('first');
  });

  test('is in no error, also if the answer is cut off or spoiled', async () => {
    for (const spoiled of ['{"Parameter":{"Value":"first"x}}', '{"Parameter":{"Value":"first', '']) {
      text = spoiled;
      const error = await read().catch((thrown: Error) => thrown);
      expect(inspect(error)).toContain('GetParameter got no whole answer');
      expect(inspect(error)).not.toContain('first');
    }
    text = undefined;
    expect(await read()).toBe('first');
  });

  test('that was read is used for an hour while it cannot be read again, also for a refresh', async () => {
    await read();
    status = 400;
    body = { __type: 'ThrottlingException' };
    pass(11_000);
    const [refreshed, other] = await Promise.all([read({ refresh: true }), read()]);
    expect([refreshed, other]).toEqual(['first', 'first']);
    for (let i = 0; i < 5; i++) await read({ refresh: true });
    expect(requests).toHaveLength(2);
    pass(50 * 60_000);
    expect(await read()).toBe('first');
    pass(10 * 60_000);
    await expect(read()).rejects.toThrow('ThrottlingException');
  });

  test('that was taken away is not used any longer', async () => {
    await read();
    status = 400;
    body = { __type: 'ParameterNotFound' };
    pass(11_000);
    expect(await read()).toBe('first');
    await expect(read({ refresh: true })).rejects.toThrow('ParameterNotFound');
  });

  test('that is empty is a fault that says what to do', async () => {
    body = { Parameter: {} };
    await expect(read()).rejects.toThrow('"npx weaudit setup" fills it');
  });
});

test('secrets are kept by their names, each for itself', async () => {
  const asked: string[] = [];
  const value = secretsByName(async (name) => {
    asked.push(name);
    if (name === 'none') throw new SecretRefused('there is none');
    return `value of ${name}`;
  }, systemTime);
  for (const name of ['one', 'two', 'one', 'two']) expect(await value(name)).toBe(`value of ${name}`);
  await expect(value('none')).rejects.toThrow('there is none');
  expect(asked).toEqual(['one', 'two', 'none']);
  // However many there are, a process holds a bounded number.
  for (let i = 0; i < 200; i++) await value(`n${i}`);
  await value('one');
  expect(asked.filter((name) => name === 'one')).toHaveLength(2);
});
