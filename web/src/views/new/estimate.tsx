import { certainty, estimate, money, outOf, type Prices, roughly } from '../../model/estimate.ts';
import { percent } from '../../model/statistics.ts';

/** Half an interval from which on only large differences are visible. */
const LARGE = 0.15;

interface Props {
  prices: Prices | undefined;
  prompts: number;
  models: string[];
  samples: number;
}

/** What an audit will cost and show, before it is started. */
export function EstimatePanel({ prices, prompts, models, samples }: Props) {
  const predictions = prompts * models.length * samples;
  const sure = samples >= 1 ? certainty(samples) : undefined;
  const found = prices && estimate(prices, prompts, models, samples);
  return (
    <section class="card estimate" aria-label="Estimate" aria-live="polite">
      <p class="figure">
        <b data-test="predictions">{predictions.toLocaleString('en')}</b>{' '}
        {predictions === 1 ? 'prediction' : 'predictions'}
      </p>
      <p class="hint">
        {prompts} {prompts === 1 ? 'prompt' : 'prompts'} × {models.length}{' '}
        {models.length === 1 ? 'model' : 'models'} × {samples} {samples === 1 ? 'sample' : 'samples'}
      </p>
      <dl>
        <dt>Time</dt>
        <dd>{found && predictions > 0 ? `${roughly(found.seconds)}, without delays` : '–'}</dd>
        <dt>Cost</dt>
        <dd>
          {found && predictions > 0 ? (
            <>
              {found.unpriced.length < models.length &&
                (found.cost > 0 ? `about ${money(found.cost, prices.currency)}` : 'free')}
              {found.unpriced.length > 0 && (
                <span>
                  {found.unpriced.length < models.length && ', plus '}Replicate’s price for{' '}
                  {found.unpriced.join(', ')}
                </span>
              )}
              {found.cost > 0 && <span class="hint"> Prices of {prices.asOf}.</span>}
            </>
          ) : (
            '–'
          )}
        </dd>
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
