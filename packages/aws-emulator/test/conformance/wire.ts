import { createHash } from 'node:crypto';
import http from 'node:http';
import { buffer } from 'node:stream/consumers';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';

export const REGION = 'eu-central-1';
export const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };

/** An SDK client for a path-style endpoint. It tries once, so that an answer is the server's first one. */
export function clientFor(endpoint: string, config: S3ClientConfig = {}): S3Client {
  return new S3Client({
    endpoint,
    region: REGION,
    credentials: CREDENTIALS,
    forcePathStyle: true,
    maxAttempts: 1,
    ...config,
  });
}

export interface WireRequest {
  method: string;
  /** Encoded as it is to be sent, such as `/bucket/key%20x`. */
  path: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** False: sent without credentials. */
  sign?: boolean;
  credentials?: { accessKeyId: string; secretAccessKey: string };
  /** When it claims to be signed. */
  date?: Date;
}

export interface WireAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

/** Headers with those of Signature V4, made by the SDK's own signer. */
export async function signed(endpoint: string, request: WireRequest): Promise<Record<string, string>> {
  const { host, hostname } = new URL(endpoint);
  const client = clientFor(endpoint, { credentials: request.credentials ?? CREDENTIALS });
  const signer = new SignatureV4({
    service: 's3',
    region: REGION,
    credentials: client.config.credentials,
    sha256: client.config.sha256,
    uriEscapePath: false,
    applyChecksum: false,
  });
  const { headers } = await signer.sign(
    {
      method: request.method,
      protocol: 'http:',
      hostname,
      path: request.path,
      query: request.query ?? {},
      headers: {
        host,
        'x-amz-content-sha256': createHash('sha256')
          .update(request.body ?? '')
          .digest('hex'),
        ...request.headers,
      },
    },
    request.date === undefined ? {} : { signingDate: request.date },
  );
  return headers;
}

/** Sends one HTTP request as it is, signed unless said otherwise, on a connection of its own. */
export async function wire(endpoint: string, request: WireRequest): Promise<WireAnswer> {
  const headers = request.sign === false ? (request.headers ?? {}) : await signed(endpoint, request);
  const { port, hostname } = new URL(endpoint);
  const query = new URLSearchParams(request.query).toString().replaceAll('+', '%20');
  return new Promise((resolve, reject) => {
    const sent = http.request(
      {
        hostname,
        port,
        method: request.method,
        path: request.path + (query === '' ? '' : `?${query}`),
        headers:
          headers['transfer-encoding'] === undefined
            ? { 'content-length': Buffer.byteLength(request.body ?? ''), ...headers }
            : headers,
        agent: false,
      },
      (answer) => {
        buffer(answer).then(
          (body) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }),
          reject,
        );
      },
    );
    sent.on('error', reject);
    sent.end(request.body);
  });
}
