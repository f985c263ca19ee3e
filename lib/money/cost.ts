import { imagesAsked } from '../records/images-asked.ts';
import type { Plan, PlannedModel } from '../records/plan.ts';
import type { Result } from '../records/result.ts';
import { ceilingOf, costOf, type Micros, type Price } from './price.ts';

/** The most that a prediction of a planned model may cost; 0 where its price is not known. */
export const modelCeiling = (plan: Pick<Plan, 'input'>, { price, input }: PlannedModel): Micros =>
  price ? ceilingOf(price, imagesAsked({ ...plan.input, ...input })) : 0;

/** What a cell that has ended cost. */
export function resultCost(price: Price | undefined, result: Result): Micros {
  const { prediction, asked, returned, filtered } = result;
  if (!price || !prediction) return 0;
  const { status, createdAt, startedAt, completedAt, metrics } = prediction;
  return costOf(price, {
    status,
    createdAt,
    startedAt,
    completedAt,
    metrics,
    asked,
    made: returned + filtered,
  });
}
