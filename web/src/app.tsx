import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { dropToken, token } from './api/token.ts';
import { forgetRenditions } from './images/kept.ts';
import { useSignal } from './live/use.ts';
import { TokenForm } from './parts/token-form.tsx';

const LINKS = [
  { name: 'new', href: '/', text: 'New audit' },
  { name: 'audits', href: '/audits.html', text: 'Audits' },
];

function useOnline(): boolean {
  const [online, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const look = () => setOnline(navigator.onLine);
    addEventListener('online', look);
    addEventListener('offline', look);
    return () => {
      removeEventListener('online', look);
      removeEventListener('offline', look);
    };
  });
  return online;
}

function signOut(): void {
  forgetRenditions();
  dropToken();
}

/** What all pages have in common: the header, the question for a token, and a word when there is no network. */
export function App({ page: Page, name }: { page: ComponentType; name: string }) {
  const held = useSignal(token);
  const online = useOnline();
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header class="top">
        <a class="brand" href="/">
          <svg aria-hidden="true" viewBox="0 0 24 24" width="22" height="22">
            <rect x="2" y="2" width="9" height="9" rx="2" />
            <rect x="13" y="2" width="9" height="9" rx="2" />
            <rect x="2" y="13" width="9" height="9" rx="2" />
            <rect class="hollow" x="14" y="14" width="7" height="7" rx="1.5" />
          </svg>
          WeAudit
        </a>
        <nav aria-label="Pages">
          {LINKS.map((link) => (
            <a key={link.name} href={link.href} aria-current={link.name === name ? 'page' : undefined}>
              {link.text}
            </a>
          ))}
        </nav>
        {held && (
          <button type="button" class="quiet" onClick={signOut}>
            Sign out
          </button>
        )}
      </header>
      {!online && (
        <p class="banner" role="status">
          You are offline. What is loaded stays here; the page goes on when the connection is back.
        </p>
      )}
      <main id="main" tabIndex={-1}>
        {held ? <Page /> : <TokenForm />}
      </main>
    </>
  );
}
