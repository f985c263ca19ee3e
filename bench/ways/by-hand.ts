import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Agent, request as send } from 'node:https';

/**
 * What a webhook costs that is written by hand on `node:https` and `node:crypto` alone, signs its
 * requests itself (Signature Version 4) and checks nothing but the delivery's signature.
 */
interface Delivery {
  headers: Record<string, string>;
  pathParameters: { audit: string; cell: string };
  body: string;
}

interface Prediction {
  id: string;
  output: string[];
}

const { env } = process;
/** On AWS the Parameter Store is another host than a bucket, so that they share no connection. */
const SSM_AGENT = new Agent({ keepAlive: true });
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');

function signed(
  method: string,
  url: URL,
  payloadHash: string,
  headers: Record<string, string>,
  service: string,
) {
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const day = date.slice(0, 8);
  const all: Record<string, string> = {
    ...headers,
    host: url.host,
    'x-amz-content-sha256': payloadHash,
    'x-amz-date': date,
  };
  const names = Object.keys(all).sort();
  const canonical = [
    method,
    url.pathname,
    '',
    ...names.map((name) => `${name}:${all[name]}`),
    '',
    names.join(';'),
    payloadHash,
  ].join('\n');
  const scope = `${day}/${env.AWS_REGION}/${service}/aws4_request`;
  const key = ['aws4_request', service, env.AWS_REGION!, day].reduceRight<string | Buffer>(
    (previous, part) => hmac(previous, part),
    `AWS4${env.AWS_SECRET_ACCESS_KEY}`,
  );
  const signature = hmac(key as Buffer, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`).toString(
    'hex',
  );
  all.authorization = `AWS4-HMAC-SHA256 Credential=${env.AWS_ACCESS_KEY_ID}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return all;
}

function fetchOutput(url: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    send(url, (response) => collect(response).then(resolve, reject))
      .on('error', reject)
      .end();
  });
}

async function collect(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** One signed request; its answer's status and body. */
export function call(
  method: string,
  url: URL,
  body: string | Buffer,
  headers: Record<string, string>,
  service = 's3',
): Promise<{ status: number; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const payloadHash = sha256(body);
    send(
      url,
      {
        method,
        ...(service === 'ssm' ? { agent: SSM_AGENT } : {}),
        headers: {
          ...signed(method, url, payloadHash, headers, service),
          'content-length': Buffer.byteLength(body),
        },
      },
      (response) =>
        collect(response).then(
          (answer) => resolve({ status: response.statusCode ?? 0, body: answer }),
          reject,
        ),
    )
      .on('error', reject)
      .end(body);
  });
}

export const objectUrl = (key: string) => new URL(`${env.AWS_ENDPOINT_URL}/${env.IMAGES_BUCKET}/${key}`);

export function verified({ headers, body }: Delivery, secret: string): Prediction {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const expected = hmac(key, `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`);
  const given = Buffer.from(headers['webhook-signature']!.slice(3), 'base64');
  if (!timingSafeEqual(expected, given)) throw new Error('the signature does not fit');
  return JSON.parse(body);
}

export async function storeImages({ audit, cell }: Delivery['pathParameters'], prediction: Prediction) {
  return Promise.all(
    prediction.output.map(async (address, index) => {
      const bytes = await fetchOutput(address);
      const checksum = createHash('sha256').update(bytes).digest('base64');
      const headers = {
        'content-type': 'image/png',
        'if-none-match': '*',
        'x-amz-checksum-sha256': checksum,
      };
      const { status } = await call('PUT', objectUrl(`images/${audit}/${cell}/${index}`), bytes, headers);
      if (status !== 200) throw new Error(`S3 answered ${status}`);
      return { index, bytes: bytes.length };
    }),
  );
}

export async function storeResult(
  { audit, cell }: Delivery['pathParameters'],
  result: unknown,
): Promise<void> {
  const key = `audits/${audit}/results/${cell}.json`;
  await call('PUT', objectUrl(key), JSON.stringify(result), {
    'content-type': 'application/json',
    'if-none-match': '*',
  });
}
