import { STATUS_CODES } from 'node:http';
import type { Refusal } from '../errors.ts';

/** An HTTP answer as Lambda's payload format 2.0 wants it. */
export interface HttpResponse {
  statusCode: number;
  headers: Record<string, string>;
  body: string;
}

const NO_STORE = { 'cache-control': 'no-store' };

export const jsonResponse = (
  statusCode: number,
  value: unknown,
  headers: Record<string, string> = NO_STORE,
): HttpResponse => ({
  statusCode,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(value),
});

/** A refusal as problem details (RFC 9457). */
export const problemResponse = ({ status, message, headers, members }: Refusal): HttpResponse => ({
  statusCode: status,
  headers: { 'content-type': 'application/problem+json', ...NO_STORE, ...headers },
  body: JSON.stringify({
    type: 'about:blank',
    title: STATUS_CODES[status],
    status,
    detail: message,
    ...members,
  }),
});
