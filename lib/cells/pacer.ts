/** Of the permitted rate: who goes at all of it meets the limit at every jitter, and each 429 costs a pause. */
const SHARE = 0.995;

/**
 * Spaces out requests so that all dispatchers together keep to a rate. Time that was lost, up to a second of it, is
 * caught up, so that the pauses between two blocks do not lower the rate; never more than that, so that no burst
 * arises: two dispatchers that were idle together begin together.
 */
export class Pacer {
  readonly #intervalMs: number;
  readonly #slackMs: number;
  #next = 0;
  #heldUntil = 0;

  /**
   * @param perMinute requests a minute, of all dispatchers together
   * @param dispatchers that share them, each by a pacer of its own
   */
  constructor(perMinute: number, dispatchers = 1) {
    this.#intervalMs = (60_000 * dispatchers) / (perMinute * SHARE);
    this.#slackMs = Math.min(1_000, this.#intervalMs * 10);
  }

  /** Milliseconds until the next request may go. */
  get waitMs(): number {
    return Math.max(0, Math.max(this.#next, this.#heldUntil) - performance.now());
  }

  /** Milliseconds until a pause is over. */
  get heldMs(): number {
    return Math.max(0, this.#heldUntil - performance.now());
  }

  /** Waits for a place and takes it. Places are given in the order of calls. */
  async take(): Promise<void> {
    const wait = this.waitMs;
    const from = Math.max(performance.now(), this.#heldUntil) - this.#slackMs;
    this.#next = Math.max(this.#next, from) + this.#intervalMs;
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  }

  /** Gives no place for so long: the other side said so. What that loses is caught up like any other time. */
  pause(seconds: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, performance.now() + seconds * 1_000);
  }
}
