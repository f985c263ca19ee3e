import type { Label } from '../../../lib/contract/round-request.ts';
import type { Browser } from './outbox.ts';

/** The browser that this page is in. */
export const thisBrowser = (): Browser => ({
  storage: localStorage,
  alone: (name, work) => navigator.locks.request(name, work),
  now: Date.now,
  after: (ms, act) => {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
});

/** What another tab of the rater has added: an answer. @returns what stops listening */
export function listenToOtherTabs(name: string, heard: (answer: Label) => void): () => void {
  const listener = ({ key, newValue }: StorageEvent) => {
    if (key?.startsWith(`weaudit-rate/${name}/answer/`) && newValue) heard(JSON.parse(newValue));
  };
  addEventListener('storage', listener);
  return () => removeEventListener('storage', listener);
}
