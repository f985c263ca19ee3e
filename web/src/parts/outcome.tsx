import type { Equal } from '../../../lib/contract/counted.ts';
import { equalInWords } from '../../../lib/contract/counted.ts';
import { equalExplained, type Outcome, UNSEEN } from '../model/rates.ts';
import { Share } from './proportion.tsx';

/** The shares of a group in a line of text. Each begins with a separator. */
export function Shares({ outcome }: { outcome: Outcome }) {
  const { refused, failed } = outcome;
  return (
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
}

/** Says that pictures of one group are the same file, and what it means. */
export const EqualFiles = ({ equal }: { equal: Equal | undefined }) =>
  equal ? (
    <p class="equal" title={equalExplained(equal)}>
      {equalInWords(equal)}: the model ignores its seed
    </p>
  ) : null;
