import type { Equal } from '../../../lib/contract/counted.ts';
import { type Outcome, UNSEEN } from '../model/rates.ts';
import { equalExplained, equalInWords, words } from '../words/outcomes.ts';
import { Share } from './proportion.tsx';

/** The shares of refusals and failures in a line of text. Each begins with a separator. */
export const Shares = ({ outcome: { refused, failed } }: { outcome: Outcome }) => (
  <>
    {refused && (
      <>
        {' '}
        · <Share of={refused} what={words.refused} />
      </>
    )}
    {failed && failed.count > 0 && (
      <>
        {' '}
        · <Share of={failed} what={words.failed} />
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
            · <Share of={outcome[name]} what={words.images(name)} />
          </span>
        ),
    )}
  </>
);

/** Says that pictures of one group are the same file, and what it means. */
export const EqualFiles = ({ equal }: { equal: Equal | undefined }) =>
  equal ? (
    <p class="equal" title={equalExplained(equal)}>
      {words.noDifference(equalInWords(equal))}
    </p>
  ) : null;
