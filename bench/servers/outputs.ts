import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline, Readable } from 'node:stream';

const HEAD = Buffer.from('89504e470d0a1a0a0000000d49484452000004000000040008020000', 'hex');
const TRAILER = Buffer.from('0000000049454e44ae426082', 'hex');
const CHUNK = Buffer.alloc(64 * 1024, 0x5a);

/** Yields a file of `bytes` bytes that starts and ends like a PNG. It is generated while it is sent. */
export function* pngBytes(bytes: number): Generator<Buffer> {
  yield HEAD;
  let left = bytes - HEAD.length - TRAILER.length;
  for (; left > 0; left -= CHUNK.length) yield left >= CHUNK.length ? CHUNK : CHUNK.subarray(0, left);
  yield TRAILER;
}

/** Replicate's file server: `/<bytes>/<name>.png` is a file of so many bytes. */
export function serveOutput(request: IncomingMessage, response: ServerResponse): void {
  const bytes = Number(request.url?.split('/')[1]);
  response.writeHead(200, { 'content-type': 'image/png', 'content-length': bytes });
  pipeline(
    Readable.from(pngBytes(bytes), { objectMode: false, highWaterMark: 256 * 1024 }),
    response,
    () => {},
  );
}
