import { backUp } from '../images/backup.ts';
import { Books } from '../money/settle.ts';
import type { CellQueue, Chance, ObjectStore, Time } from '../ports.ts';
import { blocksOf, type Cut, type Range, rangeOf, rangesOf } from '../records/blocks.ts';
import {
  auditPrefix,
  auditRoundsPrefix,
  closedKey,
  deletedKey,
  imagesPrefix,
  leaseKey,
  leasesPrefix,
  manifestKey,
  OPEN_PREFIX,
  openKey,
  planKey,
  pollLeaseKey,
  rejudgedKey,
  renditionsPrefix,
  resentKey,
  roundPrefix,
  snapshotKey,
  unsafeKey,
} from '../records/keys.ts';
import { restartChain } from '../records/lease.ts';
import { readPlan, readSize, type Size } from '../records/plan.ts';
import { readProgress } from '../records/progress.ts';
import { requestJudgement } from '../records/result.ts';
import { readStop } from '../records/stop.ts';
import { listSummaries } from '../records/summary.ts';
import { keptBeside, keptOfRound, roundsOfAudit } from '../rounds/kept.ts';
import { shuffled } from '../shuffled.ts';
import { completeManifest, type SumUpDeps, sumUpBlocks } from './sum-up.ts';
import { unsafeByCell } from './unsafe.ts';

export interface ReconcileDeps extends SumUpDeps {
  queue: CellQueue;
  polls: CellQueue;
  /** How many dispatchers work at once: an audit has as many chains. */
  dispatchers: number;
  chance: Chance;
  /** A chain that has not moved for so long is restarted, and what no event has brought about by then is done. */
  resendMs: number;
  /** After a deletion: as long as a prediction can still send its webhook. */
  settleMs: number;
}

/** What one run did. */
export interface Reconciled {
  audits: number;
  /** Messages that were sent again, cells whose images are to be judged again, images backed up: what events did not do. */
  repairs: number;
  manifests: number;
  deleted: number;
  closed: number;
  /** Audits that could not be seen to, and why. The next run tries again. */
  faults: { audit: string; error: Error }[];
}

/** One run: what it needs, what it has done, and whether it has to end. */
interface Run extends ReconcileDeps {
  done: Reconciled;
  timeIsUp: () => boolean;
  books: Books;
}

interface OpenAudit {
  audit: string;
  /** When `open/<a>` was written last. */
  since: Date;
  etag: string;
  /** It was written again, by a request that may still be about to write a tombstone. */
  isRenewed: boolean;
}

/** What can wait until the overdue work of all audits is done. */
interface Rest {
  audit: string;
  finish: () => Promise<void>;
}

/** When each chain of an audit last moved, and its marks: objects of `leases/` by their keys. */
type Chains = ReadonlyMap<string, Date>;

/** By then the request that wrote `open/<a>` has died if it has not done what it was about to: the API ends its requests after 30 s. */
const ORPHAN_MS = 15 * 60_000;
const DELETE_BATCH = 1_000;
const PARALLEL_AUDITS = 10;
/** Each may have a manifest on the function's small disk. */
const PARALLEL_RESTS = 2;
/** Requests for one audit. */
const PARALLEL_REQUESTS = 10;

/**
 * Brings every open audit a step nearer to its end: what the queues, the webhooks and the events have failed to do is
 * done again here. What is overdue comes first, for all audits: stopped chains are restarted, deleted audits swept. Then
 * come repairs and manifests. Each audit stands alone; a fault in one does not hold up the others.
 * @param timeIsUp asked before each step; what is left comes next time, in another order
 */
export async function reconcile(deps: ReconcileDeps, timeIsUp: () => boolean): Promise<Reconciled> {
  const done: Reconciled = { audits: 0, repairs: 0, manifests: 0, deleted: 0, closed: 0, faults: [] };
  const note = ({ audit }: { audit: string }, error: Error) => void done.faults.push({ audit, error });
  const books = new Books({ ...deps, store: deps.images });
  const run: Run = { ...deps, done, timeIsUp, books };
  const noteLedger = (error: Error) => note({ audit: 'of the ledger' }, error);
  await books.open().catch(noteLedger);
  const open: OpenAudit[] = [];
  for await (const { key, modified, etag, bytes } of deps.images.list(OPEN_PREFIX))
    open.push({ audit: key.slice(OPEN_PREFIX.length), since: modified, etag, isRenewed: bytes > 0 });
  const rests: Rest[] = [];
  const first = async (one: OpenAudit) => {
    done.audits++;
    const finish = await seeTo(run, one);
    if (finish) rests.push({ audit: one.audit, finish });
  };
  await each(run, shuffled(open, deps.chance), PARALLEL_AUDITS, first, note);
  await each(run, rests, PARALLEL_RESTS, ({ finish }) => finish(), note);
  await books.settle().catch(noteLedger);
  return done;
}

/** Does some things at once, until time is up. A fault in one does not hold up the others. */
async function each<T>(
  { timeIsUp }: Run,
  items: readonly T[],
  workers: number,
  step: (item: T) => Promise<unknown>,
  note: (item: T, error: Error) => void,
): Promise<void> {
  const next = items.values();
  const worker = async () => {
    for (const item of next) {
      if (timeIsUp()) return;
      await step(item).catch((error: Error) => note(item, error));
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
}

/** As `each`, for parts of one audit. @throws {Error} the first fault, behind the last of the others */
async function eachPart<T>(
  run: Run,
  items: readonly T[],
  step: (item: T) => Promise<unknown>,
): Promise<void> {
  const faults: Error[] = [];
  await each(run, items, PARALLEL_REQUESTS, step, (_, error) => void faults.push(error));
  if (faults[0]) throw faults[0];
}

const age = (since: Date, time: Time) => time.now().getTime() - since.getTime();

/**
 * Does what is overdue in an audit. One that goes its way costs two LISTs and three HEADs.
 * @returns what else there is to do
 */
async function seeTo(run: Run, open: OpenAudit): Promise<Rest['finish'] | undefined> {
  const { images, time, done } = run;
  const { audit, since } = open;
  const [tombstone, size, isWritten, chains, summed] = await Promise.all([
    images.head(deletedKey(audit)),
    readSize(images, audit),
    images.exists(manifestKey(audit, 'json')),
    readChains(images, audit),
    listSummaries(images, audit),
  ]);
  if (tombstone) {
    await sweep(run, open, size, tombstone.modified);
    return undefined;
  }
  if (!size) {
    if (await images.exists(closedKey(audit))) return () => settleRound(run, open);
    // The request may be repeated in this very moment, with the same idempotency key.
    if (age(since, time) > ORPHAN_MS) await close(run, open);
    return undefined;
  }
  await run.books.note(audit);
  if (isWritten) return () => settle(run, open);
  const blocks = blocksOf(size).filter(({ from }) => !summed.has(from));
  await restartSilent(run, size, blocks, chains);
  const unsafe = blocks.filter(({ from }) => chains.has(unsafeKey(audit, from)));
  if (blocks.length > 0 && unsafe.length === 0) return undefined;
  return async () => {
    await repair(run, size, unsafe, chains);
    const plan = await readPlan(images, audit);
    if (!plan || run.timeIsUp()) return;
    await sumUpBlocks(run, plan, unsafe);
    if (await completeManifest(run, plan)) done.manifests++;
  };
}

async function readChains(images: ObjectStore, audit: string): Promise<Chains> {
  const chains = new Map<string, Date>();
  for await (const { key, modified } of images.list(leasesPrefix(audit))) chains.set(key, modified);
  return chains;
}

/** Restarts chains that have stopped. @param open blocks that are not summed up */
async function restartSilent(run: Run, size: Size, open: readonly Range[], chains: Chains): Promise<void> {
  const { images, time, resendMs, polls, queue } = run;
  const isSilent = (key: string) => {
    const moved = chains.get(key);
    return moved !== undefined && age(moved, time) > resendMs;
  };
  const lookedAfter = (block: Range) => pollLeaseKey(size.id, rangeOf(size, block.from).from);
  const silent = rangesOf(size).filter(
    (range) =>
      isSilent(pollLeaseKey(size.id, range.from)) &&
      open.some(({ from }) => from >= range.from && from <= range.to),
  );
  await eachPart(run, silent, (range) => restart(run, polls, range, pollLeaseKey(size.id, range.from)));
  if (size.isImported) return beginUnseen(run, size, open, chains);
  const asking = blocksOf(size).flatMap(({ from }) => chains.get(leaseKey(size.id, from)) ?? []);
  // Blocks that nobody looks after have a chain that asks, or are still to come in one, also in a range that is looked
  // after. Where no chain has ever asked, as in the sample audit, nothing is to come.
  const isToCome = ({ from }: Range) => asking.length > 0 && !chains.has(leaseKey(size.id, from));
  const unseen = open.filter((block) => !chains.has(lookedAfter(block)) || isToCome(block));
  if (unseen.length === 0) return;
  const moved = new Date(Math.max(...[size.acceptedAt, ...asking].map((date) => date.getTime())));
  if (age(moved, time) <= resendMs) return;
  if (await readStop(images, size.id)) await lookOnce(run, size, chains.get(resentKey(size.id)));
  else
    for (const block of unseen.slice(0, run.dispatchers))
      await restart(run, queue, block, leaseKey(size.id, block.from));
}

/** Begins the chains of an imported audit whose first messages were lost. Nothing is ever asked for it. */
async function beginUnseen(run: Run, size: Size, open: readonly Range[], chains: Chains): Promise<void> {
  if (age(size.acceptedAt, run.time) <= run.resendMs) return;
  const unseen = rangesOf(size).filter(
    (range) =>
      !chains.has(pollLeaseKey(size.id, range.from)) &&
      open.some(({ from }) => from >= range.from && from <= range.to),
  );
  await eachPart(run, unseen, (range) => restart(run, run.polls, range, pollLeaseKey(size.id, range.from)));
}

async function restart(run: Run, to: CellQueue, cells: Range, key: string): Promise<void> {
  const link = await restartChain({ ...run, store: run.images }, key);
  if (link === undefined) return;
  await to.send([{ ...cells, link }]);
  run.done.repairs++;
}

/** Has all predictions of an audit that was ended looked at. @param since when that was last done */
async function lookOnce(run: Run, cut: Cut, since: Date | undefined): Promise<void> {
  const { images, polls, time, resendMs } = run;
  if (since && age(since, time) <= resendMs) return;
  await polls.send(rangesOf(cut));
  await images.replaceJson(resentKey(cut.id), { at: time.now().toISOString() });
  run.done.repairs++;
}

/**
 * Has done for the images of finished blocks what no event has done by now: copies are made here, and `tag` is requested
 * to judge, also an image that no result names: only `tag` decodes. Copies wait for judgements, so that they have the
 * tags. What is only just there is left to its event.
 */
async function repair(run: Run, size: Size, blocks: readonly Range[], chains: Chains): Promise<void> {
  const audit = size.id;
  const { images, backup, time, resendMs, done } = run;
  const unjudged: number[] = [];
  const uncopied: string[] = [];
  await eachPart(run, blocks, async (block) => {
    for await (const unsafe of unsafeByCell(run, block, size)) {
      if (age(unsafe.since, time) < resendMs) continue;
      if (unsafe.unjudged) unjudged.push(unsafe.cell);
      else uncopied.push(...unsafe.uncopied);
    }
  });
  if (unjudged.length > 0) await requestJudgements(run, audit, unjudged, chains.get(rejudgedKey(audit)));
  await eachPart(run, shuffled(uncopied, run.chance), async (key) => {
    await backUp(images, backup, key);
    done.repairs++;
  });
}

/** Judging may take its time: it is requested again as rarely as chains are restarted. @param before when it last was */
async function requestJudgements(
  run: Run,
  audit: string,
  cells: readonly number[],
  before: Date | undefined,
): Promise<void> {
  const { images, time, resendMs, done } = run;
  if (before && age(before, time) < resendMs) return;
  await eachPart(run, shuffled(cells, run.chance), async (cell) => {
    await requestJudgement(images, audit, cell);
    done.repairs++;
  });
  if (!run.timeIsUp()) await images.replaceJson(rejudgedKey(audit), { at: time.now().toISOString() });
}

/** The manifest is written: the audit is over as soon as its records are in the backup too. */
async function settle(run: Run, open: OpenAudit): Promise<void> {
  const { audit, since, isRenewed } = open;
  const { images, backup, time, resendMs } = run;
  const records = [planKey(audit), manifestKey(audit, 'csv'), manifestKey(audit, 'json')];
  for (const key of records) {
    const [original, copy] = await Promise.all([images.head(key), backup.head(key)]);
    if (!original || copy) continue;
    if (age(original.modified, time) < resendMs) return;
    await backUp(images, backup, key);
    run.done.repairs++;
  }
  // It may be about to be deleted.
  if (isRenewed && age(since, time) <= ORPHAN_MS) return;
  await deletePrefix(run, leasesPrefix(audit));
  if (!run.timeIsUp()) await close(run, open);
}

/** A round is closed. It is over when its snapshot is written, and all that is evidence of it is in the backup. */
async function settleRound(run: Run, open: OpenAudit): Promise<void> {
  const { audit: round, since, isRenewed } = open;
  const { images, backup, time, resendMs, done } = run;
  const written = await images.head(snapshotKey(round));
  // What its events were too late for is copied here.
  if (!written || age(written.modified, time) < resendMs) return;
  const copied = new Set<string>();
  for await (const key of keptOfRound(backup, round)) copied.add(key);
  const missing: string[] = [];
  for await (const key of keptOfRound(images, round)) if (!copied.has(key)) missing.push(key);
  for (const key of await keptBeside(images, round)) if (!(await backup.exists(key))) missing.push(key);
  await eachPart(run, missing, async (key) => {
    await backUp(images, backup, key);
    done.repairs++;
  });
  // It may be about to be deleted.
  if (run.timeIsUp() || (isRenewed && age(since, time) <= ORPHAN_MS)) return;
  await close(run, open);
}

/** A request that needs the audit open has written `open/<a>` again, before anything else: then it stays. */
async function close({ images, done }: Run, { audit, etag }: OpenAudit): Promise<void> {
  if (await images.deleteIf(openKey(audit), etag)) done.closed++;
}

/**
 * Deletes what an audit left, again and again until nothing can come any more. While predictions may still be
 * running, plan and bindings stay, so that they can be canceled; images go at once.
 */
async function sweep(run: Run, open: OpenAudit, size: Size | undefined, since: Date): Promise<void> {
  const { audit } = open;
  const { images, time, resendMs, settleMs, done } = run;
  const settled = age(since, time) > settleMs;
  // A dispatcher that was requesting predictions when the tombstone came has recorded them by then.
  const early = age(since, time) < resendMs;
  let deleted = await deletePrefix(run, imagesPrefix(audit));
  deleted += await deletePrefix(run, renditionsPrefix(audit));
  // A deleted round has its own tombstone, and a deleted audit takes its rounds along.
  for (const round of [audit, ...(await roundsOfAudit(images, audit))])
    deleted += await deletePrefix(run, roundPrefix(round));
  const isRunning = size && !settled && (await hasRunning(images, size));
  if (size && (isRunning || early)) {
    if (isRunning && !early) {
      const chains = await readChains(images, audit);
      await lookOnce(run, size, chains.get(resentKey(audit)) ?? since);
    }
  } else {
    const plan = size && (await readPlan(images, audit));
    if (plan) await run.books.finish(plan);
    // Answers that were under way may still come to its rounds, which are found by these.
    const isLeft = (key: string) => !settled && key.startsWith(auditRoundsPrefix(audit));
    deleted += await deletePrefix(run, auditPrefix(audit), isLeft);
    deleted += await deletePrefix(run, leasesPrefix(audit));
  }
  done.deleted += deleted;
  if (settled && deleted === 0 && !run.timeIsUp()) await close(run, open);
}

async function hasRunning(images: ObjectStore, { id, cells }: Cut): Promise<boolean> {
  const progress = await readProgress(images, { audit: id, from: 0, to: cells - 1 });
  return [...progress.values()].some(({ boundAt, ended }) => boundAt && !ended);
}

/** @returns how many objects were deleted before time was up */
async function deletePrefix(
  { images, timeIsUp }: Run,
  prefix: string,
  isLeft: (key: string) => boolean = () => false,
): Promise<number> {
  let keys: string[] = [];
  let count = 0;
  for await (const { key } of images.list(prefix)) {
    if (isLeft(key)) continue;
    if (keys.length === 0 && timeIsUp()) return count;
    keys.push(key);
    count++;
    if (keys.length < DELETE_BATCH) continue;
    await images.delete(keys);
    keys = [];
  }
  await images.delete(keys);
  return count;
}
