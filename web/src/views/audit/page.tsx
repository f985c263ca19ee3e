import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { ApiError } from '../../api/client.ts';
import { type LiveAudit, openAudit, sentenceOf } from '../../live/audit.ts';
import { useOnline, useSignal } from '../../live/use.ts';
import { spaceOf } from '../../model/axes.ts';
import { ContentNotice } from '../../parts/notice.tsx';
import { words as appWords } from '../../words/app.ts';
import { words } from '../../words/audit.ts';
import { Grid, type Place } from './grid.tsx';
import { Help } from './help.tsx';
import { Large } from './large.tsx';
import { Outcomes } from './outcomes.tsx';
import { Pair } from './pair.tsx';
import { StatusBar } from './status.tsx';
import { Toolbar } from './toolbar.tsx';
import { Tray } from './tray.tsx';
import { useView } from './use-view.ts';
import { Wall } from './wall.tsx';

const whyNot = (error: unknown): string =>
  error instanceof ApiError && error.status === 404 ? words.notThere : sentenceOf(error);

/** Opens an audit for as long as the component is mounted. */
export function useAudit(id: string): { live?: LiveAudit; problem?: string; retry: () => void } {
  const [state, setState] = useState<{ live?: LiveAudit; problem?: string }>({});
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (id === '') return setState({ problem: words.noName });
    let live: LiveAudit | undefined;
    let gone = false;
    openAudit(id).then(
      (opened) => {
        live = opened;
        if (gone) opened.close();
        else setState({ live: opened });
      },
      (error) => !gone && setState({ problem: whyNot(error) }),
    );
    return () => {
      gone = true;
      live?.close();
    };
  }, [id, attempt]);
  return { ...state, retry: () => setAttempt((count) => count + 1) };
}

export function AuditPage() {
  const id = new URLSearchParams(location.search).get('id') ?? '';
  const { live, problem, retry } = useAudit(id);
  if (problem)
    return (
      <section class="empty">
        <p class="error" role="alert">
          {problem}
        </p>
        {id && (
          <button type="button" onClick={retry}>
            {appWords.tryAgain}
          </button>
        )}{' '}
        <a href="/audits.html">{words.all}</a>
      </section>
    );
  if (!live) return <p class="empty">{words.loading}</p>;
  return <AuditView live={live} />;
}

function AuditView({ live }: { live: LiveAudit }) {
  const space = useMemo(() => spaceOf(live.plan), [live]);
  const { view, change } = useView(space);
  const [help, setHelp] = useState(false);
  const problem = useSignal(live.problem);
  const online = useOnline();
  // The focus moves between grid and wall; on a page just opened it is where the browser put it.
  const seen = useRef<'grid' | 'wall'>(undefined);
  const wall = useRef<Place>(undefined);
  if (view.wall) wall.current = view.wall;
  const before = seen.current;
  useEffect(() => {
    seen.current = view.wall ? 'wall' : 'grid';
  });
  useEffect(() => {
    document.title = appWords.documentTitle(live.plan.name);
    const keys = (event: KeyboardEvent) => {
      if (event.key === '?' && !(event.target as Element).matches('input,textarea,select')) setHelp(true);
    };
    addEventListener('keydown', keys);
    return () => removeEventListener('keydown', keys);
  }, [live]);

  return (
    <article class="audit">
      <StatusBar live={live} onHelp={() => setHelp(true)} />
      {problem && online && (
        <p class="banner" role="status">
          {problem}
        </p>
      )}
      <ContentNotice />
      {view.wall ? (
        <Wall
          live={live}
          space={space}
          view={view}
          place={view.wall}
          fromGrid={before === 'grid'}
          change={change}
        />
      ) : (
        <>
          <Toolbar space={space} view={view} change={change} />
          <Outcomes live={live} space={space} view={view} change={change} />
          <Grid
            live={live}
            space={space}
            view={view}
            from={before === 'wall' ? wall.current : undefined}
            change={change}
          />
        </>
      )}
      <Tray live={live} space={space} view={view} change={change} />
      {view.large && <Large live={live} space={space} view={view} at={view.large} change={change} />}
      {view.comparing && <Pair live={live} view={view} change={change} />}
      {help && <Help onClose={() => setHelp(false)} />}
    </article>
  );
}
