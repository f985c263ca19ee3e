import type { IncomingMessage } from 'node:http';
import type { Answer } from './answer.ts';
import { S3Error } from './errors.ts';

const METHODS = ['GET', 'HEAD'];
const EXPOSED =
  'ETag, Content-Length, Content-Range, Content-Disposition, x-amz-request-id, x-amz-version-id';

/** Headers that let a page from one of `origins` read the answer; none for other pages. */
export function corsHeaders(message: IncomingMessage, origins: readonly string[]): Record<string, string> {
  const { origin } = message.headers;
  if (origins.length === 0) return {};
  if (origin === undefined || !origins.includes(origin) || !METHODS.includes(message.method ?? ''))
    return { vary: 'Origin' };
  return { 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED, vary: 'Origin' };
}

/** Answers a browser that asks before it reads. Throws AccessForbidden. */
export function preflight(message: IncomingMessage, origins: readonly string[]): Answer {
  const {
    origin,
    'access-control-request-method': method,
    'access-control-request-headers': headers,
  } = message.headers;
  if (origin === undefined || !origins.includes(origin) || !METHODS.includes(method ?? '')) {
    throw new S3Error(
      'AccessForbidden',
      "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
      { Method: method ?? '', ResourceType: 'OBJECT' },
    );
  }
  return {
    status: 200,
    headers: {
      'access-control-allow-origin': origin,
      'access-control-allow-methods': METHODS.join(', '),
      ...(headers !== undefined && { 'access-control-allow-headers': headers }),
      'access-control-max-age': '3000',
      vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
      'content-length': '0',
    },
  };
}
