import { gzipSync } from 'node:zlib';
import { Refusal } from '../errors.ts';
import type { HttpResponse } from './problem.ts';

/** A smaller answer is not worth the header and the time. */
const LEAST_BYTES = 4_096;
/** Lambda sends no larger answer: 6 MB of JSON, in which the body is a string. */
const MOST_BYTES = 6_291_556;

const fits = (response: HttpResponse): boolean =>
  // A character takes six bytes at most.
  response.body.length * 6 < MOST_BYTES || Buffer.byteLength(JSON.stringify(response)) <= MOST_BYTES;

/**
 * A large answer compressed, if the client takes that. API Gateway compresses nothing, and a page of predictions repeats a
 * signature's parts in each address. Compressed, the largest plan and the largest page are small enough for Lambda.
 * @param accepted the request's `accept-encoding`
 * @throws {Refusal} 406 for what Lambda cannot send to this client
 */
export function compressed(response: HttpResponse, accepted = ''): HttpResponse {
  if (response.body.length < LEAST_BYTES) return response;
  const headers = { ...response.headers, vary: 'accept-encoding' };
  const isPlain = !/\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(accepted);
  const sent: HttpResponse = isPlain
    ? { ...response, headers }
    : {
        ...response,
        headers: { ...headers, 'content-encoding': 'gzip' },
        body: gzipSync(response.body).toString('base64'),
        isBase64Encoded: true,
      };
  if (!fits(sent))
    throw new Refusal(
      406,
      `The answer has ${Math.ceil(response.body.length / 1_000_000)} MB, and at most 6 MB can be sent. Send the header "Accept-Encoding: gzip" (curl: --compressed), or request fewer entries.`,
      { headers: { vary: 'accept-encoding' } },
    );
  return sent;
}
