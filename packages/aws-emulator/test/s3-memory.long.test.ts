import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http, { type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { signed } from './conformance/wire.ts';
import { startS3Process } from './s3-process.ts';

const MIB = 1024 ** 2;
const SIZE = 200 * MIB;
/** Buffers in flight and the garbage collector's laziness; holding the body would take more than `SIZE`. */
const ALLOWED = 80 * MIB;

test('200 MB in and out take no more memory than a small object, within a bound', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'weaudit-s3-'));
  const s3 = await startS3Process(dataDir);
  try {
    const before = await s3.peakMemory();
    const chunk = Buffer.alloc(MIB, 'x');
    const request = { method: 'PUT', path: '/versioned/large' };
    let crc = 0;
    for (let at = 0; at < SIZE; at += MIB) crc = crc32(chunk, crc);
    const headers = {
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      'content-length': String(SIZE),
      'x-amz-checksum-crc32': Buffer.from(crc.toString(16).padStart(8, '0'), 'hex').toString('base64'),
    };
    const put = http.request(`${s3.url}${request.path}`, {
      method: 'PUT',
      headers: await signed(s3.url, { ...request, headers }),
    });
    const answered = once(put, 'response') as Promise<[IncomingMessage]>;
    await pipeline(
      Readable.from(
        (function* () {
          for (let sent = 0; sent < SIZE; sent += MIB) yield chunk;
        })(),
      ),
      put,
    );
    const [stored] = await answered;
    stored.resume();
    expect(stored.statusCode).toBe(200);

    const get = http.get(`${s3.url}${request.path}`, {
      headers: await signed(s3.url, { ...request, method: 'GET' }),
    });
    const [answer] = (await once(get, 'response')) as [IncomingMessage];
    let received = 0;
    for await (const piece of answer) received += (piece as Buffer).length;
    expect(received).toBe(SIZE);
    expect((await s3.peakMemory()) - before).toBeLessThan(ALLOWED);
  } finally {
    await s3.kill();
    await rm(dataDir, { recursive: true, force: true });
  }
});
