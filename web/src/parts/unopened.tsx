import { words as appWords } from '../words/app.ts';
import { words as listWords } from '../words/audits.ts';

/** Why something cannot be shown, and what to do. @param retry undefined where that cannot help */
export const Unopened = ({ problem, retry }: { problem: string; retry: (() => void) | undefined }) => (
  <section class="empty">
    <p class="error" role="alert">
      {problem}
    </p>
    {retry && (
      <button type="button" onClick={retry}>
        {appWords.tryAgain}
      </button>
    )}{' '}
    <a href="/audits.html">{listWords.all}</a>
  </section>
);
