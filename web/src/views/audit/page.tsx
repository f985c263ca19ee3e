import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type LiveAudit, openAudit } from '../../live/audit.ts';
import { useOnline, useSignal } from '../../live/use.ts';
import { type Opened, useOpened } from '../../live/use-opened.ts';
import { spaceOf } from '../../model/axes.ts';
import { ContentNotice } from '../../parts/notice.tsx';
import { Unopened } from '../../parts/unopened.tsx';
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

export const useAudit = (id: string): Opened<LiveAudit> => useOpened(id, openAudit, words);

export function AuditPage() {
  const id = new URLSearchParams(location.search).get('id') ?? '';
  const { live, problem, retry } = useAudit(id);
  if (problem) return <Unopened problem={problem} retry={id ? retry : undefined} />;
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
