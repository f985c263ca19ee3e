import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { MatchedRoute } from './routes.ts';

/** Media types that API Gateway passes as text; everything else travels as base64. */
const TEXT = /^(text\/|application\/(.+\+)?(json|xml|javascript|x-www-form-urlencoded)\b)/i;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `12/Mar/2026:19:03:58 +0000`, as `requestContext.time` has it. */
function commonLogTime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}

function decodeQuery(search: string): Record<string, string> | undefined {
  const collected: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(search)) {
    collected[name] = name in collected ? `${collected[name]},${value}` : value;
  }
  return Object.keys(collected).length === 0 ? undefined : collected;
}

export interface PayloadInput {
  request: IncomingMessage;
  body: Buffer;
  matched: MatchedRoute;
  requestId: string;
  accountId: string;
  now: Date;
}

/** The event of payload format 2.0 ("AWS Lambda proxy integrations for HTTP APIs"). */
export function toProxyEvent(input: PayloadInput): APIGatewayProxyEventV2 {
  const { request, body, matched, requestId, now } = input;
  const method = request.method ?? 'GET';
  const [rawPath = '/', rawQueryString = ''] = (request.url ?? '/').split(/\?(.*)/s, 2);
  const { cookie, ...rest } = request.headersDistinct;
  const headers = Object.fromEntries(
    Object.entries(rest).map(([name, values]) => [name.toLowerCase(), (values ?? []).join(',')]),
  );
  const asText = body.length === 0 || (isUtf8(body) && TEXT.test(headers['content-type'] ?? ''));
  const query = decodeQuery(rawQueryString);
  const cookies = (cookie ?? []).flatMap((line) => line.split(/;\s*/)).filter((item) => item !== '');
  const routeKey =
    matched.route.path === '*'
      ? '$default'
      : `${matched.route.method === '*' ? 'ANY' : matched.route.method} ${matched.route.path}`;
  const host = headers.host ?? 'localhost';
  return {
    version: '2.0',
    routeKey,
    rawPath: decodeURI(rawPath),
    rawQueryString,
    ...(cookies.length === 0 ? {} : { cookies }),
    headers,
    ...(query === undefined ? {} : { queryStringParameters: query }),
    ...(Object.keys(matched.parameters).length === 0 ? {} : { pathParameters: matched.parameters }),
    requestContext: {
      accountId: input.accountId,
      apiId: 'local',
      domainName: host,
      domainPrefix: host.split('.')[0] ?? host,
      http: {
        method,
        path: decodeURI(rawPath),
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? '127.0.0.1',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId,
      routeKey,
      stage: '$default',
      time: commonLogTime(now),
      timeEpoch: now.getTime(),
    },
    ...(body.length === 0 ? {} : { body: body.toString(asText ? 'utf8' : 'base64') }),
    isBase64Encoded: !asText,
  };
}

export interface ProxyResponse {
  statusCode: number;
  headers: Record<string, string>;
  cookies: string[];
  body: Buffer;
}

/**
 * Reads what a function returned: the structured form, or anything else as a JSON body with 200, as format 2.0 allows.
 * Undefined when it is neither, which API Gateway answers with 500.
 */
export function fromProxyResult(payload: string): ProxyResponse | undefined {
  const result = JSON.parse(payload) as Record<string, unknown> | null;
  if (typeof result !== 'object' || result === null || !('statusCode' in result)) {
    const body = Buffer.from(typeof result === 'string' ? result : payload);
    return { statusCode: 200, headers: { 'content-type': 'application/json' }, cookies: [], body };
  }
  const statusCode = Number(result.statusCode);
  if (!Number.isInteger(statusCode) || statusCode < 100 || statusCode > 599) return undefined;
  const declared = Object.entries((result.headers ?? {}) as Record<string, unknown>);
  const headers = Object.fromEntries(declared.map(([name, value]) => [name.toLowerCase(), String(value)]));
  const text = result.body === undefined || result.body === null ? '' : String(result.body);
  if (text !== '') headers['content-type'] ??= 'text/plain;charset=UTF-8';
  return {
    statusCode,
    headers,
    cookies: Array.isArray(result.cookies) ? result.cookies.map(String) : [],
    body: Buffer.from(text, result.isBase64Encoded === true ? 'base64' : 'utf8'),
  };
}
