import type { StackModel } from '@weaudit/aws-emulator/stack';
import { PRICES, SQS_CALLS_PER_MESSAGE } from '../bench/prices.ts';
import type { Coverage } from './coverage.ts';
import type { Line } from './kernel.ts';
import { type BrokenPromise, Ledger } from './ledger.ts';
import type { ReplicateOptions } from './replicate.ts';
import type { StormOptions } from './storm.ts';
import { type Plant, World } from './world.ts';

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
}

export interface Scenario {
  orders: Order[];
  storm: StormOptions;
  replicate: ReplicateOptions;
  concurrency: number;
  /** An audit ends within this time of its last fault, in milliseconds. */
  endsWithin: number;
}

export interface Run {
  seed: number;
  hash: string;
  violations: BrokenPromise[];
  figures: Figures;
  coverage: Coverage;
  /** The last events of the cell that the first violation is about, or of everything. */
  last: Line[];
}

export interface Figures {
  cells: number;
  events: number;
  /** Simulated. */
  hours: number;
  succeeded: number;
  failed: number;
  paidAgain: Record<string, number>;
  predictions: number;
  faults: number;
  deaths: number;
  refused: Record<string, number>;
  invocations: Record<string, number>;
  s3: Record<string, number>;
  dollars: number;
  /** Seconds from each audit's acceptance to its first request, and to its last result. */
  audits: { cells: number; began: number | undefined; ended: number | undefined }[];
}

interface Placed extends Order {
  id: string | undefined;
  acceptedAt: number;
  began: number | undefined;
  results: number;
  ended: number | undefined;
}

const CHECK_MS = 5 * 60_000;

/** Plays a scenario to its end. */
export async function play(
  scenario: Scenario,
  seed: number,
  stack: StackModel,
  { plant, trace }: { plant?: Plant | undefined; trace?: (line: Line) => void } = {},
): Promise<Run> {
  const world = new World({ seed, stack, ...scenario, plant });
  const ledger = new Ledger(
    world,
    scenario.orders.reduce((sum, { prompts, samples }) => sum + prompts * samples, 0),
  );
  const { kernel } = world;
  const began = kernel.now;
  if (trace) {
    const listen = kernel.log.listen;
    kernel.log.listen = (line) => {
      listen?.(line);
      trace(line);
    };
  }
  const placed = scenario.orders.map((order) => place(world, order));
  watchProgress(world, placed);
  const every = () => {
    ledger.check();
    kernel.after(CHECK_MS, every);
  };
  kernel.after(CHECK_MS, every);

  const lastOrder = Math.max(
    ...scenario.orders.flatMap(({ at, cancelAt = 0, deleteAt = 0 }) => [at, cancelAt, deleteAt]),
  );
  const isOver = () =>
    ledger.violations.length > 0 ||
    (kernel.now - began > lastOrder &&
      world.isQuiet &&
      placed.every(({ id }) => id !== undefined && isClosed(world, id))) ||
    kernel.now - Math.max(world.storm.lastFaultAt, began + lastOrder) > scenario.endsWithin;
  await kernel.run(isOver);
  ledger.check();
  if (ledger.violations.length === 0) {
    for (const order of placed) ledger.checkFinished(order.id, { ...order, texts: promptsOf(order) });
    ledger.checkQuiet();
  }
  const [first] = ledger.violations;
  const name = first?.cell === undefined ? undefined : String(first.cell).padStart(5, '0');
  return {
    seed,
    hash: kernel.log.digest(),
    violations: ledger.violations,
    coverage: world.coverage,
    figures: figuresOf(world, ledger, placed, began),
    last: kernel.log.last(25, ({ about }) =>
      first?.audit === undefined
        ? true
        : about.includes(first.audit) && (name === undefined || about.includes(name)),
    ),
  };
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

/** An auditor who sends an audit until it is accepted, and later may end it. */
function place(world: World, order: Order): Placed {
  const placed: Placed = {
    ...order,
    id: undefined,
    acceptedAt: 0,

    began: undefined,
    results: 0,
    ended: undefined,
  };
  const { kernel } = world;
  const body = {
    ...wordsOf(order),
    ...(order.outputs && { input: { num_outputs: order.outputs } }),
    models: ['simulated/model'],
    samples: order.samples,
    ...(order.retention && { retention: order.retention }),
  };
  const key = kernel.chance.id();
  const insist = (route: string, expected: number[], done: (body: string) => void, sent?: unknown) => {
    const send = () =>
      world.api(
        route,
        placed.id,
        sent,
        (response) => {
          if (response && expected.includes(response.statusCode)) done(response.body);
          else kernel.after(2_000, send);
        },
        { 'idempotency-key': key },
      );
    send();
  };
  kernel.after(order.at, () =>
    insist(
      'POST /api/audits',
      [202],
      (answer) => {
        placed.id = (JSON.parse(answer) as { id: string }).id;
        placed.acceptedAt = kernel.now;
      },
      body,
    ),
  );
  // It may not be accepted yet.
  const whenPlaced = (act: () => void) => (placed.id ? act() : kernel.after(1_000, () => whenPlaced(act)));
  if (order.cancelAt !== undefined)
    kernel.after(order.cancelAt, () =>
      whenPlaced(() => insist('POST /api/audits/{audit}/cancel', [202, 409, 404], () => {})),
    );
  if (order.deleteAt !== undefined)
    kernel.after(order.deleteAt, () =>
      whenPlaced(() => insist('DELETE /api/audits/{audit}', [202, 404], () => {})),
    );
  return placed;
}

function watchProgress(world: World, placed: Placed[]): void {
  const watch = world.watch;
  const byId = (id: string) => placed.find((order) => order.id === id);
  world.watch = (change) => {
    watch(change);
    if (change.what !== 'Object Created' || change.bucket !== world.images) return;
    const [, id = '', kind] = /^audits\/([^/]+)\/(dispatched|results)\/\d{5}.*\.json$/.exec(change.key) ?? [];
    if (!kind) return;
    const order = byId(id);
    if (!order) return;
    if (kind === 'dispatched') order.began ??= world.kernel.now;
    else if (++order.results === order.prompts * order.samples) order.ended = world.kernel.now;
  };
}

const isClosed = (world: World, id: string): boolean => {
  const bucket = world.s3.bucket(world.images);
  if (bucket.current(`open/${id}`)) return false;
  return (
    bucket.current(`deleted/${id}`) !== undefined ||
    bucket.current(`audits/${id}/manifest.json`) !== undefined
  );
};

function figuresOf(world: World, ledger: Ledger, placed: Placed[], began: number): Figures {
  const { s3, lambda, kernel, replicate, cells } = world;
  const count = (command: string) => s3.requests.get(`${command}Command`) ?? 0;
  const puts = ['PutObject', 'CopyObject', 'ListObjectsV2', 'PutObjectTagging'].reduce(
    (sum, name) => sum + count(name),
    0,
  );
  const gets = ['GetObject', 'HeadObject', 'GetObjectTagging'].reduce((sum, name) => sum + count(name), 0);
  const invocations = [...lambda.invocations.values()].reduce((sum, one) => sum + one, 0);
  const seconds = (at: number | undefined, from: number) =>
    at === undefined ? undefined : Math.round((at - from) / 100) / 10;
  const statuses = [...replicate.made.values()];
  return {
    cells: placed.reduce((sum, { prompts, samples }) => sum + prompts * samples, 0),
    events: kernel.events,
    hours: Math.round((kernel.now - began) / 36_000) / 100,
    succeeded: statuses.filter(({ status }) => status === 'succeeded').length,
    failed: statuses.filter(({ status }) => status === 'failed').length,
    paidAgain: Object.fromEntries(ledger.paidAgain),
    predictions: replicate.made.size,
    faults: world.storm.faults,
    deaths: lambda.deaths.length,
    refused: Object.fromEntries(replicate.refused),
    invocations: Object.fromEntries(lambda.invocations),
    s3: Object.fromEntries([...s3.requests].map(([name, n]) => [name.replace('Command', ''), n])),
    dollars:
      puts * PRICES.write +
      gets * PRICES.read +
      (lambda.megabyteSeconds / 1_024) * PRICES.gbSecond +
      invocations * PRICES.invocation +
      cells.sent * SQS_CALLS_PER_MESSAGE * PRICES.sqs,
    audits: placed.map(({ prompts, samples, acceptedAt, began: first, ended }) => ({
      cells: prompts * samples,
      began: seconds(first, acceptedAt),
      ended: seconds(ended, acceptedAt),
    })),
  };
}
