import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { canMount, type SmallDisk, smallDisk } from '../../../test/support/small-disk.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { CREDENTIALS, REGION } from './conformance/wire.ts';

const SCRIPT = path.join(import.meta.dirname, 'emulator-child.ts');
const ACCEPTED = 200;
const UNAVAILABLE = 503;

let disk: SmallDisk;
let records: string;
let said: string;
let child: ChildProcess;
let s3: S3Client;
let sqs: SQSClient;
let endpoint: string;

beforeEach(async () => {
  disk = await smallDisk(6);
  records = mkdtempSync(path.join(tmpdir(), 'records-'));
  said = '';
});
afterEach(async () => {
  child.kill('SIGKILL');
  s3.destroy();
  sqs.destroy();
  await disk.end();
  rmSync(records, { recursive: true });
});

function launch(): ChildProcess {
  child = disk.run(SCRIPT, path.join(disk.folder), records);
  child.stderr!.on('data', (text) => (said += text));
  return child;
}

async function start(): Promise<void> {
  const [line] = (await once(createInterface({ input: launch().stdout! }), 'line')) as [string];
  endpoint = line;
  const client = { endpoint, region: REGION, credentials: CREDENTIALS, maxAttempts: 1 };
  [s3, sqs] = [new S3Client(client), new SQSClient(client)];
}

const statusOf = (sending: Promise<{ $metadata: { httpStatusCode?: number } }>): Promise<number | string> =>
  sending.then(
    ({ $metadata }) => $metadata.httpStatusCode ?? 0,
    (error) => error.$metadata?.httpStatusCode ?? String(error),
  );
const put = (Key: string, bytes: number) =>
  statusOf(s3.send(new PutObjectCommand({ Bucket: 'files', Key, Body: Buffer.alloc(bytes, Key) })));
const send = (MessageBody: string) =>
  statusOf(sqs.send(new SendMessageCommand({ QueueUrl: `${endpoint}/000000000000/work`, MessageBody })));
const times = (text: RegExp) => said.match(new RegExp(text, 'g'))?.length ?? 0;

function handled(functionKey: string): Set<string> {
  const file = path.join(records, `demo-local-${functionKey}`);
  return new Set(existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []);
}

/** Writes of every kind until none is accepted any more, the disk being filled after the first. */
async function writeUntilRefused(): Promise<{ objects: Map<string, number>; messages: string[] }> {
  const objects = new Map<string, number>();
  const messages: string[] = [];
  const answers = new Set<number | string>();
  for (let round = 0, refused = 0; refused < 3; round += 1) {
    if (round === 5) disk.fill();
    const [small, large, message] = [`in/s${round}`, `in/l${round}`, `m${round}`];
    const statuses = await Promise.all([put(small, 3_000), put(large, 60_000), send(message)]);
    if (statuses[0] === ACCEPTED) objects.set(small, 3_000);
    if (statuses[1] === ACCEPTED) objects.set(large, 60_000);
    if (statuses[2] === ACCEPTED) messages.push(message);
    for (const status of statuses) answers.add(status);
    refused = statuses.includes(ACCEPTED) ? 0 : refused + 1;
  }
  expect([...answers].sort()).toEqual([ACCEPTED, UNAVAILABLE]);
  return { objects, messages };
}

async function everythingIsThere({ objects, messages }: Awaited<ReturnType<typeof writeUntilRefused>>) {
  for (const [Key, size] of objects) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'files', Key }));
    expect((await Body!.transformToByteArray()).length).toBe(size);
  }
  await waitFor('every accepted message is handled', () => messages.every((m) => handled('worker').has(m)));
  const names = [...objects.keys()].map((key) => key.slice('in/'.length));
  for (const functionKey of ['watcher', 'second'])
    await waitFor('every event is handled', () => names.every((name) => handled(functionKey).has(name)));
}

(canMount ? describe : describe.skip)('a full disk', () => {
  test('is answered with 503 and said once; with room again everything accepted is there, and handled', async () => {
    await start();
    const accepted = await writeUntilRefused();
    expect(child.exitCode).toBeNull();
    expect(times(/The disk of \S+ is full/)).toBe(1);
    disk.free();
    await waitFor('writes are accepted', async () => (await put('in/after', 60_000)) === ACCEPTED);
    await everythingIsThere(accepted);
    await waitFor('that there is room is said', () => times(/has room again/) === 1);
  });

  test('refuses the next start with a sentence, or lets it wait; with room again nothing accepted is lost', async () => {
    await start();
    const accepted = await writeUntilRefused();
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    said = '';
    const next = launch();
    let up = false;
    next.stdout!.on('data', () => (up = true));
    await waitFor('it starts or ends', () => up || next.exitCode !== null);
    if (!up) expect(said).toMatch(/The disk of \S+ is full/);
    next.kill('SIGKILL');
    disk.free();
    await start();
    await everythingIsThere(accepted);
  });
});
