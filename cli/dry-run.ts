import { type Design, parseDesign } from '../lib/audits/request.ts';
import type { Budget } from '../lib/contract/answers.ts';
import { Refusal } from '../lib/errors.ts';
import { modelCosts, type PricedModel, planCeiling } from '../lib/money/cost.ts';
import { doesNotFit } from '../lib/money/ledger.ts';
import { dollarsOf, formatDollars, type Micros, microsOf } from '../lib/money/price.ts';
import { priceModels } from '../lib/money/prices.ts';
import { countCells } from '../lib/records/pairs.ts';
import type { DesignBody } from './design.ts';
import { CommandError, EXIT } from './exit.ts';
import { count, table } from './output.ts';

/** What a design would cost, before anything is sent. Amounts are dollars. */
export type DryRun = ReturnType<typeof dryRun>;

/**
 * Checks a design as the API does, and says what it may cost at most.
 * @throws {CommandError} if the design is not valid
 */
export function dryRun(body: DesignBody, budget: Budget) {
  const design = parsed(body);
  const prompts = design.prompts.length;
  const costs = modelCosts(design, budget.prices);
  const models = costs.map(({ model, most }) => ({
    model,
    most: most === undefined ? null : dollarsOf(most),
  }));
  const { most, refusal } = accepted(design, budget);
  return {
    predictions: countCells(design),
    ...{ prompts, samples: design.samples, models },
    /** Null: a price is not known, and nothing limits it. */
    most: most === undefined ? null : dollarsOf(most),
    ...{ monthly: budget.monthly, left: budget.left },
    /** Why the API would refuse the design; null if it would not. */
    refusal,
  };
}

function parsed(body: DesignBody): Design {
  try {
    return parseDesign(JSON.stringify(body));
  } catch (error) {
    if (error instanceof Refusal) throw new CommandError(EXIT.usage, error.message);
    throw error;
  }
}

/** What would be reserved, and why the API would refuse it. */
function accepted(
  design: Design,
  { monthly, left, prices, month }: Budget,
): { most?: Micros; refusal: string | null } {
  try {
    const settings = { prices, ...(monthly === null ? {} : { monthly }) };
    const models = priceModels<PricedModel>(design, design.models, settings);
    if (models.some(({ price }) => !price)) return { refusal: null };
    const most = planCeiling({ ...design, models });
    const isTooMuch = most > 0 && left !== null && most > microsOf(left);
    return { most, refusal: isTooMuch ? doesNotFit(most, microsOf(left), month).message : null };
  } catch (error) {
    if (error instanceof Refusal) return { refusal: error.message };
    throw error;
  }
}

const dollars = (amount: number | null) => (amount === null ? 'not known' : formatDollars(amount));

/** A dry run as text. */
export function describeDryRun(run: DryRun): string {
  const { predictions, prompts, samples, models, most, monthly, left, refusal } = run;
  return [
    `${count(prompts, 'prompt')} × ${count(models.length, 'model')} × ${count(samples, 'sample')} = ${count(predictions, 'prediction')}`,
    '',
    table(
      ['model', 'costs at most'],
      [...models.map((one) => [one.model, dollars(one.most)]), ['together', dollars(most)]],
    ),
    '',
    monthly === null
      ? 'This deployment has no budget: nothing limits what its audits cost.'
      : `Left of this month's budget: ${dollars(left)} of ${dollars(monthly)}.`,
    refusal === null
      ? 'Nothing was started. Run the same command without --dry-run to start the audit.'
      : `This design would be refused: ${refusal}`,
  ].join('\n');
}
