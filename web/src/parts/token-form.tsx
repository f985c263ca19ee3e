import { useRef } from 'preact/hooks';
import { keepToken, tokenRefused } from '../api/token.ts';
import { useSignal } from '../live/use.ts';

export function TokenForm() {
  const input = useRef<HTMLInputElement>(null);
  const refused = useSignal(tokenRefused);
  const submit = (event: Event) => {
    event.preventDefault();
    const value = input.current?.value.trim();
    if (value) keepToken(value);
  };
  return (
    <form class="token card" onSubmit={submit}>
      <h1>Your API token</h1>
      <p>
        An operator gave you one. This tab keeps it until it is closed, and stores it nowhere else. If
        somebody sent you an address, it opens as soon as the token is in.
      </p>
      {refused && (
        <p class="error" role="alert">
          The server does not know that token, or it has expired. Check it, or ask an operator for a new one.
        </p>
      )}
      <label for="token">API token</label>
      <input ref={input} id="token" type="password" autocomplete="off" spellcheck={false} required />
      <button type="submit" class="primary">
        Go on
      </button>
    </form>
  );
}
