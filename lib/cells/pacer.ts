import type { Time } from '../ports.ts';

/** Share of the permitted rate. At all of it any jitter meets the limit, and each 429 costs a pause. */
const SHARE = 0.995;
/** Requests of an account further apart than this are let through one at a time: a second's worth may come at once. */
const SPARSE_MS = 1_000;
/** How much later than it was told a refused dispatcher comes back: the time of an answer, and some for jitter. */
const PLAY_MS = 250;

/**
 * Spaces out requests so that all dispatchers together keep to a rate. Time that was lost, up to a second of it, is
 * caught up, so that the pauses between two blocks do not lower the rate; never more than that, so that no burst
 * arises: two dispatchers that were idle together begin together. Where one request comes through at a time nothing
 * is caught up, and of two that begin together one is refused, comes back when it was told to, and has its places
 * between the other's from then on.
 */
export class Pacer {
  readonly #intervalMs: number;
  readonly #slackMs: number;
  readonly #time: Time;
  #next = 0;
  #heldUntil = 0;
  #pauses = 0;
  /** After a pause one request goes first; the others wait for what becomes of it. */
  #probe: 'none' | 'due' | { ended: Promise<void>; end: () => void } = 'none';

  /**
   * @param perMinute requests a minute, of all dispatchers together
   * @param dispatchers that share them, each by a pacer of its own
   */
  constructor(time: Time, perMinute: number, dispatchers = 1) {
    this.#time = time;
    const accountMs = 60_000 / (perMinute * SHARE);
    const intervalMs = accountMs * dispatchers;
    const isSparse = accountMs > SPARSE_MS;
    this.#intervalMs = intervalMs + (isSparse ? PLAY_MS : 0);
    this.#slackMs = isSparse ? 0 : Math.min(1_000, intervalMs * 10);
  }

  /** Milliseconds until the next request may go. */
  get waitMs(): number {
    return Math.max(0, Math.max(this.#next, this.#heldUntil) - this.#time.monotonic());
  }

  /**
   * Waits for a place and takes it. Places are given in the order of calls.
   * @returns what to call once it is known what became of the request; undefined where no place was given: a pause began
   *   meanwhile, or another request goes first
   */
  async take(): Promise<(() => void) | undefined> {
    if (typeof this.#probe === 'object') {
      await this.#probe.ended;
      return undefined;
    }
    const probe = this.#probe === 'due' ? this.#beginProbe() : undefined;
    const wait = this.waitMs;
    const pauses = this.#pauses;
    const from = Math.max(this.#time.monotonic(), this.#heldUntil) - this.#slackMs;
    this.#next = Math.max(this.#next, from) + this.#intervalMs;
    if (wait > 0) await this.#time.sleep(wait);
    if (pauses !== this.#pauses) return undefined;
    return () => {
      if (probe && this.#probe === probe) this.#endProbe('none');
    };
  }

  /**
   * Gives no place for so long: the other side refused a request and said so. That request's place, and those that
   * others wait for, are given again: after the pause as if none had been given. A request that took no place (a look)
   * gives one back all the same: at worst one more is refused.
   * @param seconds what Replicate said, or the default of `ask.ts`, within the bounds of `advance.ts`
   */
  pause(seconds: number): void {
    this.probeFirst();
    const now = this.#time.monotonic();
    this.#pauses++;
    this.#next = Math.min(this.#next, now);
    this.#heldUntil = Math.max(this.#heldUntil, now + seconds * 1_000);
  }

  /** Lets one request go before all others: Replicate refused the last one, as far as is known. */
  probeFirst(): void {
    this.#endProbe('due');
  }

  #beginProbe(): { ended: Promise<void>; end: () => void } {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const probe = { ended, end };
    this.#probe = probe;
    return probe;
  }

  #endProbe(next: 'none' | 'due'): void {
    if (typeof this.#probe === 'object') this.#probe.end();
    this.#probe = next;
  }
}
