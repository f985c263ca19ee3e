import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { startCloud } from '../../local/cloud.ts';
import { recordingFunctions, scriptedFunctions } from '../support/cloud.ts';
import { waitFor } from '../support/wait-for.ts';

const IMAGES = 'weaudit-local-000000000000-images';
const SENT = 40;
const dataDir = mkdtempSync(path.join(tmpdir(), 'weaudit-kill-'));
const children: ChildProcess[] = [];

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(dataDir, { recursive: true, force: true });
});

/** Starts a cloud in another process and gives its AWS endpoint. */
async function startProcess(): Promise<{ child: ChildProcess; endpoint: string }> {
  const script = path.join(import.meta.dirname, '..', 'support', 'cloud-process.ts');
  const child = spawn(process.execPath, [script, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { child, endpoint: (JSON.parse(line) as { aws: string }).aws };
}

/** Scripts that the function has handled, over all lives of the cloud. */
function handled(functionKey: string): Set<string> {
  const file = path.join(dataDir, `weaudit-local-${functionKey}`);
  return new Set(existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []);
}

test('killing the cloud without warning loses no accepted message and no event', async () => {
  const { child, endpoint } = await startProcess();
  const client = {
    endpoint,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  };
  const [s3, sqs] = [
    new S3Client({ ...client, maxAttempts: 1 }),
    new SQSClient({ ...client, maxAttempts: 1 }),
  ];
  const QueueUrl = `${endpoint}/000000000000/weaudit-local-cells`;

  const accepted: string[] = [];
  const send = async (n: number) => {
    const name = `n${String(n).padStart(3, '0')}`;
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: name }));
    await s3.send(new PutObjectCommand({ Bucket: IMAGES, Key: `audits/a/results/${name}.json`, Body: name }));
    accepted.push(name);
    if (accepted.length === SENT / 2) child.kill('SIGKILL');
  };
  await Promise.allSettled(Array.from({ length: SENT }, (_, n) => send(n)));
  await waitFor('the process is gone', () => child.signalCode === 'SIGKILL');
  expect(accepted.length).toBeGreaterThanOrEqual(SENT / 2);
  expect(accepted.length).toBeLessThan(SENT);

  const cloud = await startCloud({ dataDir, warn: () => {}, ...recordingFunctions(dataDir) });
  try {
    const missing = (functionKey: string, suffix = '') =>
      accepted.filter((name) => !handled(functionKey).has(`${name}${suffix}`));
    await waitFor('every message has been handled', () => missing('dispatch').length === 0);
    await waitFor('every event has been handled', () => missing('tag', '.json').length === 0);
    await waitFor('nothing is left', () => cloud.idle());
    const dead = cloud.queues.names().filter((name) => name.endsWith('-dead'));
    expect(dead.flatMap((name) => cloud.queues.peek(name))).toEqual([]);
  } finally {
    await cloud.stop();
    s3.destroy();
    sqs.destroy();
  }
});

test('a second cloud on the same folder is refused with a sentence', async () => {
  const cloud = await startCloud({ dataDir, warn: () => {}, ...scriptedFunctions });
  try {
    await expect(startCloud({ dataDir, ...scriptedFunctions })).rejects.toThrow(
      /in use by another local cloud/,
    );
  } finally {
    await cloud.stop();
  }
});
