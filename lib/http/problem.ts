import { STATUS_CODES } from 'node:http';
import type { Problem } from '../contract/answers.ts';
import type { Refusal } from '../errors.ts';

/** An HTTP answer as Lambda's payload format 2.0 wants it. */
export interface HttpResponse {
  statusCode: number;
  headers: Record<string, string>;
  body: string;
  /** Whether the body is bytes, as base64. */
  isBase64Encoded?: boolean;
}

const NO_STORE = { 'cache-control': 'no-store' };

/** @param body undefined: the answer has none */
export const jsonResponse = (
  statusCode: number,
  body: unknown,
  headers: Record<string, string> = {},
): HttpResponse => ({
  statusCode,
  headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...NO_STORE, ...headers },
  body: body === undefined ? '' : JSON.stringify(body),
});

/** A refusal as problem details (RFC 9457). */
export function problemResponse({ status, message, headers, members }: Refusal): HttpResponse {
  const problem: Problem = {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? '',
    status,
    detail: message,
    ...members,
  };
  return {
    statusCode: status,
    headers: { 'content-type': 'application/problem+json', ...NO_STORE, ...headers },
    body: JSON.stringify(problem),
  };
}
