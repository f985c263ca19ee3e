import type { Proportion } from '../../../lib/findings/proportion.ts';
import { whole } from '../words/locale.ts';
import { percentWithInterval, spokenProportion } from '../words/outcomes.ts';

/** A share in words: count, n, percentage and interval. */
export function Share({ of, what }: { of: Proportion; what: string }) {
  return (
    <span class="share" title={spokenProportion(of, what)}>
      <b>
        {whole(of.count)}/{whole(of.n)}
      </b>{' '}
      {what} · <span class="range">{percentWithInterval(of)}</span>
    </span>
  );
}

/** A share as a dot on a line from 0 to 100 %, with its interval as a band. */
export function ShareBar({ of }: { of: Proportion }) {
  return (
    <svg class="sharebar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
      <rect class="track" x="0" y="4.5" width="100" height="1" />
      <rect class="band" x={of.low * 100} y="2" width={Math.max(0.5, (of.high - of.low) * 100)} height="6" />
      <rect class="dot" x={Math.min(99, Math.max(0, of.share * 100 - 0.5))} y="0" width="1" height="10" />
    </svg>
  );
}
