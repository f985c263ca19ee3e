import { useEffect, useState } from 'preact/hooks';
import type { Signal } from './signal.ts';

/** Renders a component again when a signal changes. */
export function useSignal<T>(signal: Signal<T>): T {
  const [value, setValue] = useState(signal.value);
  useEffect(() => {
    setValue(() => signal.value);
    return signal.listen(() => setValue(() => signal.value));
  }, [signal]);
  return value;
}

/** Renders a component again, at most once a frame, when `source` changes. */
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

/** Whether the browser is online. */
export function useOnline(): boolean {
  const [online, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const update = () => setOnline(navigator.onLine);
    addEventListener('online', update);
    addEventListener('offline', update);
    return () => {
      removeEventListener('online', update);
      removeEventListener('offline', update);
    };
  }, []);
  return online;
}
