import { useLayoutEffect, useState } from 'preact/hooks';
import { isTemporary } from '../api/client.ts';
import { ImageProblem } from '../images/load.ts';

const FIRST_MS = 5_000;
const MOST_MS = 80_000;

/**
 * Counts attempts. The next attempt follows when the browser is online again, or after a delay that doubles. Only
 * temporary errors are retried.
 * @param error why the previous attempt failed; undefined if none has failed
 */
export function useAttempts(error: unknown): number {
  const [attempt, setAttempt] = useState(0);
  // Before the error is painted: an event that comes right after it must not be missed.
  useLayoutEffect(() => {
    if (!(isTemporary(error) || (error instanceof ImageProblem && error.temporary))) return;
    const next = () => setAttempt((count) => count + 1);
    const timer = setTimeout(next, Math.min(MOST_MS, FIRST_MS * 2 ** attempt));
    addEventListener('online', next);
    return () => {
      clearTimeout(timer);
      removeEventListener('online', next);
    };
  }, [error]);
  return attempt;
}
