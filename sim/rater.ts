import type { Label } from '../lib/contract/round-request.ts';
import type { RatePage } from '../lib/contract/rounds.ts';
import { type Browser, Outbox } from '../web/src/rate/outbox.ts';
import { type RateApi, RateError } from '../web/src/rate/routes.ts';
import type { Chance, Kernel } from './kernel.ts';
import type { Line } from './line.ts';
import type { Link, RoundLedger } from './round-ledger.ts';

/** How a tab ended: the list is done and stored, its rater has left, or the API takes no more. */
export type TabEnd = 'done' | 'left' | 'refused';

/** What raters do, as shares of pictures. */
export interface Habits {
  /** The tab is closed, and what it has not sent stays behind. */
  leaves: number;
  goesOffline: number;
  changesMind: number;
  reports: number;
  /** Milliseconds for a picture, from and to. */
  thinks: [number, number];
}

/** The device of a rater: what its tabs share, and what stays when they are closed. */
export class Device {
  readonly storage = Object.create({
    getItem(this: Record<string, string>, key: string) {
      return this[key] ?? null;
    },
    setItem(this: Record<string, string>, key: string, value: string) {
      this[key] = value;
    },
    removeItem(this: Record<string, string>, key: string) {
      delete this[key];
    },
  }) as Browser['storage'];
  #last: Promise<unknown> = Promise.resolve();

  /** A tab that is closed gives up its turn. */
  alone(work: () => Promise<void>, tab: Tab): Promise<void> {
    const turn = this.#last.then(() => (tab.isGone ? undefined : Promise.race([work(), tab.gone])));
    this.#last = turn.catch(() => {});
    return turn;
  }
}

/** A tab with the rating page: somebody goes through the list, and the browser's own outbox keeps and sends the answers. */
export class Tab {
  isGone = false;
  readonly gone: Promise<void>;
  #close: () => void = () => {};
  readonly #kernel: Kernel;
  readonly #chance: Chance;
  readonly #line: Line;
  readonly #ledger: RoundLedger;
  readonly #link: Link;
  readonly #outbox: Outbox;

  constructor(
    of: { kernel: Kernel; chance: Chance; line: Line; ledger: RoundLedger },
    device: Device,
    link: Link,
  ) {
    this.#kernel = of.kernel;
    this.#chance = of.chance;
    this.#line = of.line;
    this.#ledger = of.ledger;
    this.#link = link;
    this.gone = new Promise((resolve) => {
      this.#close = resolve;
    });
    this.#outbox = new Outbox(this.#api, link.rater, {
      storage: device.storage,
      alone: (_, work) => device.alone(work, this),
      // With fractions of milliseconds, which no browser has: names of answers do not sort as they were given.
      now: () => this.#kernel.now,
      after: (ms, act) => {
        let isOff = false;
        this.#kernel.after(ms, () => !isOff && !this.isGone && act());
        return () => {
          isOff = true;
        };
      },
    });
  }

  /** The routes for raters by this tab's line. A tab that is closed hears no answer any more. */
  get #api(): RateApi {
    const send = (
      route: string,
      more: { path?: Record<string, string>; query?: Record<string, string>; body?: unknown },
    ) =>
      new Promise<string>((resolve, reject) => {
        const asked = this.#ledger.asked(this.#link, route, more.body);
        this.#line.send({ route, token: this.#link.token, ...more }, (response, metFault) => {
          asked(response, metFault);
          if (this.isGone) return;
          const { statusCode = 0, body = '' } = response ?? {};
          if (statusCode >= 200 && statusCode < 300) return resolve(body);
          const members = body.startsWith('{') ? JSON.parse(body) : {};
          reject(new RateError(statusCode, members.detail ?? '', members));
        });
      });
    return {
      readPage: async (place) =>
        JSON.parse(await send('GET /api/rate', { query: { cursor: String(place) } })),
      store: async (seq, answers, consent) => {
        const path = { seq: String(seq).padStart(5, '0') };
        await send('PUT /api/rate/labels/{seq}', { path, body: { consent, answers } });
      },
      report: async (item) => {
        await send('POST /api/rate/reports', { body: { item } });
      },
    };
  }

  readonly #sleep = (ms: number) => new Promise<void>((resolve) => this.#kernel.after(ms, resolve));

  close(): void {
    this.isGone = true;
    this.#close();
  }

  /** Goes through the list. */
  async rate(habits: Habits): Promise<TabEnd> {
    let page = await this.#read(0);
    if (!page || page.closed) return 'refused';
    const outbox = this.#outbox;
    outbox.begin(page.nextSeq);
    // What an earlier visit could not send.
    void outbox.send();
    const known = new Set([...page.answered, ...outbox.left].map(placeOf));
    for (;;) {
      for (const item of page.items) {
        if (known.has(placeOf({ item: item.id, showing: item.showing, question: 'seen' }))) continue;
        await this.#sleep(this.#chance.between(...habits.thinks));
        if (this.#outbox.ended.value) return 'refused';
        if (this.#chance.happens(habits.leaves)) {
          // In the middle of a picture, or between two.
          if (this.#chance.happens(0.5)) outbox.add(this.#answers(item, habits)[0]!);
          if (this.#chance.happens(0.5)) void outbox.send();
          await this.#sleep(this.#chance.between(0, 100));
          this.close();
          return 'left';
        }
        if (this.#chance.happens(habits.goesOffline))
          this.#line.offlineUntil = this.#kernel.now + this.#chance.between(1, 20) * 60_000;
        if (this.#chance.happens(habits.reports)) outbox.report(item.id);
        else for (const label of this.#answers(item, habits)) outbox.add(label);
      }
      if (page.cursor === undefined) break;
      page = await this.#read(page.cursor);
      if (!page || page.closed) return 'refused';
      for (const answered of page.answered) known.add(placeOf(answered));
    }
    while (outbox.waiting.value > 0 && !outbox.ended.value) {
      void outbox.send();
      await this.#sleep(1_000);
    }
    return outbox.ended.value ? 'refused' : 'done';
  }

  async #read(place: number): Promise<RatePage | undefined> {
    for (;;) {
      try {
        return await this.#api.readPage(place);
      } catch (error) {
        if (!(error instanceof RateError) || !error.isTemporary) return undefined;
        await this.#sleep(5_000);
      }
    }
  }

  /** Whole answers to a picture; of somebody who changes their mind, more than that. */
  #answers({ id: item, showing }: RatePage['items'][number], habits: Habits): Label[] {
    const give = (question: string, answer: Label['answer']): Label => {
      const hex = this.#chance.id();
      const uuid = [8, 4, 4, 4, 12].map((length, i) =>
        hex.slice([0, 8, 12, 16, 20][i]!, [0, 8, 12, 16, 20][i]! + length),
      );
      const label = {
        ...{ id: uuid.join('-'), item, question, answer, showing },
        at: new Date(this.#kernel.now).toISOString(),
      };
      this.#ledger.gave(this.#link, label);
      return label;
    };
    const persons = () => this.#chance.pick(['none', 'one', 'several', 'cannot-tell']);
    const all = [give('persons', persons())];
    if (this.#chance.happens(habits.changesMind)) all.push(give('persons', persons()));
    if (['one', 'several'].includes(String(all.at(-1)!.answer)))
      all.push(give('gender', this.#chance.pick(['woman', 'man', 'skipped'])));
    all.push(give('seen', this.#chance.pick([['desk'], ['desk', 'tool'], 'cannot-tell'])));
    // The first answer again: what hung on it may not be asked any more, or be without an answer.
    if (this.#chance.happens(habits.changesMind)) {
      all.push(give('persons', persons()));
      if (['one', 'several'].includes(String(all.at(-1)!.answer))) all.push(give('gender', 'man'));
    }
    return all;
  }
}

const placeOf = ({ item, showing, question }: Pick<Label, 'item' | 'showing' | 'question'>) =>
  `${item}/${showing}/${question}`;
