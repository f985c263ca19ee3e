import type { Consent, Label } from '../../../lib/contract/round-request.ts';
import { type Signal, signal } from '../live/signal.ts';
import { type RateApi, RateError } from './routes.ts';

/** Answers that the API takes at once. */
const BATCH = 50;
/** Answers wait for others, so that a batch is rarely one answer: so many, or so long. */
const ENOUGH = 10;
const SOON_MS = 5_000;
const FIRST_RETRY_MS = 2_000;
const MOST_RETRY_MS = 60_000;

/** Why nothing can be sent any more, as a sentence. */
export interface Ended {
  why: 'closed' | 'refused';
  message: string;
}

/** What the tabs of a rater have in common, and a clock: the browser, or that of the simulator. */
export interface Browser {
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  /** Does a piece of work while no other tab does any under this name. */
  alone(name: string, work: () => Promise<void>): Promise<void>;
  /** Milliseconds since 1970. */
  now(): number;
  /** @returns what keeps it from being done */
  after(ms: number, act: () => void): () => void;
}

/**
 * Answers that are not stored yet. Each waits under a name of its own in the browser's storage, which all tabs of the rater
 * share: two tabs add without reading what the other added. One tab at a time sends, in the order in which answers were given.
 * A number that was tried is tried again until the API has said what is stored under it, also after the page was closed:
 * only then is it known whether the answers are stored, and they are never stored twice.
 */
export class Outbox {
  /** Answers and reports that wait. */
  readonly waiting: Signal<number>;
  readonly ended: Signal<Ended | undefined> = signal<Ended | undefined>(undefined);
  /** Why the last attempt failed, as a sentence; it is repeated by itself. */
  readonly problem: Signal<string | undefined> = signal<string | undefined>(undefined);
  readonly #api: RateApi;
  readonly #prefix: string;
  readonly #browser: Browser;
  /** Keeps the next attempt from being made. */
  #timer: (() => void) | undefined;
  #failures = 0;
  #sending: Promise<void> | undefined;

  /** @param name of the rater on this device: not the token, which storage must not keep */
  constructor(api: RateApi, name: string, browser: Browser) {
    this.#api = api;
    this.#prefix = `weaudit-rate/${name}/`;
    this.#browser = browser;
    this.waiting = signal(this.#count());
  }

  /** The API's own number, with which a device begins that has none. A number that is still open goes before it. */
  begin(nextSeq: number): void {
    if (!this.#has('open')) this.#set('seq', String(Math.max(nextSeq, this.#seq)));
  }

  /** Answers that an earlier visit or another tab has left, in their order. */
  get left(): Label[] {
    return this.#keys('answer/').map((key) => JSON.parse(this.#get(`answer/${key}`)!));
  }

  /** What the rater has agreed to on this device; it goes with the answers. */
  get consent(): Consent | undefined {
    return JSON.parse(this.#get('consent') ?? 'null') ?? undefined;
  }
  set consent(consent: Consent) {
    this.#set('consent', JSON.stringify(consent));
  }

  add(answer: Label): void {
    // The names of answers sort in the order in which they were given, in all tabs.
    const last = Number(this.#keys('answer/').at(-1)?.slice(0, 15) ?? 0);
    const order = String(Math.max(this.#browser.now(), last + 1)).padStart(15, '0');
    this.#set(`answer/${order}/${answer.id}`, JSON.stringify(answer));
    this.#changed();
    if (this.#failures > 0) return;
    if (this.#keys('answer/').length >= ENOUGH) void this.send();
    else this.#timer ??= this.#browser.after(SOON_MS, () => void this.send());
  }

  report(item: string): void {
    this.#set(`report/${item}`, '');
    this.#changed();
    void this.send();
  }

  /** Sends what waits. It can be called at any time; several calls send once. */
  send(): Promise<void> {
    this.#timer?.();
    this.#timer = undefined;
    this.#sending ??= this.#browser
      .alone(this.#prefix, () => this.#sendAll())
      .then(() => {
        this.#failures = 0;
        this.problem.set(undefined);
      })
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#sending = undefined;
        this.#changed();
        // What was added meanwhile.
        if (this.waiting.value > 0 && !this.ended.value)
          this.#timer ??= this.#browser.after(
            this.#failures === 0
              ? SOON_MS
              : Math.min(MOST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1)),
            () => void this.send(),
          );
      });
    return this.#sending;
  }

  async #sendAll(): Promise<void> {
    if (this.ended.value) return;
    for (const key of this.#keys('report/')) {
      await this.#api.report(key);
      this.#remove(`report/${key}`);
    }
    for (;;) {
      const keys = this.#keys('answer/').slice(0, BATCH);
      if (keys.length === 0) return;
      const answers = keys.map((key): Label => JSON.parse(this.#get(`answer/${key}`)!));
      const seq = this.#seq;
      this.#set('open', '');
      let stored = new Set(answers.map(({ id }) => id));
      let next = seq + 1;
      try {
        await this.#api.store(seq, answers, this.consent);
      } catch (error) {
        const { stored: there, nextSeq } = error instanceof RateError ? error.members : {};
        if (nextSeq === undefined) throw error;
        // Stored by an attempt whose answer was lost, or by another device, which does not have these answers.
        stored = new Set(there);
        next = nextSeq;
      }
      // In this order: a tab that already sees the next number also sees that these answers are gone. One that sees the old
      // number, because storage reaches other tabs late, is told by the API what is stored.
      // Of all that wait: the attempt that stored them may have had others in it.
      for (const key of this.#keys('answer/'))
        if (stored.has(key.split('/')[1]!)) this.#remove(`answer/${key}`);
      this.#set('seq', String(next));
      this.#remove('open');
      this.#changed();
    }
  }

  #failed(error: unknown): void {
    if (!(error instanceof RateError)) throw error;
    if (error.isTemporary) {
      this.#failures++;
      this.problem.set(error.message);
    } else {
      this.ended.set({ why: error.members.closed ? 'closed' : 'refused', message: error.message });
    }
  }

  get #seq(): number {
    return Number(this.#get('seq') ?? 0);
  }
  #count(): number {
    return this.#keys('answer/').length + this.#keys('report/').length;
  }
  #changed(): void {
    this.waiting.set(this.#count());
  }
  /** Names below a prefix, in their order. */
  #keys(below: string): string[] {
    const prefix = `${this.#prefix}${below}`;
    return Object.keys(this.#browser.storage)
      .flatMap((key) => (key.startsWith(prefix) ? key.slice(prefix.length) : []))
      .sort();
  }
  #has = (key: string): boolean => this.#get(key) !== null;
  #get = (key: string): string | null => this.#browser.storage.getItem(`${this.#prefix}${key}`);
  #set = (key: string, value: string): void => this.#browser.storage.setItem(`${this.#prefix}${key}`, value);
  #remove = (key: string): void => this.#browser.storage.removeItem(`${this.#prefix}${key}`);
}
