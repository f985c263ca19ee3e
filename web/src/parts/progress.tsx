import { wilson } from '../../../lib/findings/proportion.ts';
import type { Counts } from '../api/types.ts';
import { statusWords } from '../words/audit.ts';
import { words } from '../words/outcomes.ts';
import { Share } from './proportion.tsx';

export const finishedIn = ({ succeeded, failed, refused, canceled }: Counts): number =>
  succeeded + failed + refused + canceled;

/** How far predictions are, as a bar. */
export function ProgressBar({ counts, predictions }: { counts: Counts; predictions: number }) {
  return (
    <div
      class="progress"
      role="progressbar"
      aria-label={statusWords.progress}
      aria-valuenow={finishedIn(counts)}
      aria-valuemin={0}
      aria-valuemax={predictions}
    >
      {(['succeeded', 'refused', 'failed', 'canceled', 'running'] as const).map((name) => (
        <span key={name} class={name} style={{ width: `${(counts[name] / predictions) * 100}%` }} />
      ))}
    </div>
  );
}

/**
 * How predictions ended, in words. Each part begins with a separator.
 * @param imported how many of those that succeeded are imported pictures: no answers, because what was refused is not known
 */
export function Endings({ counts, imported = 0 }: { counts: Counts; imported?: number }) {
  const answered = counts.succeeded - imported + counts.refused;
  return (
    <>
      {answered > 0 && (
        <>
          {' '}
          · <i class="key refused" /> <Share of={wilson(counts.refused, answered)} what={words.refused} />
        </>
      )}
      {counts.failed > 0 && (
        <>
          {' '}
          · <i class="key failed" />{' '}
          <Share of={wilson(counts.failed, imported + answered + counts.failed)} what={words.failed} />
        </>
      )}
      {counts.canceled > 0 && (
        <>
          {' '}
          · <i class="key canceled" /> {statusWords.canceled(counts.canceled)}
        </>
      )}
    </>
  );
}
