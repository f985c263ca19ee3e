import { Chance } from './kernel.ts';
import type { Order } from './order.ts';
import type { Scenario } from './run.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Dollars that the audits of a world may cost together. */
const MONTHLY = 1;

/** Fifty audits at once want several times what a month has, of models with every kind of price, and anything may die. */
export function fiftyAudits(seed: number): Scenario {
  const chance = new Chance(seed);
  const models = ['simulated/cent', ...Array(4).fill('simulated/dear'), 'simulated/timed', 'simulated/free'];
  const orders = Array.from({ length: 50 }, (): Order => {
    const model = chance.pick(models);
    // Small ones of what is dear, so that what is left can be used.
    const isDear = model === 'simulated/dear';
    const order: Order = {
      at: 0,
      model,
      prompts: isDear ? 1 : chance.pick([1, 2, 4]),
      samples: chance.pick(isDear ? [1, 1, 2, 5] : [1, 2, 5]),
    };
    if (chance.happens(0.1)) order.cancelAt = chance.between(0, 5 * MINUTE);
    if (chance.happens(0.1)) order.deleteAt = chance.between(0, 5 * MINUTE);
    if (chance.happens(0.1)) order.repeatsAfter = chance.between(0, HOUR);
    if (chance.happens(0.1)) order.patience = 17 * MINUTE;
    if (chance.happens(0.2)) order.withoutKey = true;
    return order;
  });
  return {
    orders,
    concurrency: 1_000,
    endsWithin: 12 * HOUR,
    money: {
      monthly: MONTHLY,
      prices: {
        'simulated/cent': { perImage: 0.003 },
        'simulated/dear': { perImage: 0.04 },
        'simulated/timed': { perSecond: 0.0005, seconds: 60 },
        'simulated/free': { free: true },
      },
    },
    storm: {
      calls: { 'dies before': 0.004, 'dies after': 0.004, unavailable: 0.01, lost: 0.01 },
      events: { late: 0.02, doubled: 0.05 },
      messagesDoubled: 0.02,
      conflicts: 0.02,
      endsAt: HOUR,
    },
    replicate: {
      createsPerMinute: 600,
      models,
      model: { parallel: 100, seconds: [1, 8], outputs: 1, refuses: 0.1, fails: 0.1, withholds: 0.1 },
      webhooks: { lost: 0.05, late: 0.05, doubled: 0.1 },
      outputsFail: 0.02,
    },
  };
}
