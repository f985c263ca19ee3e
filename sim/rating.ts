import type { HttpResponse } from '../lib/http/problem.ts';
import type { Auditor } from './auditor.ts';
import { Chance } from './kernel.ts';
import type { Ledger } from './ledger.ts';
import { Line, type LineOptions } from './line.ts';
import { Device, type Habits, Tab } from './rater.ts';
import { type Link, RoundLedger } from './round-ledger.ts';
import type { World } from './world.ts';

/** A rating round that somebody makes when the audits are finished; times in milliseconds. */
export interface RoundOrder {
  /** The places of the orders whose audits it takes. */
  of: number[];
  slots: number;
  ratings: number;
  repeats: number;
  pictures?: number;
  habits: Habits;
  line: LineOptions;
  /** Share of raters with two tabs, of those with two devices, of those who withdraw, and of those who left and come back. */
  tabs: number;
  devices: number;
  withdraw: number;
  comeBack: number;
  /** It is closed so long after it is open, whatever raters are doing; when all are done if undefined. */
  closedAfter?: number;
  /** It is deleted, or its first audit is, so long after it is open. */
  deletes?: { what: 'round' | 'audit'; after: number };
}

interface Asked {
  slot?: string;
  query?: Record<string, string>;
  body?: unknown;
}

const CODEBOOK = {
  title: 'Persons',
  questions: [
    {
      ...{ id: 'persons', text: 'How many persons?', kind: 'one' },
      answers: ['none', 'one', 'several'].map((id, i) => ({ id, text: id, key: `${i}` })),
    },
    {
      ...{ id: 'gender', text: 'Which gender is perceived?', kind: 'one' },
      gate: { question: 'persons', answers: ['one', 'several'] },
      answers: ['woman', 'man'].map((id) => ({ id, text: id, key: id[0]! })),
    },
    {
      ...{ id: 'seen', text: 'What is seen?', kind: 'any' },
      answers: ['desk', 'tool'].map((id) => ({ id, text: id, key: id[0]! })),
    },
  ],
};

/** Later raters of a slot stay to the end. */
const MOST_LEAVING = 3;

/** Somebody who makes a rating round, gives its slots to raters, closes it and reads what came of it; and the raters. */
export class RatingRound {
  readonly order: RoundOrder;
  readonly ledger: RoundLedger;
  readonly #world: World;
  readonly #auditors: Auditor[];
  readonly #chance: Chance;
  readonly #line: Line;
  readonly #name: string;
  /** What is under way. */
  busy = 0;
  #isWhole = false;
  /** All who had a slot. */
  readonly #links: Link[] = [];
  #key: string;
  #repeats: number;

  constructor(world: World, ledger: Ledger, auditors: readonly Auditor[], order: RoundOrder, seed: number) {
    this.#world = world;
    this.order = order;
    this.#auditors = order.of.map((place) => auditors[place]!);
    this.#chance = new Chance(seed);
    this.#line = new Line(world, this.#chance, order.line);
    this.#name = `round ${seed}`;
    this.#key = this.#name;
    this.#repeats = order.repeats;
    this.ledger = new RoundLedger(world, ledger, this.#name);
    this.#begin(() => this.#live());
  }

  get isOver(): boolean {
    return this.busy === 0 && this.ledger.isOver;
  }

  checkOver(): void {
    this.ledger.checkOver({ ...this.order, repeats: this.#repeats, isWhole: this.#isWhole });
  }

  /** It is busy until this is done. */
  #begin(task: () => Promise<void>): void {
    this.busy++;
    void task().finally(() => this.busy--);
  }

  readonly #sleep = (ms: number) => new Promise<void>((resolve) => this.#world.kernel.after(ms, resolve));

  /** One request. @returns its answer, if there is one */
  #ask(route: string, { slot, ...rest }: Asked = {}): Promise<HttpResponse | undefined> {
    const path = { ...(route.includes('{round}') && { round: this.ledger.id! }), ...(slot && { slot }) };
    const headers = { 'idempotency-key': this.#key };
    const hear = this.ledger.askedAbout(route, path);
    return new Promise((resolve) =>
      this.#line.send({ route, path, headers, ...rest }, (answer, metFault) => {
        hear(answer, metFault);
        resolve(answer);
      }),
    );
  }

  /** Sends a request until it is answered by one of these. */
  async #insist(route: string, expected: number[], asked: Asked = {}): Promise<HttpResponse> {
    for (;;) {
      const response = await this.#ask(route, asked);
      if (response && [...expected, 404, 410].includes(response.statusCode)) return response;
      await this.#sleep(this.#chance.between(1_000, 20_000));
    }
  }

  async #live(): Promise<void> {
    const audits = await this.#finishedAudits();
    if (audits.length === 0 || !(await this.#make(audits))) return;
    const { slots, closedAfter, deletes } = this.order;
    if (deletes) this.#begin(() => this.#delete(deletes));
    const raters = Promise.all(Array.from({ length: slots }, (_, i) => this.#slot(i + 1)));
    await (closedAfter === undefined ? raters : Promise.race([raters, this.#sleep(closedAfter)]));
    this.#isWhole = closedAfter === undefined;
    await this.#insist('GET /api/rounds/{round}', [200]);
    if (this.#chance.happens(0.3)) await this.#insist('DELETE /api/rounds/{round}/people', [200]);
    await this.#insist('POST /api/rounds/{round}/close', [200]);
    const last = this.#chance.happens(0.3) ? this.#chance.pick([...this.#links]) : undefined;
    if (last) {
      this.#isWhole = false;
      this.#begin(() => this.#withdraw(last));
    }
    // Two who read it at the same time.
    this.#begin(async () => void (await this.#insist('GET /api/rounds/{round}/snapshot', [303])));
    await this.#insist('GET /api/rounds/{round}/snapshot', [303]);
    await raters;
  }

  /** Those that were not given up or deleted. */
  async #finishedAudits(): Promise<string[]> {
    const bucket = this.#world.s3.bucket(this.#world.images);
    const isGone = ({ id, gaveUp }: Auditor) => gaveUp || bucket.current(`deleted/${id}`) !== undefined;
    const isFinished = ({ id }: Auditor) => bucket.current(`audits/${id}/manifest.json`) !== undefined;
    for (;;) {
      const living = this.#auditors.filter((auditor) => !isGone(auditor));
      if (living.every(isFinished)) return living.map(({ id }) => id!);
      await this.#sleep(20_000);
    }
  }

  /** @returns whether there is a round now */
  async #make(audits: string[]): Promise<boolean> {
    this.ledger.about(audits);
    const { slots, ratings, repeats, pictures } = this.order;
    const body = {
      ...{ name: this.#name, audits, codebook: CODEBOOK, consent: 'You agree.', slots, ratings, repeats },
      ...(pictures && { pictures }),
    };
    for (;;) {
      const { statusCode, body: text } = await this.#insist('POST /api/rounds', [202, 409, 422], { body });
      if (statusCode === 422 && body.repeats > 0) {
        // There are few pictures. Another body needs another key.
        body.repeats = this.#repeats = 0;
        this.#key = `${this.#name}, without repeats`;
        continue;
      }
      if (statusCode !== 202) return false;
      if (JSON.parse(text).state === 'open') return true;
    }
  }

  async #delete({ what, after }: NonNullable<RoundOrder['deletes']>): Promise<void> {
    await this.#sleep(after);
    if (what === 'round') await this.#insist('DELETE /api/rounds/{round}', [202]);
    else this.#auditors[0]!.end('delete');
    if (this.#chance.happens(0.3)) await this.#lookOn();
  }

  /** Somebody has the page open for hours, and in the end gives a slot to a rater. */
  async #lookOn(): Promise<void> {
    this.#world.coverage.met('somebody looked at a deleted round for hours');
    for (let minutes = 0; minutes < 4 * 60; minutes += 5) {
      await this.#ask('GET /api/rounds/{round}');
      await this.#sleep(5 * 60_000);
    }
    await this.#ask('POST /api/rounds/{round}/raters', { body: { slot: 1, name: 'Somebody' } });
  }

  /** Gives a slot to one rater after another, until one is done. */
  async #slot(slot: number): Promise<void> {
    for (let generation = 1; ; generation++) {
      const link = await this.#link(slot);
      if (!link) return;
      this.#links.push(link);
      const end = await this.#rater(link, generation <= MOST_LEAVING);
      if (end === 'refused' && this.ledger.isClosed) return;
      if (end === 'done') {
        if (generation > 1 || !this.#chance.happens(this.order.withdraw)) return;
        await this.#withdraw(link);
      }
    }
  }

  async #link(slot: number): Promise<Link | undefined> {
    const body = { slot, name: `Person ${slot}` };
    for (;;) {
      const response = await this.#ask('POST /api/rounds/{round}/raters', { body });
      const { token, generation, closed } = response?.body ? JSON.parse(response.body) : {};
      if (token) return { token, rater: `${slot}.${generation}` };
      if (closed || [404, 410].includes(response?.statusCode ?? 0)) return undefined;
      // Somebody has the slot, and nobody knows the link.
      const unknown = this.ledger.lastOf(slot);
      const isUnknown = unknown && !this.#links.some(({ rater }) => rater === unknown);
      if (isUnknown && this.#chance.happens(this.order.withdraw)) await this.#withdraw({ rater: unknown });
      else await this.#sleep(this.#chance.between(1_000, 20_000));
    }
  }

  async #withdraw({ rater }: Pick<Link, 'rater'>): Promise<void> {
    this.#world.coverage.met('a rater withdrew');
    const [slot = '', generation = ''] = rater.split('.');
    this.ledger.meansToWithdraw(rater);
    await this.#insist('DELETE /api/rounds/{round}/raters/{slot}', [200], { slot, query: { generation } });
  }

  /** @returns how the last of the rater's tabs ended; `left` if one was left in the middle */
  async #rater(link: Link, mayLeave: boolean) {
    const { order } = this;
    const habits = mayLeave ? order.habits : { ...order.habits, leaves: 0 };
    const devices = [new Device()];
    if (this.#chance.happens(order.devices)) devices.push(new Device());
    const tabs = devices.map((device) => this.#tab(device, link));
    if (this.#chance.happens(order.tabs)) tabs.push(this.#tab(devices[0]!, link));
    if (tabs.length > 1) this.#world.coverage.met('a rater had two tabs');
    const ends = await Promise.all(tabs.map((tab) => tab.rate(habits)));
    if (ends.includes('refused')) return 'refused';
    if (!ends.includes('left')) return 'done';
    this.#world.coverage.met('a rater left in the middle');
    // The page is opened again, beside the next rater.
    if (this.#chance.happens(order.comeBack))
      this.#begin(async () => {
        await this.#sleep(this.#chance.between(0, 10 * 60_000));
        await this.#tab(devices[0]!, link).rate({ ...habits, leaves: 0 });
      });
    return 'left';
  }

  #tab(device: Device, link: Link): Tab {
    const { kernel } = this.#world;
    const line = new Line(this.#world, this.#chance, this.order.line);
    return new Tab({ kernel, chance: this.#chance, line, ledger: this.ledger }, device, link);
  }
}
