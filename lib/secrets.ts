import type { SecretReader, SecretValue, Time } from './ports.ts';

/** How long a secret is used before it is read again: a rotation takes effect within this time. */
const MAX_AGE_MS = 5 * 60_000;
/** A caller that was refused may ask for a fresh secret, but no more often than this. */
const MIN_AGE_MS = 10_000;
/** How long a secret is used while it cannot be read again. */
const MAX_STALE_MS = 60 * 60_000;

/** Where secrets are kept has answered that there is no such secret, or not for this role. */
export class SecretRefused extends Error {
  override name = 'SecretRefused';
}

/**
 * Keeps a secret for five minutes, so that it stands neither in code nor in an environment value and is not asked for
 * at each event.
 * @param read asks for it; throws `SecretRefused` if there is none
 */
export function secretReader(read: () => Promise<string>, time: Time): SecretReader {
  let kept: { value: string; readAt: number } | undefined;
  let reading: Promise<string> | undefined;
  let failedAt = Number.NEGATIVE_INFINITY;
  const since = (moment: number) => time.now().getTime() - moment;
  const isStale = ({ readAt }: { readAt: number }) => since(readAt) >= MAX_STALE_MS;
  const readAnew = async () => {
    try {
      const value = await read();
      kept = { value, readAt: time.now().getTime() };
      return value;
    } catch (error) {
      // The Parameter Store is down or busy: a secret that was right an hour ago is better than none. If it says
      // that there is no such secret any more, there is none.
      if (!kept || error instanceof SecretRefused || isStale(kept)) throw error;
      failedAt = time.now().getTime();
      return kept.value;
    } finally {
      reading = undefined;
    }
  };
  return async ({ refresh = false } = {}) => {
    const isFresh = kept && since(kept.readAt) <= (refresh ? MIN_AGE_MS : MAX_AGE_MS);
    if (kept && (isFresh || (since(failedAt) <= MIN_AGE_MS && !isStale(kept)))) return kept.value;
    reading ??= readAnew();
    return reading;
  };
}

/** Secrets that a process keeps; an audit names at most a few. */
const MAX_KEPT = 100;

/** As `secretReader`, of many secrets by their names. */
export function secretsByName(read: (name: string) => Promise<string>, time: Time): SecretValue {
  const readers = new Map<string, SecretReader>();
  return (name) => {
    const reader = readers.get(name) ?? secretReader(() => read(name), time);
    if (readers.size >= MAX_KEPT) readers.clear();
    readers.set(name, reader);
    return reader();
  };
}
