import type { ObjectStore } from '../ports.ts';
import { openKey } from '../records/keys.ts';
import { type Plan, readPlan } from '../records/plan.ts';
import {
  type Entry,
  type LedgerDeps,
  listMonths,
  readLedger,
  type Settled,
  settleEntries,
} from './ledger.ts';
import { entryOf, finalEntryOf } from './spent.ts';

/**
 * The ledgers as one run of reconcile finds and settles them: what ended cells cost replaces what was reserved for
 * them, and audits that are over become part of a sum.
 */
export class Books {
  readonly #deps: LedgerDeps;
  /** By audit. */
  readonly #entries = new Map<string, { month: string; entry: Entry }>();
  readonly #settled = new Map<string, Settled>();
  #isOpen = false;

  constructor(deps: LedgerDeps) {
    this.#deps = deps;
  }

  /** Reads the ledgers. Audits that are accepted afterwards are left to the next run. */
  async open(): Promise<void> {
    const { store } = this.#deps;
    for (const month of await listMonths(store))
      for (const [audit, entry] of Object.entries((await readLedger(store, month)).audits))
        this.#entries.set(audit, { month, entry });
    this.#isOpen = true;
  }

  /** Sees what the ended cells of an open audit have cost. One LIST, and none where nothing is reserved any more. */
  async note(audit: string): Promise<void> {
    const entry = this.#entries.get(audit)?.entry;
    if (!entry || entry.final || entry.reserved === 0) return;
    this.#settled.set(audit, { entry: await entryOf(this.#deps.store, audit, entry.most) });
  }

  /** An audit was never accepted: nothing of it can be requested any more. */
  giveUp(audit: string): void {
    this.#settled.set(audit, { over: true, spent: 0 });
  }

  /**
   * Records for good what a deleted audit has cost, before its records go: they say so no longer.
   * @throws {Error} if the ledgers could not be read: the records have to stay
   */
  async finish(plan: Plan): Promise<void> {
    if (!this.#isOpen) throw new Error('the ledgers could not be read, so nothing is deleted');
    const { month, entry } = this.#entries.get(plan.id) ?? {};
    if (!month || entry?.final) return;
    const settled = { entry: await finalEntryOf(this.#deps.store, plan) };
    await settleEntries(this.#deps, month, new Map([[plan.id, settled]]));
  }

  /**
   * Writes what was seen, one swap a month, and closes the entries of audits that are over.
   * @param open audits that were open when the run began
   */
  async settle(open: ReadonlySet<string>): Promise<void> {
    const { store } = this.#deps;
    for (const [audit, { entry }] of this.#entries) {
      // It may have been accepted since.
      if (open.has(audit) || (await store.exists(openKey(audit)))) continue;
      this.#settled.set(audit, { over: true, spent: await spentBy(store, audit, entry) });
    }
    for (const month of new Set([...this.#entries.values()].map(({ month }) => month)))
      await settleEntries(this.#deps, month, this.#settled);
  }
}

async function spentBy(store: ObjectStore, audit: string, entry: Entry): Promise<number> {
  const plan = entry.final ? undefined : await readPlan(store, audit);
  return plan ? (await finalEntryOf(store, plan)).spent : entry.spent;
}
