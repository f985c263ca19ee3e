import { gzipSync } from 'node:zlib';
import type { HttpResponse } from './problem.ts';

/** A smaller answer is not worth the header and the time. */
const LEAST_BYTES = 4_096;

/**
 * A large answer compressed, if the client takes that. API Gateway compresses nothing, and a page of predictions repeats a
 * signature's parts in each address.
 * @param accepted the request's `accept-encoding`
 */
export function compressed(response: HttpResponse, accepted = ''): HttpResponse {
  if (response.body.length < LEAST_BYTES) return response;
  const headers = { ...response.headers, vary: 'accept-encoding' };
  if (!/\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(accepted)) return { ...response, headers };
  return {
    ...response,
    headers: { ...headers, 'content-encoding': 'gzip' },
    body: gzipSync(response.body).toString('base64'),
    isBase64Encoded: true,
  };
}
