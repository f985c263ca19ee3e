import { askTurn } from '../../lib/cells/ask-turn.ts';
import { Pacer } from '../../lib/cells/pacer.ts';
import { type Binding, createBinding, readBinding } from '../../lib/records/binding.ts';
import { blocksOf } from '../../lib/records/blocks.ts';
import {
  cancelKey,
  deletedKey,
  leaseKey,
  pollLeaseKey,
  resultKey,
  summaryKey,
} from '../../lib/records/keys.ts';
import { acquireLease, readLease } from '../../lib/records/lease.ts';
import type { Plan } from '../../lib/records/plan.ts';
import type { Result } from '../../lib/records/result.ts';
import { AnswerTooLarge, ReplicateRefusal, ReplicateUnreachable } from '../../lib/replicate/errors.ts';
import type { EndedPrediction, Prediction } from '../../lib/replicate/prediction.ts';
import { atEveryCall, beginAgain, eachWorld, FAULTS, type World, world } from './world.ts';

const CELLS = 2;
const RANGE = { audit: '7zzzzzzzzzzzzzzzzzzzzzzzzz', from: 0, to: CELLS - 1 };
const MINUTE = 60_000;

let plan: Plan;
eachWorld();
beforeEach(async () => {
  plan = await world.accept(CELLS);
});

/** A poll of all cells and a turn that asks, as the two queues bring them about. */
async function advance(in_ = world, last = false) {
  const polled = await in_.poll(RANGE);
  const asked = await in_.ask(plan, { last });
  return { ...asked, faults: [...polled.faults, ...asked.faults] };
}
/** The message that was sent last. */
const sent = (queue = world.queue) => queue.messages.at(-1);
const readResult = async (cell: number, in_ = world) =>
  (await in_.truth.images.readJson<Result>(resultKey(plan.id, cell)))?.value;
const cells = Array.from({ length: CELLS }, (_, n) => n);

/** Takes the lease of a block for two minutes, as the holder of its next message. */
const hold = async (block: number) => {
  const until = new Date(world.now().getTime() + 2 * MINUTE);
  const key = leaseKey(plan.id, block);
  const existing = await readLease(world.images, key);
  await acquireLease({ ...world.turnDeps }, key, existing, existing?.value.link ?? 0, until);
};

/** A turn that asks for the first cell only. */
async function askOne(in_ = world): Promise<void> {
  const onCreate = in_.replicate.onCreate;
  in_.replicate.onCreate = ({ webhook }) => {
    if (!webhook.endsWith('00000')) throw new ReplicateRefusal(500, 'internal error', undefined);
  };
  await in_.ask(plan);
  in_.replicate.onCreate = onCreate;
}

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
    const binding = (await readBinding(in_.truth.images, plan.id, cell, 1)) as Binding & {
      predictionId: string;
    };
    expect(result).toMatchObject({ status: 'succeeded', prediction: { id: binding.predictionId } });
  }
  expect(await in_.keys(`images/${plan.id}/`)).toHaveLength(count);
  expect((await in_.rewritten('')).filter((key) => !/^(leases|flow)\//.test(key))).toEqual([]);
}

describe('a range is advanced', () => {
  it('and summed up, also if webhooks have finished all of it before its dispatcher, which died, could say so', async () => {
    await hold(0);
    for (const cell of cells) await world.finish(plan, cell, await world.succeeded(plan.id, cell, 1));
    world.pass(3 * MINUTE);
    await world.ask(plan);
    expect(world.replicate.asked.size).toBe(CELLS);
    expect(world.polls.messages).toHaveLength(1);
    await world.judgeAndBackUp(plan.id);
    await world.poll(world.polls.messages[0]!.message);
    expect(await world.keys(summaryKey(plan.id, 0))).toHaveLength(1);
  });

  it.each(FAULTS)('and each cell paid once, adopted by its webhook, when, at any call, %s', async (fault) => {
    const calls = await atEveryCall(fault, {
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
      await atEveryCall(fault, {
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
    await atEveryCall(fault, {
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

  it('once by two copies of one message at once: each cell is asked exactly once', async () => {
    await Promise.all([world.ask(plan), world.ask(plan)]);
    expect(world.replicate.asked.size).toBe(CELLS);
    expect(await world.keys('leases/')).toHaveLength(2);
  });

  it('once, whatever copies of its message come later: they are dropped, and send nothing', async () => {
    const message = { ...RANGE, link: 0 };
    await askTurn(world.turnDeps, message, world.turn());
    const { messages } = world.queue;
    world.queue.messages = [];
    world.pass(3 * MINUTE);
    expect(await askTurn(world.turnDeps, message, world.turn())).toEqual({ asked: 0, faults: [] });
    expect({ messages, later: world.queue.messages }).toEqual({ messages: [], later: [] });
  });

  it('by the next message at once: the turn before sent it as the last thing that it did', async () => {
    await hold(0);
    await askTurn(world.turnDeps, { ...RANGE, link: 1 }, world.turn());
    expect(world.replicate.asked.size).toBe(CELLS);
  });

  it('by the next message only once a turn whose message came back has ended, or would have been stopped', async () => {
    await hold(0);
    // It died after it had sent the next message, and before its own was gone.
    world.pass(2 * MINUTE);
    await hold(0);
    const next = { ...RANGE, link: 1 };
    await askTurn(world.turnDeps, next, world.turn());
    expect(sent()).toEqual({ message: next, delaySeconds: 120 });
    expect(world.replicate.asked.size).toBe(0);
    world.pass(2 * MINUTE);
    await askTurn(world.turnDeps, next, world.turn());
    expect(world.replicate.asked.size).toBe(CELLS);
  });

  it('with the version that was pinned, the inputs of all, of the model, the prompt and the seed', async () => {
    await beginAgain();
    const version = 'ab'.repeat(32);
    plan = await world.accept(1, {
      input: { go_fast: false, width: 512 },
      models: [{ model: 'a/b', version, input: { width: 768 }, inputs: null, seed: 'unknown' }],
    });
    await advance();
    const [{ request }] = [...world.replicate.asked.values()] as unknown as [
      { request: { signal: unknown } },
    ];
    const { signal: _signal, ...asked } = request;
    expect(asked).toEqual({
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
    expect(await readBinding(world.images, plan.id, 1, 1)).toMatchObject({ predictionId: 'quicker' });
  });

  it('is asked for as often as the one before was aborted, each time after a longer pause', async () => {
    await advance();
    // The only place that the model is given in the end is not taken by another cell.
    for (const { prediction } of world.replicate.askedFor(plan.id, 1))
      await world.finish(plan, 1, world.replicate.end(prediction.id, { status: 'failed' }));
    for (const [round, minutes] of [1, 2, 4, 8, 15, 15].entries()) {
      const aborted = world.replicate.askedFor(plan.id, 0).at(-1)!;
      const ended = world.replicate.end(aborted.prediction.id, { status: 'aborted' });
      expect(await world.finish(plan, 0, ended)).toBe('aborted');
      world.pass((minutes - 0.5) * MINUTE);
      await advance();
      expect(world.replicate.askedFor(plan.id, 0)).toHaveLength(round + 1);
      world.pass(MINUTE);
      await advance();
      expect(world.replicate.askedFor(plan.id, 0)).toHaveLength(round + 2);
    }
    const last = world.replicate.askedFor(plan.id, 0).at(-1)!;
    const ended = world.replicate.end(last.prediction.id, { output: world.outputs('a', 1) });
    expect(await world.finish(plan, 0, ended)).toBe('stored');
    expect(await readResult(0)).toMatchObject({ status: 'succeeded' });
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
    await beginAgain();
    plan = await world.accept(1);
    const asked: number[] = [];
    world.replicate.onCreate = () => {
      if (asked.push(world.time.monotonic()) === 1) throw new ReplicateRefusal(429, 'not now', 0);
    };
    await world.ask(plan);
    expect(asked[1]! - asked[0]!).toBeGreaterThanOrEqual(1_000);
  });

  it.each([
    [402, 'credit', 60],
    [401, 'token', 60],
    [429, 'rate limit', 300],
  ])('a %i goes back to the queue with a delay, and the audit shows why', async (status, why, seconds) => {
    refuseTimes(100, status, status === 429 ? seconds : undefined);
    const { faults } = await world.ask(plan);
    expect(faults).toEqual([]);
    expect(sent()?.message).toEqual({ ...RANGE, link: 1 });
    expect(sent()?.delaySeconds).toBeGreaterThan(seconds - 3);
    expect(sent()?.delaySeconds).toBeLessThanOrEqual(seconds);
    const waiting = await world.truth.images.readJson(`audits/${plan.id}/waiting.json`);
    expect(waiting?.value).toMatchObject({ why, detail: 'not now' });
    expect(await world.keys(`audits/${plan.id}/dispatched/`)).toEqual([]);
  });

  it('a range that comes while the rate limit lasts goes back for as long, without asking', async () => {
    const pacer = new Pacer(world.time, 600);
    pacer.pause(200);
    await world.ask(plan, { deps: { pacer } });
    expect(world.replicate.asked.size).toBe(0);
    expect(sent()?.delaySeconds).toBeGreaterThan(190);
  });

  it('whatever Replicate says is waited for at most 15 minutes', async () => {
    refuseTimes(100, 429, 1e9);
    const pacer = new Pacer(world.time, 600);
    await world.ask(plan, { deps: { pacer } });
    expect(sent()?.delaySeconds).toBeGreaterThan(890);
    expect(pacer.waitMs).toBeLessThanOrEqual(901_000);
  });

  it('a turn that has no time left leaves everything to the next, at once', async () => {
    const turn = { ...world.turn(), stopAt: new Date(world.now().getTime() - 1) };
    await world.ask(plan, { turn });
    expect(sent()).toEqual({ message: { ...RANGE, link: 1 }, delaySeconds: 0 });
    expect(world.replicate.asked.size).toBe(0);
  });

  it('after a refusal one request goes first: the others wait for what becomes of it', async () => {
    await beginAgain();
    plan = await world.accept(10);
    let left = 20;
    let [now, most, refused] = [0, 0, 0];
    world.replicate.onCreate = async () => {
      most = refused > 0 ? Math.max(most, ++now) : most;
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      now = Math.max(0, now - 1);
      if (left-- <= 0) return;
      refused++;
      throw new ReplicateRefusal(429, 'not now', 2);
    };
    await world.ask(plan, { deps: { pacer: new Pacer(world.time, 600) } });
    expect(most).toBe(1);
  });

  it('many cells at a low rate are all asked once, by as many turns as it takes, without a fault', async () => {
    await beginAgain();
    plan = await world.accept(100);
    const pacer = new Pacer(world.time, 3_000);
    let turns = 0;
    for (; world.replicate.asked.size < 25 && turns < 100; turns++) {
      const stopAt = new Date(world.now().getTime() + 100);
      const { faults } = await world.ask(plan, { deps: { pacer }, turn: { ...world.turn(), stopAt } });
      world.pass(100);
      expect(faults).toEqual([]);
    }
    expect(turns).toBeGreaterThan(1);
    expect(new Set([...world.replicate.asked.values()].map(({ request }) => request.webhook)).size).toBe(25);
  });
});

describe('the chain of an audit', () => {
  it('begins with few cells, then begins that of the other dispatcher, and continues from block to block', async () => {
    await beginAgain();
    plan = await world.accept(100);
    const blocks = blocksOf(plan);
    await world.ask(plan);
    expect(world.replicate.asked.size).toBe(2);
    await world.ask(plan);
    expect(world.replicate.asked.size).toBe(6);
    expect(world.queue.messages.map(({ message }) => message)).toEqual([
      { ...blocks[0], link: 1 },
      { ...blocks[1], link: 0 },
      { ...blocks[0], link: 2 },
    ]);
    await world.ask(plan);
    await world.ask(plan);
    expect(world.replicate.asked.size).toBe(25);
    expect(sent()).toEqual({ message: { ...blocks[2], link: 0 }, delaySeconds: 0 });
  });

  it('leaves the cells of a model without room to later turns, and asks for those of another', async () => {
    await beginAgain();
    const model = { version: null, input: {}, inputs: null, seed: 'unknown' as const };
    plan = await world.accept(20, {
      models: [
        { model: 'slow/one', ...model },
        { model: 'quick/one', ...model },
      ],
      samples: 10,
    });
    await world.ask(plan, { deps: { createsPerMinute: 6 } });
    const other = { ...plan, id: '7zzzzzzzzzzzzzzzzzzzzzzzzy' };
    await world.images.createJson('flow/of-another.json', {});
    expect(other.cells).toBe(20);
    for (let turn = 0; turn < 3; turn++) await world.ask(plan, { deps: { createsPerMinute: 6 } });
    expect(world.replicate.asked.size).toBe(10);
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
    await askOne();
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
    await beginAgain();
    plan = await world.accept(200);
    let creates = 0;
    world.replicate.onCreate = () => {
      creates++;
      throw new ReplicateUnreachable('Replicate gave no answer');
    };
    await world.ask(plan);
    const { faults } = await world.ask(plan, { cell: 50 });
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
      throw new ReplicateRefusal(status, 'not now', 400);
    };
    const chain = sent(world.polls)!;
    const { faults } = await world.poll(chain.message);
    expect(faults).toEqual([]);
    expect(sent(world.polls)).toEqual({ message: { ...RANGE, link: 1 }, delaySeconds: 400 });
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
    await beginAgain();
    plan = await world.accept(5);
    const range = { ...RANGE, to: 4 };
    for (let turn = 0; turn < 2; turn++) await world.ask(plan);
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
    await world.poll(range);
    expect({ most, seen }).toEqual({ most: 2, seen: 5 });
    const over = new Date(world.now().getTime() - 1);
    const turn = { stopAt: over, endsAt: new Date(over.getTime() + 10_000), last: false };
    await world.poll(range, { turn });
    expect(seen).toBe(5);
  });
});

describe('at a low rate', () => {
  it('a turn asks for what comes within its patience, and leaves the block for as long as the rate lasts', async () => {
    await beginAgain();
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
        return () => {};
      },
      pause() {},
    } as unknown as Pacer;
    expect(await world.ask(plan, { deps: { pacer } })).toMatchObject({ asked: 2 });
    expect(waits).toEqual([0, 20_000]);
    expect(sent()).toMatchObject({ message: { from: 0, link: 1 }, delaySeconds: 40 });
  });

  it('every overdue cell is looked at, whatever those at the front do', async () => {
    await beginAgain();
    plan = await world.accept(10);
    for (let turn = 0; turn < 3; turn++) await world.ask(plan);
    const ids = [...world.replicate.asked.keys()];
    for (const id of ids.slice(2)) world.replicate.end(id, { output: world.outputs(id, 1) });
    const get = world.replicate.get.bind(world.replicate);
    world.replicate.get = (id) =>
      id === ids[0] ? Promise.reject(new ReplicateRefusal(500, 'internal error', undefined)) : get(id);
    world.pass(11 * MINUTE);
    await world.poll({ ...RANGE, to: 9 });
    expect(await world.keys(`audits/${plan.id}/results/`)).toHaveLength(8);
  });

  it('a turn with a fault sends nothing: its message comes back when what was paid has been adopted', async () => {
    const create = world.replicate.create.bind(world.replicate);
    world.replicate.create = async (request) => {
      await create(request);
      throw new ReplicateUnreachable('Replicate gave no answer');
    };
    expect((await world.ask(plan)).faults).toHaveLength(CELLS);
    expect(world.queue.messages).toEqual([]);
    expect((await readLease(world.images, leaseKey(plan.id, 0)))?.value).toMatchObject({ link: 0, until: 0 });
  });

  it('a message that looks once asks for nothing and sends nothing', async () => {
    await askOne();
    world.pass(11 * MINUTE);
    for (const { prediction } of world.replicate.asked.values())
      world.replicate.end(prediction.id, { output: world.outputs(prediction.id, 1) });
    world.polls.messages = [];
    await world.poll(RANGE);
    expect(world.polls.messages).toEqual([]);
    expect((await readResult(0))?.status).toBe('succeeded');
    expect(world.replicate.asked.size).toBe(1);
  });
});

describe('the chain that looks after a block', () => {
  it('begins when something was asked for, looks often at first, and ends when it is summed up', async () => {
    await world.ask(plan);
    expect(sent(world.polls)).toEqual({ message: { ...RANGE, link: 0 }, delaySeconds: 10 });
    world.pass(10_000);
    await world.poll(sent(world.polls)!.message);
    expect(sent(world.polls)).toEqual({ message: { ...RANGE, link: 1 }, delaySeconds: 10 });
    await deliverWebhooks(world);
    await world.judgeAndBackUp(plan.id);
    world.pass(10_000);
    await world.poll(sent(world.polls)!.message);
    expect(world.polls.messages).toHaveLength(2);
    expect(await world.keys(`audits/${plan.id}/blocks/`)).toEqual([summaryKey(plan.id, 0)]);
  });

  it('is one: of two copies of a message the second does nothing', async () => {
    await world.ask(plan);
    const { message } = sent(world.polls)!;
    await world.poll(message);
    await world.poll(message);
    expect(world.polls.messages).toHaveLength(2);
    expect((await readLease(world.images, pollLeaseKey(plan.id, 0)))?.value.link).toBe(0);
  });

  it('has asked for again what its own chain has left for a quarter of an hour', async () => {
    await askOne();
    world.queue.messages = [];
    world.pass(16 * MINUTE);
    await world.poll(sent(world.polls)!.message);
    expect(world.queue.messages).toEqual([{ message: { ...RANGE, link: 1 }, delaySeconds: 0 }]);
  });
});

describe('the end of an audit in the middle', () => {
  it('by deleting while Replicate answers: what was asked for in this very turn is canceled, too', async () => {
    const create = world.replicate.create.bind(world.replicate);
    world.replicate.create = async (request) => {
      await world.truth.images.createJson(deletedKey(plan.id), {});
      return create(request);
    };
    await world.ask(plan);
    expect(world.replicate.asked.size).toBeGreaterThan(0);
    expect(sent(world.polls)).toEqual({ message: RANGE, delaySeconds: 0 });
    await world.poll(RANGE);
    expect(world.replicate.canceled).toHaveLength(world.replicate.asked.size);
  });

  it('by canceling: running predictions are canceled, pending ones are not requested, every cell has a result', async () => {
    await askOne();
    await world.images.createJson(cancelKey(plan.id), {});
    await advance();
    expect(world.replicate.asked.size).toBe(1);
    expect(world.replicate.canceled).toHaveLength(1);
    for (const cell of cells)
      expect(await readResult(cell)).toMatchObject({ status: 'canceled', images: [] });
    expect(await world.keys(`audits/${plan.id}/failed/`)).toHaveLength(CELLS);
  });

  it('by canceling: a prediction that has succeeded by then is stored', async () => {
    await askOne();
    for (const { prediction } of world.replicate.asked.values())
      world.replicate.end(prediction.id, { output: world.outputs(prediction.id, 1) });
    await world.images.createJson(cancelKey(plan.id), {});
    await advance();
    expect(await readResult(0)).toMatchObject({ status: 'succeeded' });
  });

  it('by deleting: what runs is canceled, nothing is asked, nothing is written', async () => {
    await askOne();
    await world.images.createJson(deletedKey(plan.id), {});
    const before = await world.keys('audits/');
    await advance();
    expect(world.replicate.asked.size).toBe(1);
    expect(world.replicate.canceled).toHaveLength(1);
    expect(await world.keys('audits/')).toEqual(before);
    expect(await world.keys('images/')).toEqual([]);
  });

  it.each(FAULTS)('by canceling ends every cell, once, when, at any call, %s', async (fault) => {
    await atEveryCall(fault, {
      prepare: async (world) => {
        await world.accept(CELLS);
        await askOne(world);
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
        expect((await world.rewritten('')).filter((key) => !/^(leases|flow)\//.test(key))).toEqual([]);
      },
    });
  });
});
