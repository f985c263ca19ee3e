import type { S3Client } from '@aws-sdk/client-s3';
import type { StandInEvent } from '@weaudit/replicate-stand-in';
import { checkAudit, checkDeadLetters, PROMISES, paidAgain } from '../../ledger/rules.ts';
import type { FaultRecord } from '../faults/record.ts';
import { readBucket } from './bucket.ts';
import { type Letter, whyAskedAgain, whyDead } from './explain.ts';
import { completeHashes, type Made, predictionsOf } from './replicate.ts';

export interface LedgerSources {
  s3: S3Client;
  buckets: { images: string; backup: string };
  audit: string;
  /** Predictions that the audit requests. */
  predictions: number;
  /** The stand-in's own log. */
  log: readonly StandInEvent[];
  /** Address of the stand-in, for outputs that were never downloaded whole. */
  replicate: string;
  deadLetters: Letter[];
  faults: FaultRecord;
  /** Called with the number of results that were read. */
  onProgress?: (done: number, all: number) => void;
}

/** Broken promises. All lists must be empty; each entry says what is wrong and where. */
export type Violations = Record<(typeof PROMISES)[keyof typeof PROMISES], string[]>;

/** How an audit ended, from the stand-in's log and the buckets alone. */
export interface Ledger {
  asked: number;
  created: number;
  ended: Map<string, number>;
  /** Cells that were closed without a prediction: why → how many. */
  givenUp: Map<string, number>;
  imagesInS3: number;
  imagesInBackup: number;
  /** Tag sets of the images, e.g. `ok`, and how many. */
  tags: Map<string, number>;
  /** Lost outputs whose result says why: reason → how many. */
  named: Map<string, number>;
  /** Second predictions: why → how many. */
  paidTwice: Map<string, number>;
  /** Dead letters: queue and why → how many. */
  dead: Map<string, number>;
  violations: Violations;
}

const count = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
const isImage = (key: string) => key.startsWith('images/');

/** Draws up the ledger of one audit: gathers the facts, counts them, and holds them to the promises. */
export async function drawUp(sources: LedgerSources): Promise<Ledger> {
  const { s3, buckets, audit, predictions: cells, log, replicate, faults, onProgress } = sources;
  const predictions = predictionsOf(log, audit, faults);
  await completeHashes(predictions, replicate);
  let done = 0;
  const images = await readBucket(s3, buckets.images, (key) => {
    if (key.includes('/results/')) onProgress?.(++done, cells);
  });
  const backup = await readBucket(s3, buckets.backup);
  const reason = (before: Made, after: Made) => whyAskedAgain(faults, audit, before, after);
  const letters = sources.deadLetters.map((letter) => ({ ...letter, ...whyDead(faults, letter) }));

  const ledger: Ledger = {
    asked: cells,
    created: predictions.length,
    ended: new Map(),
    givenUp: new Map(),
    imagesInS3: [...images.keys()].filter(isImage).length,
    imagesInBackup: [...backup.keys()].filter(isImage).length,
    tags: new Map(),
    named: new Map(),
    paidTwice: new Map(),
    dead: new Map(),
    violations: { lost: [], duplicated: [], mismatched: [], orphaned: [], unexplained: [] },
  };
  for (const [key, { json: result, tags }] of images) {
    if (isImage(key)) count(ledger.tags, tags.status ?? 'none');
    if (!key.includes('/results/')) continue;
    count(ledger.ended, result.status);
    if (!result.prediction) count(ledger.givenUp, `${result.status}: ${result.error}`);
    for (const { error } of result.images) if (error) count(ledger.named, error.split(':')[0]);
  }
  for (const { why } of paidAgain(predictions, reason)) if (why) count(ledger.paidTwice, why);
  for (const { queue, why } of letters) if (why) count(ledger.dead, `${queue}: ${why}`);

  const mayGiveUp = faults.entries.some(({ place, kind }) => place === 'replicate' && /500|cut/.test(kind));
  for (const { promise, key, what } of [
    ...checkAudit({ audit, cells, images, backup, predictions, reason, refused: new Set(), mayGiveUp }),
    ...checkDeadLetters(letters.map(({ queue, what, why }) => ({ what: `${queue}: ${what}`, why }))),
  ])
    ledger.violations[PROMISES[promise]].push(`${promise}: ${key} ${what}`);
  return ledger;
}
