import { useEffect, useState } from 'preact/hooks';
import { isPassing } from '../api/client.ts';
import { ImageProblem } from '../images/store.ts';

const FIRST_MS = 5_000;
const MOST_MS = 80_000;

/**
 * Counts attempts: the next one comes when the connection is back, or after a while that doubles. What cannot get
 * better by itself is not tried again.
 * @param error why the attempt before this one failed; undefined while none has
 */
export function useAttempts(error: unknown): number {
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (!(isPassing(error) || (error instanceof ImageProblem && error.passing))) return;
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
