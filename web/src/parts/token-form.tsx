import { useRef } from 'preact/hooks';
import { keepToken, tokenRejected } from '../api/token.ts';
import { useSignal } from '../live/use.ts';

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
      <h1>Sign in</h1>
      <p>
        Enter the API token that an operator gave you. Only this browser tab keeps it, until you close it. A
        link that somebody sent you opens after you sign in.
      </p>
      {rejected && (
        <p class="error" role="alert">
          This token is unknown or has expired. Check it, or ask an operator for a new one.
        </p>
      )}
      <label for="token">API token</label>
      <input ref={input} id="token" type="password" autocomplete="off" spellcheck={false} required />
      <button type="submit" class="primary">
        Continue
      </button>
    </form>
  );
}
