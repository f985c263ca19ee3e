import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import type { S3Client } from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';

/** What signs a call: any client of the SDK has it. */
export type Signing = { config: Pick<S3Client['config'], 'region' | 'credentials' | 'sha256'> };

/** A call of one AWS service: its action and input; returns its output. */
export type JsonCall = (action: string, input: object) => Promise<unknown>;

/** AWS refused a call, or gave no answer. */
export class CallFailed extends Error {
  override name = 'CallFailed';
  /** Undefined without an answer. */
  readonly status: number | undefined;
  /** AWS's name for the error, or empty. The rest of an answer does not belong into a log. */
  readonly type: string;
  constructor(words: string, status?: number, type = '', options?: ErrorOptions) {
    super(words, options);
    this.status = status;
    this.type = type;
  }
  /** Whether the same call may succeed later. */
  get isPassing(): boolean {
    return (this.status ?? 500) >= 500 || /Throttl|TooManyRequests|InternalServer/.test(this.type);
  }
}

const TIMEOUT_MS = 5_000;

/**
 * Calls a service that speaks AWS's JSON protocol. The calls are signed with what the S3 client brings along: a client of the
 * service would add 35 to 80 kB to a function for one or two of its actions (docs/decisions/0001, 0158).
 * @param service its name in signatures, the protocol's version, and what its actions are prefixed with
 * @param endpoint where the service is
 * @returns calls that are made once, end after five seconds, and throw `CallFailed`
 */
export function jsonCaller(
  { config }: Signing,
  service: { name: string; version: '1.0' | '1.1'; target: string },
  endpoint: (region: string) => string,
): JsonCall {
  return async (action, input) => {
    const region = await config.region();
    const url = new URL(endpoint(region));
    const { credentials, sha256 } = config;
    const body = JSON.stringify(input);
    const request = await new SignatureV4({ service: service.name, region, credentials, sha256 }).sign({
      method: 'POST',
      protocol: url.protocol,
      hostname: url.hostname,
      path: '/',
      query: {},
      headers: {
        host: url.host,
        'content-type': `application/x-amz-json-${service.version}`,
        'x-amz-target': `${service.target}.${action}`,
      },
      body,
    });
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const { status, answer } = await send(url, request.headers, body, signal).catch((error) => {
      const limit = signal.aborted ? ` within ${TIMEOUT_MS / 1_000} s` : '';
      throw new CallFailed(`${action} got no whole answer${limit}`, undefined, '', { cause: error });
    });
    if (status === 200) {
      try {
        return JSON.parse(answer);
      } catch {
        // The parser's error has a part of the answer, which may be a secret.
        throw new CallFailed(`${action} got no whole answer: it is no JSON`);
      }
    }
    const type = /"__type":"(?:[\w.]{0,100}#)?(\w{1,100})"/.exec(answer)?.[1] ?? '';
    throw new CallFailed(`${action} was answered ${status} ${type}`, status, type);
  };
}

async function send(url: URL, headers: Record<string, string>, body: string, signal: AbortSignal) {
  const { request } = url.protocol === 'https:' ? https : http;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, { method: 'POST', headers, signal }, resolve).on('error', reject).end(body);
  });
  return { status: response.statusCode ?? 0, answer: await text(response) };
}
