import { type Design, parseDesign } from '../lib/audits/request.ts';
import { factorNames } from '../lib/audits/rows.ts';
import type { Budget } from '../lib/contract/answers.ts';
import { Refusal } from '../lib/errors.ts';
import { certainty } from '../lib/findings/proportion.ts';
import { modelCosts, type PricedModel, planCeiling } from '../lib/money/cost.ts';
import { estimate } from '../lib/money/estimate.ts';
import { doesNotFit } from '../lib/money/ledger.ts';
import { dollarsOf, formatDollars, type Micros, microsOf } from '../lib/money/price.ts';
import { priceModels } from '../lib/money/prices.ts';
import { countCells } from '../lib/records/pairs.ts';
import type { Prompt } from '../lib/records/plan.ts';
import type { DesignBody } from './design.ts';
import { CommandError, EXIT } from './exit.ts';
import { count, oneLine, table } from './output.ts';

/** The plan of a design, before anything is sent. Amounts are dollars. */
export type DryRun = ReturnType<typeof dryRun>;

/** Prompts that are shown. */
const SHOWN = 5;
/** Values of a factor that are shown. */
const VALUES = 12;

/**
 * Checks a design as the API does, and says what it asks for, what that may cost and takes, and what it can show.
 * @param notes what was changed when its file was read
 * @throws {CommandError} if the design is not valid
 */
export function dryRun(body: DesignBody, budget: Budget, notes: string[] = []) {
  const design = parsed(body);
  const { prompts, samples, compare, reference, merged } = design;
  const costs = modelCosts(design, budget.prices);
  const models = costs.map(({ model, predictions, most }) => ({
    ...{ model, predictions },
    most: most === undefined ? null : dollarsOf(most),
  }));
  const { most, refusal } = accepted(design, budget);
  const { about, seconds } = estimate(budget.prices, design);
  return {
    predictions: countCells(design),
    ...{ prompts: prompts.length, samples, models },
    /** How many prompts go to a model each; null if every prompt goes to every model. */
    pairs: design.pairs?.length ?? null,
    /** Null: a price is not known, and nothing limits it. */
    most: most === undefined ? null : dollarsOf(most),
    /** What models with a known price will probably cost. */
    about: dollarsOf(microsOf(about)),
    ...{ monthly: budget.monthly, left: budget.left },
    /** Without delays. */
    seconds: Math.round(seconds),
    /** Of a share of the samples of a prompt by a model: the 95 % Wilson interval. */
    certainty: certainty(samples),
    factors: factorsOf(prompts, reference),
    /** Factors whose prompts share seeds. */
    compare: compare ?? [],
    reference: reference ?? null,
    /** Prompts that the design has twice, apart from those in `notes`. */
    merged,
    notes,
    /** The first prompts, as they will be sent. */
    first: prompts.slice(0, SHOWN),
    /** Why the API would refuse the design; null if it would not. */
    refusal,
  };
}

/** What a design asks for that becomes several audits. */
export type DryRuns = ReturnType<typeof dryRuns>;

/**
 * As `dryRun`, of a design that is too large for one audit.
 * @throws {CommandError} if the design is not valid
 */
export function dryRuns(parts: readonly DesignBody[], budget: Budget, notes: string[] = []) {
  const { monthly, left, month } = budget;
  const audits = parts.map((part) => dryRun(part, budget));
  const sum = (amounts: number[]) => amounts.reduce((before, amount) => before + amount, 0);
  const known = audits.flatMap(({ most }) => (most === null ? [] : [microsOf(most)]));
  const most = known.length < audits.length ? null : sum(known);
  const refusal = audits.find((audit) => audit.refusal !== null)?.refusal ?? null;
  return {
    predictions: sum(audits.map(({ predictions }) => predictions)),
    prompts: sum(audits.map(({ prompts }) => prompts)),
    most: most === null ? null : dollarsOf(most),
    ...{ monthly, left, seconds: sum(audits.map(({ seconds }) => seconds)), notes, audits },
    /** Why the API would refuse one of them, or all of them together. */
    refusal:
      refusal ??
      (most !== null && most > 0 && left !== null && most > microsOf(left)
        ? doesNotFit(most, microsOf(left), month).message
        : null),
  };
}

/** Each factor with its values, and how many prompts have them. */
const factorsOf = (prompts: Prompt[], reference: string | undefined) =>
  factorNames(prompts).map((name) => {
    const counts = new Map<string, number>();
    for (const { factors = {} } of prompts) {
      const value = Object.hasOwn(factors, name) ? factors[name]! : undefined;
      if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    return {
      name,
      values: [...counts].map(([value, count]) => ({ value, prompts: count })),
      reference: name === reference,
    };
  });

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

/** What does not show, or looks like something else. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;
const escapeUnit = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A text as JSON, which shows it to the byte: spaces other than the ordinary one, and what has no shape, are escaped. */
export const quoted = (text: string): string =>
  JSON.stringify(text).replace(UNSEEN, (unseen) => unseen.split('').map(escapeUnit).join(''));

/** A dry run as text. */
export function describeDryRun(run: DryRun): string {
  const { predictions, prompts, pairs, samples, models, most, monthly, left, refusal } = run;
  const asked =
    pairs === null
      ? `${count(prompts, 'prompt')} × ${count(models.length, 'model')}`
      : `${count(pairs, 'pair')} of ${count(prompts, 'prompt')} and ${count(models.length, 'model')}`;
  return [
    `${asked} × ${count(samples, 'sample')} = ${count(predictions, 'prediction')}`,
    '',
    table(
      ['model', 'predictions', 'costs at most'],
      [
        ...models.map((one) => [one.model, one.predictions, dollars(one.most)]),
        ['together', predictions, dollars(most)],
      ],
    ),
    '',
    describeBudget(monthly, left),
    ...(run.about > 0 ? [`Probable cost: ${dollars(run.about)}, as far as prices are known.`] : []),
    `Time: ${roughly(run.seconds)}, without delays.`,
    describeCertainty(run),
    describeSeeds(run),
    '',
    ...describeFactors(run),
    `The first prompts (as JSON):`,
    ...run.first.map(({ text }) => `  ${quoted(text)}`),
    ...(prompts > SHOWN ? [`  … and ${(prompts - SHOWN).toLocaleString('en')} more`] : []),
    '',
    ...run.notes,
    ...(run.merged > 0
      ? [`${count(run.merged, 'prompt')} left out, because the design has them twice.`]
      : []),
    describeRefusal(refusal, 'audit'),
  ].join('\n');
}

/** Dry runs of several audits as text. */
export function describeDryRuns(run: DryRuns): string {
  const { audits, predictions, prompts, most, monthly, left, refusal } = run;
  return [
    `${count(audits.length, 'audit')} with ${count(prompts, 'prompt')}: ${count(predictions, 'prediction')}`,
    '',
    table(
      ['audit', 'prompts', 'predictions', 'costs at most', 'first prompt'],
      [
        ...audits.map((audit, place) => [
          ...[place + 1, audit.prompts, audit.predictions, dollars(audit.most)],
          quoted(oneLine(audit.first[0]?.text ?? '', 50)),
        ]),
        ['together', prompts, predictions, dollars(most), ''],
      ],
    ),
    '',
    describeBudget(monthly, left),
    `Time: ${roughly(run.seconds)}, without delays.`,
    '',
    ...run.notes,
    describeRefusal(refusal, 'audits'),
  ].join('\n');
}

const describeBudget = (monthly: number | null, left: number | null): string =>
  monthly === null
    ? 'This deployment has no budget: nothing limits what its audits cost.'
    : `Left of this month's budget: ${dollars(left)} of ${dollars(monthly)}.`;

const describeRefusal = (refusal: string | null, what: string): string =>
  refusal === null
    ? `Nothing was started. Run the same command without --dry-run to start the ${what}.`
    : `This design would be refused: ${refusal}`;

function describeFactors({ factors }: DryRun): string[] {
  if (factors.length === 0) return [];
  const rows = factors.map(({ name, values, reference }) => [
    oneLine(name),
    reference
      ? `reference: ${rangeOf(values.map(({ value }) => Number(value)))}`
      : values
          .slice(0, VALUES)
          .map(({ value, prompts }) => `${oneLine(value, 30)} (${prompts})`)
          .join(', ') + (values.length > VALUES ? `, … ${values.length - VALUES} more` : ''),
  ]);
  return [table(['factor', 'values (prompts)'], rows), ''];
}

const rangeOf = (numbers: number[]): string => `${Math.min(...numbers)} to ${Math.max(...numbers)}`;

const describeCertainty = ({ samples, certainty: { halfWidth, hidden } }: DryRun): string =>
  `Certainty: with ${count(samples, 'sample')} per prompt and model, a share near one half is accurate to ±${(halfWidth * 100).toFixed(halfWidth < 0.0995 ? 1 : 0)} points, and something that never appears may still be in ${(hidden * 100).toFixed(hidden < 0.0995 ? 1 : 0)} % of images (95 % Wilson interval).`;

const describeSeeds = ({ compare }: DryRun): string =>
  compare.length > 0
    ? `Seeds: prompts that differ in ${compare.join(' and ')} alone share them; all others have their own.`
    : 'Seeds: each prompt has its own.';

/** `about 4 minutes` */
function roughly(seconds: number): string {
  if (seconds < 50) return 'less than a minute';
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `about ${count(minutes, 'minute')}`;
  return `about ${(minutes / 60).toFixed(1).replace('.0', '')} hours`;
}
