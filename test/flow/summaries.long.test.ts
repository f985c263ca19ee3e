import { listPredictions } from '../../lib/audits/read.ts';
import type { ObjectStore } from '../../lib/ports.ts';
import { blocksOf } from '../../lib/records/blocks.ts';
import {
  cancelKey,
  deletedKey,
  imageKey,
  manifestKey,
  pollLeaseKey,
  resultKey,
  summaryKey,
  unsafeKey,
} from '../../lib/records/keys.ts';
import type { Plan } from '../../lib/records/plan.ts';
import type { Result } from '../../lib/records/result.ts';
import { atEveryCall, eachWorld, FAULTS, type World, world } from './world.ts';

const AUDIT = '7zzzzzzzzzzzzzzzzzzzzzzzzz';
const CELLS = 2;
const BLOCK = { audit: AUDIT, from: 0, to: CELLS - 1 };
const MINUTE = 60_000;

eachWorld();

/** Every cell has its result, with one image each, and `tag` and `backup` have done nothing. */
async function finished(in_: World, cells = CELLS): Promise<Plan> {
  const plan = await in_.accept(cells);
  // The first turns of an audit are short.
  while (in_.replicate.asked.size < cells)
    for (const { from } of blocksOf(plan)) await in_.ask(plan, { cell: from });
  for (const { prediction, request } of [...in_.replicate.asked.values()]) {
    const ended = in_.replicate.end(prediction.id, { output: in_.outputs(prediction.id, 1) });
    await in_.finish(plan, Number(request.webhook.slice(-5)), ended);
  }
  return plan;
}

const blockKeys = (in_ = world) => in_.keys(`audits/${AUDIT}/blocks/`);
const manifests = (in_ = world) => in_.keys(`audits/${AUDIT}/manifest`);
const MANIFESTS = [manifestKey(AUDIT, 'csv'), manifestKey(AUDIT, 'json')];
const lastPoll = () => world.polls.messages.at(-1)!;
/** Delivers the message of `polls` that was sent last, when it is due. */
const followChain = async () => {
  const { message, delaySeconds } = lastPoll();
  world.pass(delaySeconds * 1_000);
  await world.poll(message);
  return delaySeconds;
};
const readResults = async (cells: number[]) =>
  Promise.all(
    cells.map(async (cell) => (await world.truth.images.readJson<Result>(resultKey(AUDIT, cell)))!.value),
  );

describe('a finished block', () => {
  it('is summed up once its images are judged and have their copies, and not before', async () => {
    await finished(world);
    await followChain();
    expect(await blockKeys()).toEqual([]);
    await world.judgeAndBackUp(AUDIT);
    await world.truth.backup.delete([imageKey(AUDIT, 1, 0)]);
    await followChain();
    expect(await blockKeys()).toEqual([]);
    await world.judgeAndBackUp(AUDIT);
    await followChain();
    const summary = await world.truth.images.readJson(summaryKey(AUDIT, 0));
    expect(summary?.value).toEqual(await readResults([0, 1]));
    expect(await world.truth.images.tags(summaryKey(AUDIT, 0))).toEqual({ retention: 'standard' });
    expect(await manifests()).toEqual(MANIFESTS);
  });

  it('is looked at again within seconds while it waits, and rarely when that was of no use for minutes', async () => {
    await finished(world);
    const delays: number[] = [];
    for (let looks = 0; looks < 50; looks++) delays.push(await followChain());
    const soon = delays.slice(1, delays.indexOf(300));
    expect(Math.max(...soon)).toBe(8);
    expect(soon.slice(0, 3)).toEqual([3, 4, 5]);
    expect(delays.at(-1)).toBe(300);
    expect(await world.keys('leases/')).toContain(unsafeKey(AUDIT, 0));
    await world.judgeAndBackUp(AUDIT);
    const { messages } = world.polls;
    const before = messages.length;
    await followChain();
    expect(messages).toHaveLength(before);
    expect(await manifests()).toEqual(MANIFESTS);
  });

  it('that is canceled is summed up by the messages that cancel, with the manifest, without any chain', async () => {
    const plan = await world.accept(260);
    await world.images.createJson(cancelKey(AUDIT), {});
    world.pass(16 * MINUTE);
    await world.reconcile();
    for (const { message } of world.polls.messages.splice(0)) await world.poll(message);
    expect(await blockKeys()).toEqual(blocksOf(plan).map(({ from }) => summaryKey(AUDIT, from)));
    expect(await manifests()).toEqual(MANIFESTS);
  });

  it('of a deleted audit is not summed up, also where the deletion comes during the look', async () => {
    await finished(world);
    await world.judgeAndBackUp(AUDIT);
    const exists = world.images.exists.bind(world.images);
    world.images.exists = async (key: string) => {
      if (key === summaryKey(AUDIT, 0)) await world.truth.images.createJson(deletedKey(AUDIT), {});
      return exists(key);
    };
    await followChain();
    expect([...(await blockKeys()), ...(await manifests())]).toEqual([]);
    expect(await world.truth.images.exists(deletedKey(AUDIT))).toBe(true);
  });

  it('whose cells webhooks finished before anybody looked after it is looked after all the same', async () => {
    await finished(world);
    await world.judgeAndBackUp(AUDIT);
    await world.truth.images.delete([pollLeaseKey(AUDIT, 0)]);
    world.polls.messages = [];
    await world.ask((await world.turnDeps.readPlan(AUDIT))!);
    await followChain();
    expect(await manifests()).toEqual(MANIFESTS);
  });

  it.each(FAULTS)('is summed up, and the manifest written, once, when, at any call, %s', async (fault) => {
    const calls = await atEveryCall(fault, {
      prepare: async (world) => {
        await finished(world);
        await world.judgeAndBackUp(AUDIT);
      },
      act: (world) => world.poll(BLOCK),
      recover: async (world) => {
        world.pass(3 * MINUTE);
        await world.poll(BLOCK);
      },
      check: async (world) => {
        expect(await blockKeys(world)).toEqual([summaryKey(AUDIT, 0)]);
        expect(await manifests(world)).toEqual(MANIFESTS);
        expect(await world.rewritten('audits/')).toEqual([]);
      },
    });
    expect(calls).toBeGreaterThan(12);
  });

  it('gets the manifest from reconcile where the process died behind its last summary', async () => {
    await finished(world);
    await world.judgeAndBackUp(AUDIT);
    await world.poll(BLOCK);
    await world.truth.images.delete(MANIFESTS);
    expect(await world.reconcile()).toMatchObject({ manifests: 1, repairs: 0 });
    expect(await manifests()).toEqual(MANIFESTS);
  });
});

describe('what readers find', () => {
  const page = (cursor?: string) => listPredictions(world.endDeps, AUDIT, cursor ? { cursor } : {});
  const manifest = async () =>
    (await world.truth.images.readJson<{ cells: object[] }>(manifestKey(AUDIT, 'json')))!.value.cells;

  it('is the same with summaries, with some of them, and without', async () => {
    const [first, second] = blocksOf(await finished(world, 30));
    await world.judgeAndBackUp(AUDIT);
    const before = await page();
    expect(before.predictions.map(({ n, status }) => `${n} ${status}`)).toEqual(
      Array.from({ length: 30 }, (_, n) => `${n} succeeded`),
    );
    await world.poll({ ...BLOCK, to: 29 });
    const written = await manifest();
    // What is summed up is read from there alone, and the rest one by one.
    await world.truth.images.delete([resultKey(AUDIT, first!.from), summaryKey(AUDIT, second!.from)]);
    expect(await page()).toEqual(before);
    expect(await page('00007')).toEqual({ predictions: before.predictions.slice(7) });
    await world.truth.images.delete(MANIFESTS);
    await world.poll({ ...BLOCK, to: 29 });
    expect(await manifest()).toEqual(written);
  });

  it.each([
    { what: 'all of them summed up', block: { from: 0, to: 99 }, rounds: 2, calls: 6 },
    { what: 'none of them summed up', block: undefined, rounds: 4, calls: 108 },
  ])('of a page of a hundred finished cells, $what, comes after $rounds calls in a row', async (expected) => {
    await finished(world, 100);
    await world.judgeAndBackUp(AUDIT);
    if (expected.block) await world.poll({ ...BLOCK, ...expected.block });
    const { rounds, calls, answer } = await inRounds((store) =>
      listPredictions({ ...world.endDeps, store }, AUDIT, {}),
    );
    expect(answer.predictions.filter(({ status }) => status === 'succeeded')).toHaveLength(100);
    expect({ rounds, calls }).toEqual({ rounds: expected.rounds, calls: expected.calls });
  });
});

/** Answers calls in rounds: those that were made by the end of one are answered together, in the next. */
async function inRounds<T>(act: (store: ObjectStore) => Promise<T>) {
  let [rounds, calls] = [0, 0];
  let waiting: (() => void)[] = [];
  const turn = () => new Promise<void>((resolve) => waiting.push(resolve));
  const store = new Proxy<ObjectStore>(world.truth.images, {
    get(target, name) {
      const value = target[name as keyof ObjectStore];
      if (typeof value !== 'function') return value;
      return name === 'list'
        ? async function* (...args: Parameters<ObjectStore['list']>) {
            calls++;
            await turn();
            yield* target.list(...args);
          }
        : async (...args: unknown[]) => {
            calls++;
            await turn();
            return (value as (...args: unknown[]) => unknown).apply(target, args);
          };
    },
  });
  let answer: { value: T } | undefined;
  const acting = act(store).then((value) => {
    answer = { value };
  });
  for (let idle = 0; !answer && idle < 10_000; idle++) {
    await new Promise(setImmediate);
    if (waiting.length === 0) continue;
    // All that is called without waiting for an answer is called by now.
    for (let more = 0; more < 50; more++) await new Promise(setImmediate);
    rounds++;
    const round = waiting;
    waiting = [];
    for (const answerOne of round) answerOne();
  }
  await acting;
  return { rounds, calls, answer: answer!.value };
}
