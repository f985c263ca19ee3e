import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { messageOf } from '../errors.ts';
import type { FetchOutput, SecretReader, Source } from '../ports.ts';
import { SNIFF_BYTES } from './formats.ts';
import { publicLookup, RefusedAddress } from './origins.ts';
import { OutputRejected, OutputUnavailable, tooLarge } from './source.ts';
import { spool } from './spool.ts';

/** A server that sends nothing for this long has stalled. */
const IDLE_MS = 8_000;

const agentOptions = { keepAlive: true, maxSockets: 16, scheduling: 'lifo' } as const;
const agents = {
  'https:': new https.Agent({ ...agentOptions, lookup: publicLookup }),
  // Only for an origin that is configured with http, which no deployed stage has.
  'http:': new http.Agent(agentOptions),
};

/** The server gives the output to nobody, or to nobody without credentials. */
class Denied extends OutputUnavailable {}

/**
 * Fetches outputs over HTTP from addresses on the public internet. Whether Replicate's files need a token is not settled: its
 * description says so, its examples do without. So an output is first requested without.
 * @param token Replicate's, for outputs that answer 401 or 403; it goes to the URL that is asked for, and nowhere else
 */
export const outputFetcher =
  (token?: SecretReader): FetchOutput =>
  async (url, limits, use) => {
    try {
      return await get(url, {}, limits, use);
    } catch (error) {
      if (!token || !(error instanceof Denied)) throw error;
    }
    return get(url, { authorization: `Bearer ${await token()}` }, limits, use);
  };

/** Fetches outputs without credentials. */
export const fetchOutput: FetchOutput = outputFetcher();

async function get<T>(
  url: URL,
  credentials: { authorization?: string },
  { maxBytes, signal }: { maxBytes: number; signal: AbortSignal },
  use: (source: Source) => Promise<T>,
): Promise<T> {
  // A request that begins aborted can hand its broken connection to the next one.
  signal.throwIfAborted();
  const secure = url.protocol === 'https:';
  const request = (secure ? https : http).get(url, {
    agent: agents[secure ? 'https:' : 'http:'],
    headers: { accept: 'image/*, */*;q=0.5', 'accept-encoding': 'identity', ...credentials },
    signal,
    timeout: IDLE_MS,
  });
  request.on('timeout', () =>
    request.destroy(new OutputUnavailable(`${url.host} sent nothing for ${IDLE_MS / 1000} s`)),
  );
  const [response] = await (once(request, 'response', { signal }) as Promise<[http.IncomingMessage]>).catch(
    (error) => {
      if (signal.aborted || error instanceof RefusedAddress || error instanceof OutputUnavailable)
        throw error;
      throw new OutputUnavailable(`${url.host} could not be reached: ${messageOf(error)}`, { cause: error });
    },
  );
  try {
    const { statusCode = 0, headers } = response;
    if (statusCode >= 300 && statusCode < 400)
      throw new OutputRejected('the address redirects, which is not followed');
    if (statusCode === 401 || statusCode === 403) throw new Denied(`${url.host} answered ${statusCode}`);
    if (statusCode !== 200) throw new OutputUnavailable(`${url.host} answered ${statusCode}`);
    if ((headers['content-encoding'] ?? 'identity') !== 'identity')
      throw new OutputRejected(
        `sent compressed (${headers['content-encoding']}), which was not asked for`.slice(0, 200),
      );
    if (headers['content-length'] === undefined) return await spool(response, maxBytes, use);
    const bytes = Number(headers['content-length']);
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    return await use({ head: await peek(response, Math.min(bytes, SNIFF_BYTES)), body: response, bytes });
  } catch (error) {
    // It broke on its way to here, not on its way on from here; nor is it what was cut because it was refused.
    if (response.errored && !(error instanceof OutputRejected))
      throw new OutputUnavailable(`${url.host} did not send all of it: ${response.errored.message}`, {
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
  // Not destroyed where the reading stops: the next reader wants the rest.
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    seen += chunk.length;
    if (seen >= bytes) break;
  }
  if (seen < bytes) throw new OutputUnavailable('the output ended early');
  const head = Buffer.concat(chunks);
  stream.unshift(head);
  return head.subarray(0, bytes);
}
