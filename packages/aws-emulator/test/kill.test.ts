import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { waitFor } from '../../../test/support/wait-for.ts';
import { CREDENTIALS, REGION } from './conformance/wire.ts';
import { startEmulator } from './emulator.ts';
import { recordingStack } from './small-stack.ts';

const SENT = 40;
const dataDir = mkdtempSync(path.join(tmpdir(), 'emulator-kill-'));
let child: ChildProcess;

afterAll(() => {
  child.kill('SIGKILL');
  rmSync(dataDir, { recursive: true, force: true });
});

/** Scripts that the function has handled, over all lives of the emulator. */
function handled(functionKey: string): Set<string> {
  const file = path.join(dataDir, `demo-local-${functionKey}`);
  return new Set(existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []);
}

test('killing the emulator without warning loses no accepted message and no event', async () => {
  const script = path.join(import.meta.dirname, 'emulator-child.ts');
  child = spawn(process.execPath, [script, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [endpoint] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  const client = { endpoint, region: REGION, credentials: CREDENTIALS, maxAttempts: 1 };
  const [s3, sqs] = [new S3Client(client), new SQSClient(client)];
  const QueueUrl = `${endpoint}/000000000000/work`;

  const accepted: string[] = [];
  const send = async (n: number) => {
    const name = `n${String(n).padStart(3, '0')}`;
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: name }));
    await s3.send(new PutObjectCommand({ Bucket: 'files', Key: `in/${name}`, Body: name }));
    accepted.push(name);
    if (accepted.length === SENT / 2) child.kill('SIGKILL');
  };
  await Promise.allSettled(Array.from({ length: SENT }, (_, n) => send(n)));
  await waitFor('the process is gone', () => child.signalCode === 'SIGKILL');
  s3.destroy();
  sqs.destroy();
  expect(accepted.length).toBeGreaterThanOrEqual(SENT / 2);
  expect(accepted.length).toBeLessThan(SENT);

  const emulator = await startEmulator(dataDir, { stack: recordingStack(dataDir) });
  try {
    const missing = (functionKey: string) => accepted.filter((name) => !handled(functionKey).has(name));
    await waitFor('every message has been handled', () => missing('worker').length === 0);
    await waitFor('every event has been handled', () => missing('watcher').length === 0);
    await waitFor('nothing is left', () => emulator.idle());
    expect(emulator.queues.peek('dead')).toEqual([]);
  } finally {
    await emulator.stop();
  }
});
