import { isDeepStrictEqual } from 'node:util';
import type { Line } from './kernel.ts';
import type { Made } from './replicate.ts';
import type { Change, Version } from './s3.ts';
import type { World } from './world.ts';

/** A promise that was broken. */
export interface Violation {
  promise: string;
  what: string;
  audit: string | undefined;
  cell: number | undefined;
}

const AUDIT = /^(?:audits|images|open|deleted|leases)\/([0-9a-z]{26})/;
const CELL = /^(?:audits\/[^/]+\/(?:dispatched|results|failed|judged)|images\/[^/]+)\/(\d{5})/;
/** State that is no fact, and may be written over. */
const OVERWRITTEN = /^leases\/|\/waiting\.json$/;
/** A writer that looked before an audit was ended may still be at work for so long. */
const LATE_WRITE_MS = 150_000;
/** A turn looks every three seconds whether its audit was ended; a request may be under way. */
const STOP_MS = 30_000;
/** Replicate deletes outputs an hour after the end; a download may have begun just before. */
const OUTPUT_LIVES_MS = 3_600_000;

interface StoredImage {
  index: number;
  key?: string;
  sha256?: string;
  error?: string;
}

/**
 * Watches everything that happens, from the services' side and with code of its own: it shares nothing with `lib/`, so
 * that a fault there cannot excuse itself. It names the broken promise and the cell.
 */
export class Ledger {
  readonly #world: World;
  readonly violations: Violation[] = [];
  /** Predictions that a cell has beyond its first, by the reason that is known for each. */
  readonly paidAgain = new Map<string, number>();
  /** Bindings that a process could not write, or did not learn that it had: `process audit cell`. */
  readonly #unrecorded = new Set<string>();

  readonly #mostMessages: number;

  /** @param cells of all audits together: what is in the queue follows from them */
  constructor(world: World, cells: number) {
    this.#world = world;
    this.#mostMessages = 40 + cells / 5;
    world.watch = (change) => this.#changed(change);
    world.kernel.log.listen = (line) => this.#heard(line);
  }

  /** @returns nothing, so that a check can end with it */
  #broken(promise: string, what: string, key = ''): undefined {
    if (this.violations.length >= 20) return;
    const audit = AUDIT.exec(key)?.[1];
    const cell = CELL.exec(key)?.[1];
    this.violations.push({ promise, what, audit, cell: cell === undefined ? undefined : Number(cell) });
  }

  /** A call that did not go well may be the reason for a second payment. */
  #heard({ who, what, about, outcome }: Line): void {
    const [, audit, cell] = /:audits\/([^/]+)\/dispatched\/(\d{5})(?:-\d+)?\.json$/.exec(about) ?? [];
    if (audit && what === 'PutObject' && /unavailable|lost|dies/.test(outcome))
      this.#unrecorded.add(`${who} ${audit} ${Number(cell)}`);
  }

  #changed({ bucket, key, what, by, was, is }: Change): undefined {
    const { images, backup, s3 } = this.#world;
    const writer = by.split('#')[0]!;
    if (what === 'Object Deleted') {
      if (bucket === backup) return this.#broken('nobody deletes in the backup', `${by} deleted ${key}`, key);
      const audit = AUDIT.exec(key)?.[1];
      const isGiven = key.startsWith('open/') || key.startsWith('leases/');
      const isDeleted = audit && s3.bucket(images).current(`deleted/${audit}`);
      if (writer !== 'reconcile' || !(isGiven || isDeleted))
        this.#broken('nothing is deleted that should not be', `${by} deleted ${key}`, key);
      return;
    }
    if (what === 'Object Created') {
      const earlier =
        s3
          .bucket(bucket)
          .versions.get(key)!
          .filter(({ body }) => body).length > 1;
      const isFact = !OVERWRITTEN.test(key) && !key.startsWith('open/');
      if (isFact && was)
        this.#broken('a fact is created once and never changed', `${by} wrote over ${key}`, key);
      else if (isFact && earlier)
        this.#broken('what was deleted does not come back', `${by} wrote ${key} again`, key);
    }
    if (bucket !== images) return;
    const tombstone =
      what === 'Object Created' && s3.bucket(images).current(`deleted/${AUDIT.exec(key)?.[1]}`);
    // tag's records may come later: they are swept with the rest.
    if (
      tombstone &&
      /^images\/|\/(results|dispatched)\//.test(key) &&
      is.modified - tombstone.modified > LATE_WRITE_MS
    )
      this.#broken('nothing is written for a deleted audit', `${by} wrote ${key}`, key);
    if (key.startsWith('images/')) this.#imageChanged(key, what, writer, is);
    if (what === 'Object Created' && /\/results\/\d{5}\.json$/.test(key)) this.#resultCreated(key, is);
  }

  #imageChanged(
    key: string,
    what: Change['what'],
    writer: string,
    { tags, metadata, sha256 }: Version,
  ): void {
    const { replicate } = this.#world;
    if (what === 'Object Tags Added') {
      if (writer !== 'tag' && writer !== 'reconcile')
        this.#broken('only what judges images shows them', `${writer} tagged ${key}`, key);
      return;
    }
    if (tags.status !== 'pending')
      this.#broken('no image is shown before it is judged', `${key} was stored as ${tags.status}`, key);
    const made = replicate.made.get(metadata.prediction ?? '');
    const output = made?.outputs[Number(key.split('/').at(-1))];
    const hash = sha256 && Buffer.from(sha256, 'base64').toString('hex');
    if (!output || output.sha256 !== hash)
      this.#broken('an image is stored byte for byte', `${key} is not what ${metadata.prediction} made`, key);
    const { audit, cell } = this.#place(key);
    const binding = this.#binding(audit, cell);
    if (binding?.predictionId !== metadata.prediction)
      this.#broken('a cell holds the images of one prediction', `${key} is of ${metadata.prediction}`, key);
  }

  #resultCreated(key: string, { body }: Version): void {
    const result = JSON.parse(body!.toString()) as { images: StoredImage[]; status: string };
    const { audit, cell } = this.#place(key);
    if (!this.#binding(audit, cell) && !this.#closed(audit, cell))
      this.#broken('a result follows its binding', `${key} has no binding`, key);
    const made = this.#world.replicate.made.get(this.#binding(audit, cell)?.predictionId ?? '');
    if (this.#closed(audit, cell) && result.status === 'failed')
      this.#broken(
        'what waits never fails',
        `cell ${cell} was given up: ${JSON.stringify(result)}`.slice(0, 300),
        key,
      );
    for (const image of result.images)
      if (image.error && made?.completedAt && this.#world.kernel.now - made.completedAt < OUTPUT_LIVES_MS)
        this.#broken('an output that still exists is stored', `cell ${cell}: ${image.error}`, key);
    for (const image of result.images)
      if (image.key && !this.#world.s3.bucket(this.#world.images).current(image.key))
        this.#broken('a result comes after its images', `${key} names ${image.key}, which is not there`, key);
    if (
      result.status !== 'succeeded' &&
      !this.#current(`audits/${audit}/failed/${String(cell).padStart(5, '0')}.${result.status}`)
    )
      this.#broken('a marker comes before its result', `${key} is ${result.status} and has no marker`, key);
  }

  #place(key: string): { audit: string; cell: number } {
    return { audit: AUDIT.exec(key)?.[1] ?? '', cell: Number(CELL.exec(key)?.[1]) };
  }

  #current(key: string, bucket = this.#world.images): Version | undefined {
    return this.#world.s3.bucket(bucket).current(key);
  }

  #json(key: string) {
    const body = this.#current(key)?.body;
    // biome-ignore lint/suspicious/noExplicitAny: records as they are in S3
    return body && (JSON.parse(body.toString()) as any);
  }

  /** The prediction that is bound to a cell: the last attempt's. */
  #binding(audit: string, cell: number): { predictionId: string } | undefined {
    const record = this.#lastAttempt(audit, cell);
    return record && 'predictionId' in record ? record : undefined;
  }
  #closed(audit: string, cell: number): boolean {
    const record = this.#lastAttempt(audit, cell);
    return record !== undefined && 'closed' in record;
  }
  #lastAttempt(audit: string, cell: number) {
    const stem = `audits/${audit}/dispatched/${String(cell).padStart(5, '0')}`;
    let record = this.#json(`${stem}.json`);
    for (let attempt = 2; ; attempt++) {
      const next = this.#json(`${stem}-${attempt}.json`);
      if (!next) return record;
      record = next;
    }
  }

  /** What has to hold whenever one looks: permissions, and no second payment without a reason. */
  check(): void {
    const { denied, replicate } = this.#world;
    const { messages } = this.#world.cells;
    if (messages.size > this.#mostMessages)
      this.#broken('the queue never grows by repairs', `it holds ${messages.size} messages`);
    for (const text of denied.splice(0))
      this.#broken('a role may do what its function does, and no more', text);
    this.paidAgain.clear();
    const cells = new Map<string, Made[]>();
    for (const made of replicate.made.values()) {
      const cell = `${made.audit} ${made.cell}`;
      cells.set(cell, [...(cells.get(cell) ?? []), made]);
    }
    for (const predictions of cells.values()) this.#payments(predictions);
  }

  #payments(predictions: Made[]): undefined {
    const { deaths } = this.#world.lambda;
    for (const [i, made] of predictions.entries()) {
      this.#afterStop(made);
      if (i === predictions.length - 1) return;
      const next = predictions[i + 1]!;
      const died = deaths.some(
        ({ process, at }) => process === made.by && at >= made.createdAt && at <= next.createdAt,
      );
      if (made.turn === next.turn && made.status !== 'aborted')
        this.#broken(
          'a create whose answer was lost is not sent again in the same turn',
          `cell ${made.cell} by ${made.by}`,
          `images/${made.audit}/${String(made.cell).padStart(5, '0')}/0`,
        );
      const reason =
        made.status === 'aborted' && (made.completedAt ?? 0) <= next.createdAt
          ? 'aborted before it started'
          : !made.answered
            ? 'the answer to the create was lost'
            : died
              ? 'the function died before it could record it'
              : this.#unrecorded.has(`${made.by} ${made.audit} ${made.cell}`)
                ? 'S3 did not take the record'
                : undefined;
      if (reason) this.paidAgain.set(reason, (this.paidAgain.get(reason) ?? 0) + 1);
      else
        this.#broken(
          'no cell is paid twice without a reason',
          `cell ${made.cell} was requested by ${made.by} (${made.id}) and again by ${next.by} (${next.id}) ${Math.round((next.createdAt - made.createdAt) / 1_000)} s later`,
          `images/${made.audit}/${String(made.cell).padStart(5, '0')}/0`,
        );
    }
  }

  /** Who ends an audit does not pay for what was not asked then. */
  #afterStop(made: Made): void {
    for (const key of [`audits/${made.audit}/cancel.json`, `deleted/${made.audit}`]) {
      const stop = this.#current(key);
      if (stop && made.createdAt - stop.modified > STOP_MS)
        this.#broken('an ended audit asks for nothing more', `${made.by} asked for cell ${made.cell}`, key);
    }
  }

  /** What has to hold of an audit that is over. */
  checkFinished(audit: string | undefined, cells: number): undefined {
    if (audit === undefined)
      return this.#broken('an audit is accepted in the end', `one of ${cells} cells never was`);
    if (this.#current(`deleted/${audit}`)) return this.#checkDeleted(audit);
    const manifest = this.#json(`audits/${audit}/manifest.json`);
    if (!manifest)
      return this.#broken('every accepted audit ends', `audit ${audit} has no manifest`, `open/${audit}`);
    if (this.#current(`open/${audit}`))
      this.#broken('every accepted audit ends', `audit ${audit} is still open`, `open/${audit}`);
    if (manifest.cells.length !== cells)
      this.#broken(
        'the manifest names every cell',
        `it has ${manifest.cells.length} of ${cells}`,
        `open/${audit}`,
      );
    for (let cell = 0; cell < cells; cell++) this.#checkCell(audit, cell, manifest.cells[cell]);
    for (const name of ['audit.json', 'manifest.json', 'manifest.csv'])
      this.#checkCopy(`audits/${audit}/${name}`);
    const { s3, images, backup } = this.#world;
    for (const name of [images, backup])
      for (const key of s3.bucket(name).keys.from(`images/${audit}/`)) {
        if (!key.startsWith(`images/${audit}/`)) break;
        const place = this.#place(key);
        const of = this.#json(`audits/${audit}/results/${String(place.cell).padStart(5, '0')}.json`);
        if (!of?.images.some((image: StoredImage) => image.key === key))
          this.#broken('no image is left over', `no result names ${key}`, key);
      }
  }

  #checkDeleted(audit: string): undefined {
    const { s3, images } = this.#world;
    for (const prefix of [`audits/${audit}/`, `images/${audit}/`, `leases/${audit}/`, `open/${audit}`])
      for (const key of s3.bucket(images).keys.from(prefix)) {
        if (!key.startsWith(prefix)) break;
        this.#broken('of a deleted audit nothing is left', key, key);
      }
    for (const made of this.#world.replicate.made.values())
      if (made.audit === audit && ['starting', 'processing'].includes(made.status))
        this.#broken('a deleted audit is not paid for any more', `${made.id} still runs`, `open/${audit}`);
  }

  #checkCell(
    audit: string,
    cell: number,
    listed: { status: string; images: StoredImage[] } | undefined,
  ): undefined {
    const name = String(cell).padStart(5, '0');
    const key = `audits/${audit}/results/${name}.json`;
    const result = this.#json(key) as { status: string; images: StoredImage[]; error?: string } | undefined;
    if (!result) return this.#broken('every cell has a result', `cell ${cell} has none`, key);
    if (
      listed?.status !== result.status ||
      !isDeepStrictEqual(
        listed.images.map(({ index }) => index),
        result.images.map(({ index }) => index),
      )
    )
      this.#broken('the manifest says what the results say', `cell ${cell}`, key);
    const id = this.#binding(audit, cell)?.predictionId;
    const made = id === undefined ? undefined : this.#world.replicate.made.get(id);
    if (id !== undefined && !made)
      return this.#broken('a binding names a prediction', `${id} of cell ${cell}`, key);
    const expected = made && expectedOf(made);
    // A request to cancel may have closed it, or Replicate was silent for a day.
    if (expected && !expected.includes(result.status))
      this.#broken(
        'a result says how its prediction ended',
        `cell ${cell} is ${result.status}, ${id} ${made?.status}: ${result.error}`,
        key,
      );
    if (!made && result.status === 'succeeded')
      this.#broken(
        'a result says how its prediction ended',
        `cell ${cell} succeeded without a prediction`,
        key,
      );
    if (made?.status === 'succeeded')
      for (const [index, output] of made.outputs.entries()) {
        const image = result.images.find((one) => one.index === index);
        if (!image)
          this.#broken(
            'every output is stored, or the result says why not',
            `cell ${cell} has no output ${index}`,
            key,
          );
        else if (image.key) this.#checkImage(image.key, output.sha256);
      }
  }

  #checkImage(key: string, sha256: string): undefined {
    const image = this.#current(key);
    if (!image) return this.#broken('nothing is lost', `${key} is gone`, key);
    if (Buffer.from(image.sha256 ?? '', 'base64').toString('hex') !== sha256)
      this.#broken('an image is stored byte for byte', key, key);
    if (image.tags.status !== 'ok')
      this.#broken('every image is judged', `${key} is ${image.tags.status}`, key);
    if (image.tags.retention !== 'standard')
      this.#broken('an image keeps its retention', `${key} has ${JSON.stringify(image.tags)}`, key);
    this.#checkCopy(key);
  }

  #checkCopy(key: string): undefined {
    const [original, copy] = [this.#current(key), this.#current(key, this.#world.backup)];
    if (!original || !copy) return this.#broken('everything has its backup', `${key} has none`, key);
    if (original.sha256 !== copy.sha256) this.#broken('a backup is its original', key, key);
    if (!isDeepStrictEqual(original.tags, copy.tags))
      this.#broken('a backup has the tags of its original', key, key);
  }

  /** What has to hold when all audits are over. */
  checkQuiet(): void {
    // Deaths and refused calls in a row end an event; reconcile does what it should have done.
    for (const { queue, why } of this.#world.deadLetters)
      if (!/^(died|threw (SlowDown|socket hang up)|batch)/.test(why))
        this.#broken('no message dies without a fault', `${queue}: ${why}`);
    if (this.#world.cells.messages.size > 0)
      this.#broken('no message lives forever', `${this.#world.cells.messages.size} are left`);
  }
}

/** The statuses that a prediction's end may become. */
function expectedOf({ status, error }: Made): string[] {
  switch (status) {
    case 'succeeded':
      return ['succeeded'];
    case 'failed':
      return [/E005/.test(error ?? '') ? 'refused' : 'failed'];
    case 'canceled':
      return ['canceled'];
    default:
      return ['failed', 'canceled'];
  }
}
