import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { holdExpectations } from './expect.ts';
import { LocalError } from './local-error.ts';
import type { RequestHandler } from './service.ts';

export interface Listener {
  /** `http://127.0.0.1:<port>` */
  origin: string;
  /** Requests that come earlier wait for this. */
  serve(handler: RequestHandler): void;
  close(): Promise<void>;
}

/**
 * Listens on loopback only, because nothing here is protected by a real password. The handler comes later than the
 * address, because services need each other's addresses.
 * @param purpose what the port is for, in words for a person
 * @param option the command line option that chooses another port
 * @throws LocalError when the port is in use
 */
export async function listen(port: number, purpose: string, option: string): Promise<Listener> {
  const { promise: handler, resolve: serve } = Promise.withResolvers<RequestHandler>();
  const answer = (request: http.IncomingMessage, response: http.ServerResponse) => {
    handler
      .then((handle) => handle(request, response))
      .catch((error: unknown) => {
        console.error(
          `The local cloud failed on ${request.method} ${request.url}. This is a bug in it:`,
          error,
        );
        if (response.headersSent) response.destroy();
        else response.writeHead(500).end();
      });
  };
  const server = http.createServer(answer);
  holdExpectations(server, answer);
  // Node's limit of five minutes for a request would cut off uploads and long polls.
  server.requestTimeout = 0;
  // Longer than the AWS SDK keeps an unused connection, so that it never sends into a closing one.
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reasons: Record<string, string> = {
        EADDRINUSE: `Port ${port}, which the ${purpose} needs, is in use. Stop the program that uses it, or choose another port with ${option} <number>.`,
        EACCES: `Port ${port}, which the ${purpose} needs, must not be opened by this user. Choose a port above 1023 with ${option} <number>.`,
      };
      const reason = reasons[error.code ?? ''];
      reject(reason === undefined ? error : new LocalError(reason));
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    serve,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
