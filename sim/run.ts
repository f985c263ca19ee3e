import type { StackModel } from '@weaudit/aws-emulator/stack';
import { PRICES, SQS_CALLS_PER_MESSAGE } from '../bench/prices.ts';
import { Auditor } from './auditor.ts';
import type { Coverage } from './coverage.ts';
import type { Line } from './kernel.ts';
import { type BrokenPromise, Ledger } from './ledger.ts';
import { modelOf, type Order, promptsOf } from './order.ts';
import { type Money, Purse } from './purse.ts';
import { RatingRound, type RoundOrder } from './rating.ts';
import type { Made, ReplicateOptions } from './replicate.ts';
import type { RoundLedger } from './round-ledger.ts';
import type { Rotation } from './secrets.ts';
import type { StormOptions } from './storm.ts';
import { StudyGroup, type StudyOrder } from './studies.ts';
import { type Plant, World } from './world.ts';

export interface Scenario {
  orders: Order[];
  storm: StormOptions;
  replicate: ReplicateOptions;
  concurrency: number;
  gateway?: { throttled: number };
  rotation?: Rotation | undefined;
  /** What an operator has set, before the first audit. */
  money?: Money | undefined;
  rounds?: RoundOrder[] | undefined;
  study?: StudyOrder | undefined;
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
  /** What reconcile alone costs, and how long it ran. */
  reconcile: { dollars: number; seconds: number };
  /** Predictions asked for in a minute, without the first and the last tenth of them. */
  rate: number;
  /** Longest time, in seconds, from the moment when a prediction was to be looked after to its result. */
  overdue: number;
  /** Most messages in both queues at once. */
  messages: number;
  /** The share of the month's budget that was spent. */
  budgetUsed: number | undefined;
  /** Audits that did not fit the budget in the end. */
  unaffordable: number;
  /** Of each rating round. */
  rounds: RoundLedger['figures'][];
  /** Seconds from each audit's acceptance to its first and last prediction, first picture and last result. */
  audits: Times[];
}

interface Times {
  cells: number;
  began: number | undefined;
  asked: number | undefined;
  shown: number | undefined;
  ended: number | undefined;
}

/** An auditor, and how far the audit is. */
interface Placed {
  auditor: Auditor;
  began: number | undefined;
  bindings: number;
  asked: number | undefined;
  shown: number | undefined;
  results: number;
  ended: number | undefined;
}

const UNKNOWN = { began: undefined, asked: undefined, shown: undefined, ended: undefined };

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
    scenario.orders.map(({ prompts, samples }) => prompts * samples),
  );
  const { kernel } = world;
  const purse = scenario.money && new Purse(world, scenario.money, ledger.report);
  ledger.isLimited = purse !== undefined;
  const began = kernel.now;
  if (trace) {
    const listen = kernel.log.listen;
    kernel.log.listen = (line) => {
      listen?.(line);
      trace(line);
    };
  }
  const placed = scenario.orders.map((order, place): Placed => {
    const auditor = new Auditor(world, ledger, order, place);
    return { auditor, ...UNKNOWN, bindings: 0, results: 0 };
  });
  watchProgress(world, placed);
  const auditors = placed.map(({ auditor }) => auditor);
  const rounds = (scenario.rounds ?? []).map(
    (order, place) => new RatingRound(world, ledger, auditors, order, seed * 100 + place),
  );
  const groups = scenario.study ? [new StudyGroup(world, ledger, auditors, scenario.study, seed)] : [];
  let messages = 0;
  const every = () => {
    ledger.check();
    purse?.check();
    messages = Math.max(messages, world.messages);
    kernel.after(CHECK_MS, every);
  };
  kernel.after(CHECK_MS, every);

  let busyAt = began;
  const isOver = () => {
    const isBusy = [...auditors, ...rounds, ...groups].some(({ busy }) => busy > 0);
    if (isBusy) busyAt = kernel.now;
    return (
      ledger.violations.length > 0 ||
      (!isBusy &&
        world.isQuiet &&
        placed.every(
          ({ auditor: { ids, gaveUp } }) =>
            gaveUp || (ids.size > 0 && [...ids].every((id) => isClosed(world, id))),
        ) &&
        rounds.every(({ isOver }) => isOver) &&
        (purse?.isSettled ?? true)) ||
      kernel.now - Math.max(world.storm.lastFaultAt, busyAt) > scenario.endsWithin
    );
  };
  await kernel.run(isOver);
  ledger.check();
  if (ledger.violations.length === 0) {
    for (const { auditor } of placed) {
      const texts = promptsOf(auditor.order);
      const models = texts.map((_, prompt) => modelOf(auditor.order, prompt));
      const order = { ...auditor.order, texts, models, pictures: auditor.pictures };
      if (!auditor.gaveUp) ledger.checkAccepted(auditor);
      for (const id of auditor.ids) ledger.checkFinished(id, order);
    }
    for (const round of rounds) round.checkOver();
    ledger.checkQuiet();
    purse?.checkOver();
  }
  const unaffordable = placed.filter(({ auditor }) => auditor.gaveUp).length;
  const [first] = ledger.violations;
  const name = first?.cell === undefined ? undefined : String(first.cell).padStart(5, '0');
  return {
    seed,
    hash: kernel.log.digest(),
    violations: ledger.violations,
    coverage: world.coverage,
    figures: {
      ...figuresOf(world, ledger, placed, began),
      messages,
      budgetUsed: purse?.used,
      unaffordable,
      rounds: rounds.map((one) => one.ledger.figures),
    },
    last: kernel.log.last(25, ({ about }) =>
      first?.audit === undefined
        ? true
        : about.includes(first.audit) && (name === undefined || about.includes(name)),
    ),
  };
}

const cellsOf = ({ auditor: { order } }: Placed) => order.prompts * order.samples;

function watchProgress(world: World, placed: Placed[]): void {
  const watch = world.watch;
  world.watch = (change) => {
    watch(change);
    if (change.what !== 'Object Created' || change.bucket !== world.images) return;
    const [, id = '', kind] =
      /^audits\/([^/]+)\/(dispatched|results|judged)\/\d{5}(?:\.json$|\/)/.exec(change.key) ?? [];
    const order = kind && placed.find(({ auditor }) => auditor.ids.has(id));
    if (!order) return;
    const { now } = world.kernel;
    if (kind === 'judged') order.shown ??= now;
    else if (kind === 'dispatched') {
      order.began ??= now;
      if (++order.bindings === cellsOf(order)) order.asked = now;
    } else if (++order.results === cellsOf(order)) order.ended = now;
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

function rateOf(made: Made[]): number {
  const [from, to] = [Math.floor(made.length / 10), Math.floor(made.length * 0.9)];
  const ms = to > from ? made[to]!.createdAt - made[from]!.createdAt : 0;
  return ms > 0 ? Math.round(((to - from) * 60_000) / ms) : 0;
}

/** A webhook may bring the result at once; else a poll has to, from `OVERDUE_SECONDS` on. */
function overdueOf({ replicate, s3, images, lambda }: World): number {
  const bucket = s3.bucket(images);
  const overdueMs = Number(lambda.model('poll').environment.OVERDUE_SECONDS) * 1_000;
  let latest = 0;
  for (const { audit, cell, createdAt, completedAt, status } of replicate.made.values()) {
    const result = bucket.current(`audits/${audit}/results/${String(cell).padStart(5, '0')}.json`);
    // What was aborted is asked for again.
    if (!result || completedAt === undefined || status === 'aborted') continue;
    latest = Math.max(latest, result.modified - Math.max(completedAt, createdAt + overdueMs));
  }
  return Math.round(latest / 1_000);
}

const WRITES = ['PutObject', 'CopyObject', 'ListObjectsV2', 'PutObjectTagging'];
const READS = ['GetObject', 'HeadObject', 'GetObjectTagging'];

/** Requests to S3 in dollars. */
function priceOf(requests: ReadonlyMap<string, number>): number {
  const count = (names: string[]) =>
    names.reduce((sum, name) => sum + (requests.get(`${name}Command`) ?? 0), 0);
  return count(WRITES) * PRICES.write + count(READS) * PRICES.read;
}

function figuresOf(
  world: World,
  ledger: Ledger,
  placed: Placed[],
  began: number,
): Omit<Figures, 'messages' | 'budgetUsed' | 'unaffordable' | 'rounds'> {
  const { s3, lambda, kernel, replicate } = world;
  const sent = [...world.queues.values()].reduce((sum, queue) => sum + queue.sent, 0);
  const invocations = [...lambda.invocations.values()].reduce((sum, one) => sum + one, 0);
  const megabyteSeconds = [...lambda.megabyteSeconds.values()].reduce((sum, one) => sum + one, 0);
  const ofReconcile = lambda.megabyteSeconds.get('reconcile') ?? 0;
  const seconds = (at: number | undefined, from: number) =>
    at === undefined ? undefined : Math.round((at - from) / 100) / 10;
  const statuses = [...replicate.made.values()];
  return {
    cells: placed.reduce((sum, one) => sum + cellsOf(one), 0),
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
      priceOf(s3.requests) +
      (megabyteSeconds / 1_024) * PRICES.gbSecond +
      invocations * PRICES.invocation +
      sent * SQS_CALLS_PER_MESSAGE * PRICES.sqs,
    reconcile: {
      dollars: priceOf(s3.requestsOfReconcile) + (ofReconcile / 1_024) * PRICES.gbSecond,
      seconds: ofReconcile / lambda.model('reconcile').memorySize,
    },
    rate: rateOf(statuses),
    overdue: overdueOf(world),
    audits: placed.map((one) => ({
      cells: cellsOf(one),
      began: seconds(one.began, one.auditor.acceptedAt),
      asked: seconds(one.asked, one.auditor.acceptedAt),
      shown: seconds(one.shown, one.auditor.acceptedAt),
      ended: seconds(one.ended, one.auditor.acceptedAt),
    })),
  };
}
