import { type Equal, equalInWords } from '../../../lib/contract/counted.ts';
import { equalExplained, type Outcome, UNSEEN } from '../model/rates.ts';
import { Share } from './proportion.tsx';

/** The shares of refusals and failures in a line of text. Each begins with a separator. */
export const Shares = ({ outcome: { refused, failed } }: { outcome: Outcome }) => (
  <>
    {refused && (
      <>
        {' '}
        · <Share of={refused} what="refused" />
      </>
    )}
    {failed && failed.count > 0 && (
      <>
        {' '}
        · <Share of={failed} what="failed" />
      </>
    )}
  </>
);

/** The shares of images that show nothing. Each begins with a separator. */
export const UnseenShares = ({ outcome }: { outcome: Outcome }) => (
  <>
    {UNSEEN.map(
      (name) =>
        outcome[name] && (
          <span key={name}>
            {' '}
            · <Share of={outcome[name]} what={`images ${name}`} />
          </span>
        ),
    )}
  </>
);

/** Says that pictures of one group are the same file, and what it means. */
export const EqualFiles = ({ equal }: { equal: Equal | undefined }) =>
  equal ? (
    <p class="equal" title={equalExplained(equal)}>
      {equalInWords(equal)}: the seed made no difference between them
    </p>
  ) : null;
