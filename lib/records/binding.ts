import type { ObjectStore } from '../ports.ts';
import { abortedKey, bindingKey } from './keys.ts';
import type { Plan } from './plan.ts';

/**
 * What became of a cell is decided by who creates this record: `audits/<a>/dispatched/<n>.json`. Either one
 * prediction is bound to the cell, and no other's images are ever stored for it, or the cell was closed
 * without one. (A record of another attempt exists only behind a prediction that was aborted before it started.)
 */
export type Binding = BoundBinding | ClosedBinding;

export interface BoundBinding {
  predictionId: string;
  /** ISO 8601. */
  askedAt: string;
  attempt: number;
  /** The webhook came before, or instead of, the record of the dispatcher that asked. */
  adopted?: true;
}

export interface ClosedBinding {
  closed: 'failed' | 'canceled';
  /** Why no prediction was asked for, for people. */
  error: string;
  closedAt: string;
}

export const isClosed = (binding: Binding): binding is ClosedBinding => 'closed' in binding;

/** The cell and the audit: what its records need to know. */
export interface CellRef {
  plan: Pick<Plan, 'id' | 'retention'>;
  n: number;
}

/** The binding of an attempt. */
export async function readBinding(
  store: ObjectStore,
  audit: string,
  cell: number,
  attempt: number,
): Promise<Binding | undefined> {
  return (await store.readJson<Binding>(bindingKey(audit, cell, attempt)))?.value;
}

/** Whether a prediction is that of any attempt of a cell. */
export async function isBound(store: ObjectStore, audit: string, cell: number, id: string): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    const binding = await readBinding(store, audit, cell, attempt);
    if (!binding || isClosed(binding)) return false;
    if (binding.predictionId === id) return true;
  }
}

/**
 * Creates a binding where there is none. It is deleted with its audit.
 * @returns the one that exists afterwards: the given one, or that of the writer that was first. Another's prediction id
 *   in it means that the given prediction is superfluous
 */
export async function createBinding(
  store: ObjectStore,
  { plan, n }: CellRef,
  attempt: number,
  binding: Binding,
): Promise<Binding> {
  const key = bindingKey(plan.id, n, attempt);
  if (await store.createJson(key, binding, { tags: { retention: plan.retention } })) return binding;
  const existing = await store.readJson<Binding>(key);
  if (existing) return existing.value;
  // Gone between the two calls: the audit is being deleted.
  const closedAt = isClosed(binding) ? binding.closedAt : binding.askedAt;
  return { closed: 'canceled', error: 'the audit was deleted', closedAt };
}

/**
 * The attempt that a prediction is bound as. It is adopted if the dispatcher that asked for it left no record (it died,
 * or is slower than the webhook). A later attempt is only adopted behind one that is known to be aborted.
 * @returns undefined if the cell belongs to another prediction, or is closed: this one is superfluous
 */
export async function adoptPrediction(
  store: ObjectStore,
  cell: CellRef,
  predictionId: string,
  askedAt: string,
): Promise<BoundBinding | undefined> {
  const { plan, n } = cell;
  for (let attempt = 1; ; attempt++) {
    const binding =
      (await readBinding(store, plan.id, n, attempt)) ??
      (await createBinding(store, cell, attempt, { predictionId, askedAt, attempt, adopted: true }));
    if (isClosed(binding)) return undefined;
    if (binding.predictionId === predictionId) return binding;
    if (!(await store.exists(abortedKey(plan.id, n, attempt)))) return undefined;
  }
}

/** Notes that a cell's prediction never started. */
export const markAborted = (store: ObjectStore, { plan, n }: CellRef, attempt: number) =>
  store.create(abortedKey(plan.id, n, attempt), '', { tags: { retention: plan.retention } });
