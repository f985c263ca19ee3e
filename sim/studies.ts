import { isDeepStrictEqual } from 'node:util';
import type { HttpResponse } from '../lib/http/problem.ts';
import type { Auditor } from './auditor.ts';
import { Chance } from './kernel.ts';
import type { Ledger } from './ledger.ts';
import { Line, type LineOptions } from './line.ts';
import type { ApiRequest, World } from './world.ts';

/** People who change one study at the same time. */
export interface StudyOrder {
  people: number;
  /** Of each of them. */
  changes: number;
  /** Milliseconds between two, at most. */
  pause: number;
  line: LineOptions;
}

/** What somebody asks for. */
type Change = { add: string[] } | { remove: string } | 'delete';

interface Study {
  id: string;
  name: string;
  createdAt: string;
  audits: string[];
  deleted?: object;
}

const NAME = 'Everything of January';

/** What a change makes of a study; undefined where there is nothing to change. */
function changed(
  study: Study | undefined,
  change: Change,
): (Pick<Study, 'audits'> & { isDeleted: boolean }) | undefined {
  const isLiving = study !== undefined && !study.deleted;
  const audits = isLiving ? study.audits : [];
  if (change === 'delete') return study && { audits: [], isDeleted: true };
  if ('add' in change) return { audits: [...new Set([...audits, ...change.add])], isDeleted: false };
  return isLiving
    ? { audits: audits.filter((audit) => audit !== change.remove), isDeleted: false }
    : undefined;
}

/** People who add audits to a study, take them out, delete it and begin it again; and what has to hold of it. */
export class StudyGroup {
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #auditors: readonly Auditor[];
  readonly #order: StudyOrder;
  readonly #chance: Chance;
  readonly #line: Line;
  busy = 0;
  /** All that was ever asked for. */
  readonly #asked: Change[] = [];
  /** All that the study ever was. */
  readonly #states: (Study | undefined)[] = [undefined];

  constructor(world: World, ledger: Ledger, auditors: readonly Auditor[], order: StudyOrder, seed: number) {
    this.#world = world;
    this.#ledger = ledger;
    this.#auditors = auditors;
    this.#order = order;
    this.#chance = new Chance(seed);
    this.#line = new Line(world, this.#chance, order.line);
    const { watch } = world;
    world.watch = (change) => {
      watch(change);
      if (change.key.startsWith('studies/')) this.#written(JSON.parse(change.is.body!.toString()));
    };
    for (let person = 0; person < order.people; person++) {
      this.busy++;
      void this.#live().finally(() => this.busy--);
    }
  }

  readonly #sleep = (ms: number) => new Promise<void>((resolve) => this.#world.kernel.after(ms, resolve));

  async #live(): Promise<void> {
    for (let left = this.#order.changes; left > 0; ) {
      await this.#sleep(this.#chance.between(0, this.#order.pause));
      const known = this.#auditors.flatMap(({ id }) => id ?? []);
      if (this.#auditors.every(({ gaveUp }) => gaveUp)) return;
      if (known.length === 0) continue;
      left--;
      const one = () => this.#chance.pick(known);
      const what = this.#chance.fraction();
      const change: Change =
        what < 0.55 ? { add: [one(), one()] } : what < 0.9 ? { remove: one() } : 'delete';
      while (!(await this.#change(change))) await this.#sleep(this.#chance.between(500, 10_000));
      if (this.#chance.happens(0.3)) await this.#read();
    }
  }

  get #id(): string | undefined {
    return this.#states.findLast((study) => study)?.id;
  }

  /** @returns whether it was answered */
  async #change(change: Change): Promise<boolean> {
    const study = this.#id;
    if (!study && !(change !== 'delete' && 'add' in change)) return true;
    this.#asked.push(change);
    const path = { study: study ?? '' };
    const request: ApiRequest =
      change === 'delete'
        ? { route: 'DELETE /api/studies/{study}', path }
        : 'add' in change
          ? { route: 'POST /api/studies', body: { name: NAME, audits: [...new Set(change.add)] } }
          : {
              route: 'DELETE /api/studies/{study}/audits/{audit}',
              path: { ...path, audit: change.remove },
            };
    const gone = change !== 'delete' && 'add' in change ? change.add : [];
    return this.#ask(request, (state, status) => {
      // Nothing is to be done any more, at one moment between request and answer.
      const after = changed(state, change);
      if (status === 200) return after !== undefined && isDeepStrictEqual(after, seen(state));
      return status === 404 && (gone.length > 0 ? gone.some(this.#isDeleted) : after === undefined);
    });
  }

  async #read(): Promise<void> {
    const study = this.#id;
    if (!study) return;
    await this.#ask({ route: 'GET /api/studies/{study}', path: { study } }, (state, status, body) => {
      if (!state || state.deleted) return status === 404;
      if (status !== 200) return false;
      const shown = (JSON.parse(body) as { audits: { id: string }[] }).audits.map(({ id }) => id);
      const left = state.audits.filter((audit) => shown.includes(audit));
      const others = state.audits.filter((audit) => !shown.includes(audit));
      return isDeepStrictEqual(shown, left) && others.every(this.#isDeleted);
    });
  }

  readonly #isDeleted = (audit: string): boolean =>
    this.#world.s3.bucket(this.#world.images).current(`deleted/${audit}`) !== undefined;

  /** @param isRight whether an answer is right for a state of the study between request and answer */
  #ask(
    request: ApiRequest,
    isRight: (state: Study | undefined, status: number, body: string) => boolean,
  ): Promise<boolean> {
    const from = this.#states.length - 1;
    return new Promise((resolve) =>
      this.#line.send(request, (response: HttpResponse | undefined, metFault) => {
        const { statusCode: status, body } = response ?? { statusCode: 0, body: '' };
        const isSo = this.#states.slice(from).some((state) => isRight(state, status, body));
        if (!isSo && !this.#ledger.mayFail(status, metFault))
          this.#ledger.report(
            'an answer about a study is right',
            `${request.route} ${JSON.stringify(request.body ?? request.path)} ${status} ${body.slice(0, 300)}`,
          );
        resolve(isSo);
      }),
    );
  }

  /** Each version is the one before with one change, and with all others that were made before. */
  #written(study: Study): void {
    const before = this.#states.at(-1);
    const isNew = !before || before.deleted;
    const isKept = isNew || (before.createdAt === study.createdAt && before.name === study.name);
    const is = seen(study);
    if (!isKept || !this.#asked.some((change) => isDeepStrictEqual(changed(before, change), is)))
      this.#ledger.report(
        'no change of a study is lost',
        `${before?.audits.join()} became ${study.audits.join()}${study.deleted ? ', deleted' : ''}`,
      );
    this.#states.push(study);
  }
}

const seen = (study: Study | undefined) =>
  study && { audits: study.audits, isDeleted: study.deleted !== undefined };
