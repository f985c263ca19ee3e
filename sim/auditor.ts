import type { HttpResponse } from '../lib/http/problem.ts';
import type { Line } from './kernel.ts';
import type { Ledger } from './ledger.ts';
import { MODEL, MOMENTS, type Order, promptsOf, wordsOf } from './order.ts';
import { importOf, type Picture, picturesOf, Uploader } from './uploader.ts';
import type { World } from './world.ts';

const START = 'POST /api/audits';
const IMPORT = 'POST /api/imports';
const ADDRESSES = 'POST /api/imports/{audit}/addresses';
const CANCEL = 'POST /api/audits/{audit}/cancel';
const DELETE = 'DELETE /api/audits/{audit}';
const STATUS = 'GET /api/audits/{audit}';

/** An audit that does not fit the budget comes again so often. */
const MOST_REFUSALS = 40;

/** Somebody who sends an audit until it is accepted, and later may end it. */
export class Auditor {
  readonly order: Order;
  readonly #name: string;
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #key: string;
  /** The audit that was accepted, and when. */
  id: string | undefined;
  acceptedAt = 0;
  /** All audits that its requests made. */
  readonly ids = new Set<string>();
  /** Requests that it has not finished with. */
  busy = 0;
  #hasKey: boolean;

  constructor(world: World, ledger: Ledger, order: Order, place: number) {
    this.#world = world;
    this.#ledger = ledger;
    this.order = order;
    this.#name = `order ${place}`;
    this.#key = world.kernel.chance.id();
    this.#hasKey = !order.withoutKey;
    const count = order.prompts * order.samples;
    this.pictures = order.import
      ? picturesOf(count, `${this.#name} ${this.#key}`, world.kernel.chance, order.import)
      : [];
    this.#later(order.at, () => this.#start());
    const { cancelAt, deleteAt } = order;
    if (cancelAt !== undefined) this.#later(cancelAt, () => this.end('cancel'));
    if (deleteAt !== undefined) this.#later(deleteAt, () => this.end('delete'));
    this.#listen();
  }

  /** It stays busy until then. */
  #later(ms: number, act: () => void): void {
    this.busy++;
    this.#world.kernel.after(ms, () => {
      this.busy--;
      act();
    });
  }

  /** It may not be accepted yet. */
  #whenPlaced(act: () => void): void {
    if (this.id) act();
    else if (!this.gaveUp) this.#later(1_000, () => this.#whenPlaced(act));
  }

  #listen(): void {
    const { ends, prompts, samples } = this.order;
    const last = `/${String(prompts * samples - 1).padStart(5, '0')}`;
    const { watch, kernel } = this.#world;
    this.#world.watch = (change) => {
      watch(change);
      const [, id = ''] = /^audits\/([^/]+)\/audit\.json$/.exec(change.key) ?? [];
      if (!id || change.what !== 'Object Created' || change.bucket !== this.#world.images) return;
      if ((JSON.parse(change.is.body!.toString()) as { name: string }).name === this.#name) this.ids.add(id);
    };
    if (!ends) return;
    let isDue = false;
    const heard = kernel.log.listen;
    kernel.log.listen = (line: Line) => {
      heard?.(line);
      if (isDue) return;
      const [id] = this.ids;
      if (!id || !line.about.includes(id)) return;
      const { who, what, about } = line;
      const place = about.replace(id, '<a>').replace(last, '/<last>');
      if (!MOMENTS[ends.when].test(`${who} ${what} ${place}`)) return;
      isDue = true;
      this.#world.coverage.met(`an audit was ended ${ends.when}`);
      this.#later(ends.after, () => {
        if (ends.without) this.#world.storm.begin(ends.without, 60_000);
        this.end(ends.how);
      });
    };
  }

  /** The budget does not have what it takes, again and again. */
  gaveUp = false;
  #refusals = 0;

  /** Waits until others have released what they do not need. */
  #waitForMoney(send: () => void): void {
    this.#world.coverage.met('an audit did not fit the budget');
    if (++this.#refusals > MOST_REFUSALS) this.gaveUp = true;
    else this.#later(5 * 60_000, send);
  }

  #start(): void {
    const { order } = this;
    const start = order.import ? IMPORT : START;
    const body = (model: string) => ({
      ...(order.import
        ? importOf(promptsOf(order), order.samples, this.pictures)
        : { ...wordsOf({ ...order, model }), samples: order.samples }),
      name: this.#name,
      ...(order.outputs && { input: { num_outputs: order.outputs } }),
      ...(order.retention && { retention: order.retention }),
    });
    const { model = MODEL } = order;
    const send = (): void =>
      this.#insist(start, [202, 402], body(model), ({ statusCode, body: answer }) => {
        if (statusCode === 402) return this.#waitForMoney(send);
        this.id = (JSON.parse(answer) as { id: string }).id;
        this.acceptedAt = this.#world.kernel.now;
        if (order.repeatsAfter !== undefined && this.#hasKey)
          this.#later(order.repeatsAfter, () => {
            this.#world.coverage.met('a request came again long after it was accepted');
            this.#insist(start, [202, 402, 410], body(model));
          });
        this.#upload();
        this.#watch();
      });
    if (order.mistakesModel) {
      this.#world.coverage.met('a request named a model that there is not');
      this.#insist(START, [422], body('simulated/modle'), send);
    } else send();
  }

  /** Somebody ends the audit now. */
  end(how: 'cancel' | 'delete'): void {
    this.#whenPlaced(() => (how === 'cancel' ? this.#cancel() : this.#delete()));
  }

  #cancel(): void {
    this.#insist(CANCEL, [202, 409, 404]);
  }

  #delete(): void {
    const again = this.order.deletesAgainAfter;
    this.#insist(DELETE, [202], undefined, () => {
      if (again === undefined) return;
      this.#later(again, () => {
        this.#world.coverage.met('a deletion came again');
        this.#insist(DELETE, [202]);
      });
    });
  }

  /** The pictures of an import. */
  readonly pictures: readonly Picture[];

  #upload(): void {
    const { import: habits } = this.order;
    if (!habits) return;
    const report = (promise: string, what: string) =>
      this.#ledger.report(promise, what, `images/${this.id}/`);
    this.busy++;
    void new Uploader(this.#world, this.#world.kernel.chance, habits, this.pictures, report)
      .upload(
        (query) =>
          new Promise((resolve) => this.#insist(ADDRESSES, [200, 404, 409], undefined, resolve, query)),
      )
      .finally(() => this.busy--);
  }

  /** As the page does. It is not waited for. */
  #watch(): void {
    const { watchesEvery } = this.order;
    if (watchesEvery === undefined) return;
    const look = (left: number) => {
      if (left === 0) return;
      this.#send(STATUS, undefined, (response) => {
        if (response?.statusCode !== 404) this.#world.kernel.after(watchesEvery, () => look(left - 1));
      });
    };
    look(30);
  }

  #send(
    route: string,
    body: unknown,
    answered: (response: HttpResponse | undefined) => void,
    query?: Record<string, string>,
  ): void {
    const headers = this.#hasKey ? { 'idempotency-key': this.#key } : {};
    const isMistaken = JSON.stringify(body)?.includes('simulated/modle') ?? false;
    const path = this.id ? { audit: this.id } : {};
    this.#world.api({ route, path, body, headers, ...(query && { query }) }, (response, metFault) => {
      this.#ledger.answered({ route, audit: this.id, response, metFault, isMistaken });
      answered(response);
    });
  }

  /** Sends a request until it is answered by one of these. */
  #insist(
    route: string,
    expected: number[],
    body?: unknown,
    done: (response: HttpResponse) => void = () => {},
    query?: Record<string, string>,
  ): void {
    this.busy++;
    const hear = (response: HttpResponse | undefined) => {
      this.busy--;
      if (response && expected.includes(response.statusCode)) return done(response);
      const { patience = 2_000 } = this.order;
      if (patience > 60_000) this.#world.coverage.met('a request came again after a quarter of an hour');
      // There may be an audit now: the next request has a key.
      if (!this.#hasKey) this.#world.coverage.met('a request without an Idempotency-Key failed');
      this.#hasKey = true;
      this.#later(patience, () => this.#insist(route, expected, body, done, query));
    };
    this.#send(route, body, hear, query);
  }
}
