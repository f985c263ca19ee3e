import type { IncomingMessage } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import type { S3Client } from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';
import { SecretRefused } from '../secrets.ts';

const TIMEOUT_MS = 5_000;

/**
 * Reads a SecureString of the SSM Parameter Store, by `GetParameter` in AWS's JSON 1.1 protocol. The call is
 * signed with what the S3 client brings along: `@aws-sdk/client-ssm` would add 79 kB to a function for it
 * (docs/decisions/0001).
 * @param client whose region, credentials and hash are used
 * @param endpoint of AWS, where it is not the usual one
 * @param name of the parameter, such as `/weaudit/dev/webhook-secrets`
 * @throws {SecretRefused} if there is no such parameter for this role; any other error may pass
 */
export const parameterReader =
  ({ config }: S3Client, endpoint: string | undefined, name: string) =>
  async (): Promise<string> => {
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
      throw new (isPassing(response.statusCode, answer) ? Error : SecretRefused)(
        `parameter ${name} could not be read: ${response.statusCode} ${errorType(answer)}${hintFor(answer)}`,
      );
    const value = (JSON.parse(answer) as { Parameter?: { Value?: string } }).Parameter?.Value;
    if (!value) throw new SecretRefused(`parameter ${name} is empty${HINTS.ParameterNotFound}`);
    return value;
  };

function send(url: URL, headers: Record<string, string>, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { request } = url.protocol === 'https:' ? https : http;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const sent = request(url, { method: 'POST', headers, signal }, resolve);
    sent.on('error', (error) =>
      reject(
        signal.aborted
          ? new Error(`the Parameter Store gave no whole answer within ${TIMEOUT_MS / 1_000} s`)
          : error,
      ),
    );
    sent.end(body);
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

/** The error's name alone: the rest of an answer does not belong into a log. */
const errorType = (answer: string): string => /"__type":"([\w.#]{1,100})"/.exec(answer)?.[1] ?? '';
