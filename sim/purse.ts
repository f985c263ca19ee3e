import { isDeepStrictEqual } from 'node:util';
import type { Made } from './replicate.ts';
import type { World } from './world.ts';

/** What an operator has set, in dollars. */
export interface Money {
  monthly: number;
  prices: Record<string, { perImage: number } | { perSecond: number; seconds: number } | { free: true }>;
}

type Report = (promise: string, what: string, key?: string) => void;

/** What the audits of a world may cost, by the books of Replicate, and whether they keep to it. */
export class Purse {
  readonly #world: World;
  readonly #money: Money;
  readonly #report: Report;

  constructor(world: World, money: Money, report: Report) {
    this.#world = world;
    this.#money = money;
    this.#report = report;
    world.plantObject('ledger/settings.json', money);
  }

  /** What Replicate charges, in millionths of a dollar. */
  #chargeOf({ model, status, startedAt, completedAt, outputs, withheld = 0 }: Made): number {
    const price = this.#money.prices[model];
    if (!price || 'free' in price || startedAt === undefined) return 0;
    if ('perImage' in price)
      return status === 'succeeded' ? (outputs.length + withheld) * Math.round(price.perImage * 1e6) : 0;
    const until = completedAt ?? this.#world.kernel.now;
    return ((until - startedAt) / 1_000) * Math.round(price.perSecond * 1e6);
  }

  /** Predictions that were bound to a cell at any time. */
  get #bound(): Set<string> {
    const bound = new Set<string>();
    for (const [key, versions] of this.#world.s3.bucket(this.#world.images).versions) {
      const body = /\/dispatched\/[^/]+\.json$/.test(key) && versions.find((version) => version.body)?.body;
      if (body) bound.add((JSON.parse(body.toString()) as { predictionId: string }).predictionId);
    }
    return bound;
  }

  /** What was meant to be paid, and what was lost: predictions that no cell knows. */
  get #charges(): { meant: number; lost: number } {
    const bound = this.#bound;
    let [meant, lost] = [0, 0];
    for (const made of this.#world.replicate.made.values()) {
      if (bound.has(made.id)) meant += this.#chargeOf(made);
      else lost += this.#chargeOf(made);
    }
    return { meant, lost };
  }

  /** The ledgers as they stand. @returns undefined where there is none */
  get #ledger(): { audits: Record<string, { reserved: number; spent: number }>; closed: number }[] {
    const bucket = this.#world.s3.bucket(this.#world.images);
    return [...bucket.versions.keys()]
      .filter((key) => key.startsWith('ledger/2'))
      .map((key) => JSON.parse(bucket.current(key)!.body!.toString()));
  }

  /** Nothing is reserved any more. */
  get isSettled(): boolean {
    return this.#ledger.every(({ audits }) => Object.keys(audits).length === 0);
  }

  /** The share of the budget that is spent, by the ledger: of a deleted audit it counts ceilings. */
  get used(): number {
    return this.#ledger.reduce((sum, { closed }) => sum + closed, 0) / (this.#money.monthly * 1e6);
  }

  /** No month of this world is longer than it. */
  check(): void {
    const { meant, lost } = this.#charges;
    if (meant > this.#money.monthly * 1e6 + 1)
      this.#report('a month costs no more than its budget', `${meant}, and ${lost} lost`);
  }

  /** When everything is over. */
  checkOver(): void {
    this.check();
    const { meant } = this.#charges;
    const closed = this.#ledger.reduce((sum, ledger) => sum + ledger.closed, 0);
    if (!this.isSettled) this.#report('nothing stays reserved', JSON.stringify(this.#ledger).slice(0, 300));
    // Half a millionth for each cell by the second.
    if (closed < meant - 1) this.#report('the ledger knows what was spent', `${closed} of ${meant}`);
    const bucket = this.#world.s3.bucket(this.#world.images);
    const settings = JSON.parse(bucket.current('ledger/settings.json')!.body!.toString());
    if (!isDeepStrictEqual(settings, this.#money))
      this.#report('what an operator has set stays', JSON.stringify(settings));
  }
}
