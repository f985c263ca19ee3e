import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { HttpResponse } from '../lib/http/problem.ts';
import type { Ledger } from './ledger.ts';
import type { Change, Version } from './s3.ts';
import type { World } from './world.ts';

/** Who rates, as the link says. */
export interface Link {
  /** `3.1` */
  rater: string;
  token: string;
}

/** One answer of a rater, as it is sent and stored. */
interface Label {
  id: string;
  item: string;
  question: string;
  answer: string | string[];
  showing: number;
}

interface Codebook {
  questions: { id: string; gate?: { question: string; answers: string[] } }[];
}

interface Snapshot {
  labels: [item: number, question: number, rater: string, answer: unknown, showing: number][];
  withdrawn: string[];
  reported: number[];
  late: number;
}

/** A request that found a round open, a slot held or a rater not withdrawn ends within half a minute. S3 cuts off milliseconds. */
const LATE_MS = 46_000;
/** From the closing of a round to its snapshot. S3 cuts off milliseconds. */
const SETTLED_MS = 59_000;
/** A reader of withdrawals writes the snapshot within the time of one request. */
const REQUEST_MS = 46_000;
/** What is evidence of a round. */
const KEPT = /\/(round|closed|snapshot)\.json$|\/(slots|labels|withdrawn|reported)\//;
const KNOWN =
  /^(draft|round|closed|snapshot)\.json$|^(items|raters)\/[0-9a-f]+$|^reported\/[0-9a-f]+(\.cleared)?$|^slots\/\d+\/\d+$|^(people|labels|parts|withdrawn)\/\d+\.\d+/;

const wordsOf = (version: Version | undefined) => JSON.parse(version!.body!.toString());
const sorted = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).sort();

/**
 * Watches one rating round from the side of S3, and the answers that raters and auditors get. It knows the rules of
 * `docs/design.md` and shares no code with `lib/`.
 */
export class RoundLedger {
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #name: string;
  id: string | undefined;
  audits: string[] = [];
  slots = 0;
  #codebook: Codebook = { questions: [] };
  /** What raters gave, by the ids of answers, and who. */
  readonly #given = new Map<string, { rater: string; label: Label }>();
  /** Ids that somebody was told are stored, and all that are, with their keys. */
  readonly #told = new Set<string>();
  readonly #stored = new Map<string, string>();
  /** Answers as they are stored, by raters, in their order. */
  readonly #labels = new Map<string, Label[]>();
  /** When each rater was replaced or withdrawn, and when the round was closed. */
  readonly #over = new Map<string, number>();
  readonly #meant = new Set<string>();
  #closedAt: number | undefined;
  #snapshot: Snapshot | undefined;
  /** Places in the lists of slots, as pages showed them: `<item>/<showing>` → place. */
  readonly #lists = new Map<string, Map<string, number>>();
  readonly #totals = new Map<string, number>();

  /** @param name of the round, which no other has */
  constructor(world: World, ledger: Ledger, name: string) {
    this.#world = world;
    this.#ledger = ledger;
    this.#name = name;
    const { watch } = world;
    world.watch = (change) => {
      watch(change);
      this.#changed(change);
    };
  }

  #broken(promise: string, what: string): void {
    this.#ledger.report(promise, what, `rounds/${this.id}/`);
  }

  #current(key: string, bucket = this.#world.images): Version | undefined {
    return this.#world.s3.bucket(bucket).current(key);
  }

  *#keys(prefix: string, bucket = this.#world.images): Generator<string> {
    for (const key of this.#world.s3.bucket(bucket).keys.from(prefix)) {
      if (!key.startsWith(prefix)) return;
      yield key;
    }
  }

  /** The round, or one of its audits. */
  get isDeleted(): boolean {
    return [this.id, ...this.audits].some((id) => this.#current(`deleted/${id}`));
  }

  get isClosed(): boolean {
    return this.isDeleted || this.#closedAt !== undefined;
  }

  /** Nothing is to be done for it any more. */
  get isOver(): boolean {
    if (this.id === undefined) return true;
    if (this.#current(`open/${this.id}`)) return false;
    return this.isDeleted
      ? this.#keys(`rounds/${this.id}/`).next().done === true
      : this.#closedAt === undefined || this.#snapshot !== undefined;
  }

  #changed({ bucket, key, what, is }: Change): void {
    if (bucket !== this.#world.images || what !== 'Object Created') return;
    const [, round, rest = ''] = /^rounds\/([0-9a-z]{26})\/(.+)$/.exec(key) ?? [];
    if (!round) return;
    if (rest === 'draft.json' && wordsOf(is).name === this.#name) {
      if (this.id !== undefined)
        this.#broken('equal requests with one key are one round', `${this.id}, ${round}`);
      this.id = round;
      this.audits = wordsOf(is).audits;
      this.slots = wordsOf(is).slots;
      this.#codebook = wordsOf(this.#current(`codebooks/${wordsOf(is).codebook}`));
    }
    if (round !== this.id) return;
    const [, rater = '', seq] = /^labels\/(\d+\.\d+)\/(\d{5})\.json$/.exec(rest) ?? [];
    const [, slot, generation] = /^slots\/(\d+)\/(\d+)$/.exec(rest) ?? [];
    const [, withdrawn] = /^withdrawn\/(\d+\.\d+)$/.exec(rest) ?? [];
    const { now } = this.#world.kernel;
    if (seq) this.#batch(rater, Number(seq), key, wordsOf(is));
    else if (slot) this.#over.set(`${slot}.${Number(generation) - 1}`, now);
    else if (withdrawn) {
      if (!this.#meant.has(withdrawn)) this.#broken('nobody is withdrawn who was not meant', withdrawn);
      if (!this.#over.has(withdrawn)) this.#over.set(withdrawn, now);
    } else if (rest === 'closed.json') this.#closedAt ??= now;
    else if (rest === 'snapshot.json') this.#counted(wordsOf(is));
  }

  #batch(rater: string, seq: number, key: string, { answers }: { answers: Label[] }): void {
    const { now } = this.#world.kernel;
    if (now - (this.#over.get(rater) ?? now) > LATE_MS)
      this.#broken('no rater who was replaced or has withdrawn writes', key);
    if (now - (this.#closedAt ?? now) > LATE_MS) this.#broken('a closed round takes no answers', key);
    const before = `rounds/${this.id}/labels/${rater}/${String(seq - 1).padStart(5, '0')}.json`;
    if (seq > 0 && !this.#current(before)) this.#broken('batches have no gaps', key);
    for (const label of answers) {
      const given = this.#given.get(label.id);
      if (given?.rater !== rater || !isDeepStrictEqual(given.label, label))
        this.#broken('a label is what its rater gave', `${key}: ${JSON.stringify(label)}`);
      if (this.#stored.has(label.id))
        this.#broken('an answer is stored once', `${label.id}: ${this.#stored.get(label.id)} and ${key}`);
      this.#stored.set(label.id, key);
    }
    this.#labels.set(rater, [...(this.#labels.get(rater) ?? []), ...answers]);
  }

  /** A rater gave an answer, in a tab. */
  gave({ rater }: Link, label: Label): void {
    this.#given.set(label.id, { rater, label });
  }

  /** The last who was given a slot, by the records. */
  lastOf(slot: number): string | undefined {
    const generations = [...this.#keys(`rounds/${this.id}/slots/${slot}/`)].map((key) =>
      Number(key.split('/').at(-1)),
    );
    return generations.length > 0 ? `${slot}.${Math.max(...generations)}` : undefined;
  }

  meansToWithdraw(rater: string): void {
    this.#meant.add(rater);
  }

  /** A rater's request goes out. @returns what hears its answer */
  asked(link: Link, route: string, body: unknown) {
    // What was stored for sure by now has to be known to what answers.
    const wasDeleted = this.isDeleted;
    const isPage = route === 'GET /api/rate';
    const known = isPage ? (this.#labels.get(link.rater) ?? []).slice() : [];
    const done = isPage ? this.#doneBefore(link.rater) : new Set<string>();
    const batches = [...this.#keys(`rounds/${this.id}/labels/${link.rater}/`)].length;
    return (response: HttpResponse | undefined, metFault: boolean): void => {
      const { statusCode: status, body: text } = response ?? { statusCode: 0, body: '' };
      const answer = text.startsWith('{') ? JSON.parse(text) : {};
      const ids = ((body as { answers?: Label[] })?.answers ?? []).map(({ id }) => id);
      const isReplaced = this.#over.has(link.rater);
      if (wasDeleted && (status === 200 || status === 201))
        this.#broken('a round that was deleted, or whose audit was, is answered to nobody', route);
      const right: Record<string, () => boolean> = {
        'GET /api/rate 200': () => this.#isPage(link.rater, answer, { known, batches, done }),
        'PUT /api/rate/labels/{seq} 201': () => this.#areStored(ids),
        'PUT /api/rate/labels/{seq} 409': () =>
          answer.closed ? this.#closedAt !== undefined : this.#areStored(answer.stored ?? []),
        'POST /api/rate/reports 200': () =>
          this.isDeleted || !!this.#current(`rounds/${this.id}/reported/${(body as { item: string }).item}`),
        'POST /api/rate/reports 409': () => this.#closedAt !== undefined,
      };
      const isRight =
        right[`${route} ${status}`]?.() ??
        ((status === 401 && this.isDeleted) || (status === 403 && isReplaced));
      if (!isRight && !this.#ledger.mayFail(status, metFault))
        this.#broken(
          'an answer to a rater is right',
          `${link.rater}: ${route} ${status} ${text.slice(0, 300)}`,
        );
    };
  }

  /** Somebody was told so. */
  #areStored(ids: readonly string[]): boolean {
    for (const id of ids) this.#told.add(id);
    return ids.every((id) => this.#stored.has(id));
  }

  /** A page has the rater's own answers that were stored before, and shows nothing that somebody else has done. */
  #isPage(
    rater: string,
    page: {
      total: number;
      nextSeq: number;
      closed: boolean;
      items: { id: string; showing: number; place: number }[];
      answered: Label[];
    },
    { known, batches, done }: { known: readonly Label[]; batches: number; done: ReadonlySet<string> },
  ): boolean {
    if (page.closed) return this.#closedAt !== undefined;
    const slot = rater.split('.')[0]!;
    this.#totals.set(slot, page.total);
    const list = this.#lists.get(slot) ?? new Map<string, number>();
    this.#lists.set(slot, list);
    for (const { id, showing, place } of page.items) {
      const before = list.get(`${id}/${showing}`);
      if (before !== undefined && before !== place) return false;
      list.set(`${id}/${showing}`, place);
    }
    const shown = new Set(page.items.map(({ id, showing }) => `${id}/${showing}`));
    const said = new Set(page.answered.map((one) => `${one.item}/${one.showing}/${one.question}`));
    const still = this.#doneBefore(rater);
    return (
      page.nextSeq >= batches &&
      ![...done].some((key) => shown.has(key) && still.has(key)) &&
      known.every(
        ({ item, showing, question }) =>
          !shown.has(`${item}/${showing}`) || said.has(`${item}/${showing}/${question}`),
      )
    );
  }

  /** Which questions follow from these answers, in the order of the codebook. */
  #asked(answers: ReadonlyMap<string, unknown>): string[] {
    const asked: string[] = [];
    for (const { id, gate } of this.#codebook.questions)
      if (
        !gate ||
        (asked.includes(gate.question) && gate.answers.includes(String(answers.get(gate.question))))
      )
        asked.push(id);
    return asked;
  }

  /** What each rater of a slot last answered, by `<item>/<showing>`; in the order of generations. */
  #last(slot: number, withdrawn: readonly string[]) {
    return [...this.#labels.keys()]
      .filter((rater) => rater.startsWith(`${slot}.`) && !withdrawn.includes(rater))
      .sort((one, other) => Number(one.split('.')[1]) - Number(other.split('.')[1]))
      .map((rater) => {
        const last = new Map<string, Map<string, unknown>>();
        for (const { item, showing, question, answer } of this.#labels.get(rater)!) {
          const key = `${item}/${showing}`;
          last.set(key, (last.get(key) ?? new Map()).set(question, answer));
        }
        return { rater, last };
      });
  }

  /** What earlier raters of the slot have done whole. */
  #doneBefore(rater: string): Set<string> {
    const [slot, generation] = rater.split('.').map(Number) as [number, number];
    if (generation === 1) return new Set();
    const withdrawn = [...this.#keys(`rounds/${this.id}/withdrawn/`)].map((key) => key.split('/').at(-1)!);
    const earlier = this.#last(slot, withdrawn).filter((one) => Number(one.rater.split('.')[1]) < generation);
    return new Set(earlier.flatMap(({ last }) => [...last].filter(this.#isWhole).map(([key]) => key)));
  }

  readonly #isWhole = ([, answers]: [key: string, answers: ReadonlyMap<string, unknown>]): boolean =>
    this.#asked(answers).every((question) => answers.has(question));

  /** The labels that count, from what is stored: of each slot and showing the first who did it whole, or began it. */
  #expected(withdrawn: readonly string[]): Snapshot['labels'] {
    const items: { opaque: string }[] = wordsOf(this.#current(`rounds/${this.id}/round.json`)).items;
    const placeOf = new Map(items.map(({ opaque }, place) => [opaque, place]));
    const labels: Snapshot['labels'] = [];
    for (let slot = 1; slot <= this.slots; slot++) {
      const raters = this.#last(slot, withdrawn);
      for (const key of new Set(raters.flatMap(({ last }) => [...last.keys()]))) {
        const begun = raters.filter(({ last }) => last.has(key));
        const { rater, last } = begun.find((one) => this.#isWhole([key, one.last.get(key)!])) ?? begun[0]!;
        const answers = last.get(key)!;
        const [item = '', showing] = key.split('/');
        for (const question of this.#asked(answers).filter((one) => answers.has(one))) {
          const place = this.#codebook.questions.findIndex(({ id }) => id === question);
          labels.push([placeOf.get(item)!, place, rater, answers.get(question), Number(showing)]);
        }
      }
    }
    return labels;
  }

  /** The snapshot is written. */
  #counted(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    const { now } = this.#world.kernel;
    if (this.#closedAt === undefined || now - this.#closedAt < SETTLED_MS)
      this.#broken('a snapshot is made a minute after the round was closed', `${this.#closedAt}, ${now}`);
    if (!isDeepStrictEqual(sorted(snapshot.labels), sorted(this.#expected(snapshot.withdrawn))))
      this.#broken('a snapshot has the labels that count, each once', this.#differenceOf(snapshot));
    for (const key of this.#keys(`rounds/${this.id}/withdrawn/`)) {
      const isOld = now - this.#current(key)!.modified > REQUEST_MS;
      if (isOld && !snapshot.withdrawn.includes(key.split('/').at(-1)!))
        this.#broken('labels of a rater who has withdrawn do not count', key);
    }
    if (snapshot.late > 0) this.#broken('no answer is too late that was taken', `${snapshot.late}`);
  }

  #differenceOf({ labels, withdrawn }: Snapshot): string {
    const [is, expected] = [sorted(labels), sorted(this.#expected(withdrawn))];
    const [more, less] = [
      is.filter((one) => !expected.includes(one)),
      expected.filter((one) => !is.includes(one)),
    ];
    return `${is.length} of ${expected.length}; too many: ${more.slice(0, 3)}; missing: ${less.slice(0, 3)}`;
  }

  /** An auditor's request goes out. @returns what hears its answer */
  askedAbout(route: string, path: Record<string, string>) {
    const wasDeleted = this.isDeleted && !route.startsWith('DELETE');
    return (response: HttpResponse | undefined, metFault: boolean): void => {
      if (wasDeleted && [200, 202, 303].includes(response?.statusCode ?? 0))
        this.#broken('a round that was deleted, or whose audit was, is answered to nobody', route);
      this.#answered(route, path, response, metFault);
    };
  }

  #answered(
    route: string,
    path: Record<string, string>,
    response: HttpResponse | undefined,
    metFault: boolean,
  ): void {
    const { statusCode: status, body: text } = response ?? { statusCode: 0, body: '' };
    const answer = text.startsWith('{') ? JSON.parse(text) : {};
    const is = (name: string) => this.isDeleted || this.#current(`rounds/${this.id}/${name}`) !== undefined;
    const hash = createHash('sha256').update(String(answer.token)).digest('hex');
    const right: Record<string, () => boolean> = {
      'POST /api/rounds 202': () => answer.id === this.id && (answer.state === 'copying' || is('round.json')),
      // There may have been no picture that is valid.
      'POST /api/rounds 409': () =>
        !this.#knownAudits.some((audit) => this.#keys(`renditions/${audit}/`).next().value !== undefined),
      // Few pictures cannot be shown twice to everybody.
      'POST /api/rounds 422': () => /^"repeats" must be at most/.test(answer.detail),
      'POST /api/rounds/{round}/raters 200': () =>
        is(`raters/${hash}`) && is(`slots/${answer.slot}/${answer.generation}`),
      'POST /api/rounds/{round}/raters 409': () => answer.closed !== true || is('closed.json'),
      'DELETE /api/rounds/{round}/raters/{slot} 200': () => is(`withdrawn/${answer.rater}`),
      'DELETE /api/rounds/{round}/people 200': () => true,
      'POST /api/rounds/{round}/close 200': () => is('closed.json'),
      'GET /api/rounds/{round}/snapshot 303': () => is('snapshot.json'),
      'GET /api/rounds/{round}/snapshot 409': () => this.isDeleted || 'retry-after' in response!.headers,
      'GET /api/rounds/{round} 200': () => this.isDeleted || this.#countsNoMore(answer),
      'DELETE /api/rounds/{round} 202': () => this.isDeleted,
    };
    const isGone = (status === 404 || status === 410) && (this.isDeleted || this.#isAuditGone);
    if (!isGone && !right[`${route} ${status}`]?.() && !this.#ledger.mayFail(status, metFault))
      this.#broken(
        'an answer about a round is right',
        `${route} ${JSON.stringify(path)} ${status} ${text.slice(0, 300)}`,
      );
  }

  /** Those that were asked for, before there is a draft. */
  #knownAudits: string[] = [];
  about(audits: string[]): void {
    this.#knownAudits = audits;
  }
  get #isAuditGone(): boolean {
    return this.#knownAudits.some((audit) => this.#current(`deleted/${audit}`));
  }

  /** Progress counts no answers that there are not. */
  #countsNoMore({ progress }: { progress: { raters: { rater: string; answered: number }[] }[] }): boolean {
    return progress
      .flatMap(({ raters }) => raters)
      .every(({ rater, answered }) => {
        const begun = new Set(
          (this.#labels.get(rater) ?? []).map(({ item, showing }) => `${item}/${showing}`),
        );
        return answered <= begun.size;
      });
  }

  /** When all is over. @param isWhole all raters had come to the end of their lists before it was closed */
  checkOver({ isWhole, ratings, repeats }: { isWhole: boolean; ratings: number; repeats: number }): void {
    if (this.id === undefined) return;
    const lost = [...this.#told].filter((id) => !this.#stored.has(id));
    if (lost.length > 0)
      this.#broken('no answer is lost that somebody was told is stored', lost.slice(0, 3).join());
    const left = [...this.#keys(`rounds/${this.id}/`)];
    if (this.isDeleted) {
      const references = this.audits
        .filter((audit) => this.#current(`deleted/${audit}`))
        .map((audit) => `audits/${audit}/rounds/${this.id}`);
      const there = [`open/${this.id}`, ...references].filter((key) => this.#current(key));
      if (left.length + there.length > 0)
        this.#broken('of a deleted round nothing is left', [...there, ...left].slice(0, 5).join());
    } else this.#checkKept(left);
    if (!this.isOver) this.#broken('every closed or deleted round ends', `it has ${left.length} objects`);
    for (const key of this.#keys(`rounds/${this.id}/people/`, this.#world.backup))
      this.#broken('names of raters are in no backup', key);
    if (isWhole && this.#snapshot && !this.isDeleted) this.#checkBalance(this.#snapshot, ratings, repeats);
  }

  #checkKept(left: readonly string[]): void {
    const plan = this.#current(`rounds/${this.id}/round.json`);
    if (!plan) return;
    const { retention, codebook } = wordsOf(plan);
    const evidence = left.filter((key) => KEPT.test(key));
    const beside = [
      `codebooks/${codebook}`,
      ...this.audits.map((audit) => `audits/${audit}/rounds/${this.id}`),
    ];
    for (const key of this.#snapshot ? [...evidence, ...beside] : []) {
      const [is, copy] = [this.#current(key), this.#current(key, this.#world.backup)];
      if (!is || !copy || !is.body!.equals(copy.body!) || !isDeepStrictEqual(is.tags, copy.tags))
        this.#broken('all evidence of a round is in the backup', key);
    }
    for (const key of left) {
      const name = key.slice(`rounds/${this.id}/`.length);
      if (!KNOWN.test(name)) this.#broken('nothing else is there of a round', key);
      if (this.#current(key)!.tags.retention !== retention)
        this.#broken('everything of a round has its retention', key);
      const [, rater] = /^people\/(.+)\.json$/.exec(name) ?? [];
      if (rater && left.includes(`rounds/${this.id}/withdrawn/${rater}`) && wordsOf(this.#current(key)).name)
        this.#broken('the name of a rater who has withdrawn is forgotten', key);
    }
  }

  /** Each picture was rated by as many slots as it should, whichever raters had them, and all lists are as long. */
  #checkBalance({ labels, reported }: Snapshot, ratings: number, repeats: number): void {
    const totals = [...this.#totals.values()];
    if (Math.max(...totals) - Math.min(...totals) > 1)
      this.#broken('the lists of all slots are as long', totals.join());
    const slots = new Map<string, Set<string>>();
    const again = new Map<string, Set<number>>();
    for (const [item, , rater, , showing] of labels) {
      const slot = rater.split('.')[0]!;
      if (reported.includes(item)) continue;
      if (showing === 1) slots.set(`${item}`, (slots.get(`${item}`) ?? new Set()).add(slot));
      else again.set(slot, (again.get(slot) ?? new Set()).add(item));
    }
    const items = wordsOf(this.#current(`rounds/${this.id}/round.json`)).items.length;
    if (slots.size !== items - new Set(reported).size)
      this.#broken('each picture is rated', `${slots.size} of ${items}, ${reported.length} were reported`);
    for (const [item, of] of slots)
      if (of.size !== ratings)
        this.#broken('each picture has its ratings', `${item} has ${of.size} of ${ratings}`);
    for (const [slot, of] of again)
      if (of.size > repeats || (reported.length === 0 && of.size < repeats))
        this.#broken('each rater sees some pictures twice', `${slot}: ${of.size}, not ${repeats}`);
  }

  /** Labels that are stored, and that count. */
  get figures(): { stored: number; counted: number; raters: number; places: number } {
    return {
      stored: this.#stored.size,
      counted: this.#snapshot?.labels.length ?? 0,
      raters: this.#labels.size,
      places: this.#placesByModel(),
    };
  }

  /** How far the places of models in all lists are from chance, in standard errors. */
  #placesByModel(): number {
    const plan = this.id === undefined ? undefined : this.#current(`rounds/${this.id}/round.json`);
    if (!plan || this.isDeleted) return 0;
    const modelOf = new Map<string, string>();
    for (const { opaque, image } of wordsOf(plan).items) {
      const [audit, cell] = image.split('/');
      modelOf.set(opaque, wordsOf(this.#current(`audits/${audit}/results/${cell}.json`)).model);
    }
    const all: { model: string; place: number }[] = [];
    for (const [slot, list] of this.#lists)
      for (const [key, place] of list)
        all.push({ model: modelOf.get(key.split('/')[0]!)!, place: place / this.#totals.get(slot)! });
    // Places are spread evenly from 0 to 1: their variance is 1/12.
    const byModel = [...Map.groupBy(all, ({ model }) => model).values()];
    return Math.max(
      0,
      ...byModel.map((some) => {
        const mean = some.reduce((sum, { place }) => sum + place, 0) / some.length;
        return Math.abs(mean - 0.5) / Math.sqrt(1 / 12 / some.length);
      }),
    );
  }
}
