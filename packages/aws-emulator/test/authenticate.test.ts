import type { IncomingMessage } from 'node:http';
import { S3Client } from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';
import { authenticate } from '../authenticate.ts';
import { CREDENTIALS, REGION } from './conformance/wire.ts';

const BODY = '{"QueueUrl":"q"}';
const principal = { arn: 'arn:aws:iam::1:user/a', accountId: '1', anonymous: false, admin: false };
const access = {
  credentials: (id: string) => (id === 'local' ? { secretAccessKey: 'local', principal } : undefined),
};

interface Signed {
  service?: string;
  path?: string;
  query?: Record<string, string>;
  credentials?: typeof CREDENTIALS;
  minutesAgo?: number;
}

/** A request as the SDK's signer signs it for a service other than S3. */
async function signed(options: Signed = {}): Promise<IncomingMessage> {
  const { service = 'sqs', path = '/', query = {}, credentials = CREDENTIALS, minutesAgo = 0 } = options;
  const { sha256 } = new S3Client({ region: REGION, credentials }).config;
  const { headers } = await new SignatureV4({ service, region: REGION, credentials, sha256 }).sign(
    {
      method: 'POST',
      protocol: 'http:',
      hostname: '127.0.0.1',
      path,
      query,
      headers: { host: '127.0.0.1', 'x-amz-target': 'AmazonSQS.SendMessage', 'x-other': ' a  b ' },
      body: BODY,
    },
    { signingDate: new Date(Date.now() - minutesAgo * 60_000) },
  );
  const headersDistinct = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]));
  const search = new URLSearchParams(query).toString();
  const url = path + (search === '' ? '' : `?${search}`);
  return { method: 'POST', url, headers, headersDistinct } as unknown as IncomingMessage;
}
const check = (message: IncomingMessage, body = BODY, service = 'sqs') =>
  authenticate(message, Buffer.from(body), service, access);

test.each<[string, Signed]>([
  ['a call', {}],
  ['a call with a path that needs encoding', { path: '/2015-03-31/functions/a%20b/invocations' }],
  ['a call with a query', { query: { b: '2', a: 'x y' } }],
  ['a call signed four minutes ago', { minutesAgo: 4 }],
])('%s is authentic', async (_, options) => {
  expect(check(await signed(options))).toBe(principal);
});

test.each<[string, Signed, string]>([
  ['signed six minutes ago', { minutesAgo: 6 }, 'InvalidSignatureException'],
  [
    'signed with another secret key',
    { credentials: { accessKeyId: 'local', secretAccessKey: 'x' } },
    'InvalidSignatureException',
  ],
  [
    'with an unknown access key',
    { credentials: { accessKeyId: 'x', secretAccessKey: 'local' } },
    'UnrecognizedClientException',
  ],
  ['signed for another service', { service: 'ssm' }, 'IncompleteSignatureException'],
])('a call %s is refused', async (_, options, type) => {
  const message = await signed(options);
  expect(() => check(message)).toThrow(expect.objectContaining({ type, status: 403 }));
});

test('a call whose body or target changed on the way is refused', async () => {
  const message = await signed();
  const refused = expect.objectContaining({ type: 'InvalidSignatureException' });
  expect(() => check(message, '{}')).toThrow(refused);
  message.headersDistinct['x-amz-target'] = ['AmazonSQS.PurgeQueue'];
  expect(() => check(message)).toThrow(refused);
});

test('a call without a signature is refused', () => {
  const message = {
    method: 'POST',
    url: '/',
    headers: {},
    headersDistinct: {},
  } as unknown as IncomingMessage;
  expect(() => check(message)).toThrow(expect.objectContaining({ type: 'MissingAuthenticationToken' }));
});
