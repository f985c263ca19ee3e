import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LocalError } from '@weaudit/aws-emulator/local-error';
import { readBody } from '@weaudit/aws-emulator/service';
import type { StackModel } from '@weaudit/aws-emulator/stack';
import type { Replacement } from './cloud.ts';

const MAX_BODY_BYTES = 8 * 1024 * 1024;
const CREATE = /^\/v1\/(predictions|(models|deployments)\/[^/]+\/[^/]+\/predictions)$/;
const CANCEL = /^\/v1\/predictions\/[^/]+\/cancel$/;
/** Headers that belong to one connection, or that change when the body is decoded. */
const HOP = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-encoding',
  'content-length',
  'host',
]);

export interface RealReplicateOptions {
  /** The account's own token. It stays in this process: neither a function nor the disk sees it. */
  token: string;
  /** What functions have to send instead. */
  localToken: string;
  maxPredictions: number;
  /** Https origin under which Replicate reaches this machine; without it webhooks are not asked for. */
  publicUrl: string | undefined;
  stack: StackModel;
  /** Origin of Replicate's API. */
  upstream?: string;
  /** Called with each prediction that was asked for. */
  onCreate?(count: number): void;
}

export interface RealReplicate extends Replacement {
  /** Predictions asked for so far. */
  created(): number;
  /** The account's signing secret of webhooks. */
  fetchWebhookSecret(): Promise<string>;
}

function refuse(response: ServerResponse, status: number, title: string, detail: string): void {
  response.writeHead(status, { 'content-type': 'application/problem+json' });
  response.end(JSON.stringify({ title, detail, status }));
}

/** Replicate cannot reach a loopback address, so it is not told one. */
function withoutWebhook(body: Buffer): Buffer {
  const {
    webhook: _webhook,
    webhook_events_filter: _filter,
    ...rest
  } = JSON.parse(body.toString()) as Record<string, unknown>;
  return Buffer.from(JSON.stringify(rest));
}

/**
 * Stands between the functions and the real Replicate: puts the account's token on what passes, lets through only what
 * the pipeline does, and counts the predictions. Beyond the maximum it answers as Replicate does without credit, so
 * that an audit waits and says why, instead of spending.
 */
export function openRealReplicate(options: RealReplicateOptions): RealReplicate {
  const upstream = options.upstream ?? 'https://api.replicate.com';
  const { token, localToken, maxPredictions, publicUrl, stack } = options;
  const parameter = (name: string) => String(stack.defaultParameters[name] ?? '');
  let created = 0;

  async function forward(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<number> {
    const headers = new Headers();
    for (const [name, value] of Object.entries(request.headers)) {
      if (!HOP.has(name) && value !== undefined) headers.set(name, [value].flat().join(', '));
    }
    headers.set('authorization', `Bearer ${token}`);
    const answer = await fetch(`${upstream}${request.url}`, {
      method: request.method ?? 'GET',
      headers,
      redirect: 'manual',
      ...(body.length === 0 ? {} : { body: new Uint8Array(body) }),
    });
    const passed = [...answer.headers].filter(([name]) => !HOP.has(name));
    response.writeHead(answer.status, Object.fromEntries(passed));
    if (answer.body === null) response.end();
    else await pipeline(Readable.fromWeb(answer.body), response);
    return answer.status;
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const creates = request.method === 'POST' && CREATE.test(path);
    if (request.headers.authorization?.replace(/^(Bearer|Token) /, '') !== localToken) {
      return refuse(
        response,
        401,
        'Unauthenticated',
        'Only the local functions may ask Replicate through here.',
      );
    }
    if (request.method !== 'GET' && !creates && !(request.method === 'POST' && CANCEL.test(path))) {
      return refuse(response, 403, 'Forbidden', 'The local guard lets only predictions through.');
    }
    let body = await readBody(request, MAX_BODY_BYTES);
    if (body === undefined) {
      return refuse(response, 413, 'Request too large', 'The local guard passes at most 8 MiB to Replicate.');
    }
    if (!creates) {
      await forward(request, response, body);
      return;
    }
    if (created >= maxPredictions) {
      return refuse(
        response,
        402,
        'Local maximum reached',
        `This run has requested ${maxPredictions} predictions, its maximum. To request more, start again with a larger --max-predictions.`,
      );
    }
    // Counted before it is asked: two requests at once must not both take the last one.
    created += 1;
    if (publicUrl === undefined) body = withoutWebhook(body);
    const status = await forward(request, response, body);
    // Replicate made nothing of it. A server's error may have made one, and stays counted.
    if (status >= 400 && status < 500) created -= 1;
    else options.onCreate?.(created);
  }

  return {
    environment: {
      OUTPUT_ORIGINS: parameter('outputOrigins'),
      METRICS_MODELS: parameter('models'),
      ...(publicUrl === undefined ? {} : { WEBHOOK_URL: publicUrl }),
    },
    created: () => created,
    async fetchWebhookSecret() {
      const answer = await fetch(`${upstream}/v1/webhooks/default/secret`, {
        headers: { authorization: `Bearer ${token}` },
      });
      if (!answer.ok) {
        throw new LocalError(
          `Replicate answered ${answer.status} when asked for the webhooks' signing secret. Check REPLICATE_API_TOKEN.`,
        );
      }
      const { key } = (await answer.json()) as { key: string };
      return key;
    },
    async handle(request, response) {
      try {
        await handle(request, response);
      } catch (error) {
        if (response.headersSent) response.destroy();
        else
          refuse(
            response,
            502,
            'Bad gateway',
            `Replicate cannot be reached from this machine: ${String(error)}`,
          );
      }
    },
    close: async () => {},
  };
}
