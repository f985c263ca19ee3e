import type { ObjectStore } from '../ports.ts';
import { openKey } from '../records/keys.ts';
import { type Plan, readPlan } from '../records/plan.ts';
import { type Entry, type Known, type LedgerDeps, listMonths, readLedger, settleEntries } from './ledger.ts';
import type { Micros } from './price.ts';
import { entryOf, finalEntryOf } from './spent.ts';

/**
 * The ledgers as one run of reconcile finds and settles them: what ended cells cost replaces what was reserved for
 * them, and audits that are over become part of a sum.
 */
export class Books {
  readonly #deps: LedgerDeps;
  /** By audit. */
  readonly #entries = new Map<string, { month: string; entry: Entry }>();
  readonly #known = new Map<string, Known>();
  #months: string[] | undefined;

  constructor(deps: LedgerDeps) {
    this.#deps = deps;
  }

  /** Reads the ledgers. Audits that are accepted afterwards are left to the next run. */
  async open(): Promise<void> {
    const { store } = this.#deps;
    const months = await listMonths(store);
    for (const month of months)
      for (const [audit, entry] of Object.entries((await readLedger(store, month)).audits))
        this.#entries.set(audit, { month, entry });
    this.#months = months;
  }

  /** Sees what the ended cells of an open audit have cost. One LIST, and none where nothing is reserved any more. */
  async note(audit: string): Promise<void> {
    const entry = this.#entries.get(audit)?.entry;
    if (!entry || entry.final || entry.reserved === 0) return;
    this.#known.set(audit, await entryOf(this.#deps.store, audit, entry.most));
  }

  /**
   * Records for good what a deleted audit has cost, before its records go: they say so no longer.
   * @throws {Error} if the ledgers could not be read: the records have to stay
   */
  async finish(plan: Plan): Promise<void> {
    if (!this.#months) throw new Error('the ledgers could not be read, so nothing is deleted');
    const { month, entry } = this.#entries.get(plan.id) ?? {};
    if (!month || entry?.final) return;
    const known = new Map([[plan.id, await finalEntryOf(this.#deps.store, plan)]]);
    await settleEntries(this.#deps, month, known);
  }

  /** Writes what was seen, one swap a month, and closes the entries of audits that are not open. */
  async settle(): Promise<void> {
    const { store } = this.#deps;
    const closing = async (audit: string, entry: Entry) =>
      (await store.exists(openKey(audit))) ? undefined : costOfClosed(store, audit, entry);
    const months = new Set([...this.#entries.values()].map(({ month }) => month));
    for (const month of months) await settleEntries(this.#deps, month, this.#known, closing);
  }
}

async function costOfClosed(store: ObjectStore, audit: string, entry: Entry): Promise<Micros> {
  const plan = entry.final ? undefined : await readPlan(store, audit);
  return plan ? (await finalEntryOf(store, plan)).spent : entry.spent;
}
