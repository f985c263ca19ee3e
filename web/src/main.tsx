import { render } from 'preact';
import { App } from './app.tsx';
import { AuditPage } from './views/audit/page.tsx';
import { AuditsPage } from './views/audits.tsx';
import { ComparePage } from './views/compare/page.tsx';
import { NewAuditPage } from './views/new/page.tsx';

/** Each HTML file says which page it is, so that they are plain files wherever they are served from. */
const PAGES = { new: NewAuditPage, audits: AuditsPage, audit: AuditPage, compare: ComparePage };

const name = document.body.dataset.page as keyof typeof PAGES;
render(<App page={PAGES[name]} name={name} />, document.getElementById('app')!);
