import type { ObjectStore } from '../ports.ts';
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
 * Creates a binding where there is none. It is deleted with its audit.
 * @returns the one that exists afterwards: the given one, or that of the writer that was first. Another's prediction id
 *   in it means that the given prediction is superfluous
 */
export async function createBinding(
  store: ObjectStore,
  { plan, n }: CellRef,
  attempt: 1 | 2,
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
 * or is slower than the webhook). A second attempt is only adopted behind a first one that is known to be aborted.
 * @returns undefined if the cell belongs to another prediction, or is closed: this one is superfluous
 */
export async function adoptPrediction(
  store: ObjectStore,
  cell: CellRef,
  predictionId: string,
  askedAt: string,
): Promise<BoundBinding | undefined> {
  const { plan, n } = cell;
  for (const attempt of [1, 2] as const) {
    const binding =
      (await store.readJson<Binding>(bindingKey(plan.id, n, attempt)))?.value ??
      (await createBinding(store, cell, attempt, { predictionId, askedAt, attempt, adopted: true }));
    if (isClosed(binding)) return undefined;
    if (binding.predictionId === predictionId) return binding;
    if (attempt === 1 && !(await store.exists(abortedKey(plan.id, n)))) return undefined;
  }
  return undefined;
}

/** Notes that a cell's first prediction never started. */
export const markAborted = (store: ObjectStore, { plan, n }: CellRef) =>
  store.create(abortedKey(plan.id, n), '', { tags: { retention: plan.retention } });
