import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { invalidArgument, S3Error } from './errors.ts';

/** S3 allows keys of 1024 bytes of UTF-8. */
const MAX_KEY_BYTES = 1024;
const MAX_INTEGER = 2 ** 31 - 1;

/** Decoded query parameters in the order they came. A name without `=` has the value ''. */
export class Query {
  readonly entries: readonly (readonly [name: string, value: string])[];

  constructor(text: string) {
    this.entries = text
      .split('&')
      .filter((pair) => pair !== '')
      .map((pair) => {
        const at = pair.indexOf('=');
        const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
        return [decode(name.replaceAll('+', ' ')), decode(value.replaceAll('+', ' '))] as const;
      });
  }

  get(name: string): string | undefined {
    return this.entries.find(([entry]) => entry === name)?.[1];
  }

  has(name: string): boolean {
    return this.entries.some(([entry]) => entry === name);
  }
}

/** One HTTP request in S3's terms, its body not yet read. */
export interface S3Request {
  /** Goes back in `x-amz-request-id`. */
  id: string;
  /** Goes back in `x-amz-id-2`. */
  hostId: string;
  method: string;
  /** As it came, undecoded, without the query. */
  path: string;
  query: Query;
  /** Undefined: the request is for the service as a whole. */
  bucket: string | undefined;
  /** Decoded; undefined: the request is for the bucket. */
  key: string | undefined;
  ip: string;
  message: IncomingMessage;
  /** By name in lower case. Presigned URLs carry headers `x-amz-…` in their query; those are here too. */
  headers: Readonly<Record<string, string>>;
  /** The header's value, its name in lower case; undefined when it is absent. */
  header(name: string): string | undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error('InvalidURI', "Couldn't parse the specified URI.", { URI: text });
  }
}

/** Path style only: `/bucket/key`. Throws InvalidURI, KeyTooLongError. */
export function parseRequest(message: IncomingMessage): S3Request {
  const url = message.url ?? '/';
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const slash = path.indexOf('/', 1);
  const bucket = decode(slash < 0 ? path.slice(1) : path.slice(1, slash));
  const key = slash < 0 ? '' : decode(path.slice(slash + 1));
  const bytes = Buffer.byteLength(key);
  if (bytes > MAX_KEY_BYTES) {
    throw new S3Error('KeyTooLongError', 'Your key is too long', {
      Size: String(bytes),
      MaxSizeAllowed: String(MAX_KEY_BYTES),
    });
  }
  const query = new Query(mark < 0 ? '' : url.slice(mark + 1));
  const headers = headersOf(message, query);
  return {
    ...requestIds(),
    method: message.method ?? 'GET',
    path,
    query,
    headers,
    bucket: bucket === '' ? undefined : bucket,
    key: key === '' ? undefined : key,
    ip: message.socket.remoteAddress ?? '',
    message,
    header: (name) => headers[name],
  };
}

/** Query parameters of Signature V4 itself. */
export const SIGNATURE_PARAMETERS: ReadonlySet<string> = new Set(
  [
    'Algorithm',
    'Content-Sha256',
    'Credential',
    'Date',
    'Expires',
    'Security-Token',
    'Signature',
    'SignedHeaders',
  ].map((name) => `X-Amz-${name}`),
);

function headersOf(message: IncomingMessage, query: Query): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of query.entries) {
    if (/^x-amz-/i.test(name) && !SIGNATURE_PARAMETERS.has(name)) headers[name.toLowerCase()] = value;
  }
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(',') : value;
  }
  return headers;
}

/** Names of one request, in S3's form. */
export function requestIds(): { id: string; hostId: string } {
  return { id: randomBytes(8).toString('hex').toUpperCase(), hostId: randomBytes(24).toString('base64') };
}

/** A whole number, `fallback` when absent and `max` when larger. Throws InvalidArgument. */
export function integerValue(text: string | undefined, name: string, fallback: number, max: number): number {
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > MAX_INTEGER) {
    throw invalidArgument(`Provided ${name} not an integer or within integer range`, name, text);
  }
  return Math.min(value, max);
}

/** The same of a query parameter. */
export const integerParameter = (query: Query, name: string, fallback: number, max: number): number =>
  integerValue(query.get(name), name, fallback, max);

export const MAX_PART_NUMBER = 10_000;

/** `partNumber`; undefined when absent. Throws InvalidArgument. */
export function partNumberOf({ query }: S3Request): number | undefined {
  const text = query.get('partNumber');
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= MAX_PART_NUMBER) return number;
  throw invalidArgument(
    `Part number must be an integer between 1 and ${MAX_PART_NUMBER}, inclusive`,
    'partNumber',
    text,
  );
}
