import type { PriceEntry } from '../contract/price-entry.ts';
import { imagesAsked } from '../records/images-asked.ts';
import { type Numbered, promptsByModel } from '../records/pairs.ts';
import type { Plan, PlannedModel } from '../records/plan.ts';
import type { Result } from '../records/result.ts';
import { ceilingOf, costOf, findPrice, type Micros, type Price } from './price.ts';

/** What the price of a model's predictions follows from. */
export type PricedModel = Pick<PlannedModel, 'model' | 'input' | 'price'>;

/** The most that a prediction of a planned model may cost; 0 where its price is not known. */
export const modelCeiling = (plan: Pick<Plan, 'input'>, { price, input }: PricedModel): Micros =>
  price ? ceilingOf(price, imagesAsked({ ...plan.input, ...input })) : 0;

/** The most that an audit may cost. */
export function planCeiling(plan: Numbered & { models: PricedModel[]; input: Plan['input'] }): Micros {
  const prompts = promptsByModel(plan);
  return plan.models.reduce(
    (sum, model, place) => sum + modelCeiling(plan, model) * prompts[place]! * plan.samples,
    0,
  );
}

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
export interface Order extends Numbered {
  models: { model: string; input: Record<string, unknown> }[];
  input: Record<string, unknown>;
}

/**
 * The price of each model of a design, how many predictions of it there are, and the most that these may cost; undefined
 * if not known.
 */
export function modelCosts(order: Order, prices: Record<string, PriceEntry>) {
  const prompts = promptsByModel(order);
  return order.models.map(({ model, input }, place) => {
    const price = findPrice(prices, model);
    const predictions = prompts[place]! * order.samples;
    const most = price && modelCeiling(order, { model, input, price }) * predictions;
    return { model, price, predictions, most };
  });
}
