import { signal } from '../live/signal.ts';

const NAME = 'weaudit-token';

/** The API token. It lives in this tab's session only, and nowhere in an address. */
export const token = signal(sessionStorage.getItem(NAME) ?? '');
/** Whether the server refused the last one. */
export const tokenRefused = signal(false);

export function keepToken(value: string): void {
  sessionStorage.setItem(NAME, value);
  tokenRefused.set(false);
  token.set(value);
}

/** The server does not know the token (any more): ask for another. */
export function forgetToken(): void {
  tokenRefused.set(token.value !== '');
  sessionStorage.removeItem(NAME);
  token.set('');
}

/** Leaves on purpose. */
export function dropToken(): void {
  forgetToken();
  tokenRefused.set(false);
}
