import { Refusal } from '../errors.ts';
import type { CellQueue, ObjectStore } from '../ports.ts';
import { rangesOf } from '../records/blocks.ts';
import { cancelKey, deletedKey, isAuditId, manifestKey, openKey } from '../records/keys.ts';
import { type ReadDeps, requirePlan } from './read.ts';

export interface EndDeps extends Pick<ReadDeps, 'store' | 'readPlan' | 'time'> {
  polls: CellQueue;
}

/**
 * Cancels an audit: skips pending predictions, cancels running ones, keeps stored images. The fact is written first,
 * then the messages that act on it are sent; reconcile sends them if this process dies between the two.
 * @throws {Refusal} 404 if there is no such audit, 409 if it is finished
 */
export async function cancelAudit(deps: EndDeps, audit: string, caller: string): Promise<void> {
  const { store, polls, time } = deps;
  const plan = await requirePlan(deps, audit);
  if (await store.exists(manifestKey(audit, 'json')))
    throw new Refusal(409, 'This audit is finished, so nothing is left to cancel. To remove it, delete it.');
  await store.createJson(
    cancelKey(audit),
    { at: time.now().toISOString(), by: caller },
    { tags: { retention: plan.retention } },
  );
  await polls.send(rangesOf(plan));
}

/**
 * Deletes an audit: writes its tombstone, then sends the messages that cancel what runs.
 * @throws {Refusal} 404 if there is no such audit
 */
export async function deleteAudit(deps: EndDeps, audit: string, caller: string): Promise<void> {
  const { store, polls } = deps;
  if (await isDeleted(store, audit)) {
    await store.create(openKey(audit), '');
    return;
  }
  const plan = await requirePlan(deps, audit);
  await writeTombstone(deps, audit, caller);
  await polls.send(rangesOf(plan));
}

/**
 * Writes the tombstone that every writer checks. Reconcile does the work, and only for audits in `open/`. Hence `open/<a>`
 * is written before it, each time with other bytes: reconcile, which may at this moment close an audit that it found
 * finished, closes only what it has read.
 */
export async function writeTombstone(
  { store, time }: Pick<EndDeps, 'store' | 'time'>,
  audit: string,
  caller: string,
): Promise<void> {
  const deletion = { at: time.now().toISOString(), by: caller };
  await store.replaceJson(openKey(audit), deletion);
  await store.createJson(deletedKey(audit), deletion);
}

/** Whether an earlier request wrote the tombstone: deleting is idempotent. */
async function isDeleted(store: ObjectStore, audit: string): Promise<boolean> {
  if (!isAuditId(audit)) throw new Refusal(404, `There is no audit "${audit.slice(0, 40)}".`);
  return store.exists(deletedKey(audit));
}
