import type { Principal } from '../iam/access.ts';
import type { ChunkVerifier } from '../sigv4/chunks.ts';
import { headerClaim, parseTime, queryClaim, type Terms, unsupported } from '../sigv4/claim.ts';
import { verify } from '../sigv4/verify.ts';
import { accessDenied, S3Error } from './errors.ts';
import type { S3Options } from './options.ts';
import type { S3Request } from './request.ts';

const MAX_SKEW_MS = 15 * 60 * 1000;

/** How the body is sent, from `x-amz-content-sha256`. */
export type Payload =
  | { kind: 'unsigned' }
  | { kind: 'hashed'; sha256: string }
  | { kind: 'chunked'; trailer: boolean; signer: ChunkVerifier | undefined };

export interface Identity {
  principal: Principal;
  authType: 'REST-HEADER' | 'REST-QUERY-STRING' | 'NONE';
  /** Milliseconds since a presigned URL was signed. */
  ageMs: number | undefined;
  payload: Payload;
}

const ANONYMOUS: Principal = { arn: '*', accountId: 'anonymous', anonymous: true, admin: false };

const CHUNKED: Record<string, { signed: boolean; trailer: boolean }> = {
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': { signed: false, trailer: true },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': { signed: true, trailer: false },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': { signed: true, trailer: true },
};

function payloadNamed(value: string, signer: ChunkVerifier | undefined): Payload {
  if (value === 'UNSIGNED-PAYLOAD') return { kind: 'unsigned' };
  const chunked = CHUNKED[value];
  if (chunked !== undefined) {
    if (chunked.signed && signer === undefined) throw accessDenied();
    return { kind: 'chunked', trailer: chunked.trailer, signer: chunked.signed ? signer : undefined };
  }
  if (/^[0-9a-f]{64}$/i.test(value)) return { kind: 'hashed', sha256: value.toLowerCase() };
  throw new S3Error(
    'InvalidArgument',
    'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.',
    { ArgumentName: 'x-amz-content-sha256', ArgumentValue: value },
  );
}

/** Who sent the request, by Signature V4 in a header or in the query; without either, anonymous. Throws S3Error. */
export function authenticate(
  request: S3Request,
  { credentials }: Pick<S3Options, 'credentials'>,
  now: Date,
): Identity {
  const terms: Terms = {
    service: 's3',
    maxSkewMs: MAX_SKEW_MS,
    now,
    credentials,
    refuse: (fault, message, details) => new S3Error(fault, message, details),
  };
  const { query } = request;
  const authorization = request.header('authorization');
  const presigned = query.has('X-Amz-Algorithm') || query.has('X-Amz-Signature');
  const contentSha256 = request.header('x-amz-content-sha256');
  if (query.has('AWSAccessKeyId') && query.has('Signature')) throw unsupported(terms);
  if (authorization !== undefined && presigned) {
    throw new S3Error(
      'InvalidArgument',
      'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
      { ArgumentName: 'Authorization', ArgumentValue: authorization },
    );
  }
  if (presigned) {
    const payloadHash = contentSha256 ?? query.get('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD';
    const claim = queryClaim(request, terms);
    const { principal, chunks } = verify(request, payloadHash, claim, terms);
    return {
      principal,
      authType: 'REST-QUERY-STRING',
      ageMs: now.getTime() - parseTime(claim.time),
      payload: payloadNamed(payloadHash, chunks),
    };
  }
  if (authorization === undefined) {
    return {
      principal: ANONYMOUS,
      authType: 'NONE',
      ageMs: undefined,
      payload: payloadNamed(contentSha256 ?? 'UNSIGNED-PAYLOAD', undefined),
    };
  }
  const claim = headerClaim(request, terms);
  if (contentSha256 === undefined) {
    throw new S3Error('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256');
  }
  const { principal, chunks } = verify(request, contentSha256, claim, terms);
  return {
    principal,
    authType: 'REST-HEADER',
    ageMs: undefined,
    payload: payloadNamed(contentSha256, chunks),
  };
}
