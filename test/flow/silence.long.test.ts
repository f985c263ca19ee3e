import { once } from 'node:events';
import net from 'node:net';
import { cellQueue } from '../../lib/aws/cell-queue.ts';
import { s3Client } from '../../lib/aws/clients.ts';
import { S3Store } from '../../lib/aws/objects.ts';
import { parameterReader } from '../../lib/aws/parameter.ts';

let server: net.Server;
let endpoint: string;
const sockets = new Set<net.Socket>();
/** Said at once to each client. */
let words = '';
beforeAll(async () => {
  server = net.createServer((socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)));
    socket.write(words);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  endpoint = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
});
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

const settings = () => ({
  endpoint,
  region: 'eu-central-1',
  credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
  maxAttempts: 1,
});

test.each([
  ['at all', ''],
  ['behind the head of its answer', 'HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{"n'],
])('a call ends by itself if S3 says nothing %s', async (_, said) => {
  words = said;
  const store = new S3Store(s3Client({ ...settings(), forcePathStyle: true }), 'images');
  await expect(store.readJson('audits/a.json')).rejects.toThrow();
});

test('a call ends by itself if SQS says nothing', async () => {
  words = '';
  const queue = cellQueue(s3Client(settings()), endpoint, 'https://sqs.eu-central-1.amazonaws.com/1/cells');
  await expect(queue.isIdle()).rejects.toThrow('no whole answer within 5 s');
});

test('a secret is waited for no longer than some seconds, also if its answer trickles', async () => {
  words = 'HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n';
  const trickle = setInterval(() => {
    for (const socket of sockets) socket.write('x');
  }, 200);
  try {
    await expect(parameterReader(s3Client(settings()), endpoint, '/weaudit/test/token')()).rejects.toThrow();
  } finally {
    clearInterval(trickle);
  }
});
