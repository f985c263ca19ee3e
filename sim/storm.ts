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
  events: { late: number; doubled: number; silent?: { from: number; to: number } };
  /** Share of conditional writes that S3 answers by 409. */
  conflicts: number;
  /** Messages that are delivered although they were deleted. */
  messagesDoubled: number;
  /** Nothing goes wrong from then on, in milliseconds since the world began. */
  endsAt: number;
}

/** Decides what goes wrong. */
export class Storm implements Weather {
  readonly #kernel: Kernel;
  readonly #options: StormOptions;
  readonly #began: number;
  /** When the last fault happened. */
  lastFaultAt: number;
  faults = 0;
  readonly #seen = new Map<string, number>();

  constructor(kernel: Kernel, options: StormOptions) {
    this.#kernel = kernel;
    this.#options = options;
    this.#began = kernel.now;
    this.lastFaultAt = kernel.now;
  }

  get #age(): number {
    return this.#kernel.now - this.#began;
  }

  get isOver(): boolean {
    return this.#age >= this.#options.endsAt;
  }

  #count(): void {
    this.faults++;
    this.lastFaultAt = this.#kernel.now;
  }

  fateOf({ functionKey, service, action, kind }: Call): Fate {
    if (this.isOver) return 'answered';
    const { chance } = this.#kernel;
    for (const gust of this.#options.gusts ?? [])
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

  /** What an audit calls only once would hardly ever fail: it is tried harder than what every cell calls. */
  #rarity(kind: string): number {
    const count = (this.#seen.get(kind) ?? 0) + 1;
    this.#seen.set(kind, count);
    return count <= 3 ? 10 : count <= 20 ? 3 : 1;
  }

  latency(service: string): number {
    const { chance } = this.#kernel;
    const [low, high] = { s3: [8, 40], sqs: [4, 15], replicate: [60, 400], outputs: [40, 300] }[service] ?? [
      5, 20,
    ];
    return chance.between(low!, high!);
  }

  /** When an event arrives: once, as a rule. */
  eventDelays(): number[] {
    const { chance } = this.#kernel;
    const { late, doubled, silent } = this.#options.events;
    const soon = () => chance.between(200, 1_500);
    const age = this.#age;
    if (silent && age >= silent.from && age < silent.to) {
      this.#count();
      return [silent.to - age + soon()];
    }
    if (this.isOver) return [soon()];
    const delays = [chance.happens(late) ? chance.between(1, 45) * 60_000 : soon()];
    if (chance.happens(doubled)) delays.push(chance.between(500, 120_000));
    if (delays.length > 1 || delays[0]! > 60_000) this.#count();
    return delays;
  }

  doublesMessage(): boolean {
    if (this.isOver || !this.#kernel.chance.happens(this.#options.messagesDoubled)) return false;
    this.#count();
    return true;
  }
}
