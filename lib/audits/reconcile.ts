import { backUp } from '../images/backup.ts';
import type { CellQueue, Chance, ObjectStore, RecordReader, Time, WithTemporaryFile } from '../ports.ts';
import { blocksOf, DISPATCHERS, type Range, rangesOf } from '../records/blocks.ts';
import { judgementsByCell } from '../records/judgement.ts';
import {
  auditPrefix,
  blockDoneKey,
  deletedKey,
  imagesPrefix,
  leaseKey,
  leasesPrefix,
  manifestKey,
  OPEN_PREFIX,
  openKey,
  parseImageKey,
  planKey,
  pollLeaseKey,
  rejudgedKey,
  renditionsPrefix,
  resentKey,
} from '../records/keys.ts';
import { restartChain } from '../records/lease.ts';
import { type Plan, readPlan } from '../records/plan.ts';
import { readProgress } from '../records/progress.ts';
import { requestJudgement } from '../records/result.ts';
import { readStop } from '../records/stop.ts';
import { shuffled } from '../shuffled.ts';
import { writeManifest } from './manifest.ts';

export interface ReconcileDeps {
  images: ObjectStore;
  backup: ObjectStore;
  queue: CellQueue;
  polls: CellQueue;
  /** Reads results for the manifest. */
  readRecord: RecordReader;
  withTemporaryFile: WithTemporaryFile;
  time: Time;
  chance: Chance;
  /** A chain that has not moved for so long is restarted, and what no event has brought about by then is done. */
  resendMs: number;
  /** After a deletion: as long as a prediction can still send its webhook. */
  settleMs: number;
}

/** What one run did. */
export interface Reconciled {
  audits: number;
  /** Ranges that were sent again, cells whose images are to be judged again, images backed up: what events did not do. */
  repairs: number;
  manifests: number;
  deleted: number;
  closed: number;
  /** Audits that could not be seen to, and why. The next run tries again. */
  faults: { audit: string; error: Error }[];
}

/** An `open/<a>` whose plan never came belongs to a request that died; the API ends its requests after 30 s. */
const ORPHAN_MS = 15 * 60_000;
const DELETE_BATCH = 1_000;
const PARALLEL_REQUESTS = 10;

/**
 * Brings every open audit a step nearer to its end: what the queue, the webhooks and the events have failed to
 * do is done again here. Each audit stands alone; a fault in one does not hold up the others.
 * @param timeIsUp asked before each audit; those that are left come next time, in another order
 */
export async function reconcile(deps: ReconcileDeps, timeIsUp: () => boolean): Promise<Reconciled> {
  const done: Reconciled = { audits: 0, repairs: 0, manifests: 0, deleted: 0, closed: 0, faults: [] };
  const open: { audit: string; since: Date }[] = [];
  for await (const { key, modified } of deps.images.list(OPEN_PREFIX))
    open.push({ audit: key.slice(OPEN_PREFIX.length), since: modified });
  for (const { audit, since } of shuffled(open, deps.chance)) {
    if (timeIsUp()) break;
    done.audits++;
    try {
      await reconcileAudit(deps, audit, since, done);
    } catch (error) {
      done.faults.push({ audit, error: error as Error });
    }
  }
  return done;
}

async function reconcileAudit(deps: ReconcileDeps, audit: string, since: Date, done: Reconciled) {
  const { images, time } = deps;
  const tombstone = await images.head(deletedKey(audit));
  const plan = await readPlan(images, audit);
  if (tombstone) return sweep(deps, audit, plan, tombstone.modified, done);
  if (!plan) {
    // The request may be repeated in this very moment, with the same idempotency key.
    if (age(since, time) > ORPHAN_MS)
      await close(deps, audit, done, async () => (await readPlan(images, audit)) !== undefined);
    return;
  }
  if (await images.exists(manifestKey(audit, 'json'))) return settle(deps, plan, done);
  if (!(await isFinished(deps, plan, done))) return;
  if (!(await isBackedUp(deps, audit, done))) return;
  await writeManifest(deps, plan);
  done.manifests++;
}

const age = (since: Date, time: Time) => time.now().getTime() - since.getTime();

/** When each chain of an audit last moved, and which blocks are finished: objects by their keys. */
async function readChains(images: ObjectStore, audit: string): Promise<Map<string, Date>> {
  const chains = new Map<string, Date>();
  for await (const { key, modified } of images.list(leasesPrefix(audit))) chains.set(key, modified);
  return chains;
}

/**
 * Whether every cell of an audit is finished. If not, chains that have stopped are restarted. One LIST tells both, so
 * that an audit that goes its way costs next to nothing.
 */
async function isFinished(deps: ReconcileDeps, plan: Plan, done: Reconciled): Promise<boolean> {
  const { images, time, resendMs } = deps;
  const chains = await readChains(images, plan.id);
  const blocks = blocksOf(plan);
  const open = blocks.filter(({ from }) => !chains.has(blockDoneKey(plan.id, from)));
  if (open.length === 0) return true;
  const isSilent = (key: string) => {
    const moved = chains.get(key);
    return moved !== undefined && age(moved, time) > resendMs;
  };
  const looks = open.filter(({ from }) => isSilent(pollLeaseKey(plan.id, from)));
  for (const block of looks) await restart(deps, deps.polls, block, pollLeaseKey(plan.id, block.from), done);
  // Blocks that nobody looks after have a chain that asks, or are still to come in one.
  const unseen = open.filter(({ from }) => !chains.has(pollLeaseKey(plan.id, from)));
  if (unseen.length === 0) return false;
  const moved = Math.max(
    Date.parse(plan.createdAt),
    ...blocks.map(({ from }) => chains.get(leaseKey(plan.id, from))?.getTime() ?? 0),
  );
  if (age(new Date(moved), time) <= resendMs) return false;
  if (await readStop(images, plan.id)) await lookOnce(deps, plan, chains.get(resentKey(plan.id)), done);
  else
    for (const block of unseen.slice(0, DISPATCHERS))
      await restart(deps, deps.queue, block, leaseKey(plan.id, block.from), done);
  return false;
}

async function restart(deps: ReconcileDeps, to: CellQueue, block: Range, key: string, done: Reconciled) {
  const link = await restartChain({ ...deps, store: deps.images }, key);
  if (link === undefined) return;
  await to.send([{ ...block, link }]);
  done.repairs++;
}

/** Has all predictions of an audit that was ended looked at. @param since when that was last done */
async function lookOnce(deps: ReconcileDeps, plan: Plan, since: Date | undefined, done: Reconciled) {
  const { images, polls, time, resendMs } = deps;
  if (since && age(since, time) <= resendMs) return;
  await polls.send(rangesOf(plan));
  await images.replaceJson(resentKey(plan.id), { at: time.now().toISOString() });
  done.repairs++;
}

/** Images of one cell that lack their judgement or their copy. */
interface Unsafe {
  /** Undefined for what is no image's key. */
  cell: number | undefined;
  /** When the last of them was stored. */
  since: Date;
  /** Whether any of them lacks its judgement. */
  unjudged: boolean;
  /** Those that lack their copy. */
  uncopied: string[];
}

/** What is not judged or not copied, cell by cell: by three LISTs that go along beside each other. */
async function* unsafeByCell({ images, backup }: ReconcileDeps, audit: string): AsyncGenerator<Unsafe> {
  const judgements = judgementsByCell(images, audit);
  const copies = backup.list(imagesPrefix(audit));
  let judged = await judgements.next();
  let copy = await copies.next();
  let open: Unsafe | undefined;
  for await (const { key, bytes, modified } of images.list(imagesPrefix(audit))) {
    const image = parseImageKey(key);
    while (image && !judged.done && judged.value.cell < image.cell) judged = await judgements.next();
    while (!copy.done && copy.value.key < key) copy = await copies.next();
    const isJudged = !judged.done && judged.value.cell === image?.cell && judged.value.found.has(image.index);
    const isCopied = !copy.done && copy.value.key === key && copy.value.bytes === bytes;
    if (isJudged && isCopied) continue;
    if (open && open.cell !== image?.cell) {
      yield open;
      open = undefined;
    }
    open ??= { cell: image?.cell, since: modified, unjudged: false, uncopied: [] };
    if (modified > open.since) open.since = modified;
    open.unjudged ||= !isJudged;
    if (!isCopied) open.uncopied.push(key);
  }
  if (open) yield open;
}

/**
 * Whether every image is judged and has its copy in the backup. What is only just there is left to its event. Where the
 * event has done nothing by now, the copy is made here, and `tag` is requested to judge, also an image that no result
 * names: only `tag` decodes. Copies wait for judgements, so that they have the tags.
 */
async function isBackedUp(deps: ReconcileDeps, audit: string, done: Reconciled): Promise<boolean> {
  const { images, backup, time, resendMs } = deps;
  const unjudged: number[] = [];
  let complete = true;
  for await (const unsafe of unsafeByCell(deps, audit)) {
    const { cell, since, uncopied } = unsafe;
    if (cell === undefined || age(since, time) < resendMs) complete = false;
    else if (unsafe.unjudged) unjudged.push(cell);
    else
      for (const key of uncopied) {
        await backUp(images, backup, key);
        done.repairs++;
      }
  }
  if (unjudged.length > 0) await requestJudgements(deps, audit, unjudged, done);
  return complete && unjudged.length === 0;
}

/** Judging may take its time: it is requested again as rarely as blocks are sent again. */
async function requestJudgements(
  { images, time, resendMs }: ReconcileDeps,
  audit: string,
  cells: number[],
  done: Reconciled,
): Promise<void> {
  const before = (await readChains(images, audit)).get(rejudgedKey(audit));
  if (before && age(before, time) < resendMs) return;
  for (let at = 0; at < cells.length; at += PARALLEL_REQUESTS) {
    const some = cells.slice(at, at + PARALLEL_REQUESTS);
    await Promise.all(some.map((cell) => requestJudgement(images, audit, cell)));
    done.repairs += some.length;
  }
  await images.replaceJson(rejudgedKey(audit), { at: time.now().toISOString() });
}

/** The manifest is written: the audit is over as soon as its records are in the backup too. */
async function settle(deps: ReconcileDeps, plan: Plan, done: Reconciled): Promise<void> {
  const { images, backup, time, resendMs } = deps;
  const records = [planKey(plan.id), manifestKey(plan.id, 'csv'), manifestKey(plan.id, 'json')];
  for (const key of records) {
    const [original, copy] = await Promise.all([images.head(key), backup.head(key)]);
    if (!original || copy) continue;
    if (age(original.modified, time) < resendMs) return;
    await backUp(images, backup, key);
    done.repairs++;
  }
  await deletePrefix(images, leasesPrefix(plan.id));
  // It may be deleted in this very moment.
  await close(deps, plan.id, done, () => images.exists(deletedKey(plan.id)));
}

/** @param isNeeded called after closing: a request that needs the audit open may have found it open just before */
async function close(
  { images }: ReconcileDeps,
  audit: string,
  done: Reconciled,
  isNeeded?: () => Promise<boolean>,
): Promise<void> {
  await images.delete([openKey(audit)]);
  done.closed++;
  if (await isNeeded?.()) await images.create(openKey(audit), '');
}

/**
 * Deletes what an audit left, again and again until nothing can come any more. While predictions may still be
 * running, plan and bindings stay, so that dispatch can cancel them; images go at once.
 */
async function sweep(
  deps: ReconcileDeps,
  audit: string,
  plan: Plan | undefined,
  since: Date,
  done: Reconciled,
) {
  const { images, time, resendMs, settleMs } = deps;
  const settled = age(since, time) > settleMs;
  // A dispatcher that was requesting predictions when the tombstone came has recorded them by then.
  const early = age(since, time) < resendMs;
  let deleted = await deletePrefix(images, imagesPrefix(audit));
  deleted += await deletePrefix(images, renditionsPrefix(audit));
  const isRunning = plan && !settled && (await hasRunning(images, plan));
  if (plan && (isRunning || early)) {
    if (isRunning && !early) {
      const chains = await readChains(images, audit);
      await lookOnce(deps, plan, chains.get(resentKey(audit)) ?? since, done);
    }
  } else {
    deleted += await deletePrefix(images, auditPrefix(audit));
    deleted += await deletePrefix(images, leasesPrefix(audit));
  }
  done.deleted += deleted;
  if (settled && deleted === 0) await close(deps, audit, done);
}

async function hasRunning(images: ObjectStore, plan: Plan): Promise<boolean> {
  const progress = await readProgress(images, { audit: plan.id, from: 0, to: plan.cells - 1 });
  return [...progress.values()].some(({ boundAt, ended }) => boundAt && !ended);
}

async function deletePrefix(store: ObjectStore, prefix: string): Promise<number> {
  let keys: string[] = [];
  let count = 0;
  for await (const { key } of store.list(prefix)) {
    keys.push(key);
    count++;
    if (keys.length < DELETE_BATCH) continue;
    await store.delete(keys);
    keys = [];
  }
  await store.delete(keys);
  return count;
}
