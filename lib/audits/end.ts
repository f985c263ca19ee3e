import { Refusal } from '../errors.ts';
import type { CellQueue, ObjectStore } from '../ports.ts';
import { blocksOf } from '../records/blocks.ts';
import { cancelKey, deletedKey, isAuditId, manifestKey, openKey } from '../records/keys.ts';
import { type ReadDeps, requirePlan } from './read.ts';

export interface EndDeps extends Pick<ReadDeps, 'store' | 'readPlan' | 'time'> {
  queue: CellQueue;
}

/**
 * Cancels an audit: skips pending cells, cancels running predictions, keeps stored images.
 * The fact first, then the messages that act on it; reconcile sends them if this dies in between.
 * @throws {Refusal} 404 where there is no such audit, 409 where it has ended
 */
export async function cancelAudit(deps: EndDeps, audit: string, caller: string): Promise<void> {
  const { store, queue, time } = deps;
  const plan = await requirePlan(deps, audit);
  if (await store.exists(manifestKey(audit, 'json')))
    throw new Refusal(409, 'This audit is finished, so there is nothing to cancel. DELETE removes it.');
  await store.createJson(
    cancelKey(audit),
    { at: time.now().toISOString(), by: caller },
    { tags: { retention: plan.retention } },
  );
  await queue.send(blocksOf(plan));
}

/**
 * Deletes an audit: writes the tombstone that every writer checks, and lets reconcile do the work. Reconcile handles only
 * audits in `open/`, so this creates `open/<a>`: before the tombstone, because this may die after it, and again
 * afterwards, because reconcile may just have closed a finished audit.
 */
export async function deleteAudit(deps: EndDeps, audit: string, caller: string): Promise<void> {
  const { store, queue, time } = deps;
  if (await isDeleted(store, audit)) {
    await store.create(openKey(audit), '');
    return;
  }
  const plan = await requirePlan(deps, audit);
  await store.create(openKey(audit), '');
  await store.createJson(deletedKey(audit), { at: time.now().toISOString(), by: caller });
  await store.create(openKey(audit), '');
  await queue.send(blocksOf(plan));
}

/** Deleting twice is deleting once. */
async function isDeleted(store: ObjectStore, audit: string): Promise<boolean> {
  if (!isAuditId(audit)) throw new Refusal(404, `There is no audit "${audit.slice(0, 40)}".`);
  return store.exists(deletedKey(audit));
}
