import { Fragment } from 'preact';
import type { Equal } from '../../../lib/contract/counted.ts';
import { type Outcome, partsOf } from '../model/rates.ts';
import {
  equalExplained,
  equalSaid,
  explainPart,
  partInWords,
  percentWithInterval,
} from '../words/outcomes.ts';

/** What a group came to, in one line. It is the same below a cell, in the table, on a wall and in a comparison. */
export const OutcomeLine = ({ outcome }: { outcome: Outcome }) => (
  <span class="outcome">
    {partsOf(outcome).map((part, i) => (
      <Fragment key={part.kind}>
        {i > 0 && ' · '}
        <span class={`part ${part.kind}${part.count > 0 ? '' : ' none'}`} title={explainPart(part)}>
          {partInWords(part, outcome.predictions)}
        </span>
        {part.kind === 'refused' && part.share && (
          <>
            {' '}
            <span class="interval">{percentWithInterval(part.share)}</span>
          </>
        )}
      </Fragment>
    ))}
  </span>
);

/** Says that pictures of one group are the same file, and what it means. */
export const EqualFiles = ({ equal }: { equal: Equal | undefined }) =>
  equal ? (
    <p class="equal" title={equalExplained(equal)}>
      {equalSaid(equal)}
    </p>
  ) : null;
