import * as v from 'valibot';
import { PriceEntry } from '../contract/price-entry.ts';
import { Refusal } from '../errors.ts';
import { MODEL_NAME } from '../limits.ts';
import type { ObjectStore } from '../ports.ts';
import { settingsKey } from '../records/keys.ts';
import { type Numbered, promptsByModel } from '../records/pairs.ts';
import { type PricedModel, planCeiling } from './cost.ts';
import { findPrice, inDollars, type Micros, microsOf } from './price.ts';

/** When the prices below were looked up. */
export const PRICES_AS_OF = '2026-11-26';

/**
 * Known prices by model, in dollars, as far as they were found: the pages of the models at replicate.com, and for hardware
 * replicate.com/pricing (an L40S). Simulated models are those of the stand-in for Replicate. An operator overrides
 * them (`weaudit budget --help`).
 */
const PRICES: Record<string, PriceEntry> = {
  'black-forest-labs/flux-schnell': { perImage: 0.003 },
  'black-forest-labs/flux-dev': { perImage: 0.025 },
  'black-forest-labs/flux-pro': { perImage: 0.055 },
  'black-forest-labs/flux-1.1-pro': { perImage: 0.04 },
  'black-forest-labs/flux-1.1-pro-ultra': { perImage: 0.06 },
  'black-forest-labs/flux-kontext-dev': { perImage: 0.025 },
  'black-forest-labs/flux-kontext-pro': { perImage: 0.04 },
  'black-forest-labs/flux-kontext-max': { perImage: 0.08 },
  'google/imagen-4': { perImage: 0.04 },
  'ideogram-ai/ideogram-v2-turbo': { perImage: 0.05 },
  'recraft-ai/recraft-20b': { perImage: 0.022 },
  'recraft-ai/recraft-v3': { perImage: 0.04 },
  'stability-ai/sdxl': { perSecond: 0.000975, seconds: 60 },
};

const MOST_MONTHLY = 1_000_000;

/** What an operator sets: `ledger/settings.json`, written by `weaudit budget`. */
export const BudgetSettings = v.strictObject({
  /** Dollars that the audits of a month may cost. Absent: no limit. */
  monthly: v.exactOptional(
    v.pipe(
      v.number('must be a number of dollars'),
      v.finite('must be a number of dollars'),
      v.minValue(0, 'must not be negative'),
      v.maxValue(MOST_MONTHLY, `must be at most ${MOST_MONTHLY} dollars`),
    ),
  ),
  prices: v.exactOptional(
    v.record(
      v.pipe(
        v.string(),
        v.check((name) => MODEL_NAME.test(name) && !name.includes(':'), 'must be owner/name'),
      ),
      PriceEntry,
    ),
  ),
});
export type BudgetSettings = v.InferOutput<typeof BudgetSettings>;

/** What is wrong with settings, in words; undefined if nothing is. */
export function settingsProblem(value: unknown): string | undefined {
  const { success, issues } = v.safeParse(BudgetSettings, value);
  return success ? undefined : `"${v.getDotPath(issues[0]) ?? 'settings'}" ${issues[0].message}`;
}

/** @throws {Error} if they are not valid: a limit that cannot be read must not count as none */
export async function readSettings(store: ObjectStore): Promise<BudgetSettings> {
  const value = (await store.readJson<BudgetSettings>(settingsKey))?.value ?? {};
  const problem = settingsProblem(value);
  if (problem) throw new Error(`${settingsKey} is not valid: ${problem}. Correct or delete it.`);
  return value;
}

export const limitOf = ({ monthly }: BudgetSettings): Micros | undefined =>
  monthly === undefined ? undefined : microsOf(monthly);

/** All known prices: those of the operator before those above. */
export const allPrices = ({ prices }: BudgetSettings): Record<string, PriceEntry> => ({
  ...PRICES,
  ...prices,
});

/** What an audit consists of, as far as its price goes. */
interface Order extends Omit<Numbered, 'models'> {
  input: Record<string, unknown>;
  /** Dollars. */
  maxCost?: number | undefined;
}

/**
 * Pins the prices of an audit's models. Models without a known price share what the request allows beyond the others, so
 * that every cell has a ceiling.
 * @throws {Refusal} 422 if a price is not known, a budget is set and the request names no `maxCost`; 422 if the audit may
 *   cost more than its `maxCost`
 */
export function priceModels<Model extends PricedModel>(
  order: Order,
  models: Model[],
  settings: BudgetSettings,
): Model[] {
  const prices = allPrices(settings);
  const priced = models.map((model) => {
    const price = findPrice(prices, model.model);
    return price ? { ...model, price } : model;
  });
  const unknown = priced.filter(({ price }) => !price);
  const prompts = promptsByModel({ ...order, models });
  const cells =
    order.samples * priced.reduce((sum, { price }, place) => sum + (price ? 0 : prompts[place]!), 0);
  const known = planCeiling({ ...order, models: priced });
  if (order.maxCost === undefined) {
    if (unknown.length > 0 && limitOf(settings) !== undefined) throw unpriced(unknown);
    return priced;
  }
  const most = microsOf(order.maxCost);
  const micros = unknown.length === 0 ? 0 : Math.floor((most - known) / cells);
  if (known > most || (unknown.length > 0 && micros < 1))
    throw new Refusal(
      422,
      `This audit may cost ${inDollars(known)}${unknown.length > 0 ? ' and the price of models that is not known' : ''}, more than its "maxCost" of ${inDollars(most)}. Take fewer prompts, models or samples, or a larger "maxCost".`,
      ABOUT_COST,
    );
  return priced.map((model) => (model.price ? model : { ...model, price: { unit: 'prediction', micros } }));
}

const ABOUT_COST = { members: { fields: ['maxCost'] } };

function unpriced(models: PricedModel[]): Refusal {
  const names = models.map(({ model }) => `"${model}"`).join(', ');
  return new Refusal(
    422,
    `Nobody has said what a prediction of ${names} costs, and this deployment has a budget. Name the most that the audit may cost in dollars ("maxCost": 5), or ask an operator to set the price (weaudit budget price).`,
    ABOUT_COST,
  );
}
