import { createHash } from 'node:crypto';
import type { Principal } from '../iam/access.ts';
import { ChunkVerifier } from './chunks.ts';
import { ALGORITHM, type Claim, type SignedRequest, type Terms } from './claim.ts';
import { hmac, sameText, signingKey } from './signing-key.ts';

/** Who signed a request, and what later parts of its body are checked with. */
export interface Verified {
  principal: Principal;
  chunks: ChunkVerifier;
}

/** RFC 3986 as Signature V4 requires: everything but unreserved characters is percent-encoded. */
function uriEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** S3 encodes a path once; all other services encode the encoded path again. */
function canonicalPath(path: string, service: string): string {
  return path
    .split('/')
    .map((part) => uriEncode(service === 's3' ? decodeURIComponent(part) : part))
    .join('/');
}

/** The canonical request of "Create a signed AWS API request". */
function canonicalRequest(request: SignedRequest, claim: Claim, payloadHash: string): string {
  const { headersDistinct } = request.message;
  const parameters = request.query.entries
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [uriEncode(name), uriEncode(value)] as const)
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0));
  return [
    request.method,
    canonicalPath(request.path, claim.scope.service),
    parameters.map(([name, value]) => `${name}=${value}`).join('&'),
    ...claim.signedHeaders.map((name) => {
      // Node reads header bytes as Latin-1; signers sign the bytes.
      const values = (headersDistinct[name] ?? []).map((value) =>
        Buffer.from(value, 'latin1').toString('utf8'),
      );
      return `${name}:${values.map((value) => value.trim().replace(/ +/g, ' ')).join(',')}`;
    }),
    '',
    claim.signedHeaders.join(';'),
    payloadHash,
  ].join('\n');
}

function checkSignedHeaders({ message, query }: SignedRequest, claim: Claim, { refuse }: Terms): void {
  if (!claim.signedHeaders.includes('host')) {
    throw refuse(
      'AuthorizationHeaderMalformed',
      'The authorization header is malformed; the SignedHeaders must include "host".',
    );
  }
  const unsigned = Object.keys(message.headers).filter(
    (name) => name.startsWith('x-amz-') && !claim.signedHeaders.includes(name),
  );
  // A presigned URL names its payload hash by convention; the header may repeat it.
  const presigned = query.entries.some(([name]) => name === 'X-Amz-Signature');
  const harmful = unsigned.filter((name) => name !== 'x-amz-content-sha256' || !presigned);
  if (harmful.length > 0) {
    throw refuse('AccessDenied', 'There were headers present in the request which were not signed', {
      HeadersNotSigned: harmful.join(', '),
    });
  }
}

/**
 * Checks a Signature V4.
 * @param payloadHash what was signed for the body: its SHA-256, or a word such as `UNSIGNED-PAYLOAD`
 * @throws what `terms.refuse` returns
 */
export function verify(request: SignedRequest, payloadHash: string, claim: Claim, terms: Terms): Verified {
  checkSignedHeaders(request, claim, terms);
  const known = terms.credentials(claim.accessKeyId);
  if (known === undefined) {
    throw terms.refuse(
      'InvalidAccessKeyId',
      'The AWS Access Key Id you provided does not exist in our records.',
      { AWSAccessKeyId: claim.accessKeyId },
    );
  }
  const token =
    request.message.headers['x-amz-security-token'] ??
    request.query.entries.find(([name]) => name === 'X-Amz-Security-Token')?.[1];
  if (token !== undefined && known.isSession?.(String(token)) === false)
    throw terms.refuse('ExpiredToken', 'The provided token has expired.');
  const { date, region, service } = claim.scope;
  const scope = [date, region, service, 'aws4_request'];
  const canonical = canonicalRequest(request, claim, payloadHash);
  const hash = createHash('sha256').update(canonical).digest('hex');
  const text = [ALGORITHM, claim.time, scope.join('/'), hash].join('\n');
  const key = signingKey(known.secretAccessKey, scope);
  if (!sameText(hmac(key, text).toString('hex'), claim.signature)) {
    throw doesNotMatch(terms, {
      AWSAccessKeyId: claim.accessKeyId,
      StringToSign: text,
      SignatureProvided: claim.signature,
      CanonicalRequest: canonical,
    });
  }
  const chunks = new ChunkVerifier(key, claim, scope.join('/'), (details) => doesNotMatch(terms, details));
  return { principal: known.principal, chunks };
}

function doesNotMatch({ refuse }: Terms, details: Record<string, string>): Error {
  return refuse(
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
    details,
  );
}
