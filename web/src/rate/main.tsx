import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { sha256Of } from '../images/hash.ts';
import { Alert } from '../parts/alert.tsx';
import { words } from '../words/rate.ts';
import { rateApi } from './api.ts';
import { listenToOtherTabs, thisBrowser } from './browser.ts';
import { Outbox } from './outbox.ts';
import { Rating } from './rating.ts';
import { RateError } from './routes.ts';
import { Page, RateView } from './view.tsx';

const TOKEN = 'weaudit-rater';

/** The rater's token: from the link, from where it is removed at once, or as this tab keeps it. */
function takeToken(): string {
  const fromLink = location.hash.slice(1);
  if (fromLink) {
    sessionStorage.setItem(TOKEN, fromLink);
    history.replaceState(null, '', location.pathname);
  }
  return sessionStorage.getItem(TOKEN) ?? '';
}

/** Names a rater on this device without telling the token, and is as random. */
const nameOf = async (token: string): Promise<string> =>
  (await sha256Of(new TextEncoder().encode(token))).slice(0, 24);

async function open(token: string) {
  const api = rateApi(token);
  const [first, name] = await Promise.all([api.readPage(0), nameOf(token)]);
  const sha256 = await sha256Of(new TextEncoder().encode(first.consent));
  const outbox = new Outbox(api, name, thisBrowser());
  outbox.begin(first.nextSeq);
  if (first.closed) outbox.ended.set({ why: 'closed', message: '' });
  const rating = new Rating(api, outbox, first);
  listenToOtherTabs(name, (answer) => rating.heard(answer));
  const send = () => void outbox.send();
  // What an earlier visit could not send.
  send();
  addEventListener('online', send);
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) send();
  });
  return {
    ...{ first, rating, outbox },
    // Half of the raters see scales from their end.
    flipped: Number.parseInt(name.at(-1)!, 16) % 2 === 1,
    memory: {
      agreed: outbox.consent?.sha256 === sha256,
      agree: () => {
        outbox.consent = { sha256, at: new Date().toISOString() };
      },
    },
  };
}

function App({ token }: { token: string }) {
  const [opened, setOpened] = useState<Awaited<ReturnType<typeof open>>>();
  const [problem, setProblem] = useState<string>();
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (!token) return setProblem(words.noLink);
    setProblem(undefined);
    open(token).then(setOpened, (error) =>
      setProblem(error instanceof RateError ? error.message : words.noStorage),
    );
  }, [attempt]);
  if (opened) return <RateView {...opened} />;
  return (
    <Page title={problem ? words.title : words.loading}>
      <Alert text={problem} />
      {problem && token && (
        <button type="button" onClick={() => setAttempt(attempt + 1)}>
          {words.tryAgain}
        </button>
      )}
    </Page>
  );
}

// Another link that is opened in this tab is another rater.
addEventListener('hashchange', () => location.reload());
document.title = words.documentTitle;
let token = '';
try {
  token = takeToken();
} catch {
  // Storage is forbidden, which the page then says.
}
render(<App token={token} />, document.getElementById('app')!);
