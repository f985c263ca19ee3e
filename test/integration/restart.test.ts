import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { S3Client } from '@aws-sdk/client-s3';
import { FaultRecord } from '../../chaos/faults/record.ts';
import { drawUp } from '../../chaos/ledger/ledger.ts';
import { wrongsOf } from '../../chaos/print.ts';
import { BUCKETS, countObjects } from '../../chaos/run.ts';
import type { StandInEvent } from '../../local/replicate/ledger.ts';
import { waitFor } from '../support/cloud.ts';

const dataDir = mkdtempSync(path.join(tmpdir(), 'weaudit-restart-'));
const PREDICTIONS = 60;
/** The process is killed whenever so many more results are there. */
const KILL_EVERY = 15;
const KILLS = 3;

interface Endpoints {
  aws: string;
  api: string;
  replicate: string;
}
let child: ChildProcess | undefined;
let ports: object = {};

afterAll(() => {
  child?.kill('SIGKILL');
  rmSync(dataDir, { recursive: true, force: true });
});

/** Starts the cloud in another process, on the ports of the one before: Replicate's webhooks go to an address. */
async function start(): Promise<Endpoints> {
  const script = path.join(import.meta.dirname, '..', 'support', 'pipeline-process.ts');
  child = spawn(process.execPath, [script, dataDir, JSON.stringify(ports)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  const endpoints = JSON.parse(line) as Endpoints;
  ports = Object.fromEntries(
    Object.entries(endpoints).map(([name, url]) => [name, Number(new URL(url).port)]),
  );
  return endpoints;
}

async function kill(): Promise<void> {
  child?.kill('SIGKILL');
  if (child?.signalCode === null) await once(child, 'exit');
}

/** The stand-in's log over all its lives, from its file. */
function readLog(): StandInEvent[] {
  const database = new DatabaseSync(path.join(dataDir, 'replicate', 'replicate.sqlite'), { readOnly: true });
  const rows = database.prepare('SELECT seq, record FROM events ORDER BY seq').all();
  database.close();
  return rows.map(({ seq, record }) => ({ seq, ...JSON.parse(String(record)) }));
}

test('an audit during which the whole machine dies three times completes, with nothing lost or doubled', async () => {
  let endpoints = await start();
  const s3 = new S3Client({
    endpoint: endpoints.aws,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const answer = await fetch(`${endpoints.api}/api/audits`, {
    method: 'POST',
    headers: { authorization: 'Bearer local', 'content-type': 'application/json' },
    body: JSON.stringify({
      prompts: ['a mason'],
      models: ['simulated/flash', 'simulated/inline'],
      samples: PREDICTIONS / 2,
    }),
  });
  const { id: audit } = (await answer.json()) as { id: string };

  const faults = new FaultRecord();
  for (let kills = 1; kills <= KILLS; kills++) {
    await waitFor(
      'more cells have ended',
      async () => (await countObjects(s3, `audits/${audit}/results/`)) >= kills * KILL_EVERY,
      20_000,
    );
    await kill();
    // A prediction that was made and not recorded at this moment may be asked for again.
    faults.add('function', 'killed', 'dispatch');
    endpoints = await start();
  }
  await waitFor('the audit is over', async () => (await countObjects(s3, `open/${audit}`)) === 0, 40_000);
  const ledger = await drawUp({
    s3,
    buckets: BUCKETS,
    audit,
    predictions: PREDICTIONS,
    log: readLog(),
    replicate: endpoints.replicate,
    deadLetters: [],
    faults,
  });
  s3.destroy();
  expect(wrongsOf(ledger)).toEqual([]);
  expect(ledger.imagesInBackup).toBe(PREDICTIONS);
}, 90_000);
