import { createHash, type Hash } from 'node:crypto';

/** Something that happens at a moment. */
interface Event {
  at: number;
  /** Of two at the same moment the one that was planned first comes first. */
  order: number;
  act: () => void;
}

/** When every simulated world begins, in milliseconds since 1970. */
const BEGINNING = Date.parse('2026-01-05T09:00:00Z');
/** Steps that are planned with the event loop at once: one turn of the loop costs more than a step. */
const STEPS = 64;

/**
 * The only source of time and order. Whatever happens is an event of its queue; between two events everything that
 * promises can do is done, so that the order of all follows from the seed.
 */
export class Kernel {
  now = BEGINNING;
  readonly chance: Chance;
  readonly log: EventLog;
  events = 0;
  #heap: Event[] = [];
  #planned = 0;

  constructor(seed: number, log: EventLog) {
    this.chance = new Chance(seed);
    this.log = log;
  }

  /** Plans an event. */
  after(ms: number, act: () => void): void {
    push(this.#heap, { at: this.now + Math.max(0, ms), order: this.#planned++, act });
  }

  /** Lets events happen until `over` says so. @returns false if none is left before that */
  run(over: () => boolean): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let done = false;
      const step = () => {
        if (done) return;
        try {
          const event = over() ? undefined : pop(this.#heap);
          if (!event) {
            done = true;
            return resolve(over());
          }
          this.now = event.at;
          this.events++;
          event.act();
        } catch (error) {
          done = true;
          reject(error);
        }
      };
      // Promises are settled after each immediate, before the next begins.
      const turn = () => {
        for (let i = 0; i < STEPS && !done; i++) setImmediate(step);
        if (!done) setImmediate(turn);
      };
      turn();
    });
  }
}

const isBefore = (one: Event, other: Event) =>
  one.at < other.at || (one.at === other.at && one.order < other.order);

function push(heap: Event[], event: Event): void {
  let i = heap.length;
  heap.push(event);
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (!isBefore(event, heap[parent]!)) break;
    heap[i] = heap[parent]!;
    i = parent;
  }
  heap[i] = event;
}

function pop(heap: Event[]): Event | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (!isBefore(heap[child]!, last)) break;
    heap[i] = heap[child]!;
    i = child;
  }
  heap[i] = last;
  return first;
}

/** All chance of a world, from its seed (mulberry32, public domain). */
export class Chance {
  #state: number;
  constructor(seed: number) {
    this.#state = (seed * 0x9e3779b1) >>> 0;
  }
  /** From 0 up to, but without, 1. */
  readonly fraction = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  readonly id = (): string =>
    Array.from({ length: 4 }, () =>
      Math.floor(this.fraction() * 2 ** 32)
        .toString(16)
        .padStart(8, '0'),
    ).join('');
  happens(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }
  /** From `low` up to `high`. */
  between(low: number, high: number): number {
    return low + this.fraction() * (high - low);
  }
  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.fraction() * items.length)]!;
  }
}

/** One line of what happened. */
export interface Line {
  at: number;
  /** Whose doing it is: a function's process, or a service. */
  who: string;
  what: string;
  about: string;
  outcome: string;
}

/** Remembers the last lines, and a hash of all. Two runs that differ anywhere have different hashes. */
export class EventLog {
  readonly #hash: Hash = createHash('sha256');
  readonly #last: Line[] = [];
  #pending = '';
  /** Hears of every line. */
  listen: ((line: Line) => void) | undefined;

  add(line: Line): void {
    this.#pending += `${line.at} ${line.who} ${line.what} ${line.about} ${line.outcome}\n`;
    if (this.#pending.length > 65_536) this.#flush();
    this.#last.push(line);
    if (this.#last.length > 4_000) this.#last.splice(0, 2_000);
    this.listen?.(line);
  }

  #flush(): void {
    this.#hash.update(this.#pending);
    this.#pending = '';
  }

  /** The last lines that name something, such as a cell's number. */
  last(count: number, about: (line: Line) => boolean = () => true): Line[] {
    return this.#last.filter(about).slice(-count);
  }

  digest(): string {
    this.#flush();
    return this.#hash.copy().digest('hex').slice(0, 16);
  }
}
