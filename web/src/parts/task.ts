import { useState } from 'preact/hooks';
import { sentenceOf } from '../live/audit.ts';

/** The work of a button: whether it is running, and why it failed, as a sentence. */
export function useTask<A extends unknown[]>(work: (...args: A) => Promise<unknown>) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const run = async (...args: A) => {
    if (busy) return;
    setBusy(true);
    setProblem(undefined);
    try {
      await work(...args);
    } catch (error) {
      setProblem(sentenceOf(error));
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, run };
}
