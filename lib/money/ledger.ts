import { isDeepStrictEqual } from 'node:util';
import { Refusal } from '../errors.ts';
import type { ObjectStore } from '../ports.ts';
import { type ChangeDeps, changeJson } from '../records/change.ts';
import { LEDGER_PREFIX, ledgerKey, parseLedgerKey } from '../records/keys.ts';
import { dollarsOf, inDollars, type Micros } from './price.ts';

/** What an audit may still cost, and what it has cost. */
export interface Entry {
  /** The request that reserved it last. */
  request: string;
  /** What it was reserved with. */
  most: Micros;
  reserved: Micros;
  spent: Micros;
  /** The records that it follows from are being deleted: it no longer changes. */
  final?: true;
}

/**
 * What the audits of a month cost: `ledger/<yyyy-mm>.json`, swapped by etag. An audit belongs to the month in which it was
 * accepted, whenever its cells end. Only api and reconcile write it.
 */
export interface Ledger {
  /** Audits that are not over. */
  audits: Record<string, Entry>;
  /** What those that are over have cost together. */
  closed: Micros;
}

export type LedgerDeps = ChangeDeps;

/** The month of a moment in UTC: `2026-11`. */
export const monthOf = (at: Date): string => at.toISOString().slice(0, 7);
/** When the month after begins. */
export const turnsAt = (month: string): Date => {
  const [year, number] = month.split('-').map(Number) as [number, number];
  return new Date(Date.UTC(year, number, 1));
};

export async function readLedger(store: ObjectStore, month: string): Promise<Ledger> {
  return (await store.readJson<Ledger>(ledgerKey(month)))?.value ?? { audits: {}, closed: 0 };
}

/** What is spent, and what is reserved beyond it. */
export function totalsOf({ audits, closed }: Ledger): { reserved: Micros; spent: Micros } {
  const entries = Object.values(audits);
  return {
    reserved: entries.reduce((sum, { reserved }) => sum + reserved, 0),
    spent: entries.reduce((sum, { spent }) => sum + spent, closed),
  };
}

/** What is left of a month's limit; it may be less than nothing, if the limit was lowered. */
export function leftOf(ledger: Ledger, limit: Micros | undefined): number {
  const { reserved, spent } = totalsOf(ledger);
  return (limit ?? Number.POSITIVE_INFINITY) - reserved - spent;
}

/**
 * Refuses what does not fit already, before anything is written. Only `reserve` decides.
 * @throws {Refusal} 402
 */
export async function requireRoom({ store, time }: LedgerDeps, micros: Micros, limit: Micros | undefined) {
  if (micros === 0 || limit === undefined) return;
  const month = monthOf(time.now());
  const left = leftOf(await readLedger(store, month), limit);
  if (micros > left) throw doesNotFit(micros, left, month);
}

/**
 * Reserves what an audit may cost at most. One that costs nothing is in no ledger. A repeated request makes the
 * reservation its own: reconcile, which may be about to release what the first request left, then finds another ledger
 * than the one that it has read.
 * @param limit of the month; undefined: none
 * @throws {Refusal} 402 if it does not fit; 503 if too many others change the ledger at the same time
 */
export async function reserve(
  deps: LedgerDeps,
  { audit, request, month, micros }: { audit: string; request: string; month: string; micros: Micros },
  limit: Micros | undefined,
): Promise<void> {
  if (micros === 0) return;
  await change(deps, month, (ledger) => {
    const before = ledger.audits[audit];
    if (before?.request === request) return undefined;
    const most = Math.max(micros, before?.most ?? 0);
    const left = leftOf(ledger, limit) + (before?.reserved ?? 0);
    if (most > left) throw doesNotFit(most, left, month);
    return {
      ...ledger,
      audits: {
        ...ledger.audits,
        [audit]: { request, most, reserved: most, spent: before?.spent ?? 0 },
      },
    };
  });
}

/** The refusal of an audit that may cost more than is left. */
export function doesNotFit(needed: Micros, least: Micros, month: string): Refusal {
  const left = Math.max(0, least);
  const on = turnsAt(month).toISOString().slice(0, 10);
  return new Refusal(
    402,
    `This audit may cost ${inDollars(needed)}, and ${inDollars(left)} of this month's budget are left. Take fewer prompts, models or samples, wait until running audits release what they do not need, or until the month turns on ${on} (UTC), or ask an operator for a larger budget. Nothing was started.`,
    { members: { needed: dollarsOf(needed), left: dollarsOf(left), turnsAt: turnsAt(month).toISOString() } },
  );
}

/** What the records of an audit say of its entry. */
export type Known = Omit<Entry, 'request'>;

/**
 * Sets entries to what their audits' records say, as absolute values: doing it twice changes nothing.
 * @param closing says what an audit has cost that is over, and undefined of any other. It is called once the ledger is
 *   read, so that a request that takes up an audit in the meantime has changed the ledger
 */
export const settleEntries = (
  deps: LedgerDeps,
  month: string,
  known: ReadonlyMap<string, Known>,
  closing: (audit: string, entry: Entry) => Promise<Micros | undefined> = async () => undefined,
): Promise<void> =>
  change(deps, month, async ({ audits, closed }) => {
    const next: Ledger = { audits: {}, closed };
    for (const [audit, before] of Object.entries(audits)) {
      const cost = await closing(audit, before);
      if (cost !== undefined) next.closed += cost;
      else
        next.audits[audit] = isAbout(before, known.get(audit)) ? { ...before, ...known.get(audit) } : before;
    }
    return isDeepStrictEqual(next, { audits, closed }) ? undefined : next;
  });

/** Whether it was seen of this reservation: a repeated request may have reserved more since. */
const isAbout = (entry: Entry, known: Known | undefined): boolean =>
  !entry.final && known !== undefined && (known.final === true || known.most === entry.most);

/** The months that have a ledger. */
export async function listMonths(store: ObjectStore): Promise<string[]> {
  const months: string[] = [];
  for await (const { key } of store.list(LEDGER_PREFIX)) {
    const month = parseLedgerKey(key);
    if (month) months.push(month);
  }
  return months;
}

/**
 * @param next what follows from the ledger; undefined leaves it as it is
 * @throws {Refusal} 503 if too many others change it at the same time
 */
async function change(
  deps: LedgerDeps,
  month: string,
  next: (ledger: Ledger) => Ledger | undefined | Promise<Ledger | undefined>,
): Promise<void> {
  const isDone = await changeJson<Ledger>(deps, ledgerKey(month), (ledger = { audits: {}, closed: 0 }) =>
    next(ledger),
  );
  if (!isDone)
    throw new Refusal(
      503,
      'Many audits are being started at this moment, and the budget could not be reserved. Nothing was started. Try again in some seconds.',
      { headers: { 'retry-after': '5' } },
    );
}
