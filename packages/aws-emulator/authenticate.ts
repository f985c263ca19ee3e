import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { AwsError } from './aws-error.ts';
import type { Access, Principal } from './iam/access.ts';
import { type Fault, headerClaim, type Terms } from './sigv4/claim.ts';
import { verify } from './sigv4/verify.ts';

/** Most services accept a signature for five minutes. S3, with a check of its own, accepts it for fifteen. */
const MAX_SKEW_MS = 5 * 60 * 1000;

function refuse(fault: Fault, message: string, details: Record<string, string> = {}): AwsError {
  const answer = (type: string, words: string) => new AwsError(type, words, { status: 403 });
  if (fault === 'InvalidAccessKeyId') {
    return answer(
      'UnrecognizedClientException',
      `The access key ${details.AWSAccessKeyId} is unknown. On this machine, use "local" as access key and secret key.`,
    );
  }
  if (fault === 'ExpiredToken') return answer('ExpiredTokenException', message);
  const malformed = fault === 'AuthorizationHeaderMalformed' || fault === 'InvalidRequest';
  return answer(malformed ? 'IncompleteSignatureException' : 'InvalidSignatureException', message);
}

/**
 * Checks the Signature V4 of a request whose body was read, and says who signed it.
 * @param service as the signature's scope names it, for instance `sqs`
 * @throws AwsError 403
 */
export function authenticate(
  message: IncomingMessage,
  body: Buffer,
  service: string,
  { credentials }: Pick<Access, 'credentials'>,
): Principal {
  if (message.headers.authorization === undefined) {
    throw new AwsError(
      'MissingAuthenticationToken',
      'The request has no Signature V4 authorization header.',
      {
        status: 403,
      },
    );
  }
  const [path = '/', search = ''] = (message.url ?? '/').split('?', 2);
  const query = { entries: [...new URLSearchParams(search)] };
  const request = { method: message.method ?? 'GET', path, query, message };
  const terms: Terms = { service, maxSkewMs: MAX_SKEW_MS, now: new Date(), credentials, refuse };
  const payloadHash = createHash('sha256').update(body).digest('hex');
  return verify(request, payloadHash, headerClaim(request, terms), terms).principal;
}
