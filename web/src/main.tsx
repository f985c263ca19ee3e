import { type ComponentType, render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { App } from './app.tsx';
import { AuditPage } from './views/audit/page.tsx';
import { AuditsPage } from './views/audits.tsx';
import { ComparePage } from './views/compare/page.tsx';
import { NewAuditPage } from './views/new/page.tsx';
import { StudyPage } from './views/study/page.tsx';

/** Rating rounds are loaded when somebody opens one. */
function RoundPage() {
  const [Page, setPage] = useState<ComponentType>();
  useEffect(() => {
    import('./views/round/page.tsx').then((loaded) => setPage(() => loaded.RoundPage));
  }, []);
  return Page ? <Page /> : null;
}

/** Each HTML file names its page, so that any file server can serve them. */
const PAGES = {
  new: NewAuditPage,
  audits: AuditsPage,
  audit: AuditPage,
  compare: ComparePage,
  study: StudyPage,
  round: RoundPage,
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
