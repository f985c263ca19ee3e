import { STATUS_CODES } from 'node:http';

/** An HTTP answer as Lambda's payload format 2.0 wants it. */
export interface HttpResponse {
  statusCode: number;
  headers: Record<string, string>;
  body: string;
}

/** A refusal that the caller is told of. `detail` says what to change. */
export class Problem extends Error {
  override name = 'Problem';
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly more: Record<string, unknown>;

  constructor(
    status: number,
    detail: string,
    { headers = {}, ...more }: { headers?: Record<string, string>; [member: string]: unknown } = {},
  ) {
    super(detail);
    this.status = status;
    this.headers = headers;
    this.more = more;
  }
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
export const problemResponse = ({ status, message, headers, more }: Problem): HttpResponse => ({
  statusCode: status,
  headers: { 'content-type': 'application/problem+json', ...NO_STORE, ...headers },
  body: JSON.stringify({
    type: 'about:blank',
    title: STATUS_CODES[status],
    status,
    detail: message,
    ...more,
  }),
});
