import { advanceRange } from '../../lib/cells/advance.ts';
import { Pacer } from '../../lib/cells/pacer.ts';
import { type Binding, createBinding, readBinding } from '../../lib/records/binding.ts';
import { blocksOf } from '../../lib/records/blocks.ts';
import { cancelKey, deletedKey, resultKey } from '../../lib/records/keys.ts';
import { acquireLease, readLease } from '../../lib/records/lease.ts';
import type { Plan } from '../../lib/records/plan.ts';
import type { Result } from '../../lib/records/result.ts';
import { AnswerTooLarge, ReplicateRefusal, ReplicateUnreachable } from '../../lib/replicate/errors.ts';
import type { EndedPrediction, Prediction } from '../../lib/replicate/prediction.ts';
import { atEveryCall, eachWorld, FAULTS, type FlowCloud, type World } from './world.ts';

const CELLS = 2;
const RANGE = { audit: '7zzzzzzzzzzzzzzzzzzzzzzzzz', from: 0, to: CELLS - 1 };
const MINUTE = 60_000;

let cloud: FlowCloud;
let world: World;
let plan: Plan;
eachWorld(async (fresh, opened) => {
  [world, cloud] = [fresh, opened];
  plan = await world.accept(CELLS);
});

const advance = (in_ = world, last = false) => advanceRange(in_.advanceDeps, RANGE, in_.turn(last));
const readResult = async (cell: number, in_ = world) =>
  (await in_.truth.images.readJson<Result>(resultKey(plan.id, cell)))?.value;
const cells = Array.from({ length: CELLS }, (_, n) => n);

/** Takes the lease of a block for two minutes. */
const hold = async (block: number) => {
  const until = new Date(world.now().getTime() + 2 * MINUTE);
  const existing = await readLease(world.images, plan.id, block);
  await acquireLease(world.advanceDeps, { audit: plan.id, block }, existing, until);
};

/** Every prediction that was asked for succeeds, and its webhook comes. */
async function deliverWebhooks(in_: World): Promise<void> {
  for (const { prediction, request } of [...in_.replicate.asked.values()]) {
    const cell = Number(request.webhook.slice(-5));
    const ended = in_.replicate.end(prediction.id, { output: in_.outputs(prediction.id, 1) });
    await in_.finish(plan, cell, ended);
  }
}

/** One result a cell, of the one prediction that is bound to it, with its one image; nothing was written twice. */
async function expectAllSucceeded(in_: World, count = CELLS): Promise<void> {
  for (const cell of cells.slice(0, count)) {
    const result = (await readResult(cell, in_))!;
    const binding = (await readBinding(in_.truth.images, plan.id, cell)) as Binding & {
      predictionId: string;
    };
    expect(result).toMatchObject({ status: 'succeeded', prediction: { id: binding.predictionId } });
  }
  expect(await in_.keys(`images/${plan.id}/`)).toHaveLength(count);
  expect((await in_.rewritten('')).filter((key) => !key.startsWith('leases/'))).toEqual([]);
}

describe('a range is advanced', () => {
  it.each(FAULTS)('and each cell paid once, adopted by its webhook, when, at any call, %s', async (fault) => {
    const calls = await atEveryCall(cloud, fault, {
      prepare: async (world) => {
        await world.accept(CELLS);
      },
      act: (world) => advance(world),
      recover: async (world) => {
        await deliverWebhooks(world);
        world.pass(3 * MINUTE);
        for (let turn = 0; turn < 3; turn++) await advance(world);
        await deliverWebhooks(world);
      },
      check: async (world) => {
        await expectAllSucceeded(world);
        expect(world.replicate.asked.size).toBe(CELLS);
      },
    });
    expect(calls).toBeGreaterThanOrEqual(12);
  });

  it.each(FAULTS)(
    'and completes without any webhook, nothing stored twice, when, at any call, %s',
    async (fault) => {
      await atEveryCall(cloud, fault, {
        prepare: async (world) => {
          await world.accept(CELLS);
        },
        act: (world) => advance(world),
        recover: async (world) => {
          for (let turn = 0; turn < 3; turn++) {
            world.pass(11 * MINUTE);
            expect((await advance(world)).faults).toEqual([]);
            for (const { prediction } of world.replicate.asked.values())
              world.replicate.end(prediction.id, { output: world.outputs(prediction.id, 1) });
          }
        },
        check: async (world) => {
          await expectAllSucceeded(world);
          // What was asked, but could not be recorded, is asked again: Replicate has no idempotency key.
          expect(world.replicate.asked.size).toBeLessThanOrEqual(2 * CELLS);
        },
      });
    },
  );

  it.each(FAULTS)('and an overdue cell finished once when, at any call, %s', async (fault) => {
    await atEveryCall(cloud, fault, {
      prepare: async (world) => {
        await world.accept(1);
        await advance(world);
        for (const { prediction } of world.replicate.asked.values())
          world.replicate.end(prediction.id, { output: world.outputs(prediction.id, 1) });
        world.pass(11 * MINUTE);
      },
      act: (world) => advance(world),
      recover: async (world) => {
        world.pass(3 * MINUTE);
        await advance(world);
      },
      check: (world) => expectAllSucceeded(world, 1),
    });
  });

  it('once by two dispatchers at once: each cell is asked exactly once', async () => {
    const turns = await Promise.all([advance(), advance()]);
    expect(world.replicate.asked.size).toBe(CELLS);
    const waiting = turns.filter(({ rest }) => rest);
    expect(waiting).toHaveLength(1);
    expect(waiting[0]!.rest).toEqual({ range: RANGE, delaySeconds: 120 });
  });

  it('by the next as soon as the one before has ended, and as soon as a dead one would have been stopped', async () => {
    await advance();
    expect((await advance()).rest).toBeUndefined();
    await hold(0);
    expect((await advance()).rest?.delaySeconds).toBe(120);
    world.pass(2 * MINUTE);
    expect((await advance()).rest).toBeUndefined();
  });

  it('with the version that was pinned, the inputs of all, of the model, the prompt and the seed', async () => {
    world = await cloud.world();
    const version = 'ab'.repeat(32);
    plan = await world.accept(1, {
      input: { go_fast: false, width: 512 },
      models: [{ model: 'a/b', version, input: { width: 768 }, inputs: null, seed: 'unknown' }],
    });
    await advance();
    const [{ request }] = [...world.replicate.asked.values()] as unknown as [{ request: object }];
    expect(request).toEqual({
      version: `a/b:${version}`,
      input: { go_fast: false, width: 768, prompt: 'a photo of a nurse', seed: expect.any(Number) },
      webhook: `https://hooks.example/webhooks/replicate/${plan.id}/00000`,
    });
  });
});

describe('a second prediction for a cell', () => {
  it('is canceled and reported, and the first stays', async () => {
    let first: string | undefined;
    world.replicate.onCreate = async ({ webhook }) => {
      if (first || !webhook.endsWith('00001')) return;
      // Another dispatcher, which should not have been there, is quicker.
      first = 'quicker';
      const askedAt = world.now().toISOString();
      await createBinding(world.truth.images, { plan, n: 1 }, 1, {
        predictionId: first,
        askedAt,
        attempt: 1,
      });
    };
    await advance();
    const [{ prediction }] = world.replicate.askedFor(plan.id, 1) as unknown as [
      { prediction: { id: string } },
    ];
    expect(world.superfluous).toEqual([prediction.id]);
    expect(world.replicate.canceled).toEqual([prediction.id]);
    expect(await readBinding(world.images, plan.id, 1)).toMatchObject({ predictionId: 'quicker' });
  });

  it('is asked for once where the first was aborted, and never a third', async () => {
    await advance();
    for (const round of [1, 2]) {
      const asked = world.replicate.askedFor(plan.id, 0).at(-1)!;
      const ended = world.replicate.end(asked.prediction.id, { status: 'aborted' });
      const outcome = await world.finish(plan, 0, ended);
      expect(outcome).toBe(round === 1 ? 'aborted' : 'stored');
      await advance();
      expect(world.replicate.askedFor(plan.id, 0)).toHaveLength(2);
    }
    expect(await readResult(0)).toMatchObject({ status: 'failed' });
  });
});

describe('waiting is not failing', () => {
  const refuseTimes = (times: number, status: number, retryAfter?: number) => {
    let left = times;
    world.replicate.onCreate = () => {
      if (left-- > 0) throw new ReplicateRefusal(status, 'not now', retryAfter);
    };
  };

  it('a short wait is waited for within the turn', async () => {
    refuseTimes(1, 429, 0.2);
    expect(await advance()).toMatchObject({ asked: CELLS, waitedFor: 'rate limit', faults: [] });
    expect(world.replicate.asked.size).toBe(CELLS);
  });

  it('a wait of no time is waited for a second: a refused request is not sent again at once', async () => {
    const asked: number[] = [];
    world.replicate.onCreate = () => {
      if (asked.push(world.time.monotonic()) === 1) throw new ReplicateRefusal(429, 'not now', 0);
    };
    await advanceRange(world.advanceDeps, { ...RANGE, to: 0 }, world.turn());
    expect(asked).toHaveLength(2);
    expect(asked[1]! - asked[0]!).toBeGreaterThanOrEqual(1_000);
  });

  it.each([
    [402, 'credit', 60],
    [401, 'token', 60],
    [429, 'rate limit', 300],
  ])('a %i goes back to the queue with a delay, and the audit shows why', async (status, why, seconds) => {
    refuseTimes(100, status, status === 429 ? seconds : undefined);
    const { rest, faults } = await advance();
    expect(faults).toEqual([]);
    expect(rest?.range).toEqual(RANGE);
    expect(rest?.delaySeconds).toBeGreaterThan(seconds - 3);
    expect(rest?.delaySeconds).toBeLessThanOrEqual(seconds);
    const waiting = await world.truth.images.readJson(`audits/${plan.id}/waiting.json`);
    expect(waiting?.value).toMatchObject({ why, detail: 'not now' });
    expect(await world.keys(`audits/${plan.id}/dispatched/`)).toEqual([]);
  });

  it('a range that comes while the rate limit lasts goes back for as long, without asking', async () => {
    const pacer = new Pacer(world.time, 600);
    pacer.pause(200);
    const { rest } = await advanceRange({ ...world.advanceDeps, pacer }, RANGE, world.turn());
    expect(world.replicate.asked.size).toBe(0);
    expect(rest?.delaySeconds).toBeGreaterThan(190);
  });

  it('whatever Replicate says is waited for at most 15 minutes', async () => {
    refuseTimes(100, 429, 1e9);
    const pacer = new Pacer(world.time, 600);
    const { rest } = await advanceRange({ ...world.advanceDeps, pacer }, RANGE, world.turn());
    expect(rest?.delaySeconds).toBeGreaterThan(890);
    expect(pacer.waitMs).toBeLessThanOrEqual(901_000);
  });

  it('a turn that has no time left leaves everything to the next, at once', async () => {
    const turn = { ...world.turn(), stopAt: new Date(world.now().getTime() - 1) };
    const { rest } = await advanceRange(world.advanceDeps, RANGE, turn);
    expect(rest).toEqual({ range: RANGE, delaySeconds: 0 });
    expect(world.replicate.asked.size).toBe(0);
  });

  it('many cells at a low rate are all asked once, by as many turns as it takes, without a fault', async () => {
    world = await cloud.world();
    plan = await world.accept(100);
    const pacer = new Pacer(world.time, 3_000);
    let range = { ...RANGE, to: 49 };
    let turns = 0;
    for (;;) {
      const stopAt = new Date(world.now().getTime() + 100);
      const { rest, faults } = await advanceRange({ ...world.advanceDeps, pacer }, range, {
        ...world.turn(),
        stopAt,
      });
      world.pass(100);
      expect(faults).toEqual([]);
      turns++;
      if (!rest) break;
      range = rest.range;
    }
    expect(world.replicate.asked.size).toBe(50);
    expect(turns).toBeGreaterThan(1);
  });
});

describe('two dispatchers', () => {
  const both = (cells: number) => blocksOf({ id: plan.id, cells });

  it('work on an audit of eleven cells at once, each on its own half, and every cell is asked once', async () => {
    world = await cloud.world();
    plan = await world.accept(11);
    const turns = await Promise.all(
      both(11).map((range) => advanceRange(world.advanceDeps, range, world.turn())),
    );
    expect(turns.map(({ asked }) => asked)).toEqual([5, 6]);
    expect(world.replicate.asked.size).toBe(11);
    expect(await world.keys(`leases/${plan.id}/`)).toEqual([
      `leases/${plan.id}/00000`,
      `leases/${plan.id}/00005`,
    ]);
  });

  it('share the lease of a block, however small the range is that they come with', async () => {
    world = await cloud.world();
    plan = await world.accept(11);
    await hold(5);
    const last = { ...RANGE, from: 10, to: 10 };
    expect((await advanceRange(world.advanceDeps, last, world.turn())).rest?.delaySeconds).toBe(120);
    expect(world.replicate.asked.size).toBe(0);
  });

  it('never take a range of two blocks, which would be under the lease of only one of them', async () => {
    world = await cloud.world();
    plan = await world.accept(11);
    await expect(advanceRange(world.advanceDeps, { ...RANGE, from: 4, to: 5 }, world.turn())).rejects.toThrow(
      'cells 4 to 5 do not lie in one block',
    );
    expect(world.replicate.asked.size).toBe(0);
  });
});

describe('a cell that cannot be asked', () => {
  it.each([
    [400, 'Bad request'],
    [422, 'Input validation failed: width must be at most 1440'],
    [404, 'The requested resource could not be found.'],
  ])('because of a %i ends with the words of Replicate', async (status, words) => {
    world.replicate.onCreate = ({ webhook }) => {
      if (webhook.endsWith('00001')) throw new ReplicateRefusal(status, words, undefined);
    };
    expect((await advance()).faults).toEqual([]);
    expect(await readResult(1)).toMatchObject({
      status: 'failed',
      error: `Replicate refused: ${words}`,
      seedSource: 'sent',
      images: [],
    });
    expect(world.replicate.asked.size).toBe(CELLS - 1);
  });

  it.each<[string, () => Error, number]>([
    ['403', () => new ReplicateRefusal(403, 'forbidden', undefined), 0],
    [
      '500, for six hours without a success,',
      () => new ReplicateRefusal(500, 'internal error', undefined),
      361,
    ],
    [
      'no answer, for six hours without a success,',
      () => new ReplicateUnreachable('Replicate gave no answer'),
      361,
    ],
  ])(
    'because of %s is a fault until the last delivery, which ends it as failed',
    async (_why, error, minutes) => {
      world.replicate.onCreate = ({ webhook }) => {
        if (webhook.endsWith('00001')) throw error();
      };
      const { faults } = await advance();
      expect(faults.map(({ cell }) => cell)).toEqual([1]);
      expect(await readResult(1)).toBeUndefined();
      await deliverWebhooks(world);
      world.pass(minutes * MINUTE);
      expect((await advance(world, true)).faults).toEqual([]);
      expect(await readResult(1)).toMatchObject({
        status: 'failed',
        error: expect.stringContaining('could not be requested in many attempts'),
      });
      expect(await world.keys(`audits/${plan.id}/failed/`)).toEqual([
        expect.stringMatching(/\/failed\/00001\.failed\.\d+$/),
      ]);
    },
  );

  it('hours after the audit began, while others of its block are still taken, is not closed over one lost answer', async () => {
    world.pass(7 * 60 * MINUTE);
    await advanceRange(world.advanceDeps, { ...RANGE, to: 0 }, world.turn());
    await deliverWebhooks(world);
    world.replicate.onCreate = () => {
      throw new ReplicateUnreachable('Replicate gave no answer');
    };
    expect((await advance(world, true)).faults).toHaveLength(1);
    expect(await readResult(1)).toBeUndefined();
  });

  it.each<[string, () => void]>([
    [
      'the answer to it was lost',
      () => {
        const create = world.replicate.create.bind(world.replicate);
        world.replicate.create = async (request) => {
          await create(request);
          throw new ReplicateUnreachable('Replicate gave no answer');
        };
      },
    ],
    [
      'its record could not be written',
      () => {
        const createJson = world.images.createJson.bind(world.images);
        world.images.createJson = async (key, ...rest) => {
          if (key.includes('/dispatched/')) throw new Error('SlowDown');
          return createJson(key, ...rest);
        };
      },
    ],
  ])('on the last delivery, because %s, is not closed: what was paid is adopted', async (_why, breakIt) => {
    breakIt();
    expect((await advance(world, true)).faults).toHaveLength(CELLS);
    world.images.createJson = world.truth.images.createJson.bind(world.truth.images);
    await deliverWebhooks(world);
    await expectAllSucceeded(world);
  });

  it('does not drag along all others: after five faults in a row the turn ends', async () => {
    world = await cloud.world();
    plan = await world.accept(200);
    let creates = 0;
    world.replicate.onCreate = () => {
      creates++;
      throw new ReplicateUnreachable('Replicate gave no answer');
    };
    const { faults } = await advanceRange(world.advanceDeps, { ...RANGE, to: 99 }, world.turn());
    expect(faults.length).toBeGreaterThanOrEqual(5);
    expect(creates).toBeLessThan(20);
  });
});

describe('an overdue cell', () => {
  const overdue = async () => {
    await advance();
    world.pass(11 * MINUTE);
  };

  it('whose prediction still runs is left alone', async () => {
    await overdue();
    expect((await advance()).faults).toEqual([]);
    expect(await world.keys(`audits/${plan.id}/results/`)).toEqual([]);
  });

  it('whose prediction Replicate no longer knows ends as failed', async () => {
    await overdue();
    world.replicate.asked.clear();
    await advance();
    expect(await readResult(0)).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('no longer knows'),
    });
  });

  it('whose outputs were removed ends as failed, and says that they expired', async () => {
    await overdue();
    for (const { prediction } of world.replicate.asked.values())
      world.replicate.end(prediction.id, { output: null, data_removed: true } as Partial<EndedPrediction>);
    await advance();
    expect(await readResult(0)).toMatchObject({ status: 'failed', error: expect.stringMatching(/^expired/) });
  });
});

describe('looking after overdue cells', () => {
  const look = () => advance();
  beforeEach(async () => {
    await advance();
    world.pass(11 * MINUTE);
  });

  it.each([
    [401, 'token'],
    [402, 'credit'],
    [429, 'rate limit'],
  ])('waits where Replicate answers %i, and says why', async (status, why) => {
    world.replicate.get = async () => {
      throw new ReplicateRefusal(status, 'not now', 40);
    };
    const { rest, faults, waitedFor } = await look();
    expect({ faults, waitedFor, range: rest?.range }).toEqual({ faults: [], waitedFor: why, range: RANGE });
    expect(rest?.delaySeconds).toBeGreaterThan(35);
    const waiting = await world.truth.images.readJson(`audits/${plan.id}/waiting.json`);
    expect(waiting?.value).toMatchObject({ why });
  });

  it.each<[string, () => Promise<Prediction>]>([
    ['cannot be asked about', () => Promise.reject(new ReplicateRefusal(410, 'gone', undefined))],
    ['is said to be in a state that nobody knows', async () => ({ id: 'p', status: 'queued' })],
  ])('ends a cell whose prediction %s, but only after a day', async (_what, get) => {
    world.replicate.get = get;
    await look();
    expect(await readResult(0)).toBeUndefined();
    world.pass(24 * 60 * MINUTE);
    expect((await look()).faults).toEqual([]);
    expect(await readResult(0)).toMatchObject({ status: 'failed', error: expect.stringContaining('a day') });
  });

  it('ends a cell whose answer is too large for memory, and says so', async () => {
    world.replicate.get = async () => {
      throw new AnswerTooLarge('more than 24000000 bytes');
    };
    expect((await look()).faults).toEqual([]);
    expect(await readResult(0)).toMatchObject({
      status: 'failed',
      error: expect.stringMatching(/^too large/),
    });
  });

  it('has no more than two answers in memory at once, and begins none when its time is over', async () => {
    world = await cloud.world();
    plan = await world.accept(5);
    const range = { ...RANGE, to: 4 };
    await advanceRange(world.advanceDeps, range, world.turn());
    world.pass(11 * MINUTE);
    let [now, most, seen] = [0, 0, 0];
    world.replicate.get = async (id) => {
      most = Math.max(most, ++now);
      seen++;
      // A third would be asked for before the first two are answered.
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      now--;
      return { id, status: 'processing' };
    };
    await advanceRange(world.advanceDeps, range, world.turn());
    expect({ most, seen }).toEqual({ most: 2, seen: 5 });
    const over = new Date(world.now().getTime() - 1);
    const turn = { stopAt: over, endsAt: new Date(over.getTime() + 10_000), last: false };
    expect((await advanceRange(world.advanceDeps, range, turn)).rest?.range).toEqual(range);
    expect(seen).toBe(5);
  });
});

describe('at a low rate', () => {
  it('a turn asks for what comes within its patience, leaves the block, and looks after it first the next time', async () => {
    const range = { ...RANGE, to: 9 };
    world = await cloud.world();
    plan = await world.accept(10);
    // One in 20 s: the first at once, the second after 20 s. The turn has two minutes.
    const waits: number[] = [];
    let next = 0;
    const pacer = {
      get waitMs() {
        return next;
      },
      async take() {
        waits.push(next);
        next += 20_000;
        return true;
      },
      pause() {},
    } as unknown as Pacer;
    const deps = { ...world.advanceDeps, pacer };
    const first = await advanceRange(deps, range, world.turn());
    expect(waits).toEqual([0, 20_000]);
    expect(first).toMatchObject({ asked: 2, rest: { range, delaySeconds: 40 } });
    world.pass(11 * MINUTE);
    for (const { prediction } of world.replicate.asked.values())
      world.replicate.end(prediction.id, { output: world.outputs(prediction.id, 1) });
    next = 90_000;
    await advanceRange(deps, first.rest!.range, world.turn());
    expect((await readResult(0))?.status).toBe('succeeded');
  });

  it('looks after every overdue cell before it asks, whatever those at the front do', async () => {
    const range = { ...RANGE, to: 19 };
    world = await cloud.world();
    plan = await world.accept(40);
    await advanceRange(world.advanceDeps, { ...range, to: 9 }, world.turn());
    const ids = [...world.replicate.asked.keys()];
    for (const id of ids.slice(2)) world.replicate.end(id, { output: world.outputs(id, 1) });
    const get = world.replicate.get.bind(world.replicate);
    world.replicate.get = (id) =>
      id === ids[0] ? Promise.reject(new ReplicateRefusal(500, 'internal error', undefined)) : get(id);
    world.pass(11 * MINUTE);
    const slow = { waitMs: 20_000, take: async () => true, pause() {} } as unknown as Pacer;
    await advanceRange({ ...world.advanceDeps, pacer: slow }, range, world.turn());
    expect(await world.keys(`audits/${plan.id}/results/`)).toHaveLength(8);
  });

  it('a turn with a fault leaves no rest: its message comes back when what was paid has been adopted', async () => {
    const create = world.replicate.create.bind(world.replicate);
    world.replicate.create = async (request) => {
      await create(request);
      throw new ReplicateUnreachable('Replicate gave no answer');
    };
    const over = { ...world.turn(), stopAt: new Date(world.now().getTime() + 50) };
    const slow = {
      waitMs: 0,
      pause() {},
      take: async () => {
        slow.waitMs = 60_000;
        return true;
      },
    };
    const { rest, faults } = await advanceRange(
      { ...world.advanceDeps, pacer: slow as unknown as Pacer },
      RANGE,
      over,
    );
    expect({ rest, faults: faults.length }).toEqual({ rest: undefined, faults: 1 });
  });

  it('a message that only looks asks for nothing and leaves nothing', async () => {
    await advanceRange(world.advanceDeps, { ...RANGE, to: 0 }, world.turn());
    world.pass(11 * MINUTE);
    for (const { prediction } of world.replicate.asked.values())
      world.replicate.end(prediction.id, { output: world.outputs(prediction.id, 1) });
    const { asked, rest } = await advanceRange(world.advanceDeps, { ...RANGE, look: true }, world.turn());
    expect({ asked, rest }).toEqual({ asked: 0, rest: undefined });
    expect((await readResult(0))?.status).toBe('succeeded');
    expect(world.replicate.asked.size).toBe(1);
  });
});

describe('the end of an audit in the middle', () => {
  it('by deleting while Replicate answers: what was asked for in this very turn is canceled, too', async () => {
    const create = world.replicate.create.bind(world.replicate);
    world.replicate.create = async (request) => {
      await world.truth.images.createJson(deletedKey(plan.id), {});
      return create(request);
    };
    await advance();
    expect(world.replicate.asked.size).toBeGreaterThan(0);
    expect(world.replicate.canceled).toHaveLength(world.replicate.asked.size);
  });

  it('by canceling: running predictions are canceled, pending ones are not requested, every cell has a result', async () => {
    await advanceRange(world.advanceDeps, { ...RANGE, to: 0 }, world.turn());
    await world.images.createJson(cancelKey(plan.id), {});
    await advance();
    expect(world.replicate.asked.size).toBe(1);
    expect(world.replicate.canceled).toHaveLength(1);
    for (const cell of cells)
      expect(await readResult(cell)).toMatchObject({ status: 'canceled', images: [] });
    expect(await world.keys(`audits/${plan.id}/failed/`)).toHaveLength(CELLS);
  });

  it('by canceling: a prediction that has succeeded by then is stored', async () => {
    await advanceRange(world.advanceDeps, { ...RANGE, to: 0 }, world.turn());
    for (const { prediction } of world.replicate.asked.values())
      world.replicate.end(prediction.id, { output: world.outputs(prediction.id, 1) });
    await world.images.createJson(cancelKey(plan.id), {});
    await advance();
    expect(await readResult(0)).toMatchObject({ status: 'succeeded' });
  });

  it('by deleting: what runs is canceled, nothing is asked, nothing is written', async () => {
    await advanceRange(world.advanceDeps, { ...RANGE, to: 0 }, world.turn());
    await world.images.createJson(deletedKey(plan.id), {});
    const before = await world.keys('audits/');
    await advance();
    expect(world.replicate.asked.size).toBe(1);
    expect(world.replicate.canceled).toHaveLength(1);
    expect(await world.keys('audits/')).toEqual(before);
    expect(await world.keys('images/')).toEqual([]);
  });

  it.each(FAULTS)('by canceling ends every cell, once, when, at any call, %s', async (fault) => {
    await atEveryCall(cloud, fault, {
      prepare: async (world) => {
        await world.accept(CELLS);
        await advanceRange(world.advanceDeps, { ...RANGE, to: 0 }, world.turn());
        await world.images.createJson(cancelKey(plan.id), {});
      },
      act: (world) => advance(world),
      recover: async (world) => {
        world.pass(3 * MINUTE);
        await advance(world);
      },
      check: async (world) => {
        expect(world.replicate.asked.size).toBe(1);
        for (const cell of cells) expect(await readResult(cell, world)).toMatchObject({ status: 'canceled' });
        expect((await world.rewritten('')).filter((key) => !key.startsWith('leases/'))).toEqual([]);
      },
    });
  });
});
