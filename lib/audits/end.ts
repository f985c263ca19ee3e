import { blocksOf } from '../cells/listing.ts';
import { Problem } from '../http/problem.ts';
import type { CellQueue } from '../queue.ts';
import { cancelKey, deletedKey, isAuditId, openKey } from '../storage/keys.ts';
import type { ObjectStore } from '../storage/objects.ts';
import { type ReadDeps, requirePlan } from './read.ts';

export interface EndDeps extends ReadDeps {
  queue: CellQueue;
}

/**
 * Cancels an audit: cells that were not asked are not, running predictions are canceled, what is stored stays.
 * The fact first, then the messages that act on it; reconcile sends them if this dies in between.
 */
export async function cancelAudit(deps: EndDeps, audit: string, caller: string): Promise<void> {
  const { store, queue, now } = deps;
  const plan = await requirePlan(deps, audit);
  await store.createJson(
    cancelKey(audit),
    { at: now().toISOString(), by: caller },
    { tags: { retention: plan.retention } },
  );
  await queue.send(blocksOf(plan));
}

/**
 * Deletes an audit: writes the tombstone that every writer checks and lets reconcile do the work. `open/<a>`
 * comes first, because reconcile looks nowhere else; alone it does no harm.
 */
export async function deleteAudit(deps: EndDeps, audit: string, caller: string): Promise<void> {
  const { store, queue, now } = deps;
  if (await isDeleted(store, audit)) return;
  const plan = await requirePlan(deps, audit);
  await store.create(openKey(audit), '');
  await store.createJson(deletedKey(audit), { at: now().toISOString(), by: caller });
  await queue.send(blocksOf(plan));
}

/** Deleting twice is deleting once. */
async function isDeleted(store: ObjectStore, audit: string): Promise<boolean> {
  if (!isAuditId(audit)) throw new Problem(404, `There is no audit "${audit.slice(0, 40)}".`);
  return store.exists(deletedKey(audit));
}
