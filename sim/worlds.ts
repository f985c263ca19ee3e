import Table from 'cli-table3';
import { Command } from 'commander';
import { wholeNumber } from '../cli/whole-number.ts';
import { fiftyAudits } from './money-worlds.ts';
import { MODEL, type Order, OTHER_MODEL, type Uploading } from './order.ts';
import type { RoundOrder } from './rating.ts';
import type { ModelBehavior } from './replicate.ts';
import { play, type Run, type Scenario } from './run.ts';
import { deployedStack } from './stack.ts';
import type { StormOptions } from './storm.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const QUIET: StormOptions = {
  calls: {},
  events: { late: 0, doubled: 0 },
  messagesDoubled: 0,
  conflicts: 0,
  endsAt: 0,
};
const FAST: ModelBehavior = { parallel: 200, seconds: [2, 6], outputs: 1, refuses: 0.02, fails: 0.01 };

/** A world without faults, in which one thing is different. */
function world(orders: Order[], change: Partial<Scenario> & { model?: ModelBehavior } = {}): Scenario {
  const { model = FAST, ...rest } = change;
  return {
    orders,
    concurrency: 1_000,
    endsWithin: 12 * HOUR,
    storm: QUIET,
    ...rest,
    replicate: {
      createsPerMinute: 600,
      model,
      webhooks: { lost: 0, late: 0, doubled: 0 },
      outputsFail: 0,
      ...rest.replicate,
    },
  };
}

const audit = (cells: number, more: Partial<Order> = {}): Order => ({
  at: 0,
  prompts: Math.ceil(cells / 10),
  samples: Math.min(10, cells),
  ...more,
});

interface Named {
  promise: string;
  scenario: Scenario;
  /** What else has to hold; says what does not. */
  holds?(run: Run): string | undefined;
  /** The figures that the promise is about. */
  says?(run: Run): string;
  /** Of the deployment, such as `createsPerMinute=3000`. */
  parameters?: string[];
  /** It is large, or about many audits: it is not played again with its first audit ended in the middle. */
  once?: true;
}

type Rated = Run['figures']['rounds'][number];
type Times = Run['figures']['audits'][number];

/** The first of some demands that does not hold. */
const all = (...demands: [is: boolean, what: string][]) => demands.find(([is]) => !is)?.[1];

/** A moment of an audit comes in time. */
function within(audit: Times, name: Exclude<keyof Times, 'cells'>, seconds: number): [boolean, string] {
  const at = audit[name] ?? Number.POSITIVE_INFINITY;
  return [at <= seconds, `${name} after ${at} s, not ${seconds}`];
}

/** All cells succeed, and hardly any prediction is asked for without effect. */
const allSucceed = ({ figures: { cells, succeeded, predictions } }: Run): [boolean, string][] => [
  [succeeded === cells, `${succeeded} of ${cells} succeeded`],
  [predictions <= 1.1 * cells, `${predictions} predictions for ${cells} cells`],
];

/** The share of the rate that is reached. */
const reached = ({ figures: { rate } }: Run, perMinute: number): [boolean, string] => [
  rate >= 0.98 * perMinute,
  `${rate} creates a minute, not ${perMinute}`,
];

const CALM = { lost: 0, late: 0, doubled: 0 };
const CERTAIN: ModelBehavior = { ...FAST, refuses: 0, fails: 0 };

const replicate = (change: Partial<Scenario['replicate']>) =>
  ({
    replicate: { createsPerMinute: 600, model: FAST, webhooks: CALM, outputsFail: 0, ...change },
  }) as Partial<Scenario>;

/** A rating round of the first audit; raters take a while, leave, and have lines that fail. */
const round = (change: Partial<RoundOrder> = {}): RoundOrder => ({
  ...{ of: [0], slots: 4, ratings: 3, repeats: 2, tabs: 0.3, devices: 0.1, withdraw: 0.2, comeBack: 0.7 },
  habits: {
    leaves: 0.02,
    goesOffline: 0.01,
    changesMind: 0.1,
    reports: 0,
    thinks: [2 * SECOND, 20 * SECOND],
  },
  line: { lost: 0.02, late: 0.01, doubled: 0.02 },
  ...change,
});

/** Somebody whose uploads go wrong in every way. */
const uploading = (change: Partial<Uploading> = {}): Uploading => ({
  ...{ broken: 0.05, wrong: 0.05, doubled: 0.05, encoded: 0.02, withheld: 0, rests: 2 * SECOND },
  ...change,
});

/** As many creates a minute as a customer of Replicate may have agreed on. */
const atRate = (createsPerMinute: number, cells: number): Named => ({
  promise: 'reached to 98 %',
  scenario: world(
    Array.from({ length: cells / 3_000 }, () => audit(3_000)),
    replicate({ createsPerMinute, model: { ...CERTAIN, parallel: 1_000 } }),
  ),
  holds: (run) => all(reached(run, createsPerMinute)),
  says: ({ figures: { rate } }) => `${rate} a minute`,
  parameters: [`createsPerMinute=${createsPerMinute}`],
  once: true,
});

/** Worlds with a name, each with its promise. */
export const WORLDS: Record<string, Named> = {
  quiet: {
    promise: 'webhooks alone end every cell',
    scenario: world([audit(1_000)]),
    holds: ({ coverage }) =>
      [...coverage.calls.keys()].some((call) => call.includes('replicate get'))
        ? 'predictions were polled'
        : undefined,
  },
  'everything at once': {
    promise: 'every promise holds',
    scenario: world(
      [
        audit(500),
        audit(200, { at: MINUTE }),
        audit(100, { at: 2 * MINUTE, deleteAt: 4 * MINUTE }),
        audit(100, { at: MINUTE, cancelAt: 90 * SECOND }),
      ],
      {
        storm: {
          calls: { 'dies before': 0.001, 'dies after': 0.001, unavailable: 0.01, lost: 0.01 },
          gusts: [{ service: 's3', from: MINUTE, to: 2 * MINUTE, share: 0.5 }],
          events: { late: 0.03, doubled: 0.1 },
          messagesDoubled: 0.02,
          conflicts: 0.01,
          endsAt: HOUR,
        },
        ...replicate({
          webhooks: { lost: 0.05, late: 0.05, doubled: 0.1 },
          outputsFail: 0.03,
        }),
      },
    ),
  },
  'a slow model (5 a minute, 600 cells)': {
    promise: 'all 600 succeed',
    scenario: world([audit(600)], {
      model: { parallel: 1, seconds: [12, 12], outputs: 1, refuses: 0, fails: 0 },
      endsWithin: 30 * HOUR,
    }),
    holds: (run) => all(...allSucceed(run)),
    says: ({ figures: { predictions, cells } }) => `${predictions} predictions for ${cells} cells`,
  },
  'a model stands still for two hours': {
    promise: 'what was aborted is asked for as often as it takes',
    scenario: world([audit(60)], {
      model: { ...CERTAIN, stands: { from: 0, to: 2 * HOUR } },
    }),
    holds: ({ figures: { succeeded, cells } }) =>
      all([succeeded === cells, `${succeeded} of ${cells} succeeded`]),
    says: ({ figures: { predictions, cells } }) => `${predictions} predictions for ${cells} cells`,
  },
  'creates that take long, in functions that end after 20 s': {
    promise: 'a create ends with the time that is left',
    scenario: world([audit(300)], {
      storm: { ...QUIET, slow: 0.9, slowCreates: true, endsAt: HOUR },
    }),
    parameters: ['dispatchTimeout=20', 'queueVisibility=130'],
  },
  'no credit for a day': {
    promise: 'it waits, and every cell ends well',
    scenario: world([audit(200)], {
      endsWithin: 48 * HOUR,
      ...replicate({
        noCredit: { from: 5 * SECOND, to: 24 * HOUR },
      }),
    }),
    says: ({ figures: { refused } }) => `${refused[402]} requests were refused`,
  },
  'token revoked for an hour': {
    promise: 'it waits, and every cell ends well',
    scenario: world(
      [audit(500)],
      replicate({
        tokenRevoked: { from: 10 * SECOND, to: HOUR },
      }),
    ),
  },
  'webhooks gone for six hours under 60,000 cells': {
    promise: 'polls find every output within its hour, and do not fall behind',
    scenario: world(
      Array.from({ length: 6 }, () => audit(10_000)),
      replicate({
        webhooks: { ...CALM, gone: { from: 0, to: 6 * HOUR } },
      }),
    ),
    holds: ({ figures: { overdue } }) => all([overdue <= 300, `one waited for ${overdue} s`]),
    says: ({ figures: { overdue } }) => `at most ${overdue} s later than the first look`,
    once: true,
  },
  'S3 answers 503 in storms': {
    promise: 'nothing is lost or paid twice without a reason',
    scenario: world([audit(500)], {
      storm: {
        ...QUIET,
        gusts: [0, 1, 2, 3].map((n) => ({
          service: 's3',
          from: n * 3 * MINUTE,
          to: (n * 3 + 1) * MINUTE,
          share: 0.7,
        })),
        endsAt: HOUR,
      },
    }),
  },
  'EventBridge is silent for six hours': {
    promise: 'reconcile does what events should have done',
    scenario: world([audit(500)], {
      storm: {
        ...QUIET,
        events: { late: 0, doubled: 0, silent: { from: 0, to: 6 * HOUR } },
        endsAt: 7 * HOUR,
      },
    }),
  },
  'half of all events are lost': {
    promise: 'a run of reconcile ends in time, and what one does not do the next one does',
    scenario: world(
      Array.from({ length: 4 }, () => audit(1_500)),
      {
        storm: {
          ...QUIET,
          events: { late: 0, doubled: 0, lost: 0.5 },
          endsAt: 3 * HOUR,
        },
      },
    ),
    once: true,
  },
  'a new account (10 functions at once)': {
    promise: 'every promise holds',
    scenario: world([audit(500)], { concurrency: 10 }),
  },
  '50 open audits of 2,000 cells': {
    promise: 'every promise holds',
    scenario: world(
      Array.from({ length: 50 }, () => audit(2_000)),
      { endsWithin: 24 * HOUR },
    ),
  },
  '8 cells behind three audits of 10,000': {
    promise: 'the small audit begins within 15 s, and ends within 60; the large ones lose less than 2 %',
    scenario: world([
      ...[10_000, 10_000, 10_000].map((cells) => audit(cells)),
      { at: 2 * MINUTE, prompts: 1, samples: 8 },
    ]),
    holds: (run) => {
      const small = run.figures.audits.at(-1)!;
      return all(within(small, 'began', 15), within(small, 'ended', 60), reached(run, 600));
    },
    says: ({ figures: { audits, rate } }) =>
      `began after ${audits.at(-1)!.began} s, ended after ${audits.at(-1)!.ended} s; ${rate} a minute in all`,
    once: true,
  },
  'ten audits at once': {
    promise: 'they share the rate evenly',
    scenario: world(Array.from({ length: 10 }, () => audit(600))),
    holds: (run) => {
      const asked = run.figures.audits.map((one) => one.asked ?? Number.POSITIVE_INFINITY);
      const [first, last] = [Math.min(...asked), Math.max(...asked)];
      return all(
        [first >= 0.8 * last, `one was asked for within ${first} s, one within ${last}`],
        reached(run, 600),
      );
    },
    says: ({ figures: { audits, rate } }) => {
      const asked = audits.map((one) => one.asked!);
      return `asked for within ${Math.min(...asked)} to ${Math.max(...asked)} s; ${rate} a minute in all`;
    },
  },
  'two classes of 30 students at once': {
    promise: 'everybody sees a first picture within 30 s',
    scenario: world(
      Array.from({ length: 60 }, () => audit(30)),
      { model: { ...CERTAIN, seconds: [1, 4] } },
    ),
    holds: (run) => all(...run.figures.audits.map((one) => within(one, 'shown', 30))),
    says: ({ figures: { audits } }) => `the last one after ${Math.max(...audits.map((one) => one.shown!))} s`,
  },
  '190 open audits at 60 a minute': {
    promise: 'a cell whose webhook was lost is looked at in time',
    scenario: world(
      Array.from({ length: 190 }, () => audit(20)),
      replicate({ createsPerMinute: 60, webhooks: { ...CALM, lost: 0.05 } }),
    ),
    parameters: ['createsPerMinute=60'],
    holds: ({ figures: { overdue, messages } }) =>
      all(
        [overdue <= 300, `one waited for ${overdue} s`],
        [messages <= 1_500, `the queues held ${messages}`],
      ),
    says: ({ figures: { overdue, messages } }) => `${overdue} s later than due; ${messages} messages at most`,
  },
  '6 a minute, no credit and a bad token for hours': {
    promise: 'chains of messages are never taken for a loop, and every cell ends well',
    scenario: world(
      [audit(60)],
      replicate({
        createsPerMinute: 6,
        model: CERTAIN,
        noCredit: { from: MINUTE, to: 3 * HOUR },
        tokenRevoked: { from: 3 * HOUR, to: 6 * HOUR },
      }),
    ),
    holds: (run) => all(...allSucceed(run)),
  },
  'six hours of backlog': {
    promise: 'the queue does not grow by repairs',
    scenario: world(
      Array.from({ length: 200 }, () => audit(12, { prompts: 6, samples: 2 })),
      replicate({ createsPerMinute: 6 }),
    ),
    parameters: ['createsPerMinute=6'],
    holds: ({ figures: { messages } }) => all([messages <= 1_500, `it held ${messages} messages`]),
    says: ({ figures: { messages, hours } }) => `${messages} messages at most in ${hours} hours`,
    once: true,
  },
  '600 creates a minute': atRate(600, 3_000),
  '3,000 creates a minute': atRate(3_000, 12_000),
  '6,000 creates a minute': atRate(6_000, 18_000),
  'deleted in the middle': {
    promise: 'nothing is left, and few predictions are paid',
    scenario: world([audit(1_000, { deleteAt: 40 * SECOND })]),
    holds: ({ figures }) =>
      figures.predictions <= 500 ? undefined : `${figures.predictions} predictions were made`,
  },
  'fifty audits at once against a dollar': {
    promise: 'the month costs no more than its budget, nearly all of it can be used, nothing stays reserved',
    scenario: fiftyAudits(7),
    holds: ({ figures: { budgetUsed = 0 } }) => all([budgetUsed > 0.95, `${budgetUsed} of it was used`]),
    says: ({ figures: { budgetUsed = 0, unaffordable, deaths } }) =>
      `${(100 * budgetUsed).toFixed(1)} % used, ${unaffordable} audits refused, ${deaths} deaths`,
    once: true,
  },
  'fifty raters and 2,000 pictures': {
    promise: 'no answer is lost or counted twice, each picture has its ratings, no place tells a model',
    scenario: world([audit(2_000, { other: OTHER_MODEL })], {
      ...replicate({ models: [MODEL, OTHER_MODEL], model: CERTAIN }),
      storm: {
        calls: { 'dies before': 0.0005, 'dies after': 0.0005, unavailable: 0.003, lost: 0.003 },
        ...{
          events: { late: 0.01, doubled: 0.02 },
          messagesDoubled: 0.01,
          conflicts: 0.01,
          endsAt: 3 * HOUR,
        },
      },
      rounds: [round({ slots: 50, repeats: 10, habits: { ...round().habits, leaves: 0.004 } })],
    }),
    holds: ({ figures: { rounds, deaths } }) => {
      const [{ counted, raters, places }] = rounds as [Rated];
      return all(
        [counted > 2_000 * 3, `${counted} labels count`],
        [raters > 60 && deaths > 50, `${raters} raters had 50 slots, ${deaths} functions died`],
        [places < 4, `places of a model are ${places} standard errors from the middle`],
      );
    },
    says: ({ figures: { rounds, deaths } }) => {
      const [{ stored, counted, raters, places }] = rounds as [Rated];
      return `${stored} answers stored, ${counted} count, ${raters} raters, ${deaths} deaths, places ${places.toFixed(1)} standard errors off`;
    },
    once: true,
  },
  'twenty rounds are closed while raters answer': {
    promise: 'what somebody was told is stored is counted, and nobody who has withdrawn',
    scenario: world([audit(30)], {
      storm: {
        ...QUIET,
        calls: { 'dies before': 0.001, 'dies after': 0.001, unavailable: 0.01, lost: 0.01 },
        ...{ events: { late: 0.05, doubled: 0.1, lost: 0.05 }, conflicts: 0.01 },
        ...{ slow: 0.01, endsAt: 3 * HOUR },
      },
      rounds: Array.from({ length: 20 }, (_, i) =>
        round({
          closedAfter: (1 + i) * 5 * SECOND,
          withdraw: 0.7,
          habits: { ...round().habits, thinks: [200, 2 * SECOND] },
        }),
      ),
    }),
    says: ({ figures: { rounds } }) =>
      `${rounds.reduce((sum, { stored }) => sum + stored, 0)} answers stored, ${rounds.reduce((sum, { counted }) => sum + counted, 0)} count`,
    once: true,
  },
  '2,000 pictures are imported while uploads and S3 fail': {
    promise: 'each picture is judged, copied and in its result once, or the result says why not',
    scenario: world(
      [
        audit(1_000, { import: uploading() }),
        audit(600, { import: uploading({ rests: 0 }), at: MINUTE, cancelAt: 5 * MINUTE }),
        audit(300, { import: uploading(), at: MINUTE, deleteAt: 5 * MINUTE }),
        audit(100, { import: uploading({ withheld: 0.1 }) }),
      ],
      {
        endsWithin: 80 * HOUR,
        storm: {
          calls: { 'dies before': 0.001, 'dies after': 0.001, unavailable: 0.02, lost: 0.02 },
          gusts: [{ service: 's3', from: 2 * MINUTE, to: 4 * MINUTE, share: 0.5 }],
          ...{ events: { late: 0.03, doubled: 0.1, lost: 0.02 }, messagesDoubled: 0.02, conflicts: 0.01 },
          endsAt: 2 * HOUR,
        },
      },
    ),
    once: true,
  },
  'ten people change one study at the same time': {
    promise: 'no change is lost, and each answer is right',
    scenario: world(
      Array.from({ length: 12 }, () => audit(2)),
      {
        storm: {
          ...QUIET,
          calls: { 'dies before': 0.002, 'dies after': 0.002, unavailable: 0.01, lost: 0.01 },
          ...{ conflicts: 0.02, slow: 0.005, endsAt: HOUR },
        },
        study: {
          people: 10,
          changes: 40,
          pause: 2 * SECOND,
          line: { lost: 0.02, late: 0.01, doubled: 0.02 },
        },
      },
    ),
    once: true,
  },
  'canceled in the middle': {
    promise: 'what ran is canceled, what is stored is kept',
    scenario: world([audit(1_000, { cancelAt: 40 * SECOND })]),
    holds: ({ figures }) =>
      figures.predictions <= 500 ? undefined : `${figures.predictions} predictions were made`,
  },
};

/** From this world, what more and larger audits cost. */
const OPEN_AUDITS = '50 open audits of 2,000 cells';
const MANY = { audits: 500, cells: 10_000 };
/** Replicate's rate decides how long it takes. */
const CELLS_AN_HOUR = 600 * 60;
/** Reconcile runs every five minutes, and begins no other audit in its last minute. */
const RECONCILE_SECONDS_AN_HOUR = 12 * 240;

/**
 * What many audits cost that are open at the same time. All but reconcile costs as much for each cell as in the world
 * that was played. Reconcile looks at every open cell in every run: its cost goes with cells × hours, until its runs
 * are as long as they may be.
 */
export function extrapolated({ figures }: Pick<Run, 'figures'>, cells: number): string {
  const { cells: played, hours, dollars, reconcile } = figures;
  const eachCell = (dollars - reconcile.dollars) / played;
  const secondsEach = reconcile.seconds / (played * hours);
  const eachSecond = reconcile.dollars / reconcile.seconds;
  const long = cells / CELLS_AN_HOUR;
  const seconds = Math.min(secondsEach * cells * long, RECONCILE_SECONDS_AN_HOUR * long);
  const total = cells * eachCell + seconds * eachSecond;
  const dollar = (value: number) => value.toPrecision(3);
  return (
    `${cells.toLocaleString('en')} cells at once: ${long.toFixed(1)} hours at ${CELLS_AN_HOUR.toLocaleString('en')} an hour\n` +
    `  cells × $${dollar(eachCell)} each                                   = $${dollar(cells * eachCell)}\n` +
    `  reconcile: min(cells × hours × ${dollar(secondsEach)} s, hours × ${RECONCILE_SECONDS_AN_HOUR} s) × $${dollar(eachSecond)} a second = $${dollar(seconds * eachSecond)}\n` +
    `  together                                                     $${dollar(total)}`
  );
}

const sum = (counts: Record<string, number>) => Object.values(counts).reduce((total, one) => total + one, 0);

/** The same world, whose first audit is canceled or deleted when half of its time is over. */
function ended({ scenario }: Named, { figures }: Run, how: 'cancelAt' | 'deleteAt'): Scenario {
  const [first, ...others] = scenario.orders as [Order, ...Order[]];
  const seconds = figures.audits[0]!.ended ?? figures.hours * 3_600;
  return { ...scenario, orders: [{ ...first, [how]: first.at + (seconds * SECOND) / 2 }, ...others] };
}

/** What does not hold of a world that was played. */
export const faultIn = ({ holds }: Named, run: Run): string | undefined => faultOf(run) ?? holds?.(run);

const faultOf = ({ violations: [first] }: Run) => first && `${first.promise}: ${first.what}`;

async function main(): Promise<number> {
  const { only, seed, plain } = new Command('npm run sim:worlds --')
    .description(
      'Plays the named worlds, and prints what became of each promise; each again with its first audit canceled in the middle, and with it deleted.',
    )
    .option('--only <text>', 'worlds whose name has this text')
    .option('--seed <number>', 'the seed of all worlds', wholeNumber(0), 1)
    .option('--plain', 'no world again with its first audit ended', false)
    .parse()
    .opts<{ only?: string; seed: number; plain: boolean }>();
  const table = new Table({
    head: [
      ...['world', 'promise', 'canceled', 'deleted', 'hours', 'lost', 'paid again', 'S3 calls'],
      ...['functions run', '$', 'seconds'],
    ],
    colWidths: [36, 44, 10, 9, 8, 6, 8, 10, 10, 7, 9],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  let broken = 0;
  let many: string | undefined;
  for (const [name, named] of Object.entries(WORLDS)) {
    const { promise, scenario, says, parameters = [], once } = named;
    if (!name.includes(only ?? '')) continue;
    const began = performance.now();
    const stack = await deployedStack(...parameters);
    const run = await play(scenario, seed, stack);
    const { figures, violations } = run;
    const seconds = ((performance.now() - began) / 1_000).toFixed(1);
    const ends: (string | undefined)[] = [];
    // What is ended in the middle already is not ended again.
    if (!once && !plain && !scenario.orders.some(({ cancelAt, deleteAt }) => cancelAt ?? deleteAt))
      for (const how of ['cancelAt', 'deleteAt'] as const)
        ends.push(faultOf(await play(ended(named, run, how), seed, stack)) ?? 'green');
    const bad = ends.find((end) => end !== undefined && end !== 'green');
    const fault = faultIn(named, run) ?? bad;
    if (fault) broken++;
    if (name === OPEN_AUDITS) many = extrapolated(run, MANY.audits * MANY.cells);
    const lost = violations.filter(({ promise: of }) => /lost|stored/.test(of)).length;
    table.push([
      name,
      fault ? `RED: ${fault}`.slice(0, 200) : `green: ${promise}${says ? ` (${says(run)})` : ''}`,
      ...[0, 1].map((place) => (ends[place] === undefined ? '' : ends[place] === 'green' ? 'green' : 'RED')),
      figures.hours,
      lost,
      sum(figures.paidAgain),
      sum(figures.s3),
      sum(figures.invocations),
      figures.dollars.toFixed(2),
      seconds,
    ]);
    process.stderr.write(`${name}: ${fault ? `RED: ${fault.slice(0, 200)}` : 'green'}\n`);
  }
  console.log(table.toString());
  if (many)
    console.log(
      `${MANY.audits} audits of ${MANY.cells.toLocaleString('en')}, from "${OPEN_AUDITS}":\n${many}`,
    );
  console.log(`${broken === 0 ? 'Every promise holds' : `${broken} worlds break their promise`}.`);
  return broken === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main();
