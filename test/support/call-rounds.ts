import type { ObjectStore } from '../../lib/ports.ts';

/** Connections of the SDK's client: calls beyond these wait. */
const CONNECTIONS = 50;

export interface CountedRounds {
  store: ObjectStore;
  /** How many calls in sequence some work takes: calls that are made at the same time count as one. */
  of(work: () => Promise<unknown>): Promise<number>;
}

/**
 * A store whose calls are answered in rounds: all that wait for an answer get it at once, up to fifty of them. What a request
 * takes where each call takes 20 ms follows from the rounds, on any machine.
 */
export function callRounds(inner: ObjectStore): CountedRounds {
  let rounds = 0;
  let isCounting = false;
  let waiting: (() => void)[] = [];
  const turn = () => {
    if (waiting.length === 0) return;
    rounds++;
    const answered = waiting.slice(0, CONNECTIONS);
    waiting = waiting.slice(CONNECTIONS);
    for (const answer of answered) answer();
    setImmediate(turn);
  };
  const call = () =>
    isCounting &&
    new Promise<void>((answer) => {
      if (waiting.push(answer) === 1) setImmediate(turn);
    });
  const store = new Proxy(inner, {
    get(target, name) {
      const verb = Reflect.get(target, name);
      if (name === 'within') return () => store;
      if (typeof verb !== 'function') return verb;
      if (name !== 'list')
        return async (...about: unknown[]) => {
          await call();
          return verb.apply(target, about);
        };
      return async function* (...about: unknown[]) {
        await call();
        let keys = 0;
        for await (const listed of verb.apply(target, about)) {
          if (++keys % 1_000 === 0) await call();
          yield listed;
        }
      };
    },
  });
  return {
    store,
    async of(work) {
      [rounds, isCounting] = [0, true];
      await work();
      isCounting = false;
      return rounds;
    },
  };
}
