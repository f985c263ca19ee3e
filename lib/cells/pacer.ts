import { setTimeout } from 'node:timers/promises';

/**
 * Spaces out requests so that they keep to a rate. Time that was lost, up to a second of it, is caught up, so
 * that the pauses between two batches do not lower the rate; never more than that, so that no burst arises.
 */
export class Pacer {
  readonly #intervalMs: number;
  readonly #slackMs: number;
  #next = 0;

  /** @param perMinute requests a minute */
  constructor(perMinute: number) {
    this.#intervalMs = 60_000 / perMinute;
    this.#slackMs = Math.min(1_000, this.#intervalMs * 10);
  }

  /** Milliseconds until the next request may go. */
  get waitMs(): number {
    return Math.max(0, this.#next - performance.now());
  }

  /** Waits for a place and takes it. Places are given in the order of calls. */
  async take(): Promise<void> {
    const wait = this.waitMs;
    this.#next = Math.max(this.#next, performance.now() - this.#slackMs) + this.#intervalMs;
    if (wait > 0) await setTimeout(wait);
  }

  /** Gives no place for so long: the other side said so. */
  pause(seconds: number): void {
    this.#next = Math.max(this.#next, performance.now() + seconds * 1_000);
  }
}
