import { createHash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { hmac, signingKey } from '../iam/signing-key.ts';
import { accessDenied, S3Error } from './errors.ts';
import type { Principal, S3Options } from './options.ts';
import type { S3Request } from './request.ts';

const ALGORITHM = 'AWS4-HMAC-SHA256';
const MAX_SKEW_MS = 15 * 60 * 1000;
/** Presigned URLs live at most seven days. */
const MAX_EXPIRES_S = 604_800;
const EMPTY_SHA256 = createHash('sha256').digest('hex');

/** How the body is sent, from `x-amz-content-sha256`. */
export type Payload =
  | { kind: 'unsigned' }
  | { kind: 'hashed'; sha256: string }
  | { kind: 'chunked'; trailer: boolean; signer: ChunkSigner | undefined };

export interface Identity {
  principal: Principal;
  authType: 'REST-HEADER' | 'REST-QUERY-STRING' | 'NONE';
  /** Milliseconds since a presigned URL was signed. */
  ageMs: number | undefined;
  payload: Payload;
}

const ANONYMOUS: Principal = { arn: '*', accountId: 'anonymous', anonymous: true, admin: false };

/** RFC 3986 as Signature V4 wants it: everything but unreserved characters is percent-encoded. */
export function uriEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');

function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/**
 * Signs the pieces of an aws-chunked body, each chained to the one before
 * ("Signature calculations for the authorization header: transferring payload in multiple chunks").
 */
export class ChunkSigner {
  readonly #key: KeyObject;
  readonly #time: string;
  readonly #scope: string;
  #previous: string;

  constructor(key: KeyObject, time: string, scope: string, seed: string) {
    this.#key = key;
    this.#time = time;
    this.#scope = scope;
    this.#previous = seed;
  }

  /** `sha256Hex` of the chunk's data. Throws SignatureDoesNotMatch. */
  checkChunk(sha256Hex: string, signature: string): void {
    this.#check(`${ALGORITHM}-PAYLOAD`, [EMPTY_SHA256, sha256Hex], signature);
  }

  /** `sha256Hex` of the trailing headers in their canonical form. Throws SignatureDoesNotMatch. */
  checkTrailer(sha256Hex: string, signature: string): void {
    this.#check(`${ALGORITHM}-TRAILER`, [sha256Hex], signature);
  }

  #check(kind: string, hashes: string[], signature: string): void {
    const text = [kind, this.#time, this.#scope, this.#previous, ...hashes].join('\n');
    const expected = hmac(this.#key, text).toString('hex');
    if (!equal(expected, signature))
      throw signatureDoesNotMatch({ StringToSign: text, SignatureProvided: signature });
    this.#previous = expected;
  }
}

function signatureDoesNotMatch(elements: Record<string, string>): S3Error {
  return new S3Error(
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
    elements,
  );
}

interface Claim {
  accessKeyId: string;
  date: string;
  region: string;
  signedHeaders: string[];
  signature: string;
  /** `YYYYMMDDTHHMMSSZ`. */
  time: string;
}

/** Milliseconds since 1970 of `YYYYMMDDTHHMMSSZ`, NaN when it is none. */
function parseTime(text: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  return parts === null
    ? Number.NaN
    : Date.parse(`${parts[1]}-${parts[2]}-${parts[3]}T${parts[4]}:${parts[5]}:${parts[6]}Z`);
}

const malformedHeader = (message: string) =>
  new S3Error('AuthorizationHeaderMalformed', `The authorization header is malformed; ${message}`);
const malformedQuery = (message: string) => new S3Error('AuthorizationQueryParametersError', message);

/** The region is taken as it comes: this one endpoint stands for every region. */
function parseCredential(text: string, malformed: (message: string) => S3Error) {
  const parts = text.split('/');
  const [date, region, service, terminator] = parts.slice(-4);
  const accessKeyId = parts.slice(0, -4).join('/');
  if (!accessKeyId || date === undefined || region === undefined) {
    throw malformed(
      'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  }
  if (service !== 's3') throw malformed(`incorrect service "${service}". This endpoint belongs to "s3".`);
  if (terminator !== 'aws4_request')
    throw malformed(`incorrect terminal "${terminator}". This endpoint uses "aws4_request".`);
  return { accessKeyId, date, region };
}

/** Signature version 2, in a header or a presigned URL, is for regions older than this one. */
const unsupportedMechanism = () =>
  new S3Error(
    'InvalidRequest',
    `The authorization mechanism you have provided is not supported. Please use ${ALGORITHM}.`,
  );

function claimOfHeader(request: S3Request, authorization: string): Claim {
  if (!authorization.startsWith(`${ALGORITHM} `)) {
    throw unsupportedMechanism();
  }
  const fields = new Map(
    authorization
      .slice(ALGORITHM.length)
      .split(',')
      .map((field) => {
        const [name = '', ...value] = field.trim().split('=');
        return [name, value.join('=')];
      }),
  );
  const [credential, signedHeaders, signature] = ['Credential', 'SignedHeaders', 'Signature'].map((name) =>
    fields.get(name),
  );
  if (!credential || !signedHeaders || !signature) {
    throw malformedHeader(
      'the authorization header requires three components: Credential, SignedHeaders, and Signature.',
    );
  }
  const amzDate = request.header('x-amz-date');
  const plainDate = Date.parse(request.header('date') ?? '');
  const time =
    amzDate ?? (Number.isNaN(plainDate) ? '' : new Date(plainDate).toISOString().replace(/[-:]|\.\d+/g, ''));
  return {
    ...parseCredential(credential, malformedHeader),
    signedHeaders: signedHeaders.split(';'),
    signature,
    time,
  };
}

function claimOfQuery(request: S3Request): Claim & { expiresS: number } {
  const { query } = request;
  const names = ['Algorithm', 'Credential', 'Signature', 'Date', 'SignedHeaders', 'Expires'];
  const [algorithm, credential, signature, time, signedHeaders, expires] = names.map((name) =>
    query.get(`X-Amz-${name}`),
  );
  if (!algorithm || !credential || !signature || !time || !signedHeaders || !expires) {
    throw malformedQuery(
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    );
  }
  if (algorithm !== ALGORITHM) throw malformedQuery(`X-Amz-Algorithm only supports "${ALGORITHM}"`);
  if (!/^-?\d+$/.test(expires)) throw malformedQuery('X-Amz-Expires should be a number');
  const expiresS = Number(expires);
  if (expiresS < 0) throw malformedQuery('X-Amz-Expires must be non-negative');
  if (expiresS > MAX_EXPIRES_S) {
    throw malformedQuery(
      'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
    );
  }
  return {
    ...parseCredential(credential, (message) =>
      malformedQuery(`Error parsing the X-Amz-Credential parameter; ${message}`),
    ),
    signedHeaders: signedHeaders.split(';'),
    signature,
    time,
    expiresS,
  };
}

/** The canonical request of "Create a signed AWS API request", with S3's singly encoded path. */
function canonicalRequest(request: S3Request, signedHeaders: readonly string[], payloadHash: string): string {
  const headers = request.message.headersDistinct;
  const parameters = request.query.entries
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [uriEncode(name), uriEncode(value)] as const)
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0));
  return [
    request.method,
    request.path
      .split('/')
      .map((part) => uriEncode(decodeURIComponent(part)))
      .join('/'),
    parameters.map(([name, value]) => `${name}=${value}`).join('&'),
    ...signedHeaders.map((name) => {
      // Node reads header bytes as Latin-1; signers sign the bytes.
      const values = (headers[name] ?? []).map((value) => Buffer.from(value, 'latin1').toString('utf8'));
      return `${name}:${values.map((value) => value.trim().replace(/ +/g, ' ')).join(',')}`;
    }),
    '',
    signedHeaders.join(';'),
    payloadHash,
  ].join('\n');
}

function checkSignedHeaders(request: S3Request, signedHeaders: readonly string[]): void {
  if (!signedHeaders.includes('host')) {
    throw malformedHeader('the SignedHeaders must include "host".');
  }
  const unsigned = Object.keys(request.message.headers).filter(
    (name) => name.startsWith('x-amz-') && !signedHeaders.includes(name),
  );
  // A presigned URL names its payload hash by convention; the header may say so once more.
  const harmful = unsigned.filter(
    (name) => name !== 'x-amz-content-sha256' || !request.query.has('X-Amz-Signature'),
  );
  if (harmful.length > 0) {
    throw new S3Error('AccessDenied', 'There were headers present in the request which were not signed', {
      HeadersNotSigned: harmful.join(', '),
    });
  }
}

function checkSkew(time: string, now: Date): void {
  const at = parseTime(time);
  if (Number.isNaN(at)) throw accessDenied('AWS authentication requires a valid Date or x-amz-date header');
  if (Math.abs(now.getTime() - at) > MAX_SKEW_MS) {
    throw new S3Error(
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
      {
        RequestTime: time,
        ServerTime: now.toISOString(),
        MaxAllowedSkewMilliseconds: String(MAX_SKEW_MS),
      },
    );
  }
}

function checkExpiry(claim: { time: string; expiresS: number }, now: Date): void {
  const at = parseTime(claim.time);
  if (Number.isNaN(at))
    throw malformedQuery("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  if (at - now.getTime() > MAX_SKEW_MS) throw accessDenied('Request is not valid yet');
  const end = at + claim.expiresS * 1000;
  if (now.getTime() > end) {
    throw new S3Error('AccessDenied', 'Request has expired', {
      'X-Amz-Expires': String(claim.expiresS),
      Expires: new Date(end).toISOString(),
      ServerTime: now.toISOString(),
    });
  }
}

const CHUNKED: Record<string, { signed: boolean; trailer: boolean }> = {
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': { signed: false, trailer: true },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': { signed: true, trailer: false },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': { signed: true, trailer: true },
};

function payloadNamed(value: string, signer: ChunkSigner | undefined): Payload {
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
  options: Pick<S3Options, 'credentials'>,
  now: Date,
): Identity {
  const authorization = request.header('authorization');
  const presigned = request.query.has('X-Amz-Algorithm') || request.query.has('X-Amz-Signature');
  const contentSha256 = request.header('x-amz-content-sha256');
  if (request.query.has('AWSAccessKeyId') && request.query.has('Signature')) throw unsupportedMechanism();
  if (authorization === undefined && !presigned) {
    return {
      principal: ANONYMOUS,
      authType: 'NONE',
      ageMs: undefined,
      payload: payloadNamed(contentSha256 ?? 'UNSIGNED-PAYLOAD', undefined),
    };
  }
  if (authorization !== undefined && presigned) {
    throw new S3Error(
      'InvalidArgument',
      'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
      {
        ArgumentName: 'Authorization',
        ArgumentValue: authorization,
      },
    );
  }

  let claim: Claim;
  if (authorization !== undefined) {
    claim = claimOfHeader(request, authorization);
    if (contentSha256 === undefined) {
      throw new S3Error('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256');
    }
    checkSkew(claim.time, now);
  } else {
    const ofQuery = claimOfQuery(request);
    checkExpiry(ofQuery, now);
    claim = ofQuery;
  }
  if (!claim.time.startsWith(claim.date)) {
    const message = `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP`;
    throw authorization === undefined ? malformedQuery(message) : malformedHeader(message);
  }
  checkSignedHeaders(request, claim.signedHeaders);

  const known = options.credentials(claim.accessKeyId);
  if (known === undefined) {
    throw new S3Error(
      'InvalidAccessKeyId',
      'The AWS Access Key Id you provided does not exist in our records.',
      {
        AWSAccessKeyId: claim.accessKeyId,
      },
    );
  }
  const payloadHash = contentSha256 ?? request.query.get('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD';
  const scopeParts = [claim.date, claim.region, 's3', 'aws4_request'];
  const scope = scopeParts.join('/');
  const canonical = canonicalRequest(request, claim.signedHeaders, payloadHash);
  const text = [ALGORITHM, claim.time, scope, sha256(canonical)].join('\n');
  const key = signingKey(known.secretAccessKey, scopeParts);
  const expected = hmac(key, text).toString('hex');
  if (!equal(expected, claim.signature)) {
    throw signatureDoesNotMatch({
      AWSAccessKeyId: claim.accessKeyId,
      StringToSign: text,
      SignatureProvided: claim.signature,
      CanonicalRequest: canonical,
    });
  }
  return {
    principal: known.principal,
    authType: authorization === undefined ? 'REST-QUERY-STRING' : 'REST-HEADER',
    ageMs: authorization === undefined ? now.getTime() - parseTime(claim.time) : undefined,
    payload: payloadNamed(payloadHash, new ChunkSigner(key, claim.time, scope, claim.signature)),
  };
}
