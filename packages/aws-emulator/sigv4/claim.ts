import type { IncomingMessage } from 'node:http';
import type { SigningKey } from '../iam/access.ts';

export const ALGORITHM = 'AWS4-HMAC-SHA256';
/** Presigned URLs are valid for at most seven days. */
const MAX_EXPIRES_S = 604_800;

/** A request as far as its signature covers it. */
export interface SignedRequest {
  method: string;
  /** As it came, undecoded, without the query. */
  path: string;
  /** Decoded parameters in the order they came. */
  query: { entries: readonly (readonly [name: string, value: string])[] };
  message: IncomingMessage;
}

/** Why a request is refused, by the codes of S3. Other services have their own for some. */
export type Fault =
  | 'AccessDenied'
  | 'AuthorizationHeaderMalformed'
  | 'AuthorizationQueryParametersError'
  | 'ExpiredToken'
  | 'InvalidAccessKeyId'
  | 'InvalidRequest'
  | 'RequestTimeTooSkewed'
  | 'SignatureDoesNotMatch';

/** What a service accepts, and how it refuses. */
export interface Terms {
  /** Name in the credential's scope, for instance `s3`. */
  service: string;
  /** How far the clocks of client and service may differ. */
  maxSkewMs: number;
  now: Date;
  /** Undefined: there is no such access key. */
  credentials(accessKeyId: string): SigningKey | undefined;
  /** The service's error for a fault. */
  refuse(fault: Fault, message: string, details?: Record<string, string>): Error;
}

/** What a request says about its signature. Nothing of it is proved yet. */
export interface Claim {
  accessKeyId: string;
  /** `YYYYMMDD`, region and service that the key was derived for. */
  scope: { date: string; region: string; service: string };
  signedHeaders: string[];
  /** 64 hexadecimal digits. */
  signature: string;
  /** `YYYYMMDDTHHMMSSZ`. */
  time: string;
}

type Malformed = (message: string) => Error;

/** The region is taken as it comes: one endpoint stands for every region. */
function parseCredential(text: string, service: string, malformed: Malformed) {
  const parts = text.split('/');
  const [date, region, named, terminator] = parts.slice(-4);
  const accessKeyId = parts.slice(0, -4).join('/');
  if (!accessKeyId || date === undefined || region === undefined) {
    throw malformed(
      'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  }
  if (named !== service) {
    throw malformed(`incorrect service "${named}". This endpoint belongs to "${service}".`);
  }
  if (terminator !== 'aws4_request') {
    throw malformed(`incorrect terminal "${terminator}". This endpoint uses "aws4_request".`);
  }
  return { accessKeyId, scope: { date, region, service } };
}

function checkDate({ time, scope }: Claim, malformed: Malformed): void {
  if (time.startsWith(scope.date)) return;
  throw malformed('Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP');
}

/** Milliseconds since 1970 of `YYYYMMDDTHHMMSSZ`, NaN for anything else. */
export function parseTime(text: string): number {
  return Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

/** Signature version 2, in a header or a presigned URL, is for regions older than this one. */
export const unsupported = ({ refuse }: Terms) =>
  refuse(
    'InvalidRequest',
    `The authorization mechanism you have provided is not supported. Please use ${ALGORITHM}.`,
  );

/** The claim of an Authorization header, its time checked. */
export function headerClaim({ message }: SignedRequest, terms: Terms): Claim {
  const { authorization = '', date: httpDate = '', 'x-amz-date': amzDate } = message.headers;
  if (!authorization.startsWith(`${ALGORITHM} `)) throw unsupported(terms);
  const malformed: Malformed = (reason) =>
    terms.refuse('AuthorizationHeaderMalformed', `The authorization header is malformed; ${reason}`);
  const fields = authorization.slice(ALGORITHM.length).split(',');
  const [credential, signedHeaders, signature] = ['Credential=', 'SignedHeaders=', 'Signature='].map((name) =>
    fields
      .map((field) => field.trim())
      .find((field) => field.startsWith(name))
      ?.slice(name.length),
  );
  if (!credential || !signedHeaders || !signature) {
    throw malformed(
      'the authorization header requires three components: Credential, SignedHeaders, and Signature.',
    );
  }
  const plain = Date.parse(httpDate);
  const time =
    amzDate === undefined && !Number.isNaN(plain)
      ? new Date(plain).toISOString().replace(/[-:]|\.\d+/g, '')
      : String(amzDate ?? '');
  const claim = {
    ...parseCredential(credential, terms.service, malformed),
    signedHeaders: signedHeaders.split(';'),
    signature,
    time,
  };
  checkSkew(time, terms);
  checkDate(claim, malformed);
  return claim;
}

/** The claim of a presigned URL, its time checked. */
export function queryClaim({ query }: SignedRequest, terms: Terms): Claim {
  const malformed: Malformed = (reason) => terms.refuse('AuthorizationQueryParametersError', reason);
  const [algorithm, credential, signature, time, signedHeaders, expires] = [
    'Algorithm',
    'Credential',
    'Signature',
    'Date',
    'SignedHeaders',
    'Expires',
  ].map((name) => query.entries.find(([entry]) => entry === `X-Amz-${name}`)?.[1]);
  if (!algorithm || !credential || !signature || !time || !signedHeaders || !expires) {
    throw malformed(
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    );
  }
  if (algorithm !== ALGORITHM) throw malformed(`X-Amz-Algorithm only supports "${ALGORITHM}"`);
  if (!/^-?\d+$/.test(expires)) throw malformed('X-Amz-Expires should be a number');
  const expiresS = Number(expires);
  if (expiresS < 0) throw malformed('X-Amz-Expires must be non-negative');
  if (expiresS > MAX_EXPIRES_S) {
    throw malformed(
      `X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than ${MAX_EXPIRES_S} seconds`,
    );
  }
  const claim = {
    ...parseCredential(credential, terms.service, (reason) =>
      malformed(`Error parsing the X-Amz-Credential parameter; ${reason}`),
    ),
    signedHeaders: signedHeaders.split(';'),
    signature,
    time,
  };
  const at = parseTime(time);
  if (Number.isNaN(at)) {
    throw malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  }
  checkValidity(at, expiresS, terms);
  checkDate(claim, malformed);
  return claim;
}

function checkSkew(time: string, { now, maxSkewMs, refuse }: Terms): void {
  const at = parseTime(time);
  if (Number.isNaN(at)) {
    throw refuse('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header');
  }
  if (Math.abs(now.getTime() - at) <= maxSkewMs) return;
  throw refuse(
    'RequestTimeTooSkewed',
    'The difference between the request time and the current time is too large.',
    {
      RequestTime: time,
      ServerTime: now.toISOString(),
      MaxAllowedSkewMilliseconds: String(maxSkewMs),
    },
  );
}

function checkValidity(at: number, expiresS: number, { now, maxSkewMs, refuse }: Terms): void {
  if (at - now.getTime() > maxSkewMs) throw refuse('AccessDenied', 'Request is not valid yet');
  const end = at + expiresS * 1000;
  if (now.getTime() <= end) return;
  throw refuse('AccessDenied', 'Request has expired', {
    'X-Amz-Expires': String(expiresS),
    Expires: new Date(end).toISOString(),
    ServerTime: now.toISOString(),
  });
}
