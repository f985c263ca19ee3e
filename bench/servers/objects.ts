import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface ObjectServer {
  /** Objects that can be read, by key. */
  readonly objects: Map<string, string>;
  /** Keys that were written since {@link reset}, with the number of bytes and their SHA-256 in base64. */
  readonly written: Map<string, { bytes: number; sha256: string }>;
  /** Requests since {@link reset}, as `PUT images`. */
  readonly requests: string[];
  /** Parameters of the Parameter Store. */
  readonly parameters: Map<string, string>;
  /** Whether uploads are decoded and hashed, which takes time that a measurement should not see. */
  verify: boolean;
  reset(): void;
  answer(request: IncomingMessage, response: ServerResponse): void;
}

/** What a decoded upload came to: the plain bytes' hash, and the checksum its sender announced. */
class Upload {
  readonly #chunked: boolean;
  readonly #hash: ReturnType<typeof createHash> | undefined;
  #tail: Buffer = Buffer.alloc(0);
  #rest: Buffer = Buffer.alloc(0);
  #left = 0;
  bytes = 0;

  constructor(chunked: boolean, verify: boolean) {
    this.#chunked = chunked;
    this.#hash = verify ? createHash('sha256') : undefined;
  }

  take(data: Buffer): void {
    this.#tail = data.length >= 512 ? data.subarray(-512) : Buffer.concat([this.#tail, data]).subarray(-512);
    if (!this.#hash) this.bytes += data.length;
    else if (this.#chunked) this.#decode(data);
    else this.#plain(data);
  }

  /** AWS's chunked encoding: `<hex size>[;…]\r\n<bytes>\r\n`, ended by a chunk of no bytes and the trailers. */
  #decode(data: Buffer): void {
    let rest = Buffer.concat([this.#rest, data]);
    while (rest.length > 0) {
      if (this.#left > 2) {
        const part = rest.subarray(0, this.#left - 2);
        this.#plain(part);
        this.#left -= part.length;
        rest = rest.subarray(part.length);
      } else if (this.#left > 0) {
        if (rest.length < this.#left) break;
        rest = rest.subarray(this.#left);
        this.#left = 0;
      } else {
        const end = rest.indexOf('\r\n');
        if (end === -1) break;
        const size = Number.parseInt(rest.toString('latin1', 0, end), 16);
        rest = rest.subarray(end + 2);
        if (size === 0) rest = rest.subarray(rest.length);
        this.#left = size === 0 ? 0 : size + 2;
      }
    }
    this.#rest = Buffer.from(rest);
  }

  #plain(data: Buffer): void {
    this.bytes += data.length;
    this.#hash?.update(data);
  }

  /** @returns the SHA-256 that was announced in the trailer or the header, '' for none; undefined where it is wrong */
  finish(header: string | undefined): string | undefined {
    const announced =
      /x-amz-checksum-sha256:([A-Za-z0-9+/=]+)/.exec(this.#tail.toString('latin1'))?.[1] ?? header;
    if (announced === undefined) return '';
    return this.#hash && announced !== this.#hash.digest('base64') ? undefined : announced;
  }
}

/** The parts of S3 and of the Parameter Store that webhook uses, in memory. */
export function objectServer(): ObjectServer {
  const server: ObjectServer = {
    objects: new Map(),
    written: new Map(),
    requests: [],
    parameters: new Map(),
    verify: false,
    reset() {
      server.written.clear();
      server.requests.length = 0;
    },
    answer(request, response) {
      const { method = '', url = '', headers } = request;
      const key = decodeURIComponent(url.split('?')[0]!.split('/').slice(2).join('/'));
      server.requests.push(`${method} ${key.split('/')[0]}`);
      if (method === 'PUT') return receive(request, response, key);
      if (method === 'POST' && headers['x-amz-target'] === 'AmazonSSM.GetParameter')
        return void parameter(request, response);
      request.resume();
      const body = server.objects.get(key);
      if (body === undefined) {
        // As S3 has it: without a length, a client closes the connection behind a HEAD.
        response.writeHead(404, { 'content-type': 'application/xml', 'transfer-encoding': 'chunked' });
        const xml = '<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>none</Message></Error>';
        return void response.end(method === 'HEAD' ? undefined : xml);
      }
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        etag: '"1"',
        'last-modified': new Date().toUTCString(),
      });
      response.end(method === 'HEAD' ? undefined : body);
    },
  };

  function receive(request: IncomingMessage, response: ServerResponse, key: string): void {
    const chunked = (request.headers['content-encoding'] ?? '').includes('aws-chunked');
    const upload = new Upload(chunked, server.verify);
    request.on('data', (data: Buffer) => upload.take(data));
    request.on('end', () => {
      const sha256 = upload.finish(request.headers['x-amz-checksum-sha256'] as string | undefined);
      if (sha256 === undefined) {
        response.writeHead(400, { 'content-type': 'application/xml' });
        return response.end(
          '<Error><Code>BadDigest</Code><Message>the SHA-256 does not fit</Message></Error>',
        );
      }
      server.written.set(key, { bytes: upload.bytes, sha256 });
      response.writeHead(200, {
        etag: '"1"',
        'content-length': 0,
        ...(sha256 ? { 'x-amz-checksum-sha256': sha256 } : {}),
      });
      return response.end();
    });
  }

  async function parameter(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += chunk;
    const { Name } = JSON.parse(text) as { Name: string };
    const body = JSON.stringify({ Parameter: { Name, Value: server.parameters.get(Name) } });
    response.writeHead(200, {
      'content-type': 'application/x-amz-json-1.1',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  }

  return server;
}
