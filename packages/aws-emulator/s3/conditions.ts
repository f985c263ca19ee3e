import { preconditionFailed, S3Error } from './errors.ts';
import type { S3Request } from './request.ts';

/** What a conditional request compares with. */
export interface Comparable {
  /** Without quotes. */
  etag: string;
  /** Milliseconds since 1970. */
  modified: number;
}

/** Conditions under which an object may be written. `Store.put` checks them as it writes: that decides races. */
export interface WriteCondition {
  ifMatch: string | undefined;
  ifNoneMatch: string | undefined;
}

const unquote = (etag: string) =>
  etag
    .trim()
    .replace(/^W\//, '')
    .replace(/^"(.*)"$/, '$1');
const lists = (header: string, etag: string) =>
  header.split(',').some((item) => item.trim() === '*' || unquote(item) === etag);
/** HTTP dates have whole seconds. */
const seconds = (ms: number) => Math.floor(ms / 1000) * 1000;

/** The conditions on what a PUT, copy or completed upload replaces. Throws NotImplemented for what S3 refuses. */
export function writeCondition(request: S3Request): WriteCondition {
  const [ifMatch, ifNoneMatch] = [request.header('if-match'), request.header('if-none-match')];
  if (ifMatch !== undefined && ifNoneMatch !== undefined) {
    throw new S3Error(
      'NotImplemented',
      'A header you provided implies functionality that is not implemented',
      {
        Header: 'If-Match',
        additionalMessage: 'Multiple conditional request headers present in the request',
      },
    );
  }
  if (ifNoneMatch !== undefined && ifNoneMatch.trim() !== '*') {
    throw new S3Error(
      'NotImplemented',
      'A header you provided implies functionality that is not implemented',
      {
        Header: 'If-None-Match',
        additionalMessage: "We don't accept the provided value of If-None-Match header for this API",
      },
    );
  }
  return { ifMatch, ifNoneMatch };
}

/** Throws PreconditionFailed, or NoSuchKey where `If-Match` finds nothing. `current` is undefined for a missing key or a delete marker. */
export function checkWrite(condition: WriteCondition, current: Comparable | undefined, key: string): void {
  if (condition.ifNoneMatch !== undefined && current !== undefined) throw preconditionFailed('If-None-Match');
  if (condition.ifMatch !== undefined) {
    if (current === undefined) {
      throw new S3Error('NoSuchKey', 'The specified key does not exist.', { Key: key });
    }
    if (!lists(condition.ifMatch, current.etag)) throw preconditionFailed('If-Match');
  }
}

/** The four conditions of a GET or HEAD, combined as RFC 9110 has it. Throws PreconditionFailed or NotModified. */
export function checkRead(request: S3Request, object: Comparable): void {
  const [match, noneMatch] = [request.header('if-match'), request.header('if-none-match')];
  const [since, unmodified] = ['if-modified-since', 'if-unmodified-since'].map((name) =>
    Date.parse(request.header(name) ?? ''),
  ) as [number, number];
  const modified = seconds(object.modified);
  if (match !== undefined) {
    if (!lists(match, object.etag)) throw preconditionFailed('If-Match');
  } else if (modified > unmodified) {
    throw preconditionFailed('If-Unmodified-Since');
  }
  const unchanged = noneMatch !== undefined ? lists(noneMatch, object.etag) : modified <= since;
  if (unchanged) throw new S3Error('NotModified', 'Not Modified');
}

/** The conditions of a copy on its source. All of them answer 412. Throws PreconditionFailed. */
export function checkCopySource(request: S3Request, object: Comparable): void {
  const value = (name: string) => request.header(`x-amz-copy-source-if-${name}`);
  const modified = seconds(object.modified);
  const [match, noneMatch] = [value('match'), value('none-match')];
  if (match !== undefined) {
    if (!lists(match, object.etag)) throw preconditionFailed('x-amz-copy-source-If-Match');
  } else if (modified > Date.parse(value('unmodified-since') ?? '')) {
    throw preconditionFailed('x-amz-copy-source-If-Unmodified-Since');
  }
  if (noneMatch !== undefined) {
    if (lists(noneMatch, object.etag)) throw preconditionFailed('x-amz-copy-source-If-None-Match');
  } else if (modified <= Date.parse(value('modified-since') ?? '')) {
    throw preconditionFailed('x-amz-copy-source-If-Modified-Since');
  }
}
