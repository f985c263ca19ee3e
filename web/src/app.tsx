import type { ComponentType } from 'preact';
import { dropToken, token } from './api/token.ts';
import { useOnline, useSignal } from './live/use.ts';
import { TokenForm } from './parts/token-form.tsx';
import { words } from './words/app.ts';

const LINKS = [
  { name: 'new', href: '/', text: words.newAudit },
  { name: 'audits', href: '/audits.html', text: words.audits },
];

/** What all pages share: the header, the form for a token, and a banner while offline. */
export function App({ page: Page, name }: { page: ComponentType; name: string }) {
  const held = useSignal(token);
  const online = useOnline();
  return (
    <>
      <a class="skip" href="#main">
        {words.skip}
      </a>
      <header class="top">
        <a class="brand" href="/">
          <svg aria-hidden="true" viewBox="0 0 24 24" width="22" height="22">
            <rect x="2" y="2" width="9" height="9" rx="2" />
            <rect x="13" y="2" width="9" height="9" rx="2" />
            <rect x="2" y="13" width="9" height="9" rx="2" />
            <rect class="hollow" x="14" y="14" width="7" height="7" rx="1.5" />
          </svg>
          {words.brand}
        </a>
        <nav aria-label={words.pages}>
          {LINKS.map((link) => (
            <a key={link.name} href={link.href} aria-current={link.name === name ? 'page' : undefined}>
              {link.text}
            </a>
          ))}
        </nav>
        {held && (
          <button type="button" class="quiet" onClick={dropToken}>
            {words.signOut}
          </button>
        )}
      </header>
      {!online && (
        <p class="banner" role="status">
          {words.offline}
        </p>
      )}
      <main id="main" tabIndex={-1}>
        {held ? <Page /> : <TokenForm />}
      </main>
    </>
  );
}
