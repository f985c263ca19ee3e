import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Certificate } from './certificate.ts';

export interface TlsServer {
  origin: string;
  close(): Promise<void>;
}

/** Serves HTTPS on a free port of this machine. */
export async function listenTls({ key, cert }: Certificate, answer: RequestListener): Promise<TlsServer> {
  const server = https.createServer({ key, cert, keepAlive: true }, answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
