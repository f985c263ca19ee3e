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
  /** The account's token. It stays in this process; functions and disk never get it. */
  token: string;
  /** What functions send instead. */
  localToken: string;
  maxPredictions: number;
  /** Https origin under which Replicate reaches this machine; without it, no webhooks are requested. */
  publicUrl: string | undefined;
  stack: StackModel;
  /** Origin of Replicate's API. */
  upstream?: string;
  /** Called after each prediction that was requested. */
  onCreate?(count: number): void;
}

export interface RealReplicate extends Replacement {
  /** Predictions requested so far. */
  created(): number;
  /** The account's signing secret of webhooks. */
  fetchWebhookSecret(): Promise<string>;
}

function refuse(response: ServerResponse, status: number, title: string, detail: string): void {
  response.writeHead(status, { 'content-type': 'application/problem+json' });
  response.end(JSON.stringify({ title, detail, status }));
}

/** Replicate cannot reach a loopback address, so it does not get one. */
function withoutWebhook(body: Buffer): Buffer {
  const {
    webhook: _webhook,
    webhook_events_filter: _filter,
    ...rest
  } = JSON.parse(body.toString()) as Record<string, unknown>;
  return Buffer.from(JSON.stringify(rest));
}

/**
 * A guard between the functions and the real Replicate: it adds the account's token, forwards only the calls that the
 * pipeline makes, and counts predictions. Beyond the maximum it answers as Replicate does without credit, so that an
 * audit waits and says why.
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
        'Only the local functions may use this guard. Start predictions through the API of the local cloud.',
      );
    }
    if (request.method !== 'GET' && !creates && !(request.method === 'POST' && CANCEL.test(path))) {
      return refuse(
        response,
        403,
        'Forbidden',
        'The local guard forwards only reads, new predictions and cancellations.',
      );
    }
    let body = await readBody(request, MAX_BODY_BYTES);
    if (body === undefined) {
      return refuse(
        response,
        413,
        'Request too large',
        'The local guard forwards at most 8 MiB to Replicate.',
      );
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
        `This run has used its ${maxPredictions} predictions. To continue, start again with a larger --max-predictions.`,
      );
    }
    // Counted first, so that two requests at once cannot both take the last one.
    created += 1;
    if (publicUrl === undefined) body = withoutWebhook(body);
    const status = await forward(request, response, body);
    // Replicate made no prediction. After a server error there may be one, which stays counted.
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
          `Replicate did not return the signing secret of webhooks (status ${answer.status}). Check REPLICATE_API_TOKEN.`,
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
