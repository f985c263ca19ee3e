import { useEffect, useState } from 'preact/hooks';
import { ApiError } from '../api/client.ts';
import { sentenceOf } from './audit.ts';

/** Something that a page opens and keeps up to date, or why it cannot. */
export interface Opened<T> {
  live?: T;
  problem?: string;
  retry: () => void;
}

/** What a page says of something that it opens. */
interface OpenWords {
  noName: string;
  notThere: string;
}

/** Opens something for as long as the component is mounted. @param open is called again only for another id */
export function useOpened<T extends { close(): void }>(
  id: string,
  open: (id: string) => Promise<T>,
  { noName, notThere }: OpenWords,
): Opened<T> {
  const [state, setState] = useState<Omit<Opened<T>, 'retry'>>({});
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (id === '') return setState({ problem: noName });
    let live: T | undefined;
    let gone = false;
    const whyNot = (error: unknown) =>
      error instanceof ApiError && error.status === 404 ? notThere : sentenceOf(error);
    open(id).then(
      (opened) => {
        live = opened;
        if (gone) opened.close();
        else setState({ live: opened });
      },
      (error) => !gone && setState({ problem: whyNot(error) }),
    );
    return () => {
      gone = true;
      live?.close();
    };
  }, [id, attempt]);
  return { ...state, retry: () => setAttempt((count) => count + 1) };
}
