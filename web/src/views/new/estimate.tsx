import { formatDollars } from '../../../../lib/money/price.ts';
import type { Budget } from '../../api/types.ts';
import { certainty, type Estimate, outOf, roughly } from '../../model/estimate.ts';
import { percent } from '../../model/statistics.ts';

/** Half an interval from which on only large differences are visible. */
const LARGE = 0.15;

interface Props {
  /** Undefined until the API has answered. */
  budget: Budget | undefined;
  found: Estimate | undefined;
  /** What is entered, in dollars. */
  maxCost: number | undefined;
  prompts: number;
  models: number;
  samples: number;
}

/** What an audit will cost and show, before it is started. */
export function EstimatePanel({ budget, found, maxCost, prompts, models, samples }: Props) {
  const predictions = prompts * models * samples;
  const sure = samples >= 1 ? certainty(samples) : undefined;
  const known = predictions > 0 ? found : undefined;
  return (
    <section class="card estimate" aria-label="Estimate" aria-live="polite">
      <p class="figure">
        <b data-test="predictions">{predictions.toLocaleString('en')}</b>{' '}
        {predictions === 1 ? 'prediction' : 'predictions'}
      </p>
      <p class="hint">
        {prompts} {prompts === 1 ? 'prompt' : 'prompts'} × {models} {models === 1 ? 'model' : 'models'} ×{' '}
        {samples} {samples === 1 ? 'sample' : 'samples'}
      </p>
      <dl>
        <dt>Time</dt>
        <dd>{known ? `${roughly(known.seconds)}, without delays` : '–'}</dd>
        <dt>Cost</dt>
        <dd>
          {known && budget ? (
            <>
              {costInWords(known, models, maxCost)}
              {known.most > 0 && <span class="hint"> Prices of {budget.pricesAsOf}.</span>}
            </>
          ) : (
            '–'
          )}
        </dd>
        <dt>Left this month</dt>
        <dd>{budget ? <Left budget={budget} most={mostOf(known, maxCost)} /> : '–'}</dd>
        <dt>Certainty</dt>
        <dd>
          {sure ? (
            <>
              With {samples} {samples === 1 ? 'sample' : 'samples'} per prompt and model{' '}
              {sure.halfWidth >= LARGE ? 'you see only large differences: a' : 'a'} share near one half is
              accurate to ±{percent(sure.halfWidth)} points, and something that never appears may still be in{' '}
              {outOf(sure.hidden)} images.
              <span class="hint"> 95 % Wilson interval.</span>
            </>
          ) : (
            '–'
          )}
        </dd>
      </dl>
    </section>
  );
}

/** What would be reserved, in dollars. Models without a known price get what is entered. */
const mostOf = (found: Estimate | undefined, maxCost: number | undefined): number =>
  !found ? 0 : found.unpriced.length > 0 ? (maxCost ?? found.most) : found.most;

/** `about $0.30, at most $2.40, plus Replicate’s price for a/b` */
function costInWords(found: Estimate, models: number, maxCost: number | undefined): string {
  const { about, most, unpriced } = found;
  if (unpriced.length > 0 && maxCost !== undefined) return `at most ${formatDollars(maxCost)}`;
  const unknown = `Replicate’s price for ${unpriced.join(', ')}`;
  if (unpriced.length === models) return unknown;
  const known =
    most === 0
      ? 'free'
      : `${about < most ? `about ${formatDollars(about)}, ` : ''}at most ${formatDollars(most)}`;
  return unpriced.length > 0 ? `${known}, plus ${unknown}` : known;
}

function Left({ budget: { monthly, left, turnsAt }, most }: { budget: Budget; most: number }) {
  if (monthly === null || left === null)
    return <>This deployment has no budget: nothing limits what its audits cost.</>;
  const next = new Date(turnsAt).toLocaleDateString('en', {
    day: 'numeric',
    month: 'long',
    timeZone: 'UTC',
  });
  return (
    <>
      {formatDollars(left)} of {formatDollars(monthly)}, for all audits until {next}.
      {most > left && (
        <span class="error">
          {' '}
          This audit does not fit. Use fewer prompts, models or samples, or ask an operator for a larger
          budget.
        </span>
      )}
    </>
  );
}
