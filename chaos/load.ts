import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { S3Client } from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { Command } from 'commander';
import { DEAD_LETTER_KINDS } from '../cli/operator/kinds.ts';
import { createProgress } from '../cli/progress.ts';
import { wholeNumber } from '../cli/whole-number.ts';
import { FaultRecord } from './faults/record.ts';
import { drawUp } from './ledger/ledger.ts';
import { percentile, rateOf } from './measure.ts';
import { sumOf, violationsOf } from './print.ts';
import { BUCKETS, countObjects } from './run.ts';
import { killCloud, readLog, spawnCloud } from './spawn-cloud.ts';

const whole = wholeNumber(1);

const { cells, rate } = new Command('npm run load --')
  .description(
    'Runs one large audit through a local cloud of its own, and measures the rate of creates, the memory of the cloud’s process, and the API while it runs. The exit status is 1 if anything is lost or dead.',
  )
  .option('--cells <number>', 'cells of the audit', whole, 10_000)
  .option('--rate <number>', 'creates that Replicate permits a minute', whole, 600)
  .addHelpText(
    'after',
    '\nExamples:\n  npm run load\n  npm run load -- --cells 2000 --rate 600\n  npm run load -- --cells 50 --rate 6',
  )
  .parse()
  .opts<{ cells: number; rate: number }>();

const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };
const POLL_MS = 2_000;
/** Between two calls of the API. */
const CALL_MS = 400;
const PAGE = 100;
const PAGE_TRIES = 10;
/** An audit that takes this many times as long as the rate needs, and ten minutes more, does not finish. */
const PATIENCE = 2;
const MINUTES_MORE = 10;

const dataDir = mkdtempSync(path.join(tmpdir(), 'weaudit-load-'));
const progress = createProgress({ json: false });
const began = Date.now();
// The times of a deployed stage: nothing is shortened here.
const cloud = await spawnCloud({
  dataDir,
  predictionSeconds: 2,
  environment: { CREATES_PER_MINUTE: String(rate), OVERDUE_SECONDS: '600', RESEND_SECONDS: '900' },
  turnSeconds: 120,
  reconcileSeconds: 15,
});
const { aws, api, replicate } = cloud.endpoints;
const s3 = new S3Client({ endpoint: aws, region: 'eu-central-1', credentials: CREDENTIALS });
const sqs = new SQSClient({ endpoint: aws, region: 'eu-central-1', credentials: CREDENTIALS });

async function call(target: string, init: RequestInit = {}): Promise<{ text: string; milliseconds: number }> {
  const start = performance.now();
  const headers = { authorization: 'Bearer local', 'content-type': 'application/json' };
  const answer = await fetch(`${api}${target}`, { ...init, headers });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${target} was answered ${answer.status}: ${text}`);
  return { text, milliseconds: performance.now() - start };
}

/** Resident memory of the cloud's own process, in MB; functions have processes of their own. */
const residentMb = () =>
  Number(execFileSync('ps', ['-o', 'rss=', '-p', String(cloud.process.pid)]).toString()) / 1024;

async function dead(): Promise<number> {
  const counts = await Promise.all(
    DEAD_LETTER_KINDS.map(async (name) => {
      const QueueUrl = `${aws}/000000000000/weaudit-local-${name}-dead`;
      const { Attributes } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] }),
      );
      return Number(Attributes?.ApproximateNumberOfMessages);
    }),
  );
  return counts.reduce((sum, n) => sum + n, 0);
}

async function timeOfPage(audit: string, cursor: number): Promise<number> {
  const times: number[] = [];
  const target = `/api/audits/${audit}/predictions?limit=${PAGE}&cursor=${String(cursor).padStart(5, '0')}`;
  for (let n = 0; n < PAGE_TRIES; n++) times.push((await call(target)).milliseconds);
  return percentile(times, 50);
}

try {
  const samples = [1_000, 500, 100, 50, 10, 5, 2, 1].find((n) => cells % n === 0) ?? 1;
  const prompts = Array.from({ length: cells / samples }, (_, n) => `a portrait, number ${n}`);
  const body = JSON.stringify({ name: 'load', prompts, models: ['simulated/flash'], samples });
  const { id: audit } = JSON.parse((await call('/api/audits', { method: 'POST', body })).text);

  const row = progress.row('cells', cells);
  const times: number[] = [];
  const memory: number[] = [];
  let over = false;
  const calls = (async () => {
    const targets = [
      () => `/api/audits/${audit}`,
      () => '/api/audits?limit=20',
      () => {
        const cursor = PAGE * Math.floor((Math.random() * cells) / PAGE);
        return `/api/audits/${audit}/predictions?limit=${PAGE}&cursor=${String(cursor).padStart(5, '0')}`;
      },
    ];
    for (let n = 0; !over; n++) {
      times.push((await call(targets[n % targets.length]!())).milliseconds);
      await wait(CALL_MS);
    }
  })();
  const bound = began + ((cells / rate) * PATIENCE + MINUTES_MORE) * 60_000;
  let peakDead = 0;
  while ((await countObjects(s3, `open/${audit}`)) > 0) {
    memory.push(residentMb());
    peakDead = Math.max(peakDead, await dead());
    const done = await countObjects(s3, `audits/${audit}/results/`);
    row.update(done, `${memory.at(-1)?.toFixed(0)} MB`);
    if (Date.now() > bound)
      throw new Error(`The audit does not finish: ${done} of ${cells} cells have finished.`);
    await wait(POLL_MS);
  }
  over = true;
  await calls;
  const ran = (Date.now() - began) / 1_000;
  const [first, last] = [
    await timeOfPage(audit, 0),
    await timeOfPage(audit, Math.floor((cells - 1) / PAGE) * PAGE),
  ];
  const ledgerRow = progress.row('ledger', cells);
  const log = readLog(dataDir);
  const ledger = await drawUp({
    s3,
    buckets: BUCKETS,
    audit,
    predictions: cells,
    log,
    replicate,
    deadLetters: [],
    faults: new FaultRecord(),
    onProgress: (done) => ledgerRow.update(done),
  });
  progress.stop();
  const achieved = rateOf(log, rate);
  const half = Math.floor(memory.length / 2);
  const fixed = (value: number) => value.toFixed(0);
  const lines = [
    `cells: ${cells}, finished: ${sumOf(ledger.ended)} in ${fixed(ran)} s; created ${ledger.created}; images ${ledger.imagesInS3}, in the backup ${ledger.imagesInBackup}`,
    `rate: ${achieved.perMinute.toFixed(1)} creates a minute over ${achieved.minutes.toFixed(1)} steady minutes, ${((achieved.perMinute / rate) * 100).toFixed(1)} % of ${rate}; refused with 429: ${achieved.refused}`,
    `dead letters: ${peakDead}`,
    `memory of the cloud's process, MB: ${fixed(percentile(memory.slice(0, half), 50))} in the first half, ${fixed(percentile(memory.slice(half), 50))} in the second, ${fixed(Math.max(...memory))} at most`,
    `API while it ran, ms: p50 ${fixed(percentile(times, 50))}, p95 ${fixed(percentile(times, 95))}, p99 ${fixed(percentile(times, 99))} of ${times.length} calls`,
    `page of ${PAGE} predictions, ms: first ${fixed(first)}, last ${fixed(last)} (median of ${PAGE_TRIES})`,
  ];
  console.log(lines.join('\n'));
  const violations = violationsOf(ledger);
  for (const violation of violations.slice(0, 20)) console.error(violation);
  if (violations.length > 0 || peakDead > 0) process.exitCode = 1;
} finally {
  progress.stop();
  s3.destroy();
  sqs.destroy();
  await killCloud(cloud);
  rmSync(dataDir, { recursive: true, force: true });
}
