import type { PriceEntry } from '../../lib/contract/price-entry.ts';
import { readBudget } from '../../lib/money/budget.ts';
import { readLedger } from '../../lib/money/ledger.ts';
import { describePrice, dollarsOf, findPrice, formatDollars } from '../../lib/money/price.ts';
import { allPrices, type BudgetSettings, settingsProblem } from '../../lib/money/prices.ts';
import type { ObjectStore, Time } from '../../lib/ports.ts';
import { settingsKey } from '../../lib/records/keys.ts';
import { CommandError, EXIT } from '../exit.ts';
import { table } from '../output.ts';

/** Audits that are listed: those that hold most of the budget. */
const LISTED = 10;
/** Changes by several operators at once. */
const TRIES = 5;

/** What an operator sees of the budget. Amounts are dollars. */
export type BudgetReport = Awaited<ReturnType<typeof reportBudget>>;

/** The budget of this month, the open audits that hold most of it, and the prices that an operator has set. */
export async function reportBudget(store: ObjectStore, time: Time) {
  const { prices: own = {} } = (await readValid(store))?.value ?? {};
  const { prices: _all, pricesAsOf: _asOf, ...budget } = await readBudget({ store, time });
  const { audits } = await readLedger(store, budget.month);
  const holders = Object.entries(audits)
    .map(([audit, { reserved, spent }]) => ({
      audit,
      reserved: dollarsOf(reserved),
      spent: dollarsOf(spent),
    }))
    .sort((one, other) => other.reserved + other.spent - one.reserved - one.spent)
    .slice(0, LISTED);
  return { ...budget, holders, prices: own };
}

const limit = (monthly: number | null | undefined) =>
  monthly === null || monthly === undefined ? 'none' : formatDollars(monthly);

/** The report as text. */
export function describeBudget({
  month,
  turnsAt,
  monthly,
  reserved,
  spent,
  left,
  holders,
  prices,
}: BudgetReport) {
  const parts = [
    `Budget of ${month}. The next month begins on ${turnsAt.slice(0, 10)} at 0:00 UTC.`,
    '',
    table(
      ['limit', 'spent', 'reserved', 'left'],
      [[limit(monthly), formatDollars(spent), formatDollars(reserved), limit(left)]],
    ),
  ];
  if (monthly === null) parts.push('', 'No budget is set: nothing limits what audits cost.');
  if (holders.length > 0)
    parts.push(
      '',
      'Open audits that hold most:',
      table(
        ['audit', 'reserved', 'spent'],
        holders.map((one) => [one.audit, formatDollars(one.reserved), formatDollars(one.spent)]),
      ),
    );
  const own = Object.entries(prices);
  if (own.length > 0)
    parts.push(
      '',
      'Prices that an operator has set:',
      table(
        ['model', 'price'],
        own.map(([model, entry]) => [model, describePrice(entry)]),
      ),
    );
  return parts.join('\n');
}

/** @param before, after dollars; undefined: no limit */
export function describeLimitChange(
  before: number | undefined,
  { monthly, spent, reserved, left }: BudgetReport,
) {
  const now =
    left === null
      ? 'Nothing limits what audits cost.'
      : `${formatDollars(spent)} are spent and ${formatDollars(reserved)} reserved this month; ${formatDollars(left)} are left. Audits that were accepted before keep running.`;
  return `Budget of a month: ${limit(before)} before, ${limit(monthly)} now. ${now}`;
}

/** @throws {CommandError} if somebody wrote settings that are not valid */
async function readValid(store: ObjectStore) {
  const existing = await store.readJson<BudgetSettings>(settingsKey);
  const problem = existing && settingsProblem(existing.value);
  if (!problem) return existing;
  throw new CommandError(
    EXIT.refused,
    `${settingsKey} in ${store.bucket} is not valid: ${problem}. Until it is corrected or deleted, all audits are refused. Nothing was changed.`,
  );
}

/**
 * Changes what operators set by compare-and-swap: no change of another operator is lost.
 * @throws {CommandError} if the result is not valid: nothing is changed
 */
export async function changeSettings(
  store: ObjectStore,
  change: (before: BudgetSettings) => BudgetSettings,
): Promise<{ before: BudgetSettings; after: BudgetSettings }> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const existing = await readValid(store);
    const before = existing?.value ?? {};
    const after = change(before);
    const problem = settingsProblem(after);
    if (problem) throw new CommandError(EXIT.usage, `${problem}. Nothing was changed.`);
    if (await store.swapJson(settingsKey, after, existing?.etag)) return { before, after };
  }
  throw new CommandError(
    EXIT.unavailable,
    'Others are changing the budget at this moment. Nothing was changed. Run the same command again.',
  );
}

/**
 * Sets or removes an operator's price.
 * @param price undefined: the one that comes with the pipeline counts again, if there is one
 */
export async function changePrice(store: ObjectStore, model: string, price: PriceEntry | undefined) {
  const { before, after } = await changeSettings(store, ({ prices: all = {}, ...rest }) => {
    const { [model]: _before, ...others } = all;
    return { ...rest, prices: price ? { ...others, [model]: price } : others };
  });
  const [was, is] = [before, after].map((settings) => {
    const prices = allPrices(settings);
    if (Object.hasOwn(prices, model)) return prices[model];
    return findPrice(prices, model) && { free: true as const };
  });
  const words = (entry: PriceEntry | undefined) => (entry ? describePrice(entry) : 'not known');
  return {
    document: { model, before: was ?? null, after: is ?? null },
    text: `Price of ${model}: ${words(was)} before, ${words(is)} now. It counts for audits that are accepted from now on.`,
  };
}
