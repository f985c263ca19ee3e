import type { IncomingMessage } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import type { S3Client } from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';

/** Reads a secret; `refresh` asks for it anew unless it was read within the last seconds. */
export type SecretReader = (options?: { refresh?: boolean }) => Promise<string>;

/** How long a secret is used before it is read again: a rotation takes effect within this time. */
const MAX_AGE_MS = 5 * 60_000;
/** A caller who was refused may ask for a fresh secret, but no more often than this. */
const MIN_AGE_MS = 10_000;
/** A secret that cannot be read anew is used so long. */
const MAX_STALE_MS = 60 * 60_000;
const TIMEOUT_MS = 5_000;

/**
 * A SecureString of the SSM Parameter Store, read at run time and kept for five minutes, so that it stands
 * neither in code nor in an environment value. The one call it takes is signed with what the S3 client brings
 * along: `@aws-sdk/client-ssm` would add 79 kB to a function for it (docs/decisions/0001).
 * @param client whose region, credentials and hash are used
 * @param endpoint of AWS, where it is not the usual one
 * @param name of the parameter, such as `/weaudit/dev/webhook-secrets`
 */
export function secretReader(client: S3Client, endpoint: string | undefined, name: string): SecretReader {
  let kept: { value: string; readAt: number } | undefined;
  let reading: Promise<string> | undefined;
  let failedAt = Number.NEGATIVE_INFINITY;
  const read = async () => {
    try {
      const value = await readParameter(client, endpoint, name);
      kept = { value, readAt: Date.now() };
      return value;
    } catch (error) {
      // The Parameter Store is down or busy: a secret that was right an hour ago is better than none. If it says
      // that there is no such secret any more, there is none.
      if (!kept || error instanceof ParameterRefused || isStale(kept)) throw error;
      failedAt = Date.now();
      return kept.value;
    } finally {
      reading = undefined;
    }
  };
  return async ({ refresh = false } = {}) => {
    const isFresh = kept && Date.now() - kept.readAt <= (refresh ? MIN_AGE_MS : MAX_AGE_MS);
    if (kept && (isFresh || (Date.now() - failedAt <= MIN_AGE_MS && !isStale(kept)))) return kept.value;
    reading ??= read();
    return reading;
  };
}

const isStale = ({ readAt }: { readAt: number }) => Date.now() - readAt >= MAX_STALE_MS;

/** The Parameter Store answered, and not with the parameter. */
class ParameterRefused extends Error {
  override name = 'ParameterRefused';
}

/** `GetParameter` in AWS's JSON 1.1 protocol. */
async function readParameter(
  { config }: S3Client,
  endpoint: string | undefined,
  name: string,
): Promise<string> {
  const region = await config.region();
  const url = new URL(endpoint ?? `https://ssm.${region}.amazonaws.com`);
  const signer = new SignatureV4({
    service: 'ssm',
    region,
    credentials: config.credentials,
    sha256: config.sha256,
  });
  const request = await signer.sign({
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    path: '/',
    query: {},
    headers: {
      host: url.host,
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'AmazonSSM.GetParameter',
    },
    body: JSON.stringify({ Name: name, WithDecryption: true }),
  });
  const response = await send(url, request.headers, request.body);
  const answer = await text(response);
  if (response.statusCode !== 200)
    throw new (isPassing(response.statusCode, answer) ? Error : ParameterRefused)(
      `parameter ${name} could not be read: ${response.statusCode} ${errorType(answer)}${hintFor(answer)}`,
    );
  const value = (JSON.parse(answer) as { Parameter?: { Value?: string } }).Parameter?.Value;
  if (!value) throw new ParameterRefused(`parameter ${name} is empty${HINTS.ParameterNotFound}`);
  return value;
}

function send(url: URL, headers: Record<string, string>, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { request } = url.protocol === 'https:' ? https : http;
    const sent = request(url, { method: 'POST', headers, timeout: TIMEOUT_MS }, resolve);
    sent.on('timeout', () =>
      sent.destroy(new Error(`the Parameter Store sent nothing for ${TIMEOUT_MS / 1_000} s`)),
    );
    sent.on('error', reject).end(body);
  });
}

const HINTS: Record<string, string> = {
  ParameterNotFound: ': "npx weaudit setup" fills it',
  AccessDeniedException: ': the role may not read it, or may not use the key it is encrypted with',
};
const isPassing = (status: number | undefined, answer: string): boolean =>
  (status ?? 500) >= 500 || /Throttling|TooManyRequests|InternalServer/.test(errorType(answer));
const hintFor = (answer: string): string =>
  Object.entries(HINTS).find(([type]) => errorType(answer).endsWith(type))?.[1] ?? '';

/** The error's name alone: whatever else an answer holds does not belong into a log. */
const errorType = (answer: string): string => /"__type":"([\w.#]{1,100})"/.exec(answer)?.[1] ?? '';
