/** A value that calls its listeners when it changes. */
export interface Signal<T> {
  readonly value: T;
  set(value: T): void;
  /** @returns a function that removes the listener */
  listen(listener: () => void): () => void;
}

export function signal<T>(initial: T): Signal<T> {
  const listeners = new Set<() => void>();
  let value = initial;
  return {
    get value() {
      return value;
    },
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener();
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
