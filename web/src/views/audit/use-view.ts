import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { readView, type View, writeView } from '../../layout/address.ts';
import type { Space } from '../../model/axes.ts';

/**
 * Changes the view.
 * @param step whether this is one of many small steps, which "back" skips
 */
export type ChangeView = (part: Partial<View>, step?: boolean) => void;

export interface ViewProps {
  space: Space;
  view: View;
  change: ChangeView;
}

/** The view, read from the address and written back to it. */
export function useView(space: Space): { view: View; change: ChangeView } {
  const [view, setView] = useState(() => readView(new URLSearchParams(location.search), space));
  const current = useRef(view);
  current.current = view;
  useEffect(() => {
    const read = () => setView(readView(new URLSearchParams(location.search), space));
    addEventListener('popstate', read);
    return () => removeEventListener('popstate', read);
  }, [space]);
  const change = useCallback<ChangeView>(
    (part, step = false) => {
      const next = { ...current.current, ...part };
      current.current = next;
      const address = `?${writeView(next, space)}`;
      if (address !== location.search) history[step ? 'replaceState' : 'pushState'](null, '', address);
      setView(next);
    },
    [space],
  );
  return { view, change };
}
