import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AddressExpired, fetchFile } from '../../cli/download/image-file.ts';

const IMAGE = randomBytes(1_000);
const EXPECTED = { sha256: createHash('sha256').update(IMAGE).digest('hex'), bytes: IMAGE.length };
const code = (name: string) => `<?xml version="1.0"?><Error><Code>${name}</Code></Error>`;
const PATHS: Record<string, (response: http.ServerResponse) => void> = {
  '/fresh': (response) => response.end(IMAGE),
  // S3's answers to an address whose time is over, and to one whose signer's credentials have expired.
  '/old': (response) => response.writeHead(403).end(code('AccessDenied')),
  '/of-old-credentials': (response) => response.writeHead(400).end(code('ExpiredToken')),
  '/broken': (response) => response.writeHead(500).end(code('InternalError')),
};

let server: http.Server;
let origin: string;
let folder: string;
let requests: string[];
beforeAll(async () => {
  server = http.createServer((request, response) => {
    requests.push(request.url ?? '');
    PATHS[request.url ?? '']?.(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(async () => {
  requests = [];
  folder = await mkdtemp(join(tmpdir(), 'image-file-'));
});
afterEach(() => rm(folder, { recursive: true }));

test.each(['/old', '/of-old-credentials'])(
  'an address that has died (%s) is not tried again: a new one is needed',
  async (path) => {
    await expect(fetchFile(origin + path, join(folder, 'a.png'), EXPECTED)).rejects.toThrow(AddressExpired);
    expect(requests).toEqual([path]);
  },
);

test('another fault is tried again, at the same address', async () => {
  await expect(fetchFile(`${origin}/broken`, join(folder, 'a.png'), EXPECTED)).rejects.toThrow('500');
  expect(new Set(requests)).toEqual(new Set(['/broken']));
  expect(requests.length).toBeGreaterThan(1);
});

test('a file gets its name when it is whole, and is not fetched twice', async () => {
  const path = join(folder, 'a.png');
  expect(await fetchFile(`${origin}/fresh`, path, EXPECTED)).toBe(true);
  expect(await fetchFile(`${origin}/fresh`, path, EXPECTED)).toBe(false);
  expect(await readFile(path)).toEqual(IMAGE);
  expect(requests).toEqual(['/fresh']);
});
