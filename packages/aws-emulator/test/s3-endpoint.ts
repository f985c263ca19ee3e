import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { holdExpectations } from '../expect.ts';
import { type EventBridgeS3Event, openS3, type Principal, type S3Options } from '../s3/server.ts';
import { clientFor } from './conformance/wire.ts';

export { clientFor };

const PRINCIPAL: Principal = {
  arn: 'arn:aws:iam::000000000000:user/local',
  accountId: '000000000000',
  anonymous: false,
  admin: true,
};

/** A local S3 on a port of its own, with what it handed over. */
export interface Endpoint {
  url: string;
  dataDir: string;
  client: S3Client;
  events: EventBridgeS3Event[];
  /** Stops the server and leaves its folder. */
  stop(): Promise<void>;
  /** Stops the server and removes its folder. */
  end(): Promise<void>;
}

/** Buckets `versioned` (with events) and `plain`; every signed request is allowed unless the options say otherwise. */
export async function startEndpoint(options: Partial<S3Options> = {}): Promise<Endpoint> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'weaudit-s3-')));
  const events: EventBridgeS3Event[] = [];
  const s3 = await openS3({
    region: 'eu-central-1',
    buckets: [
      { name: 'versioned', versioning: true, eventBridge: true },
      { name: 'plain', versioning: false, eventBridge: false },
    ],
    credentials: (id) => (id === 'local' ? { secretAccessKey: 'local', principal: PRINCIPAL } : undefined),
    authorize: ({ principal }) => !principal.anonymous,
    onEvent: async (event) => void events.push(event),
    ...options,
    dataDir,
  });
  const answer: http.RequestListener = (request, response) => void s3.api.handle(request, response);
  const server = http.createServer(answer);
  holdExpectations(server, answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  const client = clientFor(url);
  s3.start();
  const stop = async () => {
    client.destroy();
    server.closeAllConnections();
    server.close();
    await s3.stop();
  };
  return {
    url,
    dataDir,
    client,
    events,
    stop,
    async end() {
      await stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
