import type { Budget, Cost } from '../contract/answers.ts';
import type { ObjectStore, Time } from '../ports.ts';
import type { Plan } from '../records/plan.ts';
import { planCeiling } from './cost.ts';
import { leftOf, monthOf, readLedger, totalsOf, turnsAt } from './ledger.ts';
import { dollarsOf } from './price.ts';
import { allPrices, limitOf, PRICES_AS_OF, readSettings } from './prices.ts';
import { entryOf } from './spent.ts';

/** The budget of this month: `GET /api/budget`. */
export async function readBudget({ store, time }: { store: ObjectStore; time: Time }): Promise<Budget> {
  const month = monthOf(time.now());
  const [settings, ledger] = await Promise.all([readSettings(store), readLedger(store, month)]);
  const { reserved, spent } = totalsOf(ledger);
  const limit = limitOf(settings);
  return {
    month,
    turnsAt: turnsAt(month).toISOString(),
    monthly: limit === undefined ? null : dollarsOf(limit),
    reserved: dollarsOf(reserved),
    spent: dollarsOf(spent),
    left: limit === undefined ? null : dollarsOf(Math.max(0, leftOf(ledger, limit))),
    prices: allPrices(settings),
    pricesAsOf: PRICES_AS_OF,
  };
}

/** What an audit may still cost and has cost; undefined where no price was known. */
export async function costOfAudit(store: ObjectStore, plan: Plan): Promise<Cost | undefined> {
  if (!plan.models.some(({ price }) => price)) return undefined;
  const { reserved, spent } = await entryOf(store, plan.id, planCeiling(plan));
  return { reserved: dollarsOf(reserved), spent: dollarsOf(spent) };
}
