import { applicable, CANNOT_TELL, SKIPPED } from '../../../lib/contract/gates.ts';
import type { Codebook, Given, Label, Question } from '../../../lib/contract/round-request.ts';
import type { RatePage } from '../../../lib/contract/rounds.ts';
import { type Signal, signal } from '../live/signal.ts';
import type { Ended, Outbox } from './outbox.ts';
import { Pictures, type Ready } from './pictures.ts';
import { type RateApi, RateError } from './routes.ts';

export { CANNOT_TELL, SKIPPED };

/** Pictures that are left when the next page is read. */
const LOW = 30;
const RETRY_MS = 5_000;

export type Item = RatePage['items'][number];
/** What is asked now. */
export interface Step {
  item: Item;
  question: Question;
}
export type Moment = { kind: 'loading' } | { kind: 'done' } | ({ kind: 'step' } & Step);

const nameOf = ({ id, showing }: Pick<Item, 'id' | 'showing'>) => `${id}.${showing}`;

/** The first question that is shown and has no answer yet. */
export function openQuestion(codebook: Codebook, answers: ReadonlyMap<string, Given>): Question | undefined {
  const shown = applicable(codebook, answers);
  return codebook.questions.find(({ id }) => shown.has(id) && !answers.has(id));
}

/** A rater's way through the list of pictures: what is asked, what was answered, and back. */
export class Rating {
  readonly now: Signal<Moment> = signal<Moment>({ kind: 'loading' });
  /** Why the list could not be read, as a sentence; it is read again by itself. */
  readonly problem: Signal<string | undefined> = signal<string | undefined>(undefined);
  /** Why the list is not read any more. */
  readonly ended: Signal<Ended | undefined> = signal<Ended | undefined>(undefined);
  readonly codebook: Codebook;
  /** Pictures in the list, second showings counted again. */
  readonly total: number;
  readonly #api: RateApi;
  readonly #outbox: Outbox;
  readonly #pictures: Pictures;
  #items: Item[] = [];
  #at = 0;
  #cursor: number | undefined;
  #reading = false;
  readonly #answers = new Map<string, Map<string, Given>>();
  /** What was answered by one act, newest last. */
  readonly #acts: { name: string; questions: string[] }[] = [];

  constructor(api: RateApi, outbox: Outbox, first: RatePage) {
    this.#api = api;
    this.#outbox = outbox;
    this.codebook = first.codebook;
    this.total = first.total;
    this.#pictures = new Pictures((name) => this.#renew(name));
    for (const { item, showing, question, answer } of outbox.left)
      this.#answersTo({ id: item, showing }).set(question, answer);
    this.#take(first);
  }

  /**
   * Gives an answer.
   * @param asked the moment that the rater sees. A key that comes before the page shows the next question was not pressed for
   *   that one: it is no answer to it
   */
  answer(given: Given, asked: Moment): void {
    if (asked.kind === 'step' && asked === this.now.value)
      this.#act(asked.item, [[asked.question.id, given]]);
  }

  /** Leaves the rest of a picture without an answer and without a reason. */
  skip(asked: Moment): void {
    const { value } = this.now;
    if (value.kind !== 'step' || value !== asked) return;
    const answers = new Map(this.#answersTo(value.item));
    const given: [string, Given][] = [];
    for (let open = openQuestion(this.codebook, answers); open; open = openQuestion(this.codebook, answers)) {
      answers.set(open.id, SKIPPED);
      given.push([open.id, SKIPPED]);
    }
    this.#act(value.item, given);
  }

  /** Hides a picture for everyone. */
  report(): void {
    const { value } = this.now;
    if (value.kind !== 'step') return;
    this.#outbox.report(value.item.id);
    this.#leaveOut(({ id }) => id === value.item.id);
  }

  get canUndo(): boolean {
    return this.#acts.length > 0;
  }

  /** Asks again what was answered last. What is stored is kept, and the next answer counts instead. */
  undo(): void {
    const placeOf = (name: string) => this.#items.findIndex((item) => nameOf(item) === name);
    let act = this.#acts.pop();
    // What was reported meanwhile is not shown again.
    while (act && placeOf(act.name) < 0) act = this.#acts.pop();
    if (!act) return;
    for (const question of act.questions) this.#answers.get(act.name)?.delete(question);
    this.#at = placeOf(act.name);
    this.#settle();
  }

  /** What another tab of this rater has answered. */
  heard({ item, showing, question, answer }: Label): void {
    this.#answersTo({ id: item, showing }).set(question, answer);
    if (this.now.value.kind !== 'loading') this.#settle();
  }

  /** The picture of a step, decoded before it is shown. */
  picture(item: Item): Ready {
    return this.#pictures.get({ id: nameOf(item), url: item.url });
  }

  #act(item: Item, given: [string, Given][]): void {
    const name = nameOf(item);
    for (const [question, answer] of given) {
      this.#answersTo(item).set(question, answer);
      const at = new Date().toISOString();
      this.#outbox.add({
        ...{ id: crypto.randomUUID(), item: item.id, question, answer },
        ...{ showing: item.showing, at },
      });
    }
    this.#acts.push({ name, questions: given.map(([question]) => question) });
    this.#settle();
  }

  #answersTo(item: Pick<Item, 'id' | 'showing'>): Map<string, Given> {
    const name = nameOf(item);
    const answers = this.#answers.get(name) ?? new Map<string, Given>();
    this.#answers.set(name, answers);
    return answers;
  }

  /** Goes to the next open question. */
  #settle(): void {
    let question: Question | undefined;
    for (; this.#at < this.#items.length; this.#at++) {
      question = openQuestion(this.codebook, this.#answersTo(this.#items[this.#at]!));
      if (question) break;
    }
    const item = this.#items[this.#at];
    const wanted = (one: Item) => ({ id: nameOf(one), url: one.url });
    const before = this.#items[this.#at - 1];
    this.#pictures.want(
      this.#items.slice(this.#at, this.#at + 10).map(wanted),
      before ? wanted(before) : undefined,
    );
    if (item && question) this.now.set({ kind: 'step', item, question });
    else if (this.#cursor === undefined) {
      this.now.set({ kind: 'done' });
      void this.#outbox.send();
    } else this.now.set({ kind: 'loading' });
    if (this.#cursor !== undefined && this.#items.length - this.#at < LOW) void this.#readMore();
  }

  #take({ items, answered, cursor }: RatePage): void {
    const known = new Set(this.#items.map(nameOf));
    const fresh = items.filter((item) => !known.has(nameOf(item)));
    for (const { item, showing, question, answer } of answered) {
      const answers = this.#answersTo({ id: item, showing });
      // What this page knows is newer.
      if (!answers.has(question)) answers.set(question, answer);
    }
    this.#items.push(...fresh);
    this.#cursor = cursor;
    // What was answered on an earlier visit can be undone, too.
    if (this.now.value.kind === 'loading')
      for (const item of fresh)
        for (const question of this.#answersTo(item).keys())
          this.#acts.push({ name: nameOf(item), questions: [question] });
    this.#settle();
  }

  async #readMore(): Promise<void> {
    if (this.#reading || this.#cursor === undefined || this.ended.value) return;
    this.#reading = true;
    try {
      const page = await this.#api.readPage(this.#cursor);
      this.problem.set(undefined);
      this.#reading = false;
      if (page.closed) this.ended.set({ why: 'closed', message: '' });
      else this.#take(page);
    } catch (error) {
      this.#reading = false;
      if (!(error instanceof RateError)) throw error;
      if (!error.isTemporary) return this.ended.set({ why: 'refused', message: error.message });
      this.problem.set(error.message);
      setTimeout(() => void this.#readMore(), RETRY_MS);
    }
  }

  /** Reads the addresses of a picture and its neighbors again. @returns undefined for a picture that is hidden by now */
  async #renew(name: string): Promise<string | undefined> {
    const item = this.#items.find((one) => nameOf(one) === name);
    if (!item) return undefined;
    const page = await this.#api.readPage(item.place);
    const addresses = new Map(page.items.map((one) => [nameOf(one), one.url]));
    this.#items = this.#items.map((one) => ({ ...one, url: addresses.get(nameOf(one)) ?? one.url }));
    if (!addresses.has(name)) this.#leaveOut((one) => nameOf(one) === name);
    return addresses.get(name);
  }

  #leaveOut(isOut: (item: Item) => boolean): void {
    const before = this.#items.slice(0, this.#at).filter((item) => !isOut(item)).length;
    this.#items = this.#items.filter((item) => !isOut(item));
    this.#at = before;
    this.#settle();
  }
}
