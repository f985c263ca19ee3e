import { type ComponentType, render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { App } from './app.tsx';
import { AuditPage } from './views/audit/page.tsx';
import { AuditsPage } from './views/audits.tsx';
import { NewAuditPage } from './views/new/page.tsx';
import { words } from './words/app.ts';

/** A page that is loaded when somebody opens it. */
const later = (load: () => Promise<ComponentType>) => () => {
  const [Page, setPage] = useState<ComponentType>();
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    load().then(
      (loaded) => setPage(() => loaded),
      () => setFailed(true),
    );
  }, []);
  return Page ? <Page /> : failed ? <p class="empty error">{words.pageNotLoaded}</p> : null;
};

/** Each HTML file names its page, so that any file server can serve them. */
const PAGES = {
  new: NewAuditPage,
  audits: AuditsPage,
  audit: AuditPage,
  compare: later(() => import('./views/compare/page.tsx').then((loaded) => loaded.ComparePage)),
  study: later(() => import('./views/study/page.tsx').then((loaded) => loaded.StudyPage)),
  round: later(() => import('./views/round/page.tsx').then((loaded) => loaded.RoundPage)),
};

// Earlier versions of the page kept small copies of viewed images there.
if ('caches' in globalThis)
  caches
    .keys()
    .then((names) =>
      names.filter((name) => name.startsWith('renditions-')).map((name) => caches.delete(name)),
    )
    // Where storage is forbidden, nothing was kept.
    .catch(() => {});

const name = document.body.dataset.page as keyof typeof PAGES;
render(<App page={PAGES[name]} name={name} />, document.getElementById('app')!);
