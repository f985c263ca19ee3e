import type { PriceEntry } from '../contract/price-entry.ts';
import { imagesAsked } from '../records/images-asked.ts';
import type { Plan, PlannedModel } from '../records/plan.ts';
import type { Result } from '../records/result.ts';
import { ceilingOf, costOf, findPrice, type Micros, type Price } from './price.ts';

/** What the price of a model's predictions follows from. */
export type PricedModel = Pick<PlannedModel, 'model' | 'input' | 'price'>;

/** The most that a prediction of a planned model may cost; 0 where its price is not known. */
export const modelCeiling = (plan: Pick<Plan, 'input'>, { price, input }: PricedModel): Micros =>
  price ? ceilingOf(price, imagesAsked({ ...plan.input, ...input })) : 0;

/** The most that an audit may cost. */
export const planCeiling = (plan: {
  prompts: readonly unknown[];
  models: PricedModel[];
  samples: number;
  input: Plan['input'];
}): Micros =>
  plan.models.reduce((sum, model) => sum + modelCeiling(plan, model) * plan.prompts.length * plan.samples, 0);

/** What a cell that has ended cost. */
export function resultCost(price: Price | undefined, result: Result): Micros {
  const { prediction, asked, returned, filtered } = result;
  if (!price || !prediction) return 0;
  return costOf(price, {
    ...prediction,
    asked,
    // An image that a filter has blackened was returned, too.
    made: Math.max(returned, Math.min(asked, returned + filtered)),
  });
}

/** A design, as far as its cost goes. */
export interface Order {
  /** How many. */
  prompts: number;
  models: { model: string; input: Record<string, unknown> }[];
  samples: number;
  input: Record<string, unknown>;
}

/** The price of each model of a design, and the most that all of its predictions may cost; undefined if not known. */
export const modelCosts = ({ prompts, models, samples, input }: Order, prices: Record<string, PriceEntry>) =>
  models.map(({ model, input: own }) => {
    const price = findPrice(prices, model);
    const most = price && modelCeiling({ input }, { model, input: own, price }) * prompts * samples;
    return { model, price, most };
  });
