import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { FaultRecord } from '../../chaos/faults/record.ts';
import { drawUp } from '../../chaos/ledger/ledger.ts';
import { violationsOf } from '../../chaos/print.ts';
import { BUCKETS, countObjects } from '../../chaos/run.ts';
import { type CloudProcess, killCloud, readLog, spawnCloud } from '../../chaos/spawn-cloud.ts';
import { waitFor } from '../support/wait-for.ts';

const dataDir = mkdtempSync(path.join(tmpdir(), 'weaudit-restart-'));
const PREDICTIONS = 40;
/** The process is killed whenever so many more results are there. */
const KILL_EVERY = 10;
const KILLS = 3;

let cloud: CloudProcess | undefined;

afterAll(async () => {
  if (cloud) await killCloud(cloud);
  rmSync(dataDir, { recursive: true, force: true });
});

/** On the ports of the life before: Replicate's webhooks go to an address. */
async function start(before?: CloudProcess): Promise<CloudProcess> {
  const ports = Object.entries(before?.endpoints ?? {}).map(([name, url]) => [
    name,
    Number(new URL(url).port),
  ]);
  cloud = await spawnCloud({
    dataDir,
    ports: Object.fromEntries(ports),
    predictionSeconds: 0.5,
    environment: { CREATES_PER_MINUTE: '1200', OVERDUE_SECONDS: '3', RESEND_SECONDS: '3' },
    turnSeconds: 10,
    reconcileSeconds: 1,
  });
  return cloud;
}

test('an audit during which the whole machine dies three times completes, with nothing lost or doubled', async () => {
  let life = await start();
  const s3 = new S3Client({
    endpoint: life.endpoints.aws,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const models = ['simulated/flash', 'simulated/inline'];
  const answer = await fetch(`${life.endpoints.api}/api/audits`, {
    method: 'POST',
    headers: { authorization: 'Bearer local', 'content-type': 'application/json' },
    body: JSON.stringify({ prompts: ['a mason'], models, samples: PREDICTIONS / models.length }),
  });
  const { id: audit } = (await answer.json()) as { id: string };

  const faults = new FaultRecord();
  for (let kills = 1; kills <= KILLS; kills++) {
    const enough = async () => (await countObjects(s3, `audits/${audit}/results/`)) >= kills * KILL_EVERY;
    await waitFor('more cells have ended', enough);
    await killCloud(life);
    // A prediction that was made and not recorded at this moment may be asked for again.
    faults.add('function', 'killed', 'dispatch');
    life = await start(life);
  }
  await waitFor('the audit is over', async () => (await countObjects(s3, `open/${audit}`)) === 0);
  const ledger = await drawUp({
    s3,
    buckets: BUCKETS,
    audit,
    predictions: PREDICTIONS,
    log: readLog(dataDir),
    replicate: life.endpoints.replicate,
    deadLetters: [],
    faults,
  });
  s3.destroy();
  expect(violationsOf(ledger)).toEqual([]);
  expect(ledger.imagesInBackup).toBe(PREDICTIONS);
});
