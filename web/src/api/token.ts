import { signal } from '../live/signal.ts';

const NAME = 'weaudit-token';

/** The API token. Only this tab's session holds it; it is never part of an address. */
export const token = signal(sessionStorage.getItem(NAME) ?? '');
/** Whether the server rejected the last token. */
export const tokenRejected = signal(false);

export function keepToken(value: string): void {
  sessionStorage.setItem(NAME, value);
  tokenRejected.set(false);
  token.set(value);
}

/** The server rejected the token: the page asks for another one. Several requests may be rejected at once. */
export function rejectToken(): void {
  if (token.value === '') return;
  dropToken();
  tokenRejected.set(true);
}

/** The person signed out. */
export function dropToken(): void {
  sessionStorage.removeItem(NAME);
  tokenRejected.set(false);
  token.set('');
}
