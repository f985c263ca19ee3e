import type { IncomingMessage, Server, ServerResponse } from 'node:http';

/** Requests whose client waits with the body until it is told to send it. */
const waiting = new WeakMap<IncomingMessage, ServerResponse>();

/**
 * Lets handlers refuse a request with `Expect: 100-continue` before its body is sent. Node would ask for the body at once,
 * and answer other expectations with 417, which S3 ignores.
 */
export function holdExpectations(
  server: Server,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): void {
  server.on('checkContinue', (request, response) => {
    waiting.set(request, response);
    // What is answered before the body was asked for ends the connection: the body may follow or not.
    response.shouldKeepAlive = false;
    handle(request, response);
  });
  server.on('checkExpectation', handle);
}

/** Asks for the body of a request, if its client waits for that. Call it before the body is read. */
export function askForBody(request: IncomingMessage): void {
  const response = waiting.get(request);
  if (response === undefined) return;
  waiting.delete(request);
  response.shouldKeepAlive = true;
  response.writeContinue();
}
