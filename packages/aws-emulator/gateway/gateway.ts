import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { InvocationResult } from '../lambda/model.ts';
import { readBody, type Service } from '../service.ts';
import type { StackModel } from '../stack/model.ts';
import { fromProxyResult, toProxyEvent } from './payload.ts';
import { createRouter } from './routes.ts';
import { serveSite } from './site.ts';

/** "Quotas for HTTP APIs": a body of 10 MB, an integration of 30 s. */
const MAX_BODY_BYTES = 10 * 1024 * 1024;
const INTEGRATION_LIMIT_MS = 30_000;
/** Lambda takes a synchronous event of 6 MB, base64 and envelope included. */
const MAX_EVENT_BYTES = 6 * 1024 * 1024;

export interface GatewayOptions {
  stack: StackModel;
  /** Folder of the page, requested with each file; undefined when there is none. */
  site?: (() => Promise<string | undefined>) | undefined;
  invoke(functionKey: string, event: unknown, options: { requestId: string }): Promise<InvocationResult>;
}

function answer(response: ServerResponse, status: number, message: string, requestId: string): void {
  if (response.headersSent) return;
  const body = JSON.stringify({ message });
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'apigw-requestid': requestId,
  });
  response.end(body);
}

function withTimeLimit<T>(work: Promise<T>, milliseconds: number): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** API Gateway's HTTP API in front of the functions, and the page's files for every path that is no route. */
export function createGateway({ stack, site, invoke }: GatewayOptions): Service {
  const router = createRouter(stack.routes);

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID();
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const matched = router.match(request.method ?? 'GET', path);
    if (matched === undefined) {
      request.resume();
      if (await serveSite({ folder: site, headers: stack.siteHeaders }, request, response)) return;
      return answer(response, 404, 'Not Found', requestId);
    }
    const body = await readBody(request, MAX_BODY_BYTES);
    if (body === undefined) return answer(response, 413, 'Request Entity Too Large', requestId);
    let event: ReturnType<typeof toProxyEvent>;
    try {
      event = toProxyEvent({
        request,
        body,
        matched,
        requestId,
        accountId: stack.accountId,
        now: new Date(),
      });
    } catch {
      return answer(response, 400, 'Bad Request', requestId);
    }
    if (body.length > MAX_EVENT_BYTES / 2 && Buffer.byteLength(JSON.stringify(event)) > MAX_EVENT_BYTES) {
      return answer(response, 413, 'Request Entity Too Large', requestId);
    }
    const invocation = invoke(matched.route.functionKey, event, { requestId }).catch(() => undefined);
    const result = await withTimeLimit(invocation, INTEGRATION_LIMIT_MS);
    if (result === 'late' || result === undefined)
      return answer(response, 503, 'Service Unavailable', requestId);
    const proxied = result.ok ? fromProxyResult(result.payload) : undefined;
    if (proxied === undefined) return answer(response, 500, 'Internal Server Error', requestId);
    response.writeHead(proxied.statusCode, {
      ...proxied.headers,
      ...(proxied.cookies.length === 0 ? {} : { 'set-cookie': proxied.cookies }),
      'content-length': proxied.body.length,
      'apigw-requestid': requestId,
    });
    response.end(request.method === 'HEAD' ? undefined : proxied.body);
  }

  return { name: 'apigateway', api: { owns: () => true, handle } };
}
