import type { HttpResponse } from '../lib/http/problem.ts';
import type { Line } from './kernel.ts';
import type { Ledger } from './ledger.ts';
import type { World } from './world.ts';

/** Moments in the life of an audit at which somebody ends it. */
export const MOMENTS = {
  'when its plan is written': /^api#\d+ PutObject images:audits\/<a>\/audit\.json/,
  'when its first prediction is requested': / create <a>\//,
  'when its last prediction is bound': / PutObject images:audits\/<a>\/dispatched\/<last>/,
  'when its first record of a failure is written': / PutObject images:audits\/<a>\/failed\//,
  'when its first result is written': / PutObject images:audits\/<a>\/results\//,
  'when its table is written': / PutObject images:audits\/<a>\/manifest\.csv/,
  'when its manifest is written': / PutObject images:audits\/<a>\/manifest\.json/,
  'when its closing begins': /^reconcile#\d+ HeadObject backup:audits\/<a>\/audit\.json/,
  'when its leases are deleted': /^reconcile#\d+ DeleteObjects images:leases\/<a>/,
  'when it is closed': /^reconcile#\d+ DeleteObjects images:open\/<a>/,
} as const;
export type Moment = keyof typeof MOMENTS;

/** One audit that somebody runs, and what they do to it later; times in milliseconds since the world began. */
export interface Order {
  at: number;
  prompts: number;
  samples: number;
  retention?: 'short' | 'standard' | 'keep';
  /** Images of each cell; as many as the model makes by itself if undefined. */
  outputs?: number;
  /** The prompts come from a template with two factors: their number has to be even. */
  factors?: boolean;
  cancelAt?: number;
  deleteAt?: number;
  /** It is canceled or deleted so many milliseconds after a moment of its own. */
  ends?: {
    how: 'cancel' | 'delete';
    when: Moment;
    after: number;
    /** A service that mostly fails for a minute then. */
    without?: string | undefined;
  };
  /** Milliseconds until a request that failed is sent again. */
  patience?: number;
  /** The first request has no Idempotency-Key: if its answer is lost, there may be two audits. */
  withoutKey?: boolean;
  /** The same request comes again, so long after it was accepted. */
  repeatsAfter?: number;
  /** DELETE comes again, so long after the first. */
  deletesAgainAfter?: number;
  /** First the model's name is written wrong. */
  mistakesModel?: boolean;
  /** Asks for the status every so many milliseconds. */
  watchesEvery?: number;
}

/** What a spreadsheet would run, and what a table has to quote. */
const WHO = ['=1+1', 'a "quoted", person,\nin two lines'];
const numbers = (count: number) => Array.from({ length: count }, (_, i) => `number ${i}`);

/** What is asked for, as the request has it. */
const wordsOf = ({ prompts, factors }: Order) =>
  factors
    ? { template: 'a portrait of {who} {n}', factors: { who: WHO, n: numbers(prompts / 2) } }
    : { prompts: numbers(prompts).map((name) => `a portrait of person ${name}`) };

/** The prompt of each pair, in its order. */
export const promptsOf = ({ prompts, factors }: Order): string[] =>
  factors
    ? WHO.flatMap((who) => numbers(prompts / 2).map((name) => `a portrait of ${who} ${name}`))
    : numbers(prompts).map((name) => `a portrait of person ${name}`);

const START = 'POST /api/audits';
const CANCEL = 'POST /api/audits/{audit}/cancel';
const DELETE = 'DELETE /api/audits/{audit}';
const STATUS = 'GET /api/audits/{audit}';

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
    this.#later(order.at, () => this.#start());
    const { cancelAt, deleteAt } = order;
    if (cancelAt !== undefined) this.#later(cancelAt, () => this.#whenPlaced(() => this.#cancel()));
    if (deleteAt !== undefined) this.#later(deleteAt, () => this.#whenPlaced(() => this.#delete()));
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
    else this.#later(1_000, () => this.#whenPlaced(act));
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
        this.#whenPlaced(() => (ends.how === 'cancel' ? this.#cancel() : this.#delete()));
      });
    };
  }

  #start(): void {
    const { order } = this;
    const body = (model: string) => ({
      ...wordsOf(order),
      name: this.#name,
      ...(order.outputs && { input: { num_outputs: order.outputs } }),
      models: [model],
      samples: order.samples,
      ...(order.retention && { retention: order.retention }),
    });
    const send = () =>
      this.#insist(START, [202], body('simulated/model'), ({ body: answer }) => {
        this.id = (JSON.parse(answer) as { id: string }).id;
        this.acceptedAt = this.#world.kernel.now;
        if (order.repeatsAfter !== undefined && this.#hasKey)
          this.#later(order.repeatsAfter, () => {
            this.#world.coverage.met('a request came again long after it was accepted');
            this.#insist(START, [202, 410], body('simulated/model'));
          });
        this.#watch();
      });
    if (order.mistakesModel) {
      this.#world.coverage.met('a request named a model that there is not');
      this.#insist(START, [422], body('simulated/modle'), send);
    } else send();
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
    look(60);
  }

  #send(route: string, body: unknown, answered: (response: HttpResponse | undefined) => void): void {
    const headers = this.#hasKey ? { 'idempotency-key': this.#key } : {};
    const isMistaken = JSON.stringify(body)?.includes('simulated/modle') ?? false;
    this.#world.api(
      route,
      this.id,
      body,
      (response, metFault) => {
        this.#ledger.answered({ route, audit: this.id, response, metFault, isMistaken });
        answered(response);
      },
      headers,
    );
  }

  /** Sends a request until it is answered by one of these. */
  #insist(
    route: string,
    expected: number[],
    body?: unknown,
    done: (response: HttpResponse) => void = () => {},
  ): void {
    this.busy++;
    this.#send(route, body, (response) => {
      this.busy--;
      if (response && expected.includes(response.statusCode)) return done(response);
      const { patience = 2_000 } = this.order;
      if (patience > 60_000) this.#world.coverage.met('a request came again after a quarter of an hour');
      // There may be an audit now: the next request has a key.
      if (!this.#hasKey) this.#world.coverage.met('a request without an Idempotency-Key failed');
      this.#hasKey = true;
      this.#later(patience, () => this.#insist(route, expected, body, done));
    });
  }
}
