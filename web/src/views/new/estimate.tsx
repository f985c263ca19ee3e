import { certainty } from '../../../../lib/findings/proportion.ts';
import type { Estimate } from '../../../../lib/money/estimate.ts';
import { countCells } from '../../../../lib/records/pairs.ts';
import type { Budget } from '../../api/types.ts';
import { roughly } from '../../words/audit.ts';
import { whole } from '../../words/locale.ts';
import { estimateWords as words } from '../../words/new-audit.ts';
import type { Asked } from './draft.ts';

/** Half an interval from which on only large differences are visible. */
const LARGE = 0.15;

interface Props {
  /** Undefined until the API has answered. */
  budget: Budget | undefined;
  found: Estimate | undefined;
  /** What is entered, in dollars. */
  maxCost: number | undefined;
  asked: Asked;
  samples: number;
}

/** What an audit will cost and show, before it is started. */
export function EstimatePanel({ budget, found, maxCost, asked, samples }: Props) {
  const { prompts, models, pairs } = asked;
  const predictions = countCells({ ...asked, samples });
  const sure = samples >= 1 ? certainty(samples) : undefined;
  const known = predictions > 0 ? found : undefined;
  return (
    <section class="card estimate" aria-label={words.label} aria-live="polite">
      <p class="figure">
        <b data-test="predictions">{whole(predictions)}</b> {words.predictions(predictions)}
      </p>
      <p class="hint">
        {pairs
          ? words.productOfPairs(pairs.length, samples)
          : words.product(prompts.length, models.length, samples)}
      </p>
      <dl>
        <dt>{words.time}</dt>
        <dd>{known ? words.withoutDelays(roughly(known.seconds)) : '–'}</dd>
        <dt>{words.cost}</dt>
        <dd>
          {known && budget ? (
            <>
              {costInWords(known, models.length, maxCost)}
              {known.most > 0 && <span class="hint"> {words.pricesOf(budget.pricesAsOf)}</span>}
            </>
          ) : (
            '–'
          )}
        </dd>
        <dt>{words.left}</dt>
        <dd>{budget ? <Left budget={budget} most={mostOf(known, maxCost)} /> : '–'}</dd>
        <dt>{words.certainty}</dt>
        <dd>
          {sure ? (
            <>
              {words.certain(samples, sure, sure.halfWidth >= LARGE)}
              <span class="hint"> {words.interval}</span>
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
  if (unpriced.length > 0 && maxCost !== undefined) return words.atMost(maxCost);
  const unknown = words.priceFor(unpriced.join(', '));
  if (unpriced.length === models) return unknown;
  const known = most === 0 ? words.free : about < most ? words.about(about, most) : words.atMost(most);
  return unpriced.length > 0 ? words.plus(known, unknown) : known;
}

function Left({ budget: { monthly, left, turnsAt }, most }: { budget: Budget; most: number }) {
  if (monthly === null || left === null) return <>{words.noBudget}</>;
  return (
    <>
      {words.leftOf(left, monthly, turnsAt)}
      {most > left && <span class="error"> {words.doesNotFit}</span>}
    </>
  );
}
