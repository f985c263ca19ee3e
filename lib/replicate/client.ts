import Replicate from 'replicate';
import type { ReplicateClient, SecretReader } from '../ports.ts';
import { AnswerTooLarge, ReplicateRefusal, ReplicateUnreachable } from './errors.ts';
import { parseCreated, parsePrediction } from './prediction.ts';

/** A prediction that has not ended by then is canceled by Replicate itself. */
const CANCEL_AFTER = '30m';
const REQUEST_TIMEOUT_MS = 15_000;
/** Most bytes of one answer; JSON, text and decoded outputs of it are in memory at once. */
const MAX_ANSWER = 24_000_000;

/** Where Replicate says how long to wait: in the header, in the body's `retry_after`, or in words (`~5s`). */
function retryAfterOf(response: Response, body: { retry_after?: unknown; detail?: unknown }) {
  const candidates = [
    response.headers.get('retry-after'),
    body.retry_after,
    /~\s*(\d+)\s*s/.exec(String(body.detail))?.[1],
  ];
  for (const candidate of candidates) {
    const seconds = Number(candidate ?? Number.NaN);
    if (Number.isFinite(seconds) && seconds >= 0) return seconds;
  }
  return undefined;
}

/** @throws {AnswerTooLarge} */
async function boundedBytes(response: Response): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER) throw new AnswerTooLarge(`Replicate's answer has more than ${MAX_ANSWER} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function refusalOf(response: Response): Promise<ReplicateRefusal> {
  const text = (await boundedBytes(response)).toString();
  let body: { title?: unknown; detail?: unknown; retry_after?: unknown } = {};
  try {
    body = JSON.parse(text) ?? {};
  } catch {
    // Not JSON: a proxy's page, say. The status alone has to do.
  }
  const words = [body.title, body.detail].filter((word) => typeof word === 'string').join(': ');
  return new ReplicateRefusal(
    response.status,
    (words || `Replicate answered ${response.status} ${response.statusText}`).slice(0, 2_000),
    retryAfterOf(response, body),
  );
}

/**
 * Replicate's HTTP API through its own package, with two things changed. It never retries: the package would
 * send a create again after a network error or a 429 without waiting, and each may be a second, paid prediction.
 * And creates carry `Cancel-After`, for which the package has no option.
 * @throws {ReplicateRefusal | ReplicateUnreachable | AnswerTooLarge}
 */
export function replicateClient(baseUrl: string, token: SecretReader): ReplicateClient {
  async function once<T>(call: (client: Replicate) => Promise<T>, signal?: AbortSignal): Promise<T> {
    let failure: ReplicateRefusal | ReplicateUnreachable | AnswerTooLarge | undefined;
    const client = new Replicate({
      auth: await token(),
      baseUrl,
      useFileOutput: false,
      fetch: async (url: URL | Request | string, init?: RequestInit) => {
        const headers = new Headers(init?.headers);
        if (init?.method === 'POST') headers.set('cancel-after', CANCEL_AFTER);
        try {
          const response = await fetch(url, {
            ...init,
            headers,
            redirect: 'error',
            signal: AbortSignal.any([AbortSignal.timeout(REQUEST_TIMEOUT_MS), ...(signal ? [signal] : [])]),
          });
          if (response.ok) return new Response(await boundedBytes(response), response);
          failure = await refusalOf(response);
        } catch (error) {
          failure =
            error instanceof AnswerTooLarge
              ? error
              : new ReplicateUnreachable('Replicate gave no answer', { cause: error });
        }
        // To the package a success, so that it does not try again; the failure is thrown below.
        return Response.json({});
      },
    });
    const result = await call(client);
    if (failure) throw failure;
    return result;
  }

  return {
    async model(reference) {
      const [path = '', pinned] = reference.split(':');
      const [owner = '', name = ''] = path.split('/');
      const model = await once((client) => client.models.get(owner, name));
      if (pinned) {
        const version = await once((client) => client.models.versions.get(owner, name, pinned));
        return { official: false, version: pinned, openapi: version.openapi_schema };
      }
      const official = (model as { is_official?: boolean }).is_official === true;
      return {
        official,
        version: official ? null : (model.latest_version?.id ?? null),
        openapi: model.latest_version?.openapi_schema,
      };
    },
    async create({ version, input, webhook, signal }) {
      return parseCreated(
        await once(
          (client) =>
            client.predictions.create({ version, input, webhook, webhook_events_filter: ['completed'] }),
          signal,
        ),
      );
    },
    async get(id) {
      return parsePrediction(await once((client) => client.predictions.get(id)));
    },
    async cancel(id) {
      return parsePrediction(await once((client) => client.predictions.cancel(id)));
    },
  };
}
