import { words as appWords } from '../words/app.ts';
import { words as listWords } from '../words/audits.ts';
import { Alert } from './alert.tsx';

/** Why something cannot be shown, and what to do. @param retry undefined where that cannot help */
export const Unopened = ({ problem, retry }: { problem: string; retry: (() => void) | undefined }) => (
  <section class="empty">
    <Alert text={problem} />
    {retry && (
      <button type="button" onClick={retry}>
        {appWords.tryAgain}
      </button>
    )}{' '}
    <a href="/audits.html">{listWords.all}</a>
  </section>
);
