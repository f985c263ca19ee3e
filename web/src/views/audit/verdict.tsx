import { useEffect, useState } from 'preact/hooks';
import type { Difference } from '../../../../lib/findings/difference.ts';
import type { Outcome } from '../../model/rates.ts';
import { verdictWords } from '../../words/audit.ts';

interface Props {
  /** A name for each outcome. */
  names: string[];
  outcomes: Outcome[];
}

/** Which model refuses more, and whether that is certain. */
export function Verdict({ names, outcomes }: Props) {
  const answered = outcomes.flatMap(({ refused }, i) => (refused ? [{ name: names[i]!, refused }] : []));
  answered.sort((a, b) => b.refused.share - a.refused.share);
  const [most, least] = [answered[0], answered.at(-1)];
  const [found, setFound] = useState<Difference & { certain: boolean }>();
  const pairs = (answered.length * (answered.length - 1)) / 2;
  const key = JSON.stringify([most, least, pairs]);
  useEffect(() => {
    setFound(undefined);
    if (pairs === 0) return;
    let gone = false;
    // Special functions take a third of what the first view may load.
    import('../../../../lib/findings/difference.ts').then(({ independent, isCertain, primaryLevel }) => {
      if (gone) return;
      // The two that differ most were chosen of all pairs.
      const difference = independent(most!.refused, least!.refused, primaryLevel(pairs));
      setFound({ ...difference, certain: isCertain(difference) });
    });
    return () => {
      gone = true;
    };
  }, [key]);
  if (!found || !most || !least) return null;
  const equal = answered.flatMap(({ name, refused }) =>
    refused.share === most.refused.share && name !== least.name ? [name] : [],
  );
  return (
    <p class="verdict" data-test="verdict">
      {most.refused.count === 0
        ? verdictWords.none
        : most.refused.share === least.refused.share
          ? verdictWords.equal(found)
          : found.certain
            ? verdictWords.certain(equal, least.name, found, pairs)
            : verdictWords.uncertain(equal, least.name, found, pairs)}
    </p>
  );
}
