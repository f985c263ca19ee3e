import type { Context } from 'aws-lambda';
import { type AcceptDeps, acceptAudit, type Origin } from '../../lib/audits/accept.ts';
import { deleteAudit } from '../../lib/audits/end.ts';
import { parseDesign } from '../../lib/audits/request.ts';
import { createReconcile } from '../../lib/handlers/reconcile.ts';
import { COUNTED } from '../../lib/log-lines.ts';
import { readBudget } from '../../lib/money/budget.ts';
import { monthOf, readLedger } from '../../lib/money/ledger.ts';
import type { BudgetSettings } from '../../lib/money/prices.ts';
import { noteExtra } from '../../lib/money/spent.ts';
import { AUDITS_PREFIX, leaseKey, ledgerKey, settingsKey } from '../../lib/records/keys.ts';
import type { Lease } from '../../lib/records/lease.ts';
import { readPlan } from '../../lib/records/plan.ts';
import { systemChance } from '../../lib/system.ts';
import { atEveryCall, eachWorld, FAULTS, type World, world } from './world.ts';

const MINUTE = 60_000;
const FLUX = 'black-forest-labs/flux-schnell';
/** What one audit of `body` may cost, in millionths of a dollar. */
const EACH = 4 * 3_000;

eachWorld();

const body = (more: object = {}) =>
  JSON.stringify({ prompts: ['a nurse'], models: [FLUX], samples: 4, ...more });
let requests = 0;
const acceptDeps = (in_: World): AcceptDeps => ({
  store: in_.images,
  queue: in_.queue,
  replicate: in_.replicate,
  time: in_.time,
  chance: systemChance,
  log: { error() {}, warn() {} },
});
const accept = (in_: World, { text = body(), key }: { text?: string; key?: string } = {}) => {
  const origin: Origin = { caller: 'ann', request: `r${++requests}`, idempotencyKey: key, body: text };
  return acceptAudit(acceptDeps(in_), parseDesign(text), origin);
};
const setBudget = (in_: World, settings: BudgetSettings) =>
  in_.truth.images.replaceJson(settingsKey, settings);
const ledger = (in_: World) => readLedger(in_.truth.images, monthOf(in_.now()));
const plans = async (in_: World) =>
  (await in_.keys(AUDITS_PREFIX)).filter((key) => key.endsWith('/audit.json'));
/** Runs reconcile until nothing is open, and again for the books. */
async function settle(in_: World): Promise<void> {
  for (let run = 0; run < 20; run++) {
    in_.pass(16 * MINUTE);
    const { faults } = await in_.reconcile();
    if (faults[0]) throw faults[0].error;
    if ((await in_.keys('open/')).length === 0) break;
  }
  await in_.reconcile();
}

describe('a budget', () => {
  it('with too little left refuses an audit with the numbers, and nothing is written', async () => {
    await setBudget(world, { monthly: 0.02 });
    await accept(world);
    const before = await world.keys('');
    const refusal = await accept(world, { key: 'again' }).catch((error) => error);
    expect(refusal).toMatchObject({ status: 402, members: { needed: 0.012, left: 0.008 } });
    expect(refusal.message).toContain(
      'may cost $0.01, and $0.008 of this month’s budget are left'.replace('’', "'"),
    );
    expect(await world.keys('')).toEqual(before);
    expect(world.replicate.asked.size).toBe(0);
  });

  it('of nothing lets only free models run', async () => {
    await setBudget(world, { monthly: 0 });
    await expect(accept(world)).rejects.toMatchObject({ status: 402 });
    await accept(world, { text: body({ models: ['simulated/flash'] }) });
    expect(await plans(world)).toHaveLength(1);
  });

  it('that nobody set limits nothing, and what is spent is known all the same', async () => {
    await accept(world);
    expect(await readBudget({ store: world.images, time: world.time })).toMatchObject({
      monthly: null,
      left: null,
      reserved: 0.012,
      spent: 0,
    });
  });

  it('is not exceeded by fifty audits at once, and all of it can be used', async () => {
    await setBudget(world, { monthly: 10 * 0.012 });
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => {
        for (;;) {
          const answer = await accept(world).catch((error) => error.status as number);
          if (answer !== 503) return answer;
        }
      }),
    );
    expect(answers.filter((answer) => typeof answer === 'object')).toHaveLength(10);
    expect(answers.filter((answer) => answer === 402)).toHaveLength(40);
    expect(await plans(world)).toHaveLength(10);
    expect(Object.values((await ledger(world)).audits)).toEqual(
      Array.from({ length: 10 }, () => expect.objectContaining({ most: EACH, reserved: EACH, spent: 0 })),
    );
  });

  it('that is lowered below what is reserved ends nothing, and starts nothing', async () => {
    await setBudget(world, { monthly: 1 });
    await accept(world);
    await setBudget(world, { monthly: 0.001 });
    await expect(accept(world)).rejects.toMatchObject({ status: 402, members: { left: 0 } });
    expect(await readBudget({ store: world.images, time: world.time })).toMatchObject({
      left: 0,
      reserved: 0.012,
    });
    await setBudget(world, { monthly: 1 });
    await accept(world);
  });

  it('is that of the month in which S3 opened the audit', async () => {
    await setBudget(world, { monthly: 0.012 });
    await accept(world);
    await expect(accept(world)).rejects.toMatchObject({ status: 402 });
    world.pass(31 * 24 * 60 * MINUTE);
    await accept(world);
    const months = (await world.keys('ledger/')).filter((key) => key !== settingsKey);
    expect(months).toHaveLength(2);
  });

  it('is asked for by S3’s clock, whatever that of the function says', async () => {
    await setBudget(world, { monthly: 1 });
    const time = { ...world.time, now: () => new Date(world.now().getTime() + 40 * 24 * 60 * MINUTE) };
    const origin = { caller: 'ann', request: 'r', idempotencyKey: undefined, body: body() };
    await acceptAudit({ ...acceptDeps(world), time }, parseDesign(body()), origin);
    expect(await world.keys('ledger/2')).toEqual([ledgerKey(monthOf(world.now()))]);
  });
});

describe('what an accepted audit may cost is reserved', () => {
  /** A request reserves, and dies before its plan is written. */
  const dieBeforePlan = async () => {
    const create = world.images.createJson.bind(world.images);
    world.images.createJson = async (key, value, upload) => {
      if (key.endsWith('/audit.json')) throw new Error('the process died');
      return create(key, value, upload);
    };
    await expect(accept(world, { key: 'again' })).rejects.toThrow('the process died');
    world.images.createJson = create;
  };

  it.each(FAULTS)('once, and released if it is not accepted, when, at any call, %s', async (fault) => {
    await atEveryCall(fault, {
      prepare: (world) => setBudget(world, { monthly: 1 }),
      act: (world) => accept(world, { key: 'once' }),
      recover: async (world) => {
        if ((await plans(world)).length === 0) await settle(world);
      },
      check: async (world) => {
        const { audits, closed } = await ledger(world);
        const reserved = Object.values(audits).map((entry) => entry.reserved);
        const accepted = (await plans(world)).length;
        expect({ reserved, closed }).toEqual({ reserved: Array(accepted).fill(EACH), closed: 0 });
      },
    });
  });

  it.each(FAULTS)('once, also by a request that is repeated, when, at any call, %s', async (fault) => {
    await atEveryCall(fault, {
      prepare: (world) => setBudget(world, { monthly: 1 }),
      act: (world) => accept(world, { key: 'once' }),
      recover: async (world) => void (await accept(world, { key: 'once' })),
      check: async (world) => {
        expect(await plans(world)).toHaveLength(1);
        expect(Object.values((await ledger(world)).audits)).toMatchObject([
          { most: EACH, reserved: EACH, spent: 0 },
        ]);
      },
    });
  });

  it('and a repeated request fits what the first one reserved', async () => {
    await setBudget(world, { monthly: 0.012 });
    await dieBeforePlan();
    await accept(world, { key: 'again' });
    expect(await plans(world)).toHaveLength(1);
    expect(Object.values((await ledger(world)).audits)).toMatchObject([{ reserved: EACH }]);
  });

  it('also where the request comes again in the moment in which reconcile gives the first one up', async () => {
    await setBudget(world, { monthly: 1 });
    await dieBeforePlan();
    world.pass(16 * MINUTE);
    const swap = world.images.swapJson.bind(world.images);
    let comes = true;
    world.images.swapJson = async (key, value, etag) => {
      // `open/<a>` is gone, and the ledger is about to be written without the audit.
      if (key.startsWith('ledger/') && comes) {
        comes = false;
        await accept(world, { key: 'again' });
      }
      return swap(key, value, etag);
    };
    await world.reconcile();
    expect(comes).toBe(false);
    expect(await plans(world)).toHaveLength(1);
    expect(Object.values((await ledger(world)).audits)).toMatchObject([{ reserved: EACH, spent: 0 }]);
  });
});

describe('what an audit reserved is released', () => {
  /** Asks for all cells, ends them, and lets tag and backup work. */
  const runThrough = async (in_: World, audit: string, returned = 1) => {
    const plan = (await readPlan(in_.images, audit))!;
    await in_.ask(plan);
    await in_.ask(plan);
    for (const { prediction, request } of [...in_.replicate.asked.values()]) {
      const ended = in_.replicate.end(prediction.id, {
        output: in_.outputs(prediction.id, returned),
        created_at: in_.now().toISOString(),
        started_at: in_.now().toISOString(),
      });
      await in_.finish(plan, Number(request.webhook.slice(-5)), ended);
    }
    await in_.judgeAndBackUp(audit);
    return plan;
  };

  it('as its cells end, by what they cost, and is a part of a sum when it is over', async () => {
    await setBudget(world, { monthly: 1 });
    const { id } = await accept(world, { text: body({ input: { num_outputs: 2 } }) });
    expect((await ledger(world)).audits[id]).toMatchObject({ reserved: 2 * EACH });
    const plan = await runThrough(world, id, 1);
    await world.poll({ audit: id, from: 0, to: plan.cells - 1 });
    await world.reconcile();
    expect((await ledger(world)).audits[id]).toMatchObject({ reserved: 0, spent: EACH });
    await settle(world);
    expect(await ledger(world)).toEqual({ audits: {}, closed: EACH });
  });

  it('also where it is deleted: what ran counts, by its ceiling where nobody recorded its end', async () => {
    await setBudget(world, { monthly: 1 });
    const { id } = await accept(world);
    const plan = (await readPlan(world.images, id))!;
    await world.ask(plan);
    await world.ask(plan);
    const asked = [...world.replicate.asked.values()];
    expect(asked).toHaveLength(4);
    const ended = world.replicate.end(asked[0]!.prediction.id, { output: world.outputs('a', 1) });
    await world.finish(plan, 0, ended);
    await deleteAudit(world.endDeps, id, 'ann');
    await settle(world);
    expect(await world.keys('audits/')).toEqual([]);
    expect(await ledger(world)).toEqual({ audits: {}, closed: EACH });
  });

  it('and a prediction that no cell needed is charged beside it', async () => {
    await setBudget(world, { monthly: 1 });
    const { id } = await accept(world);
    const plan = await runThrough(world, id);
    const second = await world.succeeded(id, 0, 1);
    expect(
      await world.finish(plan, 0, {
        ...second,
        created_at: world.now().toISOString(),
        started_at: world.now().toISOString(),
      }),
    ).toBe('superfluous');
    await world.poll({ audit: id, from: 0, to: plan.cells - 1 });
    await settle(world);
    expect(await ledger(world)).toEqual({ audits: {}, closed: EACH + 3_000 });
    expect(world.warnings).toEqual([[COUNTED.extra, { audit: id, prediction: second.id, dollars: 0.003 }]]);
  });
});

describe('a prediction that no cell needed and that never started', () => {
  it('costs nothing, although the most that it may cost was noted before', async () => {
    await setBudget(world, { monthly: 1 });
    const { id } = await accept(world, { text: body({ samples: 1 }) });
    const plan = (await readPlan(world.images, id))!;
    await world.ask(plan);
    const second = await world.succeeded(id, 0, 1);
    await noteExtra({ store: world.images, log: world.log }, plan, plan.models[0]!, second.id, 3_000, {
      isMost: true,
    });
    const canceled = {
      ...second,
      status: 'canceled' as const,
      created_at: world.now().toISOString(),
      started_at: null,
      output: null,
    };
    expect(await world.finish(plan, 0, canceled)).toBe('superfluous');
    await world.reconcile();
    expect((await ledger(world)).audits[id]).toMatchObject({ spent: 0 });
  });
});

describe('a prediction that no cell needed and that cost more than it might', () => {
  it('counts with what it cost', async () => {
    await setBudget(world, { monthly: 1 });
    const { id } = await accept(world, { text: body({ samples: 1 }) });
    const plan = (await readPlan(world.images, id))!;
    const deps = { store: world.images, log: world.log };
    await noteExtra(deps, plan, plan.models[0]!, 'Ab_c-1', 9_000);
    await noteExtra(deps, plan, plan.models[0]!, 'Ab_c-1', 3_000, { isMost: true });
    await world.reconcile();
    expect((await ledger(world)).audits[id]).toMatchObject({ spent: 9_000 });
  });
});

describe('a loss has a name', () => {
  it('if a prediction cost more than its ceiling', async () => {
    const { id } = await accept(world, { text: body({ samples: 1 }) });
    const plan = (await readPlan(world.images, id))!;
    await world.ask(plan);
    const [asked] = [...world.replicate.asked.values()];
    const ended = world.replicate.end(asked!.prediction.id, {
      output: world.outputs(asked!.prediction.id, 1),
      started_at: world.now().toISOString(),
      metrics: { image_count: 3 },
    });
    await world.finish(plan, 0, ended);
    await world.judgeAndBackUp(id);
    await world.poll({ audit: id, from: 0, to: 0 });
    expect(world.warnings).toEqual([
      [
        COUNTED.dearer,
        { audit: id, cell: 0, prediction: asked!.prediction.id, dollars: 0.009, ceiling: 0.003 },
      ],
    ]);
  });

  it('if a turn died: so many requests may be recorded nowhere; a turn that ended has none', async () => {
    const { id } = await accept(world);
    const plan = (await readPlan(world.images, id))!;
    await world.ask(plan);
    await world.ask(plan);
    expect(world.warnings).toEqual([]);
    const key = leaseKey(id, 0);
    const { value, etag } = (await world.images.readJson<Lease>(key))!;
    const until = world.now().getTime() + MINUTE;
    await world.images.swapJson(key, { ...value, holder: 'dead', until }, etag);
    world.pass(2 * MINUTE);
    await world.ask(plan);
    expect(world.warnings).toEqual([
      [COUNTED.died, { ...{ audit: id, from: 0, to: 3 }, unrecordedAtMost: 10, dollarsAtMost: 0.03 }],
    ]);
  });
});

describe('reconcile says what the month has spent and reserved', () => {
  /** What one run logs. */
  const lines = async (): Promise<[string, string, Record<string, unknown> | undefined][]> => {
    const found: [string, string, Record<string, unknown> | undefined][] = [];
    const level = (name: string) => (message: string, about?: Record<string, unknown>) =>
      void found.push([name, message, about]);
    const log = { info: level('info'), warn: level('warn'), error: level('error') };
    const ports = { ...world.reconcileDeps, log: { ...log, appendKeys() {}, resetKeys() {} } };
    const context = { getRemainingTimeInMillis: () => 900_000 } as Context;
    await createReconcile(ports, {
      RESEND_SECONDS: '900',
      SETTLE_SECONDS: '5400',
      DISPATCH_CONCURRENCY: '2',
    })({}, context);
    return found.filter(([, message]) => message === COUNTED.budget);
  };

  it('with its share of the budget, and louder from 80 percent on', async () => {
    await setBudget(world, { monthly: 0.02 });
    await accept(world);
    const facts = { month: monthOf(world.now()), reserved: 0.012, spent: 0 };
    expect(await lines()).toEqual([['info', COUNTED.budget, { ...facts, percent: 60 }]]);
    await setBudget(world, { monthly: 0.015 });
    expect(await lines()).toEqual([['warn', COUNTED.budget, { ...facts, percent: 80 }]]);
    await setBudget(world, {});
    expect(await lines()).toEqual([['info', COUNTED.budget, facts]]);
  });

  it('and nothing, where there is neither a budget nor anything spent', async () => {
    expect(await lines()).toEqual([]);
  });
});
