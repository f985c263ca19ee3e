import { may, objectArn, tagContext } from '../access.ts';
import { type Answer, httpDate, quoted, versionHeader } from '../answer.ts';
import { checksumHeader } from '../checksums.ts';
import { checkRead } from '../conditions.ts';
import { S3Error } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { descriptionHeaders, OWN_HEADERS } from '../metadata.ts';
import { readable, whileReplaced } from '../readable.ts';
import { partNumberOf, type S3Request } from '../request.ts';
import type { ObjectVersion } from '../store.ts';
import { checkVersionId, type Target } from '../target.ts';
import { lockHeaders } from './lock.ts';

interface Range {
  start: number;
  /** Included. */
  end: number;
}

/** The one range asked for. Undefined: the whole object, as for a header that makes no sense or names several. */
function rangeOf(header: string | undefined, size: number): Range | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return undefined;
  const [first, last] = [match[1] ?? '', match[2] ?? ''];
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  const range =
    first === ''
      ? { start: Math.max(0, size - Number(last)), end: size - 1 }
      : { start: Number(first), end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
  if (range.start >= size || (first === '' && Number(last) === 0)) {
    throw new S3Error('InvalidRange', 'The requested range is not satisfiable', {
      RangeRequested: header ?? '',
      ActualObjectSize: String(size),
    });
  }
  return range;
}

/**
 * The range and headers of the part that the request asks for; undefined for a request of the whole. An object that was
 * not uploaded in parts is its own part 1. Throws InvalidArgument, InvalidRequest, InvalidPart.
 */
function partOf(exchange: Exchange, version: ObjectVersion) {
  const { request, store } = exchange;
  const number = partNumberOf(request);
  if (number === undefined) return undefined;
  if (request.header('range') !== undefined) {
    throw new S3Error('InvalidRequest', 'Cannot specify both Range header and partNumber query parameter');
  }
  const parts = store.partsOf(version);
  const count = parts?.length ?? 1;
  if (number > count) {
    throw new S3Error('InvalidPart', 'The requested partnumber is not satisfiable', {
      PartNumberRequested: String(number),
      ActualPartCount: String(count),
    });
  }
  if (parts === undefined) return { range: undefined, headers: {} };
  const start = parts.slice(0, number - 1).reduce((sum, { size }) => sum + size, 0);
  const { size, checksum } = parts[number - 1]!;
  return {
    range: { start, end: start + size - 1 },
    headers: {
      'x-amz-mp-parts-count': String(count),
      ...(wantsChecksum(request) && {
        [checksumHeader(checksum.algorithm)]: checksum.value,
        'x-amz-checksum-type': version.checksum?.type ?? checksum.type,
      }),
    },
  };
}

const wantsChecksum = (request: S3Request) =>
  request.header('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED';

/** `response-content-type` and its like, which only signed requests may use. */
function overrides(request: S3Request, anonymous: boolean): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of OWN_HEADERS) {
    const value = request.query.get(`response-${name}`);
    if (value === undefined) continue;
    if (anonymous) {
      throw new S3Error(
        'InvalidRequest',
        'Request specific response headers cannot be used for anonymous GET requests.',
      );
    }
    // Header values are bytes: what is beyond Latin-1 goes out as UTF-8, control characters not at all.
    found[name] = Buffer.from(value.replace(/\p{Cc}/gu, ' '), 'utf8').toString('latin1');
  }
  return found;
}

function headersOf(exchange: Exchange, version: ObjectVersion, whole: boolean): Record<string, string> {
  const { request } = exchange;
  const { checksum, tags } = version;
  const tagging = may(
    exchange,
    's3:GetObjectTagging',
    objectArn(version.bucket, version.key),
    tagContext('Existing', tags),
  );
  return {
    ...descriptionHeaders(version.description),
    'accept-ranges': 'bytes',
    etag: quoted(version.etag),
    'last-modified': httpDate(version.modified),
    ...versionHeader(exchange.store, version),
    ...lockHeaders(exchange, version),
    ...(tags.length > 0 && tagging && { 'x-amz-tagging-count': String(tags.length) }),
    ...(checksum !== undefined &&
      whole &&
      wantsChecksum(request) && {
        [checksumHeader(checksum.algorithm)]: checksum.value,
        'x-amz-checksum-type': checksum.type,
      }),
  };
}

/** GET and HEAD of an object: the same answer, HEAD without the body. */
export const getObject = (exchange: Exchange, target: Target): Promise<Answer> =>
  whileReplaced(() => answerOf(exchange, target));

/** Undefined: the object was replaced before its bytes were open. */
async function answerOf(exchange: Exchange, target: Target): Promise<Answer | undefined> {
  const { request, identity, store } = exchange;
  const { bucket, key } = target;
  const versionId = checkVersionId(request.query.get('versionId'));
  const version = readable(exchange, { bucket, key, versionId }, 'GetObject');
  const overridden = overrides(request, identity.principal.anonymous);
  try {
    checkRead(request, version);
  } catch (error) {
    if (!(error instanceof S3Error) || error.code !== 'NotModified') throw error;
    const { etag, 'last-modified': modified, ...rest } = headersOf(exchange, version, true);
    const kept = Object.entries(rest).filter(
      ([name]) => name === 'cache-control' || name === 'expires' || name === 'x-amz-version-id',
    );
    return { status: 304, headers: { etag: etag!, 'last-modified': modified!, ...Object.fromEntries(kept) } };
  }
  const part = partOf(exchange, version);
  const range = part?.range ?? rangeOf(request.header('range'), version.size);
  const { start, end } = range ?? { start: 0, end: version.size - 1 };
  const headers = {
    ...headersOf(exchange, version, range === undefined),
    ...part?.headers,
    ...overridden,
    'content-length': String(end - start + 1),
    ...(range && { 'content-range': `bytes ${start}-${end}/${version.size}` }),
  };
  const status = range === undefined ? 200 : 206;
  if (request.method === 'HEAD' || version.size === 0) return { status, headers };
  const body = await store.read(version, start, end);
  return body && { status, headers, body: Array.isArray(body) ? body[0] : body };
}
