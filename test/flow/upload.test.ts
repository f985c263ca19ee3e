import { createHash } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { ApiClient } from '../../cli/api-client.ts';
import type { FoundPicture } from '../../cli/import/pictures.ts';
import { uploadMissing } from '../../cli/import/upload.ts';
import { writeFiles } from '../support/pictures.ts';

/** What the uploader does with each answer of S3. */

const folder = mkdtempSync(path.join(tmpdir(), 'weaudit-upload-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What S3 answers to an upload of a file, one after the other; then 200. */
let answers: (number | [status: number, code: string] | 'cut')[];
/** Uploads as they came: the address, and the bytes that were sent. */
let received: { url: string; sha256: string }[];
/** Happens before the bytes of an upload are asked for. */
let onContinue: () => void;
/** Of the API. */
let requests: string[];
let server: http.Server;
let origin: string;

beforeAll(async () => {
  server = http.createServer(async (request, response) => {
    const answer = answers.shift() ?? 200;
    if (answer === 'cut') return void request.socket.destroy();
    const [status, code] = typeof answer === 'number' ? [answer, 'Some'] : answer;
    const bytes = await buffer(request);
    received.push({ url: request.url!, sha256: createHash('sha256').update(bytes).digest('hex') });
    response.writeHead(status).end(status === 200 ? '' : `<Error><Code>${code}</Code></Error>`);
  });
  // Refused by its headers alone: the body is not asked for.
  server.on('checkContinue', (request, response) => {
    const next = answers[0];
    if (next === 412) {
      answers.shift();
      received.push({ url: request.url!, sha256: 'not sent' });
      return void response.writeHead(412).end('<Error><Code>PreconditionFailed</Code></Error>');
    }
    onContinue();
    response.writeContinue();
    server.emit('request', request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());
beforeEach(() => {
  answers = [];
  onContinue = () => undefined;
  received = [];
  requests = [];
});

/** An API whose import has so many pictures, and misses some of them. */
function api(missing: number[], cells: number): ApiClient {
  const left = new Set(missing);
  const fetcher = (async (address: string) => {
    requests.push(address.slice(address.indexOf('?')));
    const query = new URL(address).searchParams;
    const from = Number(query.get('cursor'));
    const to = Math.min(cells, from + Number(query.get('limit')));
    const numbers = [...left].filter((n) => n >= from && n < to);
    const addresses = numbers.map((n) => ({ n, url: `${origin}/${n}?${requests.length}`, headers: {} }));
    const cursor = to < cells ? { cursor: String(to).padStart(5, '0') } : {};
    return new Response(JSON.stringify({ addresses, ...cursor }));
  }) as typeof fetch;
  return new ApiClient({ url: 'http://api', token: 't' } as never, fetcher);
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
function pictures(count: number): FoundPicture[] {
  const found = Array.from({ length: count }, (_, n) => ({ file: `${n}.png`, text: `picture ${n}` }));
  writeFiles(folder, Object.fromEntries(found.map(({ file, text }) => [file, text])));
  return found.map(({ file, text }) => ({
    ...{ file, prompt: 0, place: 'row 2', sha256: sha256(text), bytes: text.length, format: 'png' },
  }));
}
const run = async (missing: number[], cells: number) => {
  const shown: number[] = [];
  const row = { update: (done: number) => void shown.push(done) };
  return { ...(await uploadMissing(api(missing, cells), 'a', folder, pictures(cells), row)), shown };
};

test('only what is missing is sent, page by page, and what was there counts as done', async () => {
  const { uploaded, failed, shown } = await run([0, 103, 205], 206);
  expect([uploaded, failed]).toEqual([3, []]);
  expect(received.map(({ sha256 }) => sha256).sort()).toEqual(
    [0, 103, 205].map((n) => sha256(`picture ${n}`)).sort(),
  );
  expect(requests).toEqual(['00000', '00100', '00200'].map((cursor) => `?cursor=${cursor}&limit=100`));
  expect([shown[0], shown.at(-1)]).toEqual([99, 206]);
});

test('a picture that another run brought is not sent again', async () => {
  answers = [412];
  expect(await run([0], 1)).toMatchObject({ uploaded: 0, failed: [] });
  expect(received).toEqual([{ url: '/0?1', sha256: 'not sent' }]);
});

test.each<[string, typeof answers]>([
  ['a connection that breaks', ['cut', 'cut']],
  ['a fault of S3', [500, 503]],
  ['another upload of the same picture at this moment', [409]],
])('%s is tried again', async (_, faults) => {
  answers = faults;
  expect(await run([0], 1)).toMatchObject({ uploaded: 1, failed: [] });
  expect(received.at(-1)!.sha256).toBe(sha256('picture 0'));
});

test.each<[string, typeof answers]>([
  ['an address whose time is over', [[403, 'AccessDenied']]],
  ['an address whose signer has ended', [[400, 'ExpiredToken']]],
])('%s is replaced by another', async (_, faults) => {
  answers = faults;
  expect(await run([0], 1)).toMatchObject({ uploaded: 1, failed: [] });
  expect(received.map(({ url }) => url)).toEqual(['/0?1', '/0?2']);
  expect(requests).toEqual(['?cursor=00000&limit=100', '?cursor=00000&limit=1']);
});

test('a file that was changed after it was read is named, and the others are uploaded', async () => {
  const found = pictures(2);
  truncateSync(path.join(folder, '0.png'), 3);
  const done = await uploadMissing(api([0, 1], 2), 'a', folder, found, { update() {} });
  expect(done).toMatchObject({ uploaded: 1, failed: [{ file: '0.png', mayPass: false }] });
  expect(done.failed[0]!.error).toMatch(/^the file was changed after it was read\./);
  answers = [[400, 'BadDigest']];
  expect((await run([0], 1)).failed[0]!.error).toMatch(/^the file was changed after it was read\./);
});

test('of a file that grows while it is sent, nothing is sent behind what was announced', async () => {
  onContinue = () => appendFileSync(path.join(folder, '0.png'), 'PUT /another HTTP/1.1');
  expect(await run([0], 1)).toMatchObject({ uploaded: 1, failed: [] });
  expect(received.map(({ sha256 }) => sha256)).toEqual([sha256('picture 0')]);
});

test('what fails again and again is named with the words of S3, and may be tried later', async () => {
  answers = Array(5).fill([503, 'SlowDown']);
  expect((await run([0], 1)).failed).toEqual([
    { file: '0.png', error: 'S3 answered 503 SlowDown', mayPass: true },
  ]);
  answers = [[404, 'NoSuchBucket']];
  expect((await run([0], 1)).failed).toEqual([
    { file: '0.png', error: 'S3 answered 404 NoSuchBucket', mayPass: false },
  ]);
});
