import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { S3Client } from '@aws-sdk/client-s3';
import type { StandInEvent } from '@weaudit/replicate-stand-in';
import pLimit from 'p-limit';
import type { FaultRecord } from '../faults/record.ts';
import { type Listed, listBucket, metadataOf, readJson, sha256Of, tagsOf } from './bucket.ts';
import { type DeadLetter, whyAskedAgain, whyDead } from './explain.ts';
import { expectedStatus, type Made, predictionsOf } from './replicate.ts';

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
  deadLetters: DeadLetter[];
  faults: FaultRecord;
  onProgress?: (done: number, all: number) => void;
}

/** Broken promises. All lists must be empty; each entry says what is wrong and where. */
export interface Violations {
  lost: string[];
  duplicated: string[];
  mismatched: string[];
  orphaned: string[];
  unexplained: string[];
}

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

const PARALLEL = 16;
const count = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
const cellName = (cell: number) => String(cell).padStart(5, '0');
/** A time in milliseconds since 1970, as people read it. */
const iso = (at: number) => new Date(at).toISOString();

/**
 * Draws up the ledger of one audit. It knows the promises of the pipeline from docs/design.md and compares them with
 * what exists. It shares no code with the pipeline.
 */
export async function drawUp(sources: LedgerSources): Promise<Ledger> {
  return new Reconciliation(sources).run();
}

class Reconciliation {
  readonly #sources: LedgerSources;
  readonly #ledger: Ledger;
  readonly #limit = pLimit(PARALLEL);
  #images = new Map<string, Listed>();
  #backup = new Map<string, Listed>();
  #made = new Map<number, Made[]>();
  /** Keys that a result or a rule accounts for. */
  readonly #accounted = new Set<string>();

  constructor(sources: LedgerSources) {
    this.#sources = sources;
    this.#ledger = {
      asked: sources.predictions,
      created: 0,
      ended: new Map(),
      givenUp: new Map(),
      imagesInS3: 0,
      imagesInBackup: 0,
      tags: new Map(),
      named: new Map(),
      paidTwice: new Map(),
      dead: new Map(),
      violations: { lost: [], duplicated: [], mismatched: [], orphaned: [], unexplained: [] },
    };
  }

  async run(): Promise<Ledger> {
    const { s3, buckets, audit, predictions, log, deadLetters, faults, onProgress } = this.#sources;
    const { violations, dead } = this.#ledger;
    [this.#images, this.#backup] = await Promise.all([
      listBucket(s3, buckets.images),
      listBucket(s3, buckets.backup),
    ]);
    this.#made = predictionsOf(log, audit);
    this.#ledger.created = [...this.#made.values()].reduce((sum, list) => sum + list.length, 0);
    let done = 0;
    await Promise.all(
      Array.from({ length: predictions }, (_, cell) =>
        this.#limit(async () => {
          await this.#cell(cell);
          onProgress?.(++done, predictions);
        }),
      ),
    );
    for (const cell of this.#made.keys())
      if (cell >= predictions)
        violations.duplicated.push(`cell ${cell} has a prediction, and is not part of the audit`);
    await this.#records();
    this.#leftOver();
    for (const letter of deadLetters) {
      const { what, why } = whyDead(faults, letter);
      if (why === undefined) violations.unexplained.push(`dead letter in ${letter.queue}: ${what}`);
      else count(dead, `${letter.queue}: ${why}`);
    }
    return this.#ledger;
  }

  /** A cell has one result, with the status of its prediction and all of its images. */
  async #cell(cell: number): Promise<void> {
    const { s3, buckets, audit } = this.#sources;
    const { violations, ended, givenUp } = this.#ledger;
    const name = cellName(cell);
    const made = this.#made.get(cell) ?? [];
    this.#askedAgain(cell, made);
    for (const { id, end } of made)
      if (!end) violations.mismatched.push(`${name}: prediction ${id} is still running`);
    const key = this.#account(`audits/${audit}/results/${name}.json`);
    const result = await readJson(s3, buckets.images, key);
    if (!result) return void violations.lost.push(`${name}: no result`);
    count(ended, result.status);
    if (result.status !== 'succeeded') this.#account(`audits/${audit}/failed/${name}.${result.status}`);
    const bound = await this.#binding(cell);
    if (result.prediction?.id !== bound)
      violations.mismatched.push(`${name}: bound to ${bound}, ended with ${result.prediction?.id}`);
    if (bound === undefined) {
      count(givenUp, `${result.status}: ${result.error}`);
      if (!faultsOfAsking(this.#sources.faults))
        violations.lost.push(`${name}: ended without a prediction: ${result.error}`);
      return;
    }
    const prediction = made.find(({ id }) => id === bound);
    if (!prediction)
      return void violations.mismatched.push(`${name}: Replicate knows no prediction ${bound}`);
    if (!isDeepStrictEqual(prediction.input, result.sent?.input))
      violations.mismatched.push(`${name}: the input in the result is not the one that Replicate received`);
    if (prediction.end) await this.#outputs(name, prediction, prediction.end, result);
  }

  /** The prediction that the cell is bound to; undefined for a cell that was closed without one. */
  async #binding(cell: number): Promise<string | undefined> {
    const { s3, buckets, audit } = this.#sources;
    const prefix = `audits/${audit}/dispatched/${cellName(cell)}`;
    const first = await readJson(s3, buckets.images, this.#account(`${prefix}.json`));
    const second = this.#images.has(`${prefix}-2.json`)
      ? await readJson(s3, buckets.images, this.#account(`${prefix}-2.json`))
      : undefined;
    if (this.#images.has(`${prefix}-aborted`)) {
      this.#account(`${prefix}-aborted`);
      const one = this.#made.get(cell)?.find(({ id }) => id === first?.predictionId);
      if (one?.end?.status !== 'aborted')
        this.#ledger.violations.mismatched.push(`${cellName(cell)}: ${first?.predictionId} was not aborted`);
    } else if (second)
      this.#ledger.violations.duplicated.push(`${cellName(cell)}: two bindings, neither prediction aborted`);
    return (second ?? first)?.predictionId;
  }

  #askedAgain(cell: number, made: Made[]): void {
    const { faults, audit } = this.#sources;
    for (const [index, after] of made.entries()) {
      const before = made[index - 1];
      if (!before) continue;
      const why = whyAskedAgain(faults, audit, cell, before, after);
      if (why === undefined)
        this.#ledger.violations.unexplained.push(
          `${cellName(cell)}: ${after.id} was asked for at ${iso(after.createdAt)} although there was ${before.id} since ${iso(before.createdAt)}`,
        );
      else count(this.#ledger.paidTwice, why);
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: the result is read as it is
  async #outputs(name: string, prediction: Made, end: NonNullable<Made['end']>, result: any): Promise<void> {
    const { audit, faults } = this.#sources;
    const { violations, named } = this.#ledger;
    let stored = 0;
    for (const [index, output] of end.outputs.entries()) {
      const image = result.images.find((one: { index: number }) => one.index === index);
      if (image?.key) {
        stored++;
        await this.#image(`images/${audit}/${name}/${index}`, prediction, output, image);
      } else if (image?.error && faults.gone.has(prediction.id)) count(named, reasonOf(image.error));
      else violations.lost.push(`${name}: output ${index} is not stored (${image?.error ?? 'unnamed'})`);
    }
    if (result.images.length !== end.outputs.length)
      violations.mismatched.push(
        `${name}: ${end.outputs.length} outputs, ${result.images.length} in the result`,
      );
    const expected =
      end.status === 'succeeded' && end.outputs.length > 0 && stored === 0 ? 'failed' : expectedStatus(end);
    if (result.status !== expected)
      violations.mismatched.push(`${name}: Replicate says ${end.status}, the result ${result.status}`);
  }

  /** An image has the bytes that the stand-in made, in both buckets, with a judgement and the ID of its prediction. */
  async #image(
    key: string,
    prediction: Made,
    output: { path: string; sha256: string | undefined },
    recorded: { key: string; sha256: string },
  ): Promise<void> {
    const { s3, buckets, faults, replicate } = this.#sources;
    const { violations, tags } = this.#ledger;
    this.#account(key);
    if (recorded.key !== key || !this.#images.has(key)) return void violations.lost.push(`${key} is missing`);
    this.#ledger.imagesInS3++;
    const [stored, metadata, set] = await Promise.all([
      sha256Of(s3, buckets.images, key),
      metadataOf(s3, buckets.images, key),
      tagsOf(s3, buckets.images, key),
    ]);
    const whole = output.sha256 ?? (await fetchSha256(`${replicate}${output.path}`));
    const short = faults.shortened.get(output.path.replace(/^\/outputs\//, ''))?.has(stored) === true;
    if (stored !== whole && !short) violations.mismatched.push(`${key} is not what Replicate made`);
    if (stored !== recorded.sha256) violations.mismatched.push(`${key} is not what its result says`);
    if (metadata.prediction !== prediction.id)
      violations.mismatched.push(
        `${key} names prediction ${metadata.prediction}; its cell is bound to ${prediction.id}`,
      );
    const status = short ? 'quarantined' : 'ok';
    if (set.status !== status || !set.format || !set.size || !set.retention)
      violations.mismatched.push(`${key} is tagged ${JSON.stringify(set)}`);
    count(tags, set.status ?? 'none');
    if (!this.#backup.has(key)) return void violations.lost.push(`${key} has no backup`);
    this.#ledger.imagesInBackup++;
    const [copy, copySet] = await Promise.all([
      sha256Of(s3, buckets.backup, key),
      tagsOf(s3, buckets.backup, key),
    ]);
    if (copy !== stored) violations.mismatched.push(`the backup of ${key} has other bytes`);
    if (!isDeepStrictEqual(copySet, set)) violations.mismatched.push(`the backup of ${key} has other tags`);
    this.#judgement(key, set);
  }

  /** An image has one judgement in all records of its cell, and its tags say the same. */
  #judgement(key: string, { status, format }: Record<string, string>): void {
    const found = this.#judgements.get(key) ?? [];
    for (const { record } of found) this.#account(record);
    if (found.length !== 1 || !found[0]?.verdict.startsWith(`${status}.${format}.`))
      this.#ledger.violations.mismatched.push(`${key} is judged ${JSON.stringify(found)}`);
  }

  #judged: Map<string, { record: string; verdict: string }[]> | undefined;
  /** The key of an image → its judgements, from keys such as `audits/<a>/judged/<n>/<i>.<verdict>_<i>.<verdict>…`. */
  get #judgements(): Map<string, { record: string; verdict: string }[]> {
    if (!this.#judged) {
      this.#judged = new Map();
      for (const record of this.#images.keys()) {
        const [, audit, cell, names = ''] = /^audits\/([^/]+)\/judged\/(\d{5})\/(.+)$/.exec(record) ?? [];
        if (!cell) continue;
        for (const name of names.split('_')) {
          const [, index, verdict = ''] = /^(\d+)\.(.+)$/.exec(name) ?? [];
          const image = `images/${audit}/${cell}/${index}`;
          this.#judged.set(image, [...(this.#judged.get(image) ?? []), { record, verdict }]);
        }
      }
    }
    return this.#judged;
  }

  /** Plan and manifest exist and have a backup, and the manifest agrees with the results. */
  async #records(): Promise<void> {
    const { s3, buckets, audit, predictions } = this.#sources;
    const { violations } = this.#ledger;
    for (const record of ['audit.json', 'manifest.json', 'manifest.csv']) {
      const key = this.#account(`audits/${audit}/${record}`);
      if (!this.#images.has(key)) violations.lost.push(`${key} is missing`);
      else if (!this.#backup.has(key)) violations.lost.push(`${key} has no backup`);
      else if ((await sha256Of(s3, buckets.images, key)) !== (await sha256Of(s3, buckets.backup, key)))
        violations.mismatched.push(`the backup of ${key} has other bytes`);
    }
    const manifest = await readJson(s3, buckets.images, `audits/${audit}/manifest.json`);
    if (!manifest) return;
    if (manifest.cells.length !== predictions)
      violations.mismatched.push(`the manifest has ${manifest.cells.length} cells`);
    const images = manifest.cells.flatMap((cell: { images: { key?: string }[] }) =>
      cell.images.filter(({ key }) => key !== undefined),
    );
    if (images.length !== this.#ledger.imagesInS3)
      violations.mismatched.push(`the manifest has ${images.length} images`);
    for (const { key, status } of images)
      if (!this.#images.has(key) || (status !== 'ok' && status !== 'quarantined'))
        violations.mismatched.push(`the manifest says ${status} of ${key}`);
  }

  /** Objects that nothing accounts for are orphaned; facts with two versions are duplicated. */
  #leftOver(): void {
    const { audit } = this.#sources;
    const { violations } = this.#ledger;
    this.#account(`audits/${audit}/waiting.json`);
    for (const [image, found] of this.#judgements)
      if (!this.#accounted.has(image))
        for (const { record } of found) violations.orphaned.push(`${record} judges ${image}`);
    for (const [key, { versions }] of this.#images) {
      if (!this.#accounted.has(key) && !/^idempotency\/[0-9a-f]{64}$/.test(key))
        violations.orphaned.push(key);
      if (versions > 1 && !key.endsWith('/waiting.json'))
        violations.duplicated.push(`${key} was written ${versions} times`);
    }
    for (const [key, { versions }] of this.#backup) {
      if (!this.#accounted.has(key) || !this.#images.has(key))
        violations.orphaned.push(`${key} in the backup`);
      if (versions > 1) violations.duplicated.push(`${key} was written ${versions} times in the backup`);
    }
  }

  #account(key: string): string {
    this.#accounted.add(key);
    return key;
  }
}

/** A cell may only be closed without a prediction if Replicate, or the connection to it, failed. */
const faultsOfAsking = ({ entries }: FaultRecord) =>
  entries.some(({ place, kind }) => place === 'replicate' && /500|cut/.test(kind));

const reasonOf = (error: string) => error.split(':')[0] ?? error;

async function fetchSha256(url: string): Promise<string> {
  const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
  return createHash('sha256').update(bytes).digest('hex');
}
