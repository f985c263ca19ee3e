import { certainty, estimate, money, type Prices, roughly } from '../../model/estimate.ts';
import { percent } from '../../model/statistics.ts';

interface Props {
  prices: Prices | undefined;
  prompts: number;
  models: string[];
  samples: number;
}

/** What an audit will come to, before it is asked for. */
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
        <dd>{found && predictions > 0 ? `${roughly(found.seconds)}, if nothing waits` : '–'}</dd>
        <dt>Cost</dt>
        <dd>
          {found && predictions > 0 ? (
            <>
              {found.unpriced.length < models.length &&
                (found.cost > 0 ? `about ${money(found.cost, prices.currency)}` : 'nothing')}
              {found.unpriced.length > 0 && (
                <span>
                  {found.unpriced.length < models.length && ' and '}what Replicate asks for{' '}
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
              With {samples} {samples === 1 ? 'sample' : 'samples'} a cell, a share near one half is known to
              ±{percent(sure.halfWidth)} points; what never shows may still be up to{' '}
              {percent(sure.noneMeansBelow)} %.
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
