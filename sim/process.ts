import type { Chance as ChancePort, Time } from '../lib/ports.ts';
import { type Coverage, kindOf } from './coverage.ts';
import type { Kernel } from './kernel.ts';
import type { Weather } from './weather.ts';

/** Answers that are faults of the other side. */
const FAULTS = ['ConditionalRequestConflict', 'OutputUnavailable'];

/** Of all processes. */
let turns = 0;

/** One execution environment of a function: from its cold start until it dies. */
export class Process {
  readonly name: string;
  readonly kernel: Kernel;
  readonly #weather: Weather;
  readonly #coverage: Coverage;
  alive = true;
  /** Counts its events, and when the one at hand began. */
  turn = 0;
  since = 0;
  /** Calls of the event at hand that failed, were lost, or took long. */
  faults = 0;
  /** Those of them that its function has to bound by the time that is left: creates that took long. */
  bounded = 0;
  /** Between two events Lambda lets nothing of it run: answers wait until the next. */
  #frozen = true;
  #held: (() => void)[] = [];
  /** Told once when it dies. */
  onDeath: ((why: string) => void) | undefined;

  constructor(name: string, kernel: Kernel, weather: Weather, coverage: Coverage) {
    this.name = name;
    this.kernel = kernel;
    this.#weather = weather;
    this.#coverage = coverage;
  }

  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
    this.turn = ++turns;
    this.since = this.kernel.now;
    this.faults = 0;
    this.bounded = 0;
    for (const act of this.#held.splice(0)) act();
  }

  die(why: string): void {
    if (!this.alive) return;
    this.alive = false;
    this.#held = [];
    this.onDeath?.(why);
  }

  /** Something reaches the process, if it lives. */
  deliver(act: () => void): void {
    if (!this.alive) return;
    if (this.#frozen) this.#held.push(act);
    else act();
  }

  /**
   * A call to another service.
   * @param effect carries it out at once, when it arrives; throws what it is refused with
   * @param failed the error of a call that was not carried out, or whose answer was lost
   */
  call<T>(
    { service, action, about }: { service: string; action: string; about: string },
    effect: () => T,
    failed: (fate: 'unavailable' | 'lost') => Error,
  ): Promise<T> {
    const { kernel } = this;
    return new Promise((resolve, reject) => {
      if (!this.alive) return;
      const call = { functionKey: this.name.split('#')[0]!, service, action, kind: kindOf(about) };
      const fate = this.#weather.fateOf(call);
      this.#coverage.call(call, fate);
      const log = (outcome: string) =>
        kernel.log.add({ at: kernel.now, who: this.name, what: action, about, outcome });
      if (fate === 'dies before') {
        log(fate);
        return this.die(`before ${action} ${about}`);
      }
      const { ms, isSlow } = this.#weather.latency(call);
      if (isSlow || fate !== 'answered') this.faults++;
      if (isSlow && fate === 'answered' && action === 'create') this.bounded++;
      kernel.after(ms, () => {
        if (fate === 'unavailable') {
          log(fate);
          return this.deliver(() => reject(failed(fate)));
        }
        let answer: () => void;
        let outcome = fate === 'answered' ? '' : fate;
        try {
          const value = effect();
          answer = () => resolve(value);
        } catch (error) {
          const { name } = error as Error;
          if (FAULTS.includes(name)) this.faults++;
          outcome += ` ${name}`;
          answer = () => reject(error);
        }
        log(outcome);
        if (fate === 'dies after') this.die(`after ${action} ${about}`);
        else if (fate === 'lost') this.deliver(() => reject(failed(fate)));
        else this.deliver(answer);
      });
    });
  }

  /** The world's clock, as this process sees it. */
  get time(): Time {
    const { kernel } = this;
    const sleep = (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        const abort = () => reject(signal?.reason);
        if (signal?.aborted) return abort();
        signal?.addEventListener('abort', abort, { once: true });
        kernel.after(ms, () =>
          this.deliver(() => {
            signal?.removeEventListener('abort', abort);
            resolve();
          }),
        );
      });
    const timeout = (ms: number) => {
      const controller = new AbortController();
      const expired = () => controller.abort(new DOMException('The time is over', 'TimeoutError'));
      kernel.after(ms, () => this.deliver(expired));
      return controller.signal;
    };
    return { now: () => new Date(kernel.now), monotonic: () => kernel.now, sleep, timeout };
  }

  get chance(): ChancePort {
    return { fraction: this.kernel.chance.fraction, id: this.kernel.chance.id };
  }
}
