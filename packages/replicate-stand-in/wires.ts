import http from 'node:http';
import https from 'node:https';
import type { ProblemBody } from './problems.ts';

/** A call of the API, not yet checked. */
export interface ApiCall {
  method: string;
  /** Without the query. */
  path: string;
}

/** What the API answers: a status and a JSON body. */
export interface Reply {
  status: number;
  body: Record<string, unknown> | ProblemBody;
}

/** A webhook ready to be sent. */
export interface SignedWebhook {
  address: string;
  headers: Record<string, string>;
  body: string;
  /** Ends the attempt: the receiver took too long, or the stand-in closes. */
  signal: AbortSignal;
}

/** An output about to be served. */
export interface ServedFile {
  prediction: string;
  name: string;
  contentType: string;
  bytes: number;
  /** Whether the request has the account's token. Outputs do not need it, unless `head` says so. */
  hasToken: boolean;
}

/** What an answer says about an output before its bytes. */
export interface FileHead {
  status: number;
  contentType: string;
  /** null: no length is sent. */
  bytes: number | null;
}

/**
 * Where the stand-in meets the outside. Tests pass other wires to see what the pipeline does with faults: a webhook that
 * is lost, late, doubled or sent before the create is answered, an answer that never arrives, a download that is cut.
 */
export interface Wires {
  /**
   * Around every API call: `work` carries it out, and what is returned is sent. An error with the `code` ECONNRESET
   * closes the connection without an answer.
   */
  answer(call: ApiCall, work: () => Promise<Reply>): Promise<Reply>;
  /** Sends one attempt. @returns the status of the answer @throws when there is none */
  post(webhook: SignedWebhook): Promise<number>;
  /** What the answer says about an output; called right before `download`. Only after status 200 do bytes follow. */
  head(file: ServedFile): FileHead;
  /** The bytes of an output on their way out. */
  download(file: ServedFile, bytes: AsyncIterable<Buffer>): AsyncIterable<Buffer>;
}

const agents = {
  'http:': new http.Agent({ keepAlive: true, maxSockets: 64 }),
  'https:': new https.Agent({ keepAlive: true, maxSockets: 64 }),
};

/** Posts once; a redirect is an answer like any other and is not followed. */
const post = ({ address, headers, body, signal }: SignedWebhook): Promise<number> =>
  new Promise((resolve, reject) => {
    const url = new URL(address);
    const secure = url.protocol === 'https:';
    const request = (secure ? https : http).request(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      agent: agents[secure ? 'https:' : 'http:'],
      signal,
    });
    request.on('response', (response) => {
      response.on('error', () => undefined);
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', reject);
    request.end(body);
  });

/** Everything arrives, once, in time. */
export const HONEST_WIRES: Wires = {
  answer: (_call, work) => work(),
  post,
  head: ({ contentType, bytes }) => ({ status: 200, contentType, bytes }),
  download: (_file, bytes) => bytes,
};
