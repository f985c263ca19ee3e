import { createHash } from 'node:crypto';
import type { Objects, StoredObject } from '../ledger/facts.ts';
import { checkAudit, checkDeadLetters, checkPayments, paidAgain, type Violation } from '../ledger/rules.ts';
import type { HttpResponse } from '../lib/http/problem.ts';
import type { Line } from './kernel.ts';
import type { Order as Ordered } from './order.ts';
import type { Process } from './process.ts';
import type { Delivery, Made, Rejection } from './replicate.ts';
import type { Change, Version } from './s3.ts';
import type { World } from './world.ts';

/** What was ordered, as far as requests and records follow from it. */
interface Order {
  prompts: number;
  /** The prompts themselves. */
  texts: string[];
  /** The model of each pair. */
  models: string[];
  samples: number;
  retention?: string;
  /** Of an import, by cells. */
  pictures: readonly { sha256: string; isBroken: boolean; isEncoded: boolean }[];
}

/** An answer to an auditor. */
interface Answer {
  route: string;
  audit: string | undefined;
  response: HttpResponse | undefined;
  metFault: boolean;
  /** It was asked for with a model that there is not. */
  isMistaken: boolean;
}

/** A promise that was broken. */
export interface BrokenPromise {
  promise: string;
  what: string;
  audit: string | undefined;
  cell: number | undefined;
}

const AUDIT = /^(?:audits|images|renditions|open|deleted|leases|purged|rounds)\/([0-9a-z]{26})/;
const CELL = /^(?:audits\/[^/]+\/(?:dispatched|results|failed|judged)|(?:images|renditions)\/[^/]+)\/(\d{5})/;
/** The index of an image that is `ok`, in a record of a decoder. */
const SHOWN = /^(\d+)\.ok\..+\.d\d+$/;
/** State that is no fact, and may be written over. */
const OVERWRITTEN = /^(leases|flow|ledger|studies)\/|\/waiting\.json$|^rounds\/[^/]+\/people\//;
/** A writer that looked before an audit was ended may still be at work for so long. */
const LATE_WRITE_MS = 150_000;
/** Half of the time for which a deleted audit is swept, and a request. */
const ADDRESS_MS = 46 * 60_000;
/** A turn looks every three seconds whether its audit was ended; a request may be under way. S3 cuts off milliseconds. */
const STOP_MS = 6_000;
/** As long where calls fail or take long. */
const SLOW_STOP_MS = 30_000;
/** Without a fault, the messages that cancel what runs are done by then, behind those of other audits. */
const CANCEL_MS = 5 * 60_000;
const LATE_CANCEL_MS = 22 * 60_000;
/** Messages that come twice, those who end an audit again, and reconcile, which looks every quarter of an hour. */
const MOST_CANCELS = 20;
/** A refusal is noted by then. */
const NOTED_MS = 1_000;
/** An audit knows so long why it waits: the default pause, and half of one more. */
const KNOWN_REFUSAL_MS = 85_000;
/** A secret that is new is read again within so long where it is missing, and one that is gone is forgotten. */
const SECRET_AGES = { forMs: 15_000, goneForMs: 5 * 60_000 + 15_000 };
/** A request with the token that was replaced may be under way for so long. */
const NEW_TOKEN_MS = 45_000;
/** So long a dispatcher that died holds up the next one. */
const DEAD_LEASE_MS = 2 * 60_000;
/** In the keys of a cell's records: nothing for the first attempt, `-2` for the second. */
const numbered = (before: number) => (before === 0 ? '' : `-${before + 1}`);
/** Without delete markers. */
const writes = (versions: Version[] = []) => versions.filter(({ body }) => body).length;

/**
 * Watches everything that happens, from the services' side and with code of its own: it shares nothing with `lib/`, so
 * that a fault there cannot excuse itself. What needs the moment is here; what holds of an audit that is over is in
 * `ledger/`. It names the broken promise and the cell.
 */
export class Ledger {
  readonly #world: World;
  readonly violations: BrokenPromise[] = [];
  /** Predictions that a cell has beyond its first, by the reason that is known for each. */
  readonly paidAgain = new Map<string, number>();
  /** Bindings that a process could not write, or did not learn that it had: `process audit cell`. */
  readonly #unrecorded = new Set<string>();
  /** When a call of those who end audits failed. */
  readonly #faultsAt: number[] = [];
  /** Bindings that a process could not read. */
  readonly #unread = new Set<string>();
  /** Predictions that somebody asked Replicate to cancel, whatever came of it, and how often Replicate said that one is over. */
  readonly #cancelTried = new Map<string, number>();

  /** The last turn of each audit whose create was refused for want of credit or a token. */
  readonly #refusals = new Map<string, { turn: number; at: number; count: number; isKnown: boolean }>();
  /** When a secret could not be read last. */
  #unreadAt = 0;

  /** The audits of each round, with which it is deleted. */
  readonly #auditsOf = new Map<string, string[]>();

  readonly #mostMessages: number;

  /** @param cells of each audit: what is in the queues follows from them */
  constructor(world: World, cells: number[]) {
    this.#world = world;
    // One message for each block that is looked after, some for those that are asked for, those that came twice or are void.
    this.#mostMessages = cells.reduce((sum, one) => sum + 20 + one / 20, 0);
    world.watch = (change) => this.#changed(change);
    world.kernel.log.listen = (line) => this.#heard(line);
    world.onWebhook = (delivery, status, metFault) => this.#webhookAnswered(delivery, status, metFault);
    world.replicate.onRefused = (audit, process) => this.#refusedCreate(audit, process);
    world.replicate.onDownload = (made, cells, process) => this.#downloads(made, cells, process);
  }

  /** @returns nothing, so that a check can end with it */
  /** Audits may be refused for want of money. */
  isLimited = false;

  /** Notes a broken promise. */
  readonly report = (promise: string, what: string, key?: string): void => this.#broken(promise, what, key);

  #broken(promise: string, what: string, key = ''): undefined {
    if (this.violations.length >= 20) return;
    const audit = AUDIT.exec(key)?.[1];
    const cell = CELL.exec(key)?.[1];
    this.violations.push({ promise, what, audit, cell: cell === undefined ? undefined : Number(cell) });
  }

  /** A call that did not go well may be the reason for a second payment. */
  #heard({ who, what, about, outcome }: Line): void {
    const [, audit, cell] = /:audits\/([^/]+)\/dispatched\/(\d{5})(?:-\d+)?\.json$/.exec(about) ?? [];
    if (what === 'GetParameter' && outcome !== '') this.#unreadAt = this.#world.kernel.now;
    if (what === 'cancel') {
      const times = (this.#cancelTried.get(about) ?? 0) + (/^$|Refusal/.test(outcome) ? 1 : 0);
      this.#cancelTried.set(about, times);
      if (/^$|lost|dies after/.test(outcome)) this.#canceled(about, who, times);
    }
    if (/^(api|dispatch|poll|reconcile)#/.test(who) && /unavailable|lost|dies|died|threw/.test(outcome))
      this.#faultsAt.push(this.#world.kernel.now);
    if (!audit || !/unavailable|lost|dies/.test(outcome)) return;
    const faulty = what === 'PutObject' ? this.#unrecorded : this.#unread;
    faulty.add(`${who} ${audit} ${Number(cell)}`);
  }

  /**
   * Where Replicate refuses everybody, a turn sends one request. An audit whose earlier turn was refused knows it for as long
   * as that turn said.
   */
  #refusedCreate(audit: string, { name, turn, since, faults }: Process): void {
    const { now } = this.#world.kernel;
    const before = this.#refusals.get(audit);
    const isSame = before?.turn === turn;
    const isKnown = isSame
      ? before.isKnown
      : before !== undefined &&
        since - before.at > NOTED_MS &&
        now - before.at < KNOWN_REFUSAL_MS &&
        !this.#faultsAt.some((at) => at >= before.at);
    const count = isSame ? before.count + 1 : 1;
    this.#refusals.set(audit, { turn, at: now, count, isKnown });
    if (isKnown && count > 1 && faults === 0)
      this.#broken('after a pause one request goes first', `${name} sent ${count}`, `open/${audit}`);
  }

  /** A download that failed leaves none behind that runs beside those of the next cells. */
  #downloads(made: Made | undefined, cells: number, { name }: Process): void {
    const most = name.startsWith('webhook#') ? 1 : 2;
    if (cells > most)
      this.#broken(
        'a failed download leaves no others running',
        `${name} downloads for ${cells} cells`,
        `images/${made?.audit}/${String(made?.cell).padStart(5, '0')}/0`,
      );
  }

  /** Only somebody who ends the audit, or a cell that has another prediction, is a reason to cancel one. */
  #canceled(id: string, who: string, times: number): void {
    const made = this.#world.replicate.made.get(id);
    if (!made) return;
    const { audit, cell } = made;
    if (times > MOST_CANCELS)
      this.#broken(
        'what was canceled is left alone',
        `${who} canceled ${id} of cell ${cell}`,
        `open/${audit}`,
      );
    if ([`audits/${audit}/cancel.json`, `deleted/${audit}`].some((key) => this.#current(key))) return;
    const stem = `audits/${audit}/dispatched/${String(cell).padStart(5, '0')}`;
    const bound = this.#boundIds(stem).at(-1);
    if (bound === undefined || bound === id)
      this.#broken(
        'nothing is canceled without need',
        `${who} canceled ${id} of cell ${cell}`,
        `${stem}.json`,
      );
  }

  #changed({ bucket, key, what, by, is }: Change): undefined {
    const { images, backup, s3 } = this.#world;
    const writer = by.split('#')[0]!;
    if (what === 'Object Deleted') {
      if (bucket === backup) return this.#broken('nobody deletes in the backup', `${by} deleted ${key}`, key);
      const audit = AUDIT.exec(key)?.[1];
      const isGiven = key.startsWith('open/') || key.startsWith('leases/');
      const isDeleted = [audit, ...(this.#auditsOf.get(audit ?? '') ?? [])].some((id) =>
        this.#current(`deleted/${id}`),
      );
      const isTaken = isDeleted && writer === 'tag' && key.startsWith('renditions/');
      if (!(isTaken || (writer === 'reconcile' && (isGiven || isDeleted))))
        this.#broken('nothing is deleted that should not be', `${by} deleted ${key}`, key);
      return;
    }
    if (what === 'Object Created') {
      const [, of, round] = /^audits\/([^/]+)\/rounds\/(.+)$/.exec(key) ?? [];
      if (of && round) this.#auditsOf.set(round, [...(this.#auditsOf.get(round) ?? []), of]);
      // A run of tag that is late destroys what it made, behind the delete marker of the sweep.
      const isLate = key.startsWith('renditions/') && this.#current(`deleted/${AUDIT.exec(key)?.[1]}`);
      const isFact = !OVERWRITTEN.test(key) && !key.startsWith('open/') && !isLate;
      if (isFact && writes(s3.bucket(bucket).versions.get(key)) > 1)
        this.#broken('a fact is written once', `${by} wrote ${key} again`, key);
    }
    if (bucket !== images) return;
    const tombstone =
      what === 'Object Created' && s3.bucket(images).current(`deleted/${AUDIT.exec(key)?.[1]}`);
    // tag's records may come later: they are swept with the rest.
    // An address to upload to lives for three quarters of an hour.
    const lateMs = by === 'api#presigned' ? ADDRESS_MS : LATE_WRITE_MS;
    if (
      tombstone &&
      /^images\/|\/(results|dispatched)\//.test(key) &&
      is.modified - tombstone.modified > lateMs
    )
      this.#broken('nothing is written for a deleted audit', `${by} wrote ${key}`, key);
    if (key.startsWith('images/')) this.#imageChanged(key, what, writer, is);
    if (what !== 'Object Created') return;
    if (key.startsWith('renditions/') && writer !== 'tag')
      this.#broken('only tag makes renditions', `${writer} made ${key}`, key);
    // What is written for a deleted audit may be half gone already.
    if (tombstone) return;
    if (/\/results\/\d{5}\.json$/.test(key)) this.#resultCreated(key, is);
    if (/\/blocks\/\d{5}\.json$/.test(key)) this.#summaryCreated(key, is);
    if (key.includes('/judged/')) this.#judgementCreated(key);
  }

  #imageChanged(key: string, what: Change['what'], writer: string, { tags }: Version): void {
    if (what === 'Object Tags Added') {
      if (writer !== 'tag')
        this.#broken('only what judges images shows them', `${writer} tagged ${key}`, key);
    } else if (tags.status !== 'pending')
      this.#broken('no image is shown before it is judged', `${key} was stored as ${tags.status}`, key);
  }

  /** An address of a rendition that the API gives opens. */
  #judgementCreated(key: string): void {
    const [, audit, cell, names = ''] = /^audits\/([^/]+)\/judged\/(\d{5})\/(.+)$/.exec(key) ?? [];
    for (const name of names.split('_')) {
      const index = SHOWN.exec(name)?.[1];
      if (index !== undefined && !this.#current(`renditions/${audit}/${cell}/${index}`))
        this.#broken('a rendition comes before its record', `${key} has none of ${index}`, key);
    }
  }

  #resultCreated(key: string, { body }: Version): void {
    const { images, status, filtered, source } = JSON.parse(body!.toString()) as {
      images: { key?: string }[];
      source?: string;
      status: string;
      filtered: number;
    };
    if (source !== 'imported' && !this.#current(key.replace('/results/', '/dispatched/')))
      this.#broken('a result follows its binding', `${key} has no binding`, key);
    for (const image of images)
      if (image.key && !this.#current(image.key))
        this.#broken('a result comes after its images', `${key} names ${image.key}, which is not there`, key);
    const lost = images.filter((image) => !image.key).length;
    const counts = `${filtered > 0 ? `.filtered${filtered}` : ''}${lost > 0 ? `.lost${lost}` : ''}`;
    const stem = key.replace('/results/', '/failed/').replace(/json$/, '');
    const isPlain = status === 'succeeded' && counts === '';
    if (!isPlain && !this.#current(`${stem}${status}${counts}.${body!.length}`))
      this.#broken('a marker comes before its result', `${key} is ${status}${counts} and has no marker`, key);
  }

  /** The manifest is written as soon as all blocks are summed up. */
  #summaryCreated(key: string, { body }: Version): void {
    const backup = this.#world.s3.bucket(this.#world.backup);
    const results = JSON.parse(body!.toString()) as { images: { key?: string }[] }[];
    for (const { key: image } of results.flatMap(({ images }) => images))
      if (image && (!backup.current(image) || this.#current(image)?.tags.status === 'pending'))
        this.#broken('a block is summed up when its images are safe', `${image} is not, in ${key}`, key);
  }

  #current(key: string): Version | undefined {
    return this.#world.s3.bucket(this.#world.images).current(key);
  }

  /** What has to hold whenever one looks: permissions, and no second payment without a reason. */
  check(): void {
    const { denied, lambda, replicate } = this.#world;
    const { messages } = this.#world;
    if (messages > this.#mostMessages)
      this.#broken('the queue never grows by repairs', `it holds ${messages} messages`);
    for (const text of denied.splice(0))
      this.#broken('a role may do what its function does, and no more', text);
    for (const name of lambda.overran.splice(0)) this.#broken('a function ends before its time limit', name);
    this.paidAgain.clear();
    for (const [audit, predictions] of Map.groupBy(replicate.made.values(), (made) => made.audit)) {
      for (const made of predictions) this.#afterStop(made);
      for (const { before, after, why } of paidAgain(predictions, this.#reason)) {
        if (why) this.paidAgain.set(why, (this.paidAgain.get(why) ?? 0) + 1);
        if (before.turn === after.turn && before.status !== 'aborted')
          this.#broken(
            'a create whose answer was lost is not sent again in the same turn',
            `cell ${before.cell} by ${before.by}`,
            `images/${audit}/${String(before.cell).padStart(5, '0')}/0`,
          );
      }
      this.#report(checkPayments(audit, predictions, this.#reason));
    }
  }

  readonly #reason = (before: Rejection, after: Rejection): string | undefined => {
    if (!before.answered) return 'the answer to the create was lost';
    const { deaths } = this.#world.lambda;
    if (
      deaths.some(
        ({ process, at }) => process === before.by && at >= before.createdAt && at <= after.createdAt,
      )
    )
      return 'the function died before it could record it';
    return this.#unrecorded.has(`${before.by} ${before.audit} ${before.cell}`)
      ? 'S3 did not take the record'
      : undefined;
  };

  /** Who ends an audit does not pay for what was not asked then. */
  #afterStop(made: Made): void {
    for (const key of [`audits/${made.audit}/cancel.json`, `deleted/${made.audit}`]) {
      const stop = this.#current(key);
      if (stop && made.createdAt - stop.modified > (made.metFault ? SLOW_STOP_MS : STOP_MS))
        this.#broken('an ended audit asks for nothing more', `${made.by} asked for cell ${made.cell}`, key);
    }
  }

  /** What an auditor has to find when all is over. */
  checkAccepted({
    id,
    ids,
    order,
  }: {
    id: string | undefined;
    ids: ReadonlySet<string>;
    order: Ordered;
  }): void {
    const cells = order.prompts * order.samples;
    if (id === undefined || !ids.has(id))
      this.#broken('an audit is accepted in the end', `one of ${cells} cells never was`);
    if (ids.size > 1 && !order.withoutKey)
      this.#broken('equal requests with one key are one audit', [...ids].join(', '), `open/${id}`);
  }

  /** An answer of the API is right for what there is; with a fault it may also say that it does not know. */
  answered({ route, audit, response, metFault, isMistaken }: Answer): undefined {
    const status = response?.statusCode ?? 0;
    const is = (key: string) => audit !== undefined && this.#current(key) !== undefined;
    const isDeleted = is(`deleted/${audit}`);
    const isRevoked = this.#world.replicate.isRevoked;
    const accepted = status === 202 && response && (JSON.parse(response.body) as { id?: string }).id;
    const right: Record<string, () => boolean> = {
      'POST /api/audits 202': () => !isMistaken && (audit === undefined || audit === accepted),
      'POST /api/audits 402': () => this.isLimited,
      'POST /api/audits 410': () => isDeleted,
      'POST /api/audits 422': () => isMistaken,
      'POST /api/audits 502': () => isRevoked,
      'POST /api/imports 202': () => audit === undefined || audit === accepted,
      'POST /api/imports 410': () => isDeleted,
      'POST /api/imports/{audit}/addresses 200': () => true,
      'POST /api/imports/{audit}/addresses 404': () => isDeleted,
      'POST /api/imports/{audit}/addresses 409': () => isDeleted || is(`audits/${audit}/cancel.json`),
      'POST /api/audits/{audit}/cancel 202': () => isDeleted || is(`audits/${audit}/cancel.json`),
      'POST /api/audits/{audit}/cancel 404': () => isDeleted,
      'POST /api/audits/{audit}/cancel 409': () => isDeleted || is(`audits/${audit}/manifest.json`),
      'DELETE /api/audits/{audit} 202': () => isDeleted,
      'GET /api/audits/{audit} 200': () => isDeleted || this.#countsNoMore(audit!, response!),
      'GET /api/audits/{audit} 404': () => isDeleted,
    };
    if (!this.mayFail(status, metFault) && !right[`${route} ${status}`]?.())
      this.#broken('an answer of the API is right', `${route} ${status} ${response?.body}`, `open/${audit}`);
  }

  /** Whether a fault excuses an answer: 0 for none. */
  mayFail(status: number, metFault: boolean): boolean {
    const isDown = status === 0 || status === 429 || status >= 500;
    const isUnread = this.#world.secrets.isTokenNew(NEW_TOKEN_MS) || !this.#areSecretsReadable;
    return (metFault && isDown) || (status === 401 && isUnread);
  }

  /** A status counts no more ended cells than there are, of each kind. */
  #countsNoMore(audit: string, { body }: HttpResponse): boolean {
    const { counts } = JSON.parse(body) as { counts: Record<string, number> };
    const bucket = this.#world.s3.bucket(this.#world.images);
    const prefix = `audits/${audit}/results/`;
    const ended: Record<string, number> = {};
    for (const key of bucket.keys.from(prefix)) {
      if (!key.startsWith(prefix)) break;
      const { status } = JSON.parse(bucket.current(key)!.body!.toString()) as { status: string };
      ended[status] = (ended[status] ?? 0) + 1;
    }
    return ['succeeded', 'failed', 'refused', 'canceled'].every(
      (status) => counts[status]! <= (ended[status] ?? 0),
    );
  }

  /** A secret that could not be read is not asked for again at once. */
  get #areSecretsReadable(): boolean {
    return this.#world.kernel.now - this.#unreadAt > SECRET_AGES.forMs;
  }

  /** What Replicate sends is taken, and what others send is not. */
  #webhookAnswered({ made, path, signedWith, ruse }: Delivery, status: number, metFault: boolean): undefined {
    const { secrets } = this.#world;
    const key = `images/${made.audit}/${String(made.cell).padStart(5, '0')}/0`;
    const isTaken = status >= 200 && status < 300;
    const isAccepted = secrets.isAccepted(signedWith, SECRET_AGES);
    if (ruse) {
      const isOld = ruse === 'a webhook was signed with the secret that was replaced';
      // Where the plan of a deleted audit is gone, nobody can say which cells it had; nothing is written.
      const isGone = /another/.test(ruse) && this.#current(`deleted/${made.audit}`) !== undefined;
      if (isTaken && !isGone && (!isOld || isAccepted === false))
        this.#broken('what Replicate did not sign for a cell is refused', `${ruse}: ${path}`, key);
      return;
    }
    if (isAccepted === undefined) this.#world.coverage.met('a webhook came while secrets were replaced');
    if (!isTaken && isAccepted && this.#areSecretsReadable && !metFault)
      this.#broken('a webhook of Replicate is taken', `${made.id} was answered ${status}`, key);
    if (isTaken && !this.#isSettled(made))
      this.#broken('a webhook that was taken has brought its result', `${made.id} has none`, key);
  }

  /** The cell of an ended prediction has its result, or needs none of it. */
  #isSettled({ id, audit, cell, status }: Made): boolean {
    const stem = `audits/${audit}/dispatched/${String(cell).padStart(5, '0')}`;
    if (this.#current(`deleted/${audit}`)) return true;
    if (this.#current(`${stem.replace('/dispatched/', '/results/')}.json`)) return true;
    const ids = this.#boundIds(stem);
    const attempt = ids.indexOf(id);
    // A cell that was closed is bound to none.
    if (attempt === -1) return this.#current(`${stem}.json`) !== undefined;
    return status === 'aborted' && this.#current(`${stem}${numbered(attempt)}-aborted`) !== undefined;
  }

  /** What has to hold of an audit that is over. */
  checkFinished(audit: string, order: Order): undefined {
    const cells = order.prompts * order.samples;
    const { images, backup, replicate } = this.#world;
    const predictions = [...replicate.made.values()].filter((made) => made.audit === audit);
    const objects = this.#objects(images, audit);
    this.#checkRequests(audit, order);
    this.#checkCanceled(audit);
    if (!objects.has(`deleted/${audit}`)) {
      this.#checkRecords(audit, order.retention ?? 'standard', objects);
      this.#checkSuperfluous(audit);
    }
    this.#report(
      checkAudit({
        audit,
        cells,
        images: objects,
        backup: this.#objects(backup, audit),
        predictions,
        reason: this.#reason,
        refused: this.#refused(audit),
        ...(order.pictures.length > 0 && { imported: order.pictures }),
        mayGiveUp: false,
      }),
    );
  }

  /** What Replicate was asked for is what was ordered: the prompt by the cell's number, the seed by its prompt and sample. */
  #checkRequests(audit: string, order: Order): void {
    const { samples, texts } = order;
    const seeds = new Map<number, unknown>();
    for (const { audit: of, cell, input, model } of this.#world.replicate.made.values()) {
      if (of !== audit) continue;
      if (model !== order.models[Math.floor(cell / samples)])
        this.#broken(
          'a cell is asked of its own model',
          `cell ${cell} was asked of ${model}`,
          `open/${audit}`,
        );
      const key = `images/${audit}/${String(cell).padStart(5, '0')}/0`;
      if (input.prompt !== texts[Math.floor(cell / samples)])
        this.#broken(
          'a cell is asked for its own prompt',
          `cell ${cell} was asked for "${input.prompt}"`,
          key,
        );
      if (!seeds.has(cell)) seeds.set(cell, input.seed);
      if (seeds.get(cell) !== input.seed)
        this.#broken('a cell has one seed', `cell ${cell}: ${input.seed}`, key);
    }
    const by = (group: (cell: number) => number) =>
      Object.values(Object.groupBy(seeds, ([cell]) => group(cell))).map((some = []) => {
        const all = some.map(([, seed]) => seed);
        return { all, different: new Set(all).size };
      });
    for (const { all, different } of by((cell) => Math.floor(cell / samples)))
      if (different < all.length)
        this.#broken('each sample has a seed of its own', all.join(', '), `open/${audit}`);
    const shared = by((cell) => cell % samples).filter(({ all }) => all.length > 1);
    if (shared.length > 0 && shared.every(({ different }) => different === 1))
      this.#broken(
        'prompts have seeds of their own',
        shared.map(({ all }) => all[0]).join(', '),
        `open/${audit}`,
      );
  }

  /** Cells that Replicate refused for good. What was heard of once is not asked again. */
  #refused(audit: string): Set<number> {
    const cells = new Set<number>();
    for (const rejections of this.#world.replicate.rejections.values()) {
      const [{ audit: of, cell }] = rejections as [Rejection];
      if (of !== audit) continue;
      cells.add(cell);
      for (const [place, after] of rejections.entries()) {
        const before = rejections[place - 1];
        if (before && !this.#reason(before, after))
          this.#broken(
            'what Replicate refuses for good is not sent again',
            `cell ${cell} by ${after.by}`,
            `images/${audit}/${String(cell).padStart(5, '0')}/0`,
          );
      }
    }
    return cells;
  }

  /** Who ends an audit does not pay for what was running then. Where a fault comes between, reconcile has time. */
  #checkCanceled(audit: string): void {
    const stops = [`audits/${audit}/cancel.json`, `deleted/${audit}`];
    const [stop] = stops.flatMap((key) => this.#current(key) ?? []);
    if (!stop) return;
    for (const made of this.#world.replicate.made.values()) {
      if (made.audit !== audit || this.#cancelTried.has(made.id) || this.#isUnknown(made)) continue;
      const from = Math.max(stop.modified, made.createdAt);
      const to = made.completedAt ?? this.#world.kernel.now;
      const isFaulty = (after: number, before: number) =>
        this.#faultsAt.some((at) => at > from + after && at < from + before);
      const isPrompt = to - from <= CANCEL_MS || isFaulty(-DEAD_LEASE_MS, CANCEL_MS);
      // Reconcile does it in one of its runs behind RESEND_SECONDS, if nothing goes wrong then.
      const isLate = to - from <= LATE_CANCEL_MS || isFaulty(LATE_CANCEL_MS / 2, LATE_CANCEL_MS);
      if (!isPrompt || !isLate)
        this.#broken(
          'what runs when an audit ends is canceled',
          `${made.id} of cell ${made.cell} ran on for ${Math.round((to - from) / 1_000)} s`,
          `images/${audit}/${String(made.cell).padStart(5, '0')}/0`,
        );
    }
  }

  /** Lists of audits count by the manifest's metadata alone, and lifecycle rules read the retention of every record. */
  #checkRecords(audit: string, retention: string, objects: Objects): void {
    // What refers to a round has the round's, which is the shortest of its audits.
    for (const [key, { tags }] of objects)
      if (/^(audits\/[^/]+\/(?!rounds\/)|images|renditions)/.test(key) && tags.retention !== retention)
        this.#broken('every record and image has the retention of its audit', key, key);
    const key = `audits/${audit}/manifest.json`;
    const manifest = objects.get(key);
    if (!manifest) return;
    const cells = manifest.json.cells as {
      status: string;
      filtered?: number;
      images: { key?: string; status?: string; blank?: boolean }[];
    }[];
    const counts: Record<string, number> = { succeeded: 0, failed: 0, refused: 0, canceled: 0 };
    for (const { status } of cells) counts[status]!++;
    const images = cells.flatMap((cell) => cell.images);
    const are = (is: (image: (typeof images)[number]) => boolean | undefined) => images.filter(is).length;
    const expected = {
      ...counts,
      images: are(({ key: image }) => image !== undefined),
      ok: are(({ status, blank }) => status === 'ok' && !blank),
      blank: are(({ status, blank }) => status === 'ok' && blank),
      quarantined: are(({ status }) => status === 'quarantined'),
      lost: are(({ key: image }) => image === undefined),
      filtered: cells.reduce((sum, { filtered = 0 }) => sum + filtered, 0),
    };
    for (const [name, count] of Object.entries(expected))
      if (manifest.metadata[name] !== String(count))
        this.#broken('the manifest counts right', `${name}: ${manifest.metadata[name]}, not ${count}`, key);
  }

  /** Who learns that its prediction is of no use cancels it. */
  #checkSuperfluous(audit: string): void {
    for (const made of this.#world.replicate.made.values()) {
      if (made.audit !== audit || this.#cancelTried.has(made.id) || this.#isUnknown(made)) continue;
      const stem = `audits/${audit}/dispatched/${String(made.cell).padStart(5, '0')}`;
      if (!this.#boundIds(stem).includes(made.id))
        this.#broken(
          'a superfluous prediction is canceled',
          `${made.id} of cell ${made.cell}`,
          `${stem}.json`,
        );
    }
  }

  /** Whether the process that asked for a prediction may not know that it exists, or to whom it is bound. */
  #isUnknown({ by, audit, cell, answered }: Made): boolean {
    const place = `${by} ${audit} ${cell}`;
    const died = this.#world.lambda.deaths.some(({ process }) => process === by);
    return !answered || died || this.#unrecorded.has(place) || this.#unread.has(place);
  }

  /** The predictions that a cell is or was bound to, in their order. @param stem of its records' keys */
  #boundIds(stem: string): string[] {
    const ids: string[] = [];
    for (;;) {
      const body = this.#current(`${stem}${numbered(ids.length)}.json`)?.body;
      const id = body && (JSON.parse(body.toString()) as { predictionId?: string }).predictionId;
      if (id === undefined) return ids;
      ids.push(id);
    }
  }

  /** Everything of an audit that a bucket holds. */
  #objects(name: string, audit: string): Map<string, StoredObject> {
    const bucket = this.#world.s3.bucket(name);
    const objects = new Map<string, StoredObject>();
    for (const folder of ['audits', 'deleted', 'images', 'leases', 'open', 'purged', 'renditions'])
      for (const key of bucket.keys.from(`${folder}/${audit}`)) {
        if (!key.startsWith(`${folder}/${audit}`)) break;
        const { body, modified, tags, metadata } = bucket.current(key)!;
        objects.set(key, {
          versions: writes(bucket.versions.get(key)),
          modified,
          sha256: createHash('sha256').update(body!).digest('hex'),
          tags,
          metadata,
          ...(bucket.current(key)!.contentEncoding && {
            contentEncoding: bucket.current(key)!.contentEncoding!,
          }),
          ...(key.endsWith('.json') && { json: JSON.parse(body!.toString()) }),
          ...(key.endsWith('.csv') && { text: body!.toString() }),
        });
      }
    return objects;
  }

  #report(violations: Violation[]): void {
    for (const { promise, key, what } of violations) this.#broken(promise, `${key} ${what}`, key);
  }

  /** What has to hold when all audits are over. */
  checkQuiet(): void {
    // A fault in each of its tries ends an event; reconcile does what it should have done.
    this.#report(
      checkDeadLetters(
        this.#world.deadLetters.map(({ queue, what, isExplained }) => ({
          what: `${queue}: ${what}`,
          why: isExplained ? 'each of its tries met a fault' : undefined,
        })),
      ),
    );
    if (this.#world.messages > 0)
      this.#broken('no message lives forever', `${this.#world.messages} are left`);
  }
}
