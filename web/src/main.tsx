import { render } from 'preact';
import { App } from './app.tsx';
import { AuditPage } from './views/audit/page.tsx';
import { AuditsPage } from './views/audits.tsx';
import { ComparePage } from './views/compare/page.tsx';
import { NewAuditPage } from './views/new/page.tsx';

/** Each HTML file names its page, so that any file server can serve them. */
const PAGES = { new: NewAuditPage, audits: AuditsPage, audit: AuditPage, compare: ComparePage };

const name = document.body.dataset.page as keyof typeof PAGES;
render(<App page={PAGES[name]} name={name} />, document.getElementById('app')!);
