import { type Command, InvalidArgumentError, Option } from 'commander';
import type { PriceEntry } from '../../lib/contract/price-entry.ts';
import { systemTime } from '../../lib/system.ts';
import { dollars } from '../dollars.ts';
import { CommandError, EXIT } from '../exit.ts';
import { type OperatorFlags, operator, operatorCommand } from '../options.ts';
import { wholeNumber } from '../whole-number.ts';

interface PriceFlags extends OperatorFlags {
  perImage?: number;
  perPrediction?: number;
  perSecond?: number;
  seconds?: number;
  free?: boolean;
  remove?: boolean;
}

const limit = (text: string): number | undefined => {
  if (text === 'none') return undefined;
  try {
    return dollars(text);
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message} Or "none".`);
  }
};

/** `budget`, `budget set <dollars>`, `budget price <model>` */
export function addBudget(program: Command): void {
  const budget = operatorCommand(program, {
    name: 'budget',
    summary: "show or set the month's budget and the prices of models",
    description:
      'Show what the audits of this month may cost, what is spent, reserved and left, which open audits hold most, and which prices an operator has set. Subcommands change the budget and prices.',
    example:
      'npx weaudit budget --stage prod\n  npx weaudit budget set 100 --stage prod\n  npx weaudit budget price owner/name --per-image 0.04 --stage prod',
  }).action(async (flags: OperatorFlags) => {
    const { describeBudget, reportBudget } = await import('../operator/budget.ts');
    const { cloud, output } = await operator(flags);
    const report = await reportBudget(cloud.images, systemTime);
    output.document(report);
    output.print(describeBudget(report));
  });
  addSet(budget);
  addPrice(budget);
}

function addSet(budget: Command): void {
  operatorCommand(budget, {
    name: 'set',
    summary: "set the month's budget",
    description:
      'Set how many dollars the audits of a calendar month (UTC) may cost. An audit that might cost more than is left is refused before it starts. Audits that were accepted before keep running, also if the new budget is lower than what they hold. 0 lets only free models run; "none" removes the limit.',
    args: [['<dollars>', 'such as 100, or "none"', limit]],
    example: 'npx weaudit budget set 100 --stage prod',
  }).action(async (monthly: number | undefined, flags: OperatorFlags) => {
    const { changeSettings, describeLimitChange, reportBudget } = await import('../operator/budget.ts');
    const { cloud, output } = await operator(flags);
    const { before } = await changeSettings(cloud.images, ({ monthly: _before, ...rest }) => ({
      ...rest,
      ...(monthly === undefined ? {} : { monthly }),
    }));
    const report = await reportBudget(cloud.images, systemTime);
    output.document({ before: before.monthly ?? null, ...report });
    output.print(describeLimitChange(before.monthly, report));
  });
}

function addPrice(budget: Command): void {
  const amount = (flag: string, what: string) => new Option(`--${flag} <dollars>`, what).argParser(dollars);
  operatorCommand(budget, {
    name: 'price',
    summary: 'set what a prediction of a model costs',
    description:
      'Set what a prediction of a model costs, for audits that are accepted from now on. It replaces a price that comes with WeAudit. Choose one of --per-image, --per-prediction, --per-second with --seconds, --free and --remove. A prediction that runs longer than --seconds is canceled, because a price by the second alone limits nothing.',
    args: [['<owner/name>', 'model at Replicate, without a version']],
    options: [
      amount('per-image', 'price of each image'),
      amount('per-prediction', 'price of each prediction, however many images it makes'),
      amount('per-second', 'price of each second that the model runs'),
      new Option('--seconds <number>', 'with --per-second: cancel a prediction after so long').argParser(
        wholeNumber(1, 1_800),
      ),
      new Option('--free', 'the model costs nothing'),
      new Option('--remove', 'remove the price that an operator has set'),
    ],
    example:
      'npx weaudit budget price google/imagen-4 --per-image 0.04 --stage prod\n  npx weaudit budget price owner/name --per-second 0.000975 --seconds 60 --stage prod',
  }).action(async (model: string, flags: PriceFlags) => {
    const price = priceOf(flags);
    const { changePrice } = await import('../operator/budget.ts');
    const { cloud, output } = await operator(flags);
    const { document, text } = await changePrice(cloud.images, model, price);
    output.document(document);
    output.print(text);
  });
}

/** The price that flags name; undefined: none any more. @throws {CommandError} unless they name exactly one */
function priceOf({
  perImage,
  perPrediction,
  perSecond,
  seconds,
  free,
  remove,
}: PriceFlags): PriceEntry | undefined {
  const named = [perImage, perPrediction, perSecond, free, remove].filter((flag) => flag !== undefined);
  if (named.length !== 1)
    throw new CommandError(
      EXIT.usage,
      'Choose one of --per-image, --per-prediction, --per-second, --free and --remove. Nothing was changed.',
    );
  if ((perSecond === undefined) !== (seconds === undefined))
    throw new CommandError(
      EXIT.usage,
      '--per-second and --seconds belong together: the price of a second, and after how many seconds a prediction is canceled. Nothing was changed.',
    );
  if (perImage !== undefined) return { perImage };
  if (perPrediction !== undefined) return { perPrediction };
  if (perSecond !== undefined && seconds !== undefined) return { perSecond, seconds };
  return free ? { free } : undefined;
}
