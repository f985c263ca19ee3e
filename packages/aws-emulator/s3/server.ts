import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { watchDisk } from '../disk.ts';
import type { Service } from '../service.ts';
import type { Answer } from './answer.ts';
import { authenticate } from './authenticate.ts';
import { BodyLost } from './bodies.ts';
import { corsHeaders, preflight } from './cors.ts';
import { S3Error } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { S3Options } from './options.ts';
import { parseRequest, requestIds } from './request.ts';
import { route } from './routes.ts';
import { Store } from './store.ts';
import { Uploads } from './uploads.ts';
import { errorDocument } from './xml.ts';

export type { EventBridgeS3Event } from './events.ts';
export type { AccessRequest, Principal, S3Options } from './options.ts';
export type { BucketSettings } from './store.ts';

/** `stop` waits for requests and events in progress, and then closes the folder. */
export type S3Service = Service & Required<Pick<Service, 'api' | 'start' | 'stop'>>;

/** Lost files that one warning names. */
const MOST_NAMED = 10;

function toAnswer(known: S3Error, ids: { id: string; hostId: string }, resource: string): Answer {
  const elements = { Resource: resource, ...known.elements, RequestId: ids.id, HostId: ids.hostId };
  return {
    status: known.status,
    headers: { 'content-type': 'application/xml', ...known.headers },
    body: errorDocument({ Code: known.code, Message: known.message, ...elements }),
  };
}

async function send(message: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
  const { status, headers, body } = answer;
  if (typeof body === 'string') headers['content-length'] = String(Buffer.byteLength(body));
  else if (body === undefined && status === 200) headers['content-length'] ??= '0';
  // A failed HEAD has no body. S3 says that it comes in chunks: without any length, a client closes the connection.
  if (message.method === 'HEAD' && status >= 300) {
    delete headers['content-length'];
    if (status >= 400) headers['transfer-encoding'] = 'chunked';
  }
  response.writeHead(status, headers);
  const inOnePiece = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
  if (inOnePiece || message.method === 'HEAD') {
    response.end(inOnePiece && message.method !== 'HEAD' ? body : undefined);
    if (!inOnePiece) body.destroy();
    // The rest of the request is read and dropped, because a client that still sends does not read the answer.
    message.resume();
    return;
  }
  // A client may disconnect at any time. Before the first byte, the file has to be closed here.
  await pipeline(body, response).catch(() => body.destroy());
}

/**
 * Opens an S3 on a folder.
 * @throws DatabaseInUse when another process uses the folder
 */
export async function openS3(options: S3Options): Promise<S3Service> {
  const {
    region,
    accountId = '000000000000',
    authorize,
    now = () => new Date(),
    warn = console.warn,
  } = options;
  const onError =
    options.onError ?? ((error) => console.error('The local S3 failed. This is a bug in it:', error));
  const store = new Store(options.dataDir, options.buckets, {
    region,
    accountId,
    onEvent: options.onEvent,
    now,
  });
  const uploads = new Uploads(store);
  const lost = await store.sweep(uploads.files());
  if (lost.length > 0) {
    const named = lost.slice(0, MOST_NAMED).join('; ');
    const more = lost.length > MOST_NAMED ? `; and ${lost.length - MOST_NAMED} more` : '';
    warn(
      `The bytes of ${lost.length} objects are missing, and reading them answers 500. Restore these files, or delete the objects. ${named}${more}`,
    );
  }
  const disk = options.disk ?? watchDisk(options.dataDir, warn);

  /** What the client is told. A person is told what is no answer of S3. */
  function known(error: unknown): S3Error {
    if (error instanceof S3Error) return error;
    if (disk.full(error))
      return new S3Error('ServiceUnavailable', 'The disk is full. Please try again later.');
    if (error instanceof BodyLost) warn(error.message);
    else onError(error);
    return new S3Error('InternalError', 'We encountered an internal error. Please try again.');
  }

  const underWay = new Set<Promise<void>>();

  /** authenticate → route → authorize and operate → hand events over */
  async function respond(message: IncomingMessage, ids: { id: string; hostId: string }): Promise<Answer> {
    const request = { ...parseRequest(message), ...ids };
    if (request.method === 'OPTIONS') return preflight(message, options.corsOrigins ?? []);
    const identity = authenticate(request, options, now());
    const operation = route(request);
    const occasion = {
      requestId: ids.id,
      requester: identity.principal.accountId,
      ip: request.ip,
      pending: [],
    };
    const exchange: Exchange = {
      request,
      identity,
      store,
      uploads,
      occasion,
      region,
      accountId,
      authorize,
    };
    try {
      return await operation(exchange);
    } finally {
      await store.outbox.handOver(occasion.pending);
    }
  }

  async function answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const ids = requestIds();
    let reply: Answer;
    try {
      reply = await respond(message, ids);
    } catch (error) {
      reply = toAnswer(known(error), ids, (message.url ?? '/').split('?')[0]!);
    }
    Object.assign(reply.headers, corsHeaders(message, options.corsOrigins ?? []), {
      server: 'AmazonS3',
      'x-amz-request-id': ids.id,
      'x-amz-id-2': ids.hostId,
    });
    try {
      await send(message, response, reply);
    } catch (error) {
      onError(error);
      response.destroy();
    }
  }

  async function handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const work = answer(message, response);
    underWay.add(work);
    try {
      await work;
    } finally {
      underWay.delete(work);
    }
  }

  return {
    name: 's3',
    // All other services of AWS name their operation in a header.
    api: { owns: ({ headers }) => headers['x-amz-target'] === undefined, handle },
    start: () => store.outbox.resume(),
    idle: () => store.outbox.idle(),
    async stop() {
      await Promise.allSettled([...underWay]);
      await store.outbox.close();
      store.close();
    },
  };
}
