/**
 * Records how moto's server answers the conformance calls, in recorded.json. Run by `npm run conformance:record` on
 * a machine with moto (`pip install 'moto[server]'`).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { CALLS, PLAIN, SCRATCH, VERSIONED } from './calls.ts';
import { run } from './recorder.ts';
import { FIRST, SECOND, tellAll } from './verbs.ts';
import { clientFor, REGION } from './wire.ts';

const START_SECONDS = 30;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const port = await freePort();
const endpoint = `http://127.0.0.1:${port}`;
const moto = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
moto.on('error', () => {
  console.error(
    "moto_server could not be started, so nothing was recorded. Install it with `pip install 'moto[server]'` and run this again.",
  );
  process.exit(1);
});

async function waitUntilUp(): Promise<void> {
  for (let waited = 0; waited < START_SECONDS * 10; waited += 1) {
    const up = await fetch(endpoint).then(
      () => true,
      () => false,
    );
    if (up) return;
    await sleep(100);
  }
  throw new Error(
    `moto_server did not answer at ${endpoint} within ${START_SECONDS} s, so nothing was recorded.`,
  );
}

try {
  await waitUntilUp();
  const client = clientFor(endpoint);
  for (const Bucket of [VERSIONED, PLAIN, SCRATCH, FIRST, SECOND]) {
    await client.send(
      new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: REGION } }),
    );
  }
  for (const Bucket of [VERSIONED, FIRST, SECOND])
    await client.send(
      new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
    );
  const verbs = await tellAll(client);
  await writeFile(new URL('verbs.json', import.meta.url), `${JSON.stringify(verbs, null, 2)}\n`);
  client.destroy();
  const outcomes = await run(CALLS, endpoint);
  await writeFile(new URL('recorded.json', import.meta.url), `${JSON.stringify(outcomes, null, 2)}\n`);
  console.log(
    `Recorded ${Object.keys(outcomes).length} answers of moto's server in recorded.json beside it.`,
  );
} finally {
  moto.kill();
}
