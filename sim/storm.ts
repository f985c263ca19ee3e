import type { Coverage } from './coverage.ts';
import type { Kernel } from './kernel.ts';
import type { Call, Fate, Weather } from './weather.ts';

/** A time in which one service mostly fails, in milliseconds since the world began. */
export interface Gust {
  service: string;
  from: number;
  to: number;
  share: number;
}

export interface StormOptions {
  /** Of all calls, the share that ends in each way. */
  calls: Partial<Record<Exclude<Fate, 'answered'>, number>>;
  gusts?: Gust[];
  /** Share of calls that take from half a second to twenty. */
  slow?: number;
  /** Only creates do. */
  slowCreates?: boolean;
  events: { late: number; doubled: number; lost?: number; silent?: { from: number; to: number } };
  /** Share of conditional writes that S3 answers by 409. */
  conflicts: number;
  /** Messages that are delivered although they were deleted. */
  messagesDoubled: number;
  /** Nothing goes wrong from then on, in milliseconds since the world began. */
  endsAt: number;
}

/** Milliseconds from a call to its answer, from and to. */
const LATENCIES: Record<string, [number, number]> = {
  s3: [8, 40],
  sqs: [4, 15],
  replicate: [60, 400],
  outputs: [40, 300],
};

/** What an audit calls only once would hardly ever fail: the first calls of a kind are tried harder. */
const harder = (count: number) => (count <= 3 ? 10 : count <= 20 ? 3 : 1);

/** Decides what goes wrong. */
export class Storm implements Weather {
  readonly #kernel: Kernel;
  readonly #options: StormOptions;
  readonly #began: number;
  /** When the last fault happened. */
  lastFaultAt: number;
  faults = 0;
  #messages = 0;
  readonly #seen = new Map<string, number>();
  readonly #coverage: Coverage;
  readonly #gusts: Gust[];

  constructor(kernel: Kernel, options: StormOptions, coverage: Coverage) {
    this.#kernel = kernel;
    this.#coverage = coverage;
    this.#options = options;
    this.#gusts = [...(options.gusts ?? [])];
    this.#began = kernel.now;
    this.lastFaultAt = kernel.now;
  }

  get #age(): number {
    return this.#kernel.now - this.#began;
  }

  get isOver(): boolean {
    return this.#age >= this.#options.endsAt;
  }

  /** A service mostly fails from now on, for so long. */
  begin(service: string, ms: number): void {
    this.#gusts.push({ service, from: this.#age, to: this.#age + ms, share: 0.9 });
  }

  #count(): void {
    this.faults++;
    this.lastFaultAt = this.#kernel.now;
  }

  fateOf({ functionKey, service, action, kind }: Call): Fate {
    if (this.isOver) return 'answered';
    const { chance } = this.#kernel;
    for (const gust of this.#gusts)
      if (
        gust.service === service &&
        this.#age >= gust.from &&
        this.#age < gust.to &&
        chance.happens(gust.share)
      ) {
        this.#count();
        return 'unavailable';
      }
    let drawn = chance.fraction() / this.#rarity(`${functionKey} ${action} ${kind}`);
    for (const [fate, share] of Object.entries(this.#options.calls) as [Fate, number][]) {
      if (drawn < share) {
        this.#count();
        return fate;
      }
      drawn -= share;
    }
    return 'answered';
  }

  #rarity(kind: string): number {
    const count = (this.#seen.get(kind) ?? 0) + 1;
    this.#seen.set(kind, count);
    return harder(count);
  }

  latency({ functionKey, service, action, kind }: Call): { ms: number; isSlow: boolean } {
    const { chance } = this.#kernel;
    const [low, high] = LATENCIES[service] ?? [5, 20];
    const ms = chance.between(low, high);
    const { slow = 0, slowCreates = false } = this.#options;
    if (slow === 0 || this.isOver || (slowCreates && action !== 'create')) return { ms, isSlow: false };
    const seen = this.#seen.get(`${functionKey} ${action} ${kind}`) ?? 1;
    if (!chance.happens(slowCreates ? slow : slow * harder(seen))) return { ms, isSlow: false };
    this.#count();
    this.#coverage.met('a call took more than half a second');
    return { ms: 500 * 40 ** chance.fraction(), isSlow: true };
  }

  /** When an event arrives: once, as a rule. */
  eventDelays(): number[] {
    const { chance } = this.#kernel;
    const { late, doubled, lost = 0, silent } = this.#options.events;
    const soon = () => chance.between(200, 1_500);
    const age = this.#age;
    if (silent && age >= silent.from && age < silent.to) {
      this.#count();
      return [silent.to - age + soon()];
    }
    if (this.isOver) return [soon()];
    if (chance.happens(lost)) {
      this.#count();
      this.#coverage.met('an event was lost');
      return [];
    }
    const isLate = chance.happens(late);
    const delays = [isLate ? chance.between(1, 45) * 60_000 : soon()];
    if (isLate) this.#coverage.met('an event came late');
    if (chance.happens(doubled)) {
      this.#coverage.met('an event came twice');
      delays.push(chance.between(500, 120_000));
    }
    if (delays.length > 1 || isLate) this.#count();
    return delays;
  }

  doublesMessage(): boolean {
    const share = this.#options.messagesDoubled * harder(++this.#messages);
    if (this.isOver || !this.#kernel.chance.happens(share)) return false;
    this.#count();
    this.#coverage.met('a message came twice');
    return true;
  }
}
