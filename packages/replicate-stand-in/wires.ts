import http from 'node:http';
import https from 'node:https';
import type { ProblemBody } from './problems.ts';

/** A call of the API, before it is looked at. */
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
}

/** What an output's answer says of it before its bytes. */
export interface FileHead {
  status: number;
  contentType: string;
  /** null: no length is sent. */
  bytes: number | null;
}

/**
 * The places where the stand-in talks to the outside. Tests pass other wires to inject faults: a webhook that is lost, late,
 * duplicated or sent before the answer to the create, an answer that never arrives, a download that is cut. The stand-in
 * itself knows nothing about faults.
 */
export interface Wires {
  /**
   * Around every API call: `work` does it, what is returned is sent. An error whose
   * `code` is ECONNRESET hangs up without an answer.
   */
  answer(call: ApiCall, work: () => Promise<Reply>): Promise<Reply>;
  /** Sends one attempt. @returns the status of the answer @throws when there is none */
  post(webhook: SignedWebhook): Promise<number>;
  /** What is said of an output; asked right before `download`. With another status than 200 no bytes follow. */
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
