import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { type Cloud, type CloudOptions, startCloud } from '../../local/cloud.ts';
import { expectContract } from './contract.ts';

export interface ApiAnswer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  body: any;
}

export interface TestCloud {
  readonly cloud: Cloud;
  readonly dataDir: string;
  /** What the cloud warned of. */
  readonly warnings: string[];
  /** An S3 client of the administrator, or of a function's role. */
  s3(functionKey?: string): S3Client;
  /** Calls the API with the token of scope audit; a body is sent as JSON. The answer is held to the contract. */
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<ApiAnswer>;
  /** JSON lines that the function logged. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into lines freely
  logged(functionKey: string): any[];
  /** Stops the cloud and starts it again on the same data folder. */
  restart(): Promise<void>;
}

/** Calls the API of a cloud with the token of scope audit, and holds the answer to the contract. */
export async function callApi(
  { endpoints }: Cloud,
  method: string,
  target: string,
  body?: unknown,
  more: Record<string, string> = {},
): Promise<ApiAnswer> {
  const response = await fetch(`${endpoints.api}${target}`, {
    method,
    redirect: 'manual',
    headers: { authorization: 'Bearer local', 'content-type': 'application/json', ...more },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const { status, headers } = response;
  const text = await response.text();
  if (target.startsWith('/api/'))
    expectContract(method, target, { status, headers: Object.fromEntries(headers), body: text });
  const json = headers.get('content-type')?.includes('json') === true;
  return { status, headers, body: json ? JSON.parse(text) : text };
}

/** Credentials for an AWS client: the administrator's, or those of a function's role. */
export function credentialsOf(cloud: Cloud, functionKey?: string) {
  return functionKey === undefined
    ? { accessKeyId: 'local', secretAccessKey: 'local' }
    : cloud.access.functionKey(functionKey);
}

/**
 * Starts a cloud of its own for the test file, on free ports and in a temporary folder, and stops it afterwards.
 * Call it at the top of a file or a `describe`.
 */
export function withCloud(options: Partial<CloudOptions> = {}): TestCloud {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'weaudit-'));
  const warnings: string[] = [];
  const clients: S3Client[] = [];
  let cloud: Cloud | undefined;

  const start = async () => {
    cloud = await startCloud({
      dataDir,
      predictionSeconds: 0.2,
      retryDelaysMs: [20, 20],
      // Two show what happens at once; each starts in a fifth of a second of processor time.
      processesPerFunction: 2,
      warn: (message) => warnings.push(message),
      ...options,
    });
  };
  beforeAll(start);
  afterAll(async () => {
    for (const client of clients) client.destroy();
    await cloud?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const running = (): Cloud => {
    if (cloud === undefined) throw new Error('The cloud runs only inside tests.');
    return cloud;
  };
  return {
    dataDir,
    warnings,
    get cloud() {
      return running();
    },
    s3(functionKey) {
      const client = new S3Client({
        endpoint: running().endpoints.aws,
        region: running().stack.region,
        credentials: credentialsOf(running(), functionKey),
        maxAttempts: 1,
      });
      clients.push(client);
      return client;
    },
    api: (method, target, body, headers) => callApi(running(), method, target, body, headers),
    logged(functionKey) {
      return running()
        .logs(functionKey)
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line));
    },
    async restart() {
      await running().stop();
      await start();
    },
  };
}
