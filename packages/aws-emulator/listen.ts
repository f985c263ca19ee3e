import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { LocalError } from './local-error.ts';
import type { RequestHandler } from './service.ts';

export interface Listener {
  /** `http://127.0.0.1:<port>` */
  origin: string;
  /** Requests that come before this wait. */
  serve(handler: RequestHandler): void;
  close(): Promise<void>;
}

/**
 * Listens on loopback only: nobody else on the network may reach what has no password.
 * The address is known before the handler, because the parts need each other's addresses.
 * @param purpose what the port is for, as a person would call it
 * @throws LocalError when the port is in use
 */
export async function listen(port: number, purpose: string, option: string): Promise<Listener> {
  const { promise: handler, resolve: serve } = Promise.withResolvers<RequestHandler>();
  const server = http.createServer((request, response) => {
    handler
      .then((handle) => handle(request, response))
      .catch((error: unknown) => {
        console.error(
          `The local cloud failed on ${request.method} ${request.url}, which is a fault in it:`,
          error,
        );
        if (response.headersSent) response.destroy();
        else response.writeHead(500).end();
      });
  });
  // Uploads and long polls may take their time; Node's limit of five minutes for a request would cut them off.
  server.requestTimeout = 0;
  // Longer than the AWS SDK keeps an unused connection, so that it never sends into one that is just closing.
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reasons: Record<string, string> = {
        EADDRINUSE: `Port ${port}, which the ${purpose} needs, is in use. Stop what listens there, or choose another with ${option} <number>.`,
        EACCES: `Port ${port}, which the ${purpose} needs, may not be opened by this user. Choose one above 1023 with ${option} <number>.`,
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
