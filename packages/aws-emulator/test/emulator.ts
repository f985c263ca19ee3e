import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { type Emulator, listen, openParameterStore, type RunOptions, runStack } from '../index.ts';
import type { StackModel } from '../stack/model.ts';
import { CREDENTIALS, REGION } from './conformance/wire.ts';
import { smallStack } from './small-stack.ts';

/** Runs the small stack in a folder, on free ports. Its functions do what `scripted.cjs` reads from their events. */
export async function startEmulator(
  dataDir: string,
  { stack = smallStack(), ...options }: Partial<RunOptions> = {},
): Promise<Emulator & { aws: string; web: string }> {
  const listeners = { aws: await listen(0, 'AWS', ''), api: await listen(0, 'API', '') };
  const emulator = await runStack({
    dataDir,
    stack,
    listeners,
    parameters: openParameterStore(path.join(dataDir, 'parameters.json')),
    bundleFolder: import.meta.dirname,
    retryDelaysMs: [20, 20],
    ...options,
  });
  return { ...emulator, aws: listeners.aws.origin, web: listeners.api.origin };
}

export interface TestEmulator {
  readonly running: Awaited<ReturnType<typeof startEmulator>>;
  readonly warnings: string[];
  /** Settings of an AWS client with the administrator's credentials, or those of a function's role. */
  client(functionKey?: string): {
    endpoint: string;
    region: string;
    credentials: typeof CREDENTIALS;
    maxAttempts: 1;
  };
  s3(functionKey?: string): S3Client;
  /** JSON lines that the function logged. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into lines freely
  logged(functionKey: string): any[];
  /** Stops and starts again on the same folder. */
  restart(): Promise<void>;
}

/** An emulator of its own for the test file, in a temporary folder. `amend` changes the small stack. */
export function withEmulator(
  amend: (stack: StackModel) => void = () => {},
  options: Partial<RunOptions> = {},
): TestEmulator {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'emulator-'));
  const stack = smallStack();
  amend(stack);
  const warnings: string[] = [];
  const clients: S3Client[] = [];
  let running: TestEmulator['running'];
  const start = async () => {
    running = await startEmulator(dataDir, { stack, warn: (text) => warnings.push(text), ...options });
  };
  beforeAll(start);
  afterAll(async () => {
    for (const client of clients) client.destroy();
    await running.stop();
    rmSync(dataDir, { recursive: true });
  });
  const client: TestEmulator['client'] = (functionKey) => ({
    endpoint: running.aws,
    region: REGION,
    credentials: functionKey === undefined ? CREDENTIALS : running.access.functionKey(functionKey),
    maxAttempts: 1,
  });
  return {
    get running() {
      return running;
    },
    warnings,
    client,
    s3(functionKey) {
      const created = new S3Client(client(functionKey));
      clients.push(created);
      return created;
    },
    logged: (functionKey) =>
      running
        .logs(functionKey)
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line)),
    async restart() {
      await running.stop();
      await start();
    },
  };
}
