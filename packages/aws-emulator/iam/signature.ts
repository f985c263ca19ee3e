import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { AwsError } from '../aws-json.ts';
import type { Access, Principal } from './access.ts';
import { hmac, signingKey } from './signing-key.ts';

const ALGORITHM = 'AWS4-HMAC-SHA256';
/** AWS accepts a signature for five minutes (for S3 fifteen, which its own check knows). */
const MAX_SKEW_MS = 5 * 60 * 1000;

const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest('hex');
const refuse = (type: string, message: string) => new AwsError(type, message, { status: 403 });

/**
 * Checks the Signature V4 of a `POST /` request of the JSON protocol, body included, and says who signed it.
 * @throws AwsError 403 when it is missing, stale, by an unknown key or wrong
 */
export function authenticateJson(
  request: IncomingMessage,
  body: Buffer,
  access: Access,
  now = Date.now(),
): Principal {
  const header = request.headers.authorization ?? '';
  const parts = new RegExp(
    `^${ALGORITHM} Credential=([^/]+)/(\\d{8})/([^/]+)/([^/]+)/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$`,
  ).exec(header);
  if (parts === null)
    throw refuse('MissingAuthenticationToken', 'The request has no Signature V4 authorization header.');
  const [, accessKeyId = '', date = '', region = '', service = '', signedHeaders = '', signature = ''] =
    parts;
  const key = access.credentials(accessKeyId);
  if (key === undefined) {
    throw refuse(
      'UnrecognizedClientException',
      `The access key ${accessKeyId} is unknown; use "local" on this machine.`,
    );
  }
  const time = String(request.headers['x-amz-date'] ?? '');
  const iso = time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  if (!(Math.abs(now - Date.parse(iso)) <= MAX_SKEW_MS) || !time.startsWith(date)) {
    throw refuse('InvalidSignatureException', `Signature expired: ${time} is more than 5 minutes away.`);
  }
  const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
  const names = signedHeaders.split(';');
  const canonical = [
    request.method,
    path,
    query,
    ...names.map(
      (name) =>
        `${name}:${String(request.headers[name] ?? '')
          .trim()
          .replace(/ +/g, ' ')}`,
    ),
    '',
    signedHeaders,
    sha256(body),
  ].join('\n');
  const scope = [date, region, service, 'aws4_request'];
  const expected = hmac(
    signingKey(key.secretAccessKey, scope),
    [ALGORITHM, time, scope.join('/'), sha256(canonical)].join('\n'),
  );
  if (!names.includes('host') || !timingSafeEqual(expected, Buffer.from(signature, 'hex'))) {
    throw refuse(
      'InvalidSignatureException',
      'The request signature does not match the request and the secret key.',
    );
  }
  return key.principal;
}
