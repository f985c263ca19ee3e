import { throttled } from './problems.ts';

/** Lets `perMinute` requests through a minute, `burst` of them at once. */
class TokenBucket {
  readonly perMinute: number;
  readonly burst: number;
  #tokens: number;
  #at: number;

  constructor(perMinute: number, burst: number, now: number) {
    this.perMinute = perMinute;
    this.burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  /** Takes a token. @returns 0, or the seconds until there is one */
  take(now: number): number {
    const passed = Math.max(0, now - this.#at);
    this.#tokens = Math.min(this.burst, this.#tokens + (passed / 60_000) * this.perMinute);
    this.#at = now;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    return ((1 - this.#tokens) / this.perMinute) * 60;
  }
}

/** Below this many dollars Replicate lets an account create next to nothing. */
const LOW_CREDIT = 5;
const LOW_CREDIT_PER_MINUTE = 6;
const OTHERS_PER_MINUTE = 3000;

/** A second's worth may come at once. */
const burstOf = (perMinute: number): number => Math.max(1, Math.ceil(perMinute / 60));

/** The account's rate limits: one for creating predictions, one for everything else, one for accounts with little credit. */
export class RateLimits {
  readonly #creates: TokenBucket;
  readonly #poor: TokenBucket;
  readonly #others: TokenBucket;

  /** @param now milliseconds since 1970 */
  constructor(createsPerMinute: number, now: number) {
    this.#creates = new TokenBucket(createsPerMinute, burstOf(createsPerMinute), now);
    this.#poor = new TokenBucket(LOW_CREDIT_PER_MINUTE, 1, now);
    this.#others = new TokenBucket(OTHERS_PER_MINUTE, burstOf(OTHERS_PER_MINUTE), now);
  }

  /** @param credit dollars @throws Problem 429 */
  create(now: number, credit: number): void {
    const bucket = credit < LOW_CREDIT ? this.#poor : this.#creates;
    const wait = bucket.take(now);
    if (wait === 0) return;
    const limit = `${bucket.perMinute} requests per minute with a burst of ${bucket.burst} requests`;
    throw throttled(
      credit < LOW_CREDIT
        ? `Your rate limit for creating predictions is reduced to ${limit} while you have less than $${LOW_CREDIT}.0 in credit.`
        : `Your rate limit for creating predictions is ${limit}.`,
      Math.ceil(wait),
    );
  }

  /** @throws Problem 429 */
  other(now: number): void {
    const wait = this.#others.take(now);
    if (wait > 0)
      throw throttled(`Your rate limit is ${OTHERS_PER_MINUTE} requests per minute.`, Math.ceil(wait));
  }
}
