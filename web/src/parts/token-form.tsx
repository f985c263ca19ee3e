import { useRef } from 'preact/hooks';
import { keepToken, tokenRejected } from '../api/token.ts';
import { useSignal } from '../live/use.ts';
import { words } from '../words/app.ts';
import { Alert } from './alert.tsx';

export function TokenForm() {
  const input = useRef<HTMLInputElement>(null);
  const rejected = useSignal(tokenRejected);
  const submit = (event: Event) => {
    event.preventDefault();
    const value = input.current?.value.trim();
    if (value) keepToken(value);
  };
  return (
    <form class="token card" onSubmit={submit}>
      <h1>{words.signIn}</h1>
      <p>{words.tokenHint}</p>
      <Alert text={rejected && words.tokenRejected} />
      <label for="token">{words.token}</label>
      <input ref={input} id="token" type="password" autocomplete="off" spellcheck={false} required />
      <button type="submit" class="primary">
        {words.continue}
      </button>
    </form>
  );
}
