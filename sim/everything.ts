import { Chance } from './kernel.ts';
import { MODEL, MOMENTS, type Moment, type Order, OTHER_MODEL } from './order.ts';
import type { Money } from './purse.ts';
import type { RoundOrder } from './rating.ts';
import type { Scenario } from './run.ts';
import type { StudyOrder } from './studies.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/**
 * Everything at once: a scenario that follows from its seed. Several audits; one may be canceled or deleted in
 * the middle; a model that is fast or slow; every fault at a rate that differs from seed to seed.
 */
export function everythingAtOnce(seed: number, cells = 100): Scenario {
  const chance = new Chance(seed ^ 0x5eed);
  const audits = 1 + Math.floor(chance.fraction() ** 2 * 4);
  const orders = Array.from({ length: audits }, (_, i): Order => {
    const samples = chance.pick([1, 2, 5]);
    const prompts = Math.max(1, Math.round(cells / audits / samples));
    const order: Order = { at: i === 0 ? 0 : chance.between(0, 10 * MINUTE), prompts, samples };
    if (chance.happens(0.15)) order.outputs = 3;
    if (prompts > 1 && chance.happens(0.3)) {
      order.factors = true;
      order.prompts -= prompts % 2;
    }
    const ends = chance.fraction();
    if (ends < 0.12) order.cancelAt = order.at + chance.between(500, 4 * MINUTE);
    else if (ends < 0.25) order.deleteAt = order.at + chance.between(500, 20 * MINUTE);
    if (chance.happens(0.15))
      order.ends = {
        how: chance.pick(['cancel', 'delete', 'delete']),
        when: chance.pick(Object.keys(MOMENTS) as Moment[]),
        after: chance.pick([0, 1_000, 20_000]) * chance.fraction(),
        without: chance.pick([undefined, undefined, 's3', 'sqs', 'replicate']),
      };
    // This moment is so short that somebody has to be there.
    else if (chance.happens(0.1))
      Object.assign(order, {
        ends: { how: 'delete', when: 'when its closing begins', after: 0 },
        watchesEvery: MINUTE,
      });
    if (chance.happens(0.2)) order.patience = chance.between(16, 25) * MINUTE;
    if (chance.happens(0.15)) order.withoutKey = true;
    if (chance.happens(0.2)) order.repeatsAfter = chance.pick([MINUTE, 3 * HOUR]) * chance.fraction();
    if (chance.happens(0.3)) order.deletesAgainAfter = chance.pick([MINUTE, 3 * HOUR]) * chance.fraction();
    if (chance.happens(0.1)) order.mistakesModel = true;
    if (chance.happens(0.3)) order.watchesEvery ??= chance.between(MINUTE / 2, 4 * MINUTE);
    return order;
  });
  // Chance of their own, so that all other worlds are as they were.
  const pairing = new Chance(seed ^ 0x9a125);
  for (const order of orders) if (!order.factors && pairing.happens(0.15)) order.other = OTHER_MODEL;
  // Some worlds are nearly calm, so that one fault at a time is tried as well.
  const strength = chance.pick([0.1, 0.5, 1, 1, 2]);
  const share = (most: number) => chance.fraction() * most * strength;
  const gust = (service: string) => {
    const from = chance.between(0, 10 * MINUTE);
    return { service, from, to: from + chance.between(10_000, 3 * MINUTE), share: chance.between(0.2, 0.9) };
  };
  const outage = (likely: number, most: number) => {
    if (!chance.happens(likely)) return undefined;
    const from = chance.between(0, 5 * MINUTE);
    return { from, to: from + chance.between(MINUTE, most) };
  };
  // Outputs that cannot be fetched for many minutes, but within their hour.
  const outputsGone = { service: 'outputs', from: 0, to: chance.between(5, 40) * MINUTE, share: 0.9 };
  const noCredit = outage(0.1, 30 * MINUTE);
  const tokenRevoked = outage(0.1, 20 * MINUTE);
  const gone = outage(0.15, HOUR);
  const silent = outage(0.1, HOUR);
  const seconds = chance.pick<[number, number]>([
    [0.3, 2],
    [1, 8],
    [5, 40],
  ]);
  // So slow that what waits is aborted.
  const isSlow = chance.happens(0.08);
  // Predictions so long that they still run when their audit is ended, and when they are polled.
  const isLong = !isSlow && chance.happens(0.2);
  // All are requested when their audit is deleted, and nothing goes wrong while reconcile has time to cancel them.
  const isLeftToReconcile = isLong && chance.happens(0.5);
  if (isLeftToReconcile)
    for (const order of orders)
      order.ends = {
        how: 'delete',
        when: 'when its last prediction is bound',
        after: 20_000 * chance.fraction(),
        without: chance.pick([undefined, 'sqs', 'sqs']),
      };
  for (const order of orders) order.retention = chance.pick(['short', 'standard', 'keep']);
  const parallel = isSlow ? 1 : chance.pick([4, 20, 100]);
  const ran: [number, number] = isSlow
    ? [60, 120]
    : isLeftToReconcile
      ? [1_600, 2_400]
      : isLong
        ? [300, 1_500]
        : seconds;
  // What the model takes for all of it, if it is kept busy for half of the time.
  const work = (cells * 2 * ran[1] * 1_000) / parallel;
  const price = chance.pick<Money['prices'][string]>([
    { perImage: 0.003 },
    { perSecond: 0.001, seconds: 1_800 },
    { free: true },
  ]);
  const money: Money | undefined = chance.happens(0.3)
    ? { monthly: cells * chance.pick([0.002, 1, 1_000]), prices: { [MODEL]: price, [OTHER_MODEL]: price } }
    : undefined;
  importIn(seed, orders, strength);
  return {
    orders,
    rounds: roundsIn(seed, orders, strength),
    study: studyIn(seed, strength),
    money,
    concurrency: chance.pick([1_000, 1_000, 1_000, 10]),
    endsWithin: 6 * HOUR + work,
    gateway: { throttled: share(0.02) },
    rotation: chance.happens(0.25)
      ? { at: chance.between(0, 3 * MINUTE), inOrder: chance.happens(0.7) }
      : undefined,
    storm: {
      calls: {
        'dies before': share(0.002),
        'dies after': share(0.002),
        unavailable: share(0.02),
        lost: share(0.02),
      },
      gusts: chance.happens(0.3)
        ? [gust(chance.pick(['s3', 's3', 'sqs', 'replicate', 'ssm']))]
        : chance.happens(0.2)
          ? [outputsGone]
          : [],
      slow: chance.pick([0, share(0.004), share(0.02)]),
      events: {
        late: share(0.05),
        doubled: share(0.1),
        lost: chance.pick([0, share(0.05), 0.5]),
        ...(silent && { silent }),
      },
      messagesDoubled: share(0.02),
      conflicts: share(0.01),
      endsAt: isLeftToReconcile ? chance.between(4, 10) * MINUTE : chance.between(5 * MINUTE, HOUR),
    },
    replicate: {
      models: [MODEL, OTHER_MODEL],
      createsPerMinute: chance.pick([600, 600, 600, 600, 60, 6]),
      model: {
        parallel,
        seconds: ran,
        outputs: 1,
        refuses: chance.pick([0, 0.1, 0.5]),
        fails: 0.03,
        broken: 0.05,
        withholds: chance.pick([0, 0, 0.1, 0.5]),
        ownSeed: chance.pick([0, 0, 0.3, 1]),
        cancels: chance.pick([0, 0, share(0.1)]),
        rejects: chance.pick([0, 0, 0.05]),
        forgets: chance.pick([0, share(0.1)]),
        // No budget holds what a model makes without being asked.
        floods: chance.happens(0.06) && !money,
      },
      ...(noCredit && { noCredit }),
      ...(tokenRevoked && { tokenRevoked }),
      webhooks: {
        lost: share(0.1),
        late: share(0.1),
        doubled: share(0.2),
        hostile: chance.pick([0, 0.05]),
        ...(gone && { gone }),
      },
      outputsFail: share(0.05),
      refusesToCancelEnded: chance.happens(0.4),
    },
  };
}

/** In some worlds one audit is an import. Chance of its own, as well. */
function importIn(seed: number, orders: Order[], strength: number): void {
  const chance = new Chance(seed ^ 0x1b0a7);
  const order = orders.at(-1)!;
  if (!chance.happens(0.15) || order.factors || order.mistakesModel) return;
  const share = (most: number) => chance.fraction() * most * strength;
  order.import = {
    ...{ broken: 0.05, encoded: chance.pick([0, 0.05]), wrong: share(0.1), doubled: share(0.1) },
    // What is never sent is awaited for three days, or until the import is canceled.
    withheld: order.cancelAt === undefined ? 0 : 0.2,
    rests: chance.pick([100, 2_000, 20_000]),
  };
  // Of two imports nobody would upload the pictures of one, which would be awaited for three days.
  delete order.withoutKey;
  delete order.other;
  delete order.outputs;
  // Moments that an import has.
  if (order.ends && !/plan|result|table|manifest|clos|leases/.test(order.ends.when))
    order.ends.when = 'when its first result is written';
}

/** In some worlds people change a study. Chance of its own, as well. */
function studyIn(seed: number, strength: number): StudyOrder | undefined {
  const chance = new Chance(seed ^ 0x57d1e);
  if (!chance.happens(0.1)) return undefined;
  const share = (most: number) => chance.fraction() * most * strength;
  return {
    people: chance.pick([2, 3, 5]),
    changes: 8,
    pause: chance.pick([1_000, 30_000, 2 * MINUTE]),
    line: { lost: share(0.05), late: share(0.02), doubled: share(0.05) },
  };
}

/** Some worlds have a rating round. Chance of its own, so that all other worlds are as they were. */
function roundsIn(seed: number, orders: Order[], strength: number): RoundOrder[] {
  const chance = new Chance(seed ^ 0x2a7e5);
  if (!chance.happens(0.15)) return [];
  // Of an audit that is ended early there is mostly no round.
  if (chance.happens(0.8))
    for (const end of ['ends', 'cancelAt', 'deleteAt'] as const) delete orders[0]![end];
  const share = (most: number) => chance.fraction() * most * strength;
  const ratings = chance.pick([1, 2, 3]);
  const order: RoundOrder = {
    of: orders.length > 1 && chance.happens(0.3) ? [0, 1] : [0],
    slots: ratings + chance.pick([0, 1, 2]),
    ratings,
    repeats: chance.pick([0, 0, 2]),
    habits: {
      leaves: chance.pick([0, 0.03, 0.1]),
      goesOffline: share(0.05),
      changesMind: 0.1,
      reports: chance.pick([0, 0, 0.02]),
      thinks: [500, chance.pick([1_000, 5_000, 20_000])],
    },
    line: { lost: share(0.05), late: share(0.02), doubled: share(0.05) },
    tabs: 0.3,
    devices: 0.2,
    withdraw: chance.pick([0, 0.3]),
    comeBack: 0.7,
  };
  if (chance.happens(0.3)) order.pictures = 2;
  if (chance.happens(0.3)) order.closedAfter = chance.between(10_000, 10 * MINUTE);
  if (chance.happens(0.2))
    order.deletes = { what: chance.pick(['round', 'audit']), after: chance.between(0, 20 * MINUTE) };
  return [order];
}
