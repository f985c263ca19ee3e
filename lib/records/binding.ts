import type { ObjectStore } from '../aws/objects.ts';
import { abortedKey, bindingKey } from './keys.ts';
import type { Plan } from './plan.ts';

/**
 * What became of a cell is decided by who creates this record: `audits/<a>/dispatched/<n>.json`. Either one
 * prediction is bound to the cell, and no other's images are ever stored for it, or the cell was closed
 * without one. (A second record exists only behind a first prediction that was aborted before it started.)
 */
export type Binding = BoundBinding | ClosedBinding;

export interface BoundBinding {
  predictionId: string;
  /** ISO 8601. */
  askedAt: string;
  attempt: 1 | 2;
  /** The webhook came before, or instead of, the record of whoever asked. */
  adopted?: true;
}

export interface ClosedBinding {
  closed: 'failed' | 'canceled';
  /** Why no prediction was asked for, for people. */
  error: string;
  closedAt: string;
}

export const isClosed = (binding: Binding): binding is ClosedBinding => 'closed' in binding;

/** What a cell's records need to know of its audit. */
export type CellAudit = Pick<Plan, 'id' | 'retention'>;

/** They go when their audit goes. */
const upload = ({ retention }: CellAudit) => ({ contentType: 'application/json', tags: { retention } });

/**
 * The binding in force: the second attempt's where there is one, else the first's.
 */
export async function readBinding(
  store: ObjectStore,
  audit: string,
  cell: number,
): Promise<Binding | undefined> {
  const [first, second] = await Promise.all([
    store.readJson<Binding>(bindingKey(audit, cell, 1)),
    store.readJson<Binding>(bindingKey(audit, cell, 2)),
  ]);
  return (second ?? first)?.value;
}

/**
 * Creates a binding where there is none.
 * @returns the one that stands afterwards: the caller's own, or that of whoever was first
 */
async function createBinding(
  store: ObjectStore,
  audit: CellAudit,
  cell: number,
  attempt: 1 | 2,
  binding: Binding,
): Promise<Binding> {
  const key = bindingKey(audit.id, cell, attempt);
  if (await store.createJson(key, binding, upload(audit))) return binding;
  const standing = await store.readJson<Binding>(key);
  // Gone between the two calls: the audit is being deleted.
  return (
    standing?.value ?? {
      closed: 'canceled',
      error: 'the audit was deleted',
      closedAt: new Date().toISOString(),
    }
  );
}

/** Binds a prediction that was just asked for. Another's id in the answer means that this one is superfluous. */
export const bindPrediction = (
  store: ObjectStore,
  audit: CellAudit,
  cell: number,
  attempt: 1 | 2,
  predictionId: string,
  now: Date,
) => createBinding(store, audit, cell, attempt, { predictionId, askedAt: now.toISOString(), attempt });

/** Ends a cell for which no prediction will be asked. */
export const closeCell = (
  store: ObjectStore,
  audit: CellAudit,
  cell: number,
  attempt: 1 | 2,
  closed: ClosedBinding['closed'],
  error: string,
  now: Date,
) => createBinding(store, audit, cell, attempt, { closed, error, closedAt: now.toISOString() });

/**
 * The attempt that a prediction is bound as, adopting it if whoever asked for it left no record (it died, or is
 * slower than the webhook). A second attempt is only adopted behind a first one that is known to be aborted.
 * @returns undefined if the cell belongs to another prediction, or is closed: this one is superfluous
 */
export async function adoptPrediction(
  store: ObjectStore,
  audit: CellAudit,
  cell: number,
  predictionId: string,
  askedAt: string,
): Promise<BoundBinding | undefined> {
  for (const attempt of [1, 2] as const) {
    const binding =
      (await store.readJson<Binding>(bindingKey(audit.id, cell, attempt)))?.value ??
      (await createBinding(store, audit, cell, attempt, { predictionId, askedAt, attempt, adopted: true }));
    if (isClosed(binding)) return undefined;
    if (binding.predictionId === predictionId) return binding;
    if (attempt === 1 && !(await store.exists(abortedKey(audit.id, cell)))) return undefined;
  }
  return undefined;
}

/** Notes that a cell's first prediction never started. */
export const markAborted = (store: ObjectStore, audit: CellAudit, cell: number) =>
  store.create(abortedKey(audit.id, cell), '', { tags: { retention: audit.retention } });
