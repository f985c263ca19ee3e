import type { IncomingMessage, ServerResponse } from 'node:http';
import { askForBody } from './expect.ts';

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * A service of the emulated cloud. Once it is open it answers requests; after `start` it also works unasked.
 * A service omits what it does not need.
 */
export interface Service {
  /** As signatures and messages name it, for instance `s3`. */
  readonly name: string;
  /** Its API over HTTP. */
  readonly api?: {
    /** Whether a request is for this service. */
    owns(request: IncomingMessage): boolean;
    /** Answers a request; rejects only because of a bug. */
    handle: RequestHandler;
  };
  /** Begins work of its own: schedules, deliveries, what the last run left to do. */
  start?(): void;
  /** False while something that it has accepted is still to be done. */
  idle?(): boolean;
  /** Ends its work and closes its files. What is stored is kept for the next run. */
  stop?(): Promise<void> | void;
}

/** Hands each request to the first service that owns it. */
export function dispatch(services: readonly Service[]): RequestHandler {
  return async (request, response) => {
    const api = services.find((service) => service.api?.owns(request))?.api;
    if (api !== undefined) return api.handle(request, response);
    request.resume();
    const asked = request.headers['x-amz-target'] ?? `${request.method} ${request.url}`;
    response.writeHead(400, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ __type: 'UnknownOperationException', message: `The emulator has no ${asked}.` }),
    );
  };
}

/** The body of a request, or undefined when it is larger than `limit` bytes. It is read to its end in any case. */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  askForBody(request);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= limit) chunks.push(chunk);
    else chunks.length = 0;
  }
  return bytes > limit ? undefined : Buffer.concat(chunks);
}
