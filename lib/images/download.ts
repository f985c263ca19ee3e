import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import { messageOf } from '../errors.ts';
import { SNIFF_BYTES } from './formats.ts';
import { allowedUrl, publicLookup, RefusedAddress } from './origins.ts';
import { type Source, tooLarge, Unavailable, Unobtainable } from './source.ts';
import { spool } from './spool.ts';

export interface DownloadOptions {
  origins: string[];
  /** Larger outputs are refused. */
  maxBytes: number;
  signal: AbortSignal;
}

/** A server that sends nothing for this long has stalled. */
const IDLE_MS = 8_000;
const DATA_URI = /^data:[^,]{0,200};base64,/i;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

const agentOptions = { keepAlive: true, maxSockets: 16, scheduling: 'lifo' } as const;
const agents = {
  'https:': new https.Agent({ ...agentOptions, lookup: publicLookup }),
  // Only for an origin that is configured with http, which no deployed stage has.
  'http:': new http.Agent(agentOptions),
};

/**
 * Opens an output for reading: a URL of an allowed origin, or a `data:` URI. Redirects are not followed, bytes
 * are taken as they are, and at most `maxBytes` of them.
 * @param use reads `body` to its end; what it returns is returned
 * @throws {Unobtainable} for what no retry changes; {@link Unavailable}; anything else is worth a retry
 */
export async function withOutput<T>(
  address: string,
  options: DownloadOptions,
  use: (source: Source) => Promise<T>,
): Promise<T> {
  const useBytes = (source: Source) => {
    if (source.bytes === 0) throw new Unobtainable('the output is empty');
    return use(source);
  };
  if (/^data:/i.test(address)) return useBytes(decodeDataUri(address, options.maxBytes));
  try {
    return await withResponse(allowedUrl(address, options.origins), options, useBytes);
  } catch (error) {
    if (error instanceof RefusedAddress) throw new Unobtainable(error.message);
    throw error;
  }
}

function decodeDataUri(address: string, maxBytes: number): Source {
  const prefix = DATA_URI.exec(address.slice(0, 256))?.[0];
  if (!prefix) throw new Unobtainable('the data: URI is not base64');
  const encoded = address.slice(prefix.length);
  if (!BASE64.test(encoded)) throw new Unobtainable('the data: URI is damaged');
  const body = Buffer.from(encoded, 'base64');
  if (body.length > maxBytes) throw tooLarge(maxBytes);
  return { head: body.subarray(0, SNIFF_BYTES), body: Readable.from([body]), bytes: body.length };
}

async function withResponse<T>(
  url: URL,
  { maxBytes, signal }: DownloadOptions,
  use: (source: Source) => Promise<T>,
): Promise<T> {
  const secure = url.protocol === 'https:';
  const request = (secure ? https : http).get(url, {
    agent: agents[secure ? 'https:' : 'http:'],
    headers: { accept: 'image/*, */*;q=0.5', 'accept-encoding': 'identity' },
    signal,
    timeout: IDLE_MS,
  });
  request.on('timeout', () =>
    request.destroy(new Unavailable(`${url.host} sent nothing for ${IDLE_MS / 1000} s`)),
  );
  const [response] = await (once(request, 'response', { signal }) as Promise<[http.IncomingMessage]>).catch(
    (error) => {
      if (signal.aborted || error instanceof RefusedAddress || error instanceof Unavailable) throw error;
      throw new Unavailable(`${url.host} could not be reached: ${messageOf(error)}`, { cause: error });
    },
  );
  try {
    const { statusCode = 0, headers } = response;
    if (statusCode >= 300 && statusCode < 400)
      throw new Unobtainable('the address redirects, which is not followed');
    if (statusCode !== 200) throw new Unavailable(`${url.host} answered ${statusCode}`);
    if ((headers['content-encoding'] ?? 'identity') !== 'identity')
      throw new Unobtainable(
        `sent compressed (${headers['content-encoding']}), which nobody asked for`.slice(0, 200),
      );
    if (headers['content-length'] === undefined) return await spool(response, maxBytes, use);
    const bytes = Number(headers['content-length']);
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    return await use({ head: await peek(response, Math.min(bytes, SNIFF_BYTES)), body: response, bytes });
  } catch (error) {
    // It broke on its way to here, not on its way on from here; nor is it what was cut because it was refused.
    if (response.errored && !(error instanceof Unobtainable))
      throw new Unavailable(`${url.host} did not send all of it: ${response.errored.message}`, {
        cause: error,
      });
    throw error;
  } finally {
    // A body that was read to its end leaves the connection for the next; any other is cut.
    if (!response.readableEnded) response.destroy();
  }
}

/** The first bytes of a stream, which are put back. */
async function peek(stream: Readable, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let seen = 0;
  // Not destroyed where the reading stops: the rest is for the next reader.
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    seen += chunk.length;
    if (seen >= bytes) break;
  }
  if (seen < bytes) throw new Unavailable('the output ended early');
  const head = Buffer.concat(chunks);
  stream.unshift(head);
  return head.subarray(0, bytes);
}
