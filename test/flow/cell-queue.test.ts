import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { cellQueue } from '../../lib/aws/cell-queue.ts';
import type { CellQueue } from '../../lib/ports.ts';

let server: http.Server;
let queue: CellQueue;
let requests: { headers: http.IncomingHttpHeaders; body: { Entries: { MessageBody: string }[] } }[];
/** What is answered next, or how the connection ends; then a success. */
let answers: ([status: number, body: object | string] | 'closed')[];

beforeAll(async () => {
  server = http.createServer(async (request, response) => {
    let sent = '';
    for await (const chunk of request) sent += chunk;
    requests.push({ headers: request.headers, body: JSON.parse(sent) });
    const answer = answers.shift() ?? [200, {}];
    if (answer === 'closed') return request.socket.destroy();
    const [status, body] = answer;
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/123456789012/cells`;
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
  queue = cellQueue(new S3Client({ region: 'eu-central-1', credentials }), undefined, url);
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(() => {
  requests = [];
  answers = [];
});

const range = (from: number) => ({ audit: '7zzzzzzzzzzzzzzzzzzzzzzzzz', from, to: from + 1 });

describe('a queue', () => {
  test('is sent ten messages a call, signed for the region, at the host of its own address', async () => {
    await queue.send(Array.from({ length: 23 }, (_, n) => range(n)));
    const sent = requests.flatMap(({ body }) => body.Entries.map(({ MessageBody }) => MessageBody));
    expect(sent.sort()).toEqual(Array.from({ length: 23 }, (_, n) => JSON.stringify(range(n))).sort());
    expect(requests.map(({ body }) => body.Entries.length).sort()).toEqual([10, 10, 3]);
    for (const { headers } of requests) {
      expect(headers).toMatchObject({
        'x-amz-target': 'AmazonSQS.SendMessageBatch',
        'content-type': 'application/x-amz-json-1.0',
      });
      expect(headers.authorization).toMatch(/Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/sqs\/aws4_request/);
    }
  });

  test.each([
    [500, {}],
    [400, { __type: 'com.amazonaws.sqs#RequestThrottled' }],
  ])('that answers %i for a moment is asked again', async (status, body) => {
    answers = [
      [status, body],
      [status, body],
    ];
    await queue.send([range(0)]);
    expect(requests).toHaveLength(3);
  });

  test('that closes the connection, or does not answer in JSON, is asked again', async () => {
    answers = ['closed', [200, '<html>']];
    await queue.send([range(0)]);
    expect(requests).toHaveLength(3);
  });

  test('that stays out of order is an error after three calls', async () => {
    answers = Array.from({ length: 5 }, () => [503, {}]);
    await expect(queue.send([range(0)])).rejects.toThrow('SendMessageBatch was answered 503');
    expect(requests).toHaveLength(3);
  });

  test('that refuses is not asked again, and the error names why', async () => {
    answers = [[403, { __type: 'com.amazon.coral.service#AccessDeniedException', message: 'not you' }]];
    await expect(queue.isIdle()).rejects.toThrow('GetQueueAttributes was answered 403 AccessDeniedException');
    expect(requests).toHaveLength(1);
  });

  test('that takes only some of the messages is an error', async () => {
    answers = [[200, { Failed: [{ Id: '1', Message: 'too long' }] }]];
    await expect(queue.send([range(0), range(1)])).rejects.toThrow('the queue refused 1 messages: too long');
  });

  test('is idle when it has neither waiting messages nor messages in flight', async () => {
    const counts = (waiting: string, inFlight: string): [number, object] => [
      200,
      {
        Attributes: { ApproximateNumberOfMessages: waiting, ApproximateNumberOfMessagesNotVisible: inFlight },
      },
    ];
    answers = [counts('0', '0'), counts('1', '0'), counts('0', '2')];
    expect([await queue.isIdle(), await queue.isIdle(), await queue.isIdle()]).toEqual([true, false, false]);
  });
});
