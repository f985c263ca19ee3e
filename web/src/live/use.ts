import { useEffect, useState } from 'preact/hooks';
import type { Signal } from './signal.ts';

/** Draws a component again when a signal changes. */
export function useSignal<T>(signal: Signal<T>): T {
  const [value, setValue] = useState(signal.value);
  useEffect(() => {
    setValue(() => signal.value);
    return signal.listen(() => setValue(() => signal.value));
  }, [signal]);
  return value;
}

/** Draws a component again, at most once a frame, whenever `source` tells of a change. */
export function useChanges(source: { listen(listener: () => void): () => void } | undefined): number {
  const [version, setVersion] = useState(0);
  useEffect(() => {
    if (!source) return;
    let frame = 0;
    const draw = () => {
      frame = 0;
      setVersion((count) => count + 1);
    };
    const stop = source.listen(() => {
      frame ||= requestAnimationFrame(draw);
    });
    draw();
    return () => {
      stop();
      cancelAnimationFrame(frame);
    };
  }, [source]);
  return version;
}

/** Calls `handle` for every key pressed on the page while the component is there. */
export function useKeys(handle: (event: KeyboardEvent) => void): void {
  useEffect(() => {
    addEventListener('keydown', handle);
    return () => removeEventListener('keydown', handle);
  });
}
