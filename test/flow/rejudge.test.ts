import { isDecoded, judgeCells } from '../../cli/operator/judging.ts';
import { carryOutRejudge, describeUnanswered, findRejudge } from '../../cli/operator/rejudge.ts';
import { DECODER_VERSION } from '../../lib/images/verdict.ts';
import type { Time } from '../../lib/ports.ts';
import { type Judgement, judgementKeys, listJudgements, PURGED } from '../../lib/records/judgement.ts';
import { imageKey, renditionKey } from '../../lib/records/keys.ts';
import { systemTime } from '../../lib/system.ts';
import { looked } from '../../sim/look.ts';
import { png } from '../support/images.ts';
import { AnsweringStore, answering, named, recordCell, SILENT } from './operators.ts';
import { atEveryCall, eachWorld, FAULTS, type World, world } from './world.ts';

/** An operator has `tag` judge an older audit again. */

const AUDIT = '7zzzzzzzzzzzzzzzzzzzzzzzzz';
const OLD: Judgement = { status: 'ok', format: 'png', width: 4, height: 4 };
const FACTS = { animated: false, alpha: false, c2pa: false, blank: false };
const by = (version: number, found: Partial<Judgement> = {}, reason?: 'too-slow' | 'damaged'): Judgement => ({
  ...{ ...OLD, ...found },
  decoded: { ...FACTS, version, ...(reason && { reason }) },
});
const NEW = by(DECODER_VERSION);
const SLOW = by(DECODER_VERSION, { status: 'quarantined' }, 'too-slow');
const DAMAGED = by(DECODER_VERSION, { status: 'quarantined' }, 'damaged');

eachWorld();

/** An audit of cells with one valid image each. @param cells what is known of the image; whether it has a rendition */
async function audit(in_: World, cells: readonly [Judgement | undefined, boolean][]): Promise<void> {
  const { images } = in_.truth;
  const plan = await in_.accept(cells.length);
  for (const [cell, [known, hasRendition]] of cells.entries()) {
    await images.create(imageKey(AUDIT, cell, 0), png(4, 4), {
      tags: { status: known?.status ?? 'pending', retention: plan.retention },
    });
    if (hasRendition) await images.create(renditionKey(AUDIT, cell, 0), 'small');
    if (known)
      for (const key of judgementKeys(AUDIT, cell, new Map([[0, known]]))) await images.create(key, '');
    await recordCell(in_, plan, cell, named(AUDIT, cell, [0]));
  }
}

/** A clock on which each poll takes as long as this. What happens meanwhile is up to the test. */
const polling = (minutes: number, meanwhile: (poll: number) => Promise<void> = async () => {}) => {
  let polls = 0;
  return {
    ...systemTime,
    monotonic: () => polls * minutes * 60_000,
    sleep: () => meanwhile(++polls),
  };
};

async function rejudge(in_: World, store = answering(in_), time: Time = in_.time) {
  const plan = await findRejudge(store, AUDIT, SILENT);
  const done = await carryOutRejudge(store, plan, SILENT, time);
  return { plan, done, requested: store.requested.map((key) => Number(key.slice(-10, -5))) };
}

/** What readers find of each cell's image, and whether it has a rendition. */
async function state(in_: World, cells: number) {
  const judged = await listJudgements(in_.truth.images, AUDIT, 0, cells - 1);
  const renditions = await in_.keys(`renditions/${AUDIT}/`);
  return Array.from({ length: cells }, (_, cell) => {
    const found = judged.get(cell)?.get(0);
    return [found?.status, found?.decoded?.version, renditions.includes(renditionKey(AUDIT, cell, 0))];
  });
}

const SHOWN = ['ok', DECODER_VERSION, true];

describe('judging an audit again', () => {
  it('takes images without the present decoder, without a rendition, or that ran out of time, and no others', async () => {
    await audit(world, [
      [NEW, true],
      [OLD, false],
      [NEW, false],
      [SLOW, false],
      [DAMAGED, false],
      [by(0), true],
      [undefined, false],
    ]);
    const { plan, done, requested } = await rejudge(world);
    expect(plan).toMatchObject({ images: 7, toJudge: 5 });
    expect(requested).toEqual([1, 2, 3, 5, 6]);
    expect(done).toMatchObject({ judged: 5, renditions: 4, unanswered: 0, unfinished: 0 });
    expect(await state(world, 7)).toEqual([
      ...[SHOWN, SHOWN, SHOWN, SHOWN],
      ['quarantined', DECODER_VERSION, false],
      ...[SHOWN, SHOWN],
    ]);
  });

  it('says which images are shown now and which are quarantined now, and why', async () => {
    await audit(world, [
      [{ ...OLD, status: 'quarantined' }, false],
      [OLD, false],
      [OLD, false],
    ]);
    const { images } = world.truth;
    await images.delete([imageKey(AUDIT, 2, 0)]);
    await images.create(imageKey(AUDIT, 2, 0), png(4, 4).subarray(0, -9), { tags: { status: 'ok' } });
    const { done } = await rejudge(world);
    expect(done).toMatchObject({
      judged: 3,
      renditions: 2,
      shown: [imageKey(AUDIT, 0, 0)],
      quarantined: [{ key: imageKey(AUDIT, 2, 0), reason: 'truncated' }],
    });
  });

  it('looks again at what ran out of time, and ends when it does so again', async () => {
    await audit(world, [[SLOW, false]]);
    const store = answering(world);
    store.look = (image) => ({ ...looked(image), verdict: 'quarantined', reason: 'too-slow' });
    const { done, requested } = await rejudge(world, store);
    expect(requested).toEqual([0]);
    expect(done).toMatchObject({ judged: 1, shown: [], quarantined: [], unanswered: 0 });
  });

  it('keeps what an older decoder found of an image that this one is too slow for, and looks again each time', async () => {
    await audit(world, [[by(0), true]]);
    const store = answering(world);
    let looks = 0;
    store.look = (image) => {
      looks++;
      return { ...looked(image), verdict: 'quarantined', reason: 'too-slow' };
    };
    for (const times of [1, 2]) {
      expect((await rejudge(world, store, polling(1))).done).toMatchObject({ judged: 1, unanswered: 0 });
      expect(looks).toBe(times);
      expect(await state(world, 1)).toEqual([['ok', 0, true]]);
    }
  });

  it('does nothing a second time, and leaves purged images alone', async () => {
    await audit(world, [
      [OLD, false],
      [PURGED, false],
      [{ ...OLD, status: 'quarantined', format: 'unknown' }, false],
    ]);
    for (const cell of [1, 2])
      await world.truth.images.createJson(`purged/${AUDIT}/0000${cell}/0`, {
        images: [{ key: imageKey(AUDIT, cell, 0), sha256: [] }],
      });
    expect((await rejudge(world)).plan).toMatchObject({ images: 1, toJudge: 1 });
    const again = await rejudge(world);
    expect(again.plan.toJudge).toBe(0);
    expect(again.requested).toEqual([]);
  });

  it('ends with what is left when tag gives no answer, and continues when it is run again', async () => {
    await audit(
      world,
      Array.from({ length: 10 }, () => [OLD, false]),
    );
    const silent = answering(world);
    silent.isSilent = true;
    const { done } = await rejudge(world, silent, polling(1));
    expect(done).toMatchObject({ judged: 0, unanswered: 10 });
    expect(await rejudge(world)).toMatchObject({
      plan: { toJudge: 10 },
      done: { judged: 10, unanswered: 0 },
    });
  });

  it('says how many images have no judgement when tag gives no answer, because theirs depended on the machine', async () => {
    await audit(world, [
      [OLD, false],
      [SLOW, false],
    ]);
    const silent = answering(world);
    silent.isSilent = true;
    const { done } = await rejudge(world, silent, polling(1));
    expect(done).toMatchObject({ unanswered: 2, unjudged: 1 });
    expect((await state(world, 2)).map(([status]) => status)).toEqual(['ok', undefined]);
    expect(describeUnanswered(done)).toMatch(
      /^1 image keeps its older judgement. 1 image has no judgement until you run the same command again. /,
    );
  });

  it('removes no judgement that tag cannot renew, because the prediction has no result', async () => {
    await audit(world, [[SLOW, false]]);
    await world.truth.images.delete([`audits/${AUDIT}/results/00000.json`]);
    expect((await rejudge(world)).done).toMatchObject({ unfinished: 1, unanswered: 0 });
    expect(await state(world, 1)).toEqual([['quarantined', DECODER_VERSION, false]]);
  });

  it('requests at most eight cells at a time', async () => {
    await audit(
      world,
      Array.from({ length: 10 }, () => [OLD, false]),
    );
    const store = answering(world);
    store.isSilent = true;
    expect((await rejudge(world, store, polling(1))).requested).toHaveLength(8);
  });

  it('leaves an image of a prediction without a result to its event, and says so', async () => {
    await audit(world, [
      [OLD, false],
      [undefined, false],
    ]);
    await world.truth.images.delete([`audits/${AUDIT}/results/00001.json`]);
    expect((await rejudge(world)).done).toMatchObject({ judged: 1, unfinished: 1, unanswered: 0 });
  });

  it.each([
    ['is unknown', async () => {}],
    [
      'was deleted',
      async () => {
        await audit(world, [[OLD, false]]);
        await world.truth.images.createJson(`deleted/${AUDIT}`, {});
      },
    ],
  ])('refuses an audit that %s', async (_what, prepare) => {
    await prepare();
    await expect(rejudge(world)).rejects.toMatchObject({
      status: 3,
      message: expect.stringContaining('no audit'),
    });
  });

  it.each(FAULTS)(
    'leaves nothing undone that a second run does not do when, at any call, %s',
    async (fault) => {
      const calls = await atEveryCall(fault, {
        prepare: (world) =>
          audit(world, [
            [OLD, false],
            [SLOW, false],
          ]),
        act: (world) => rejudge(world),
        recover: (world) => rejudge(world).then(() => {}),
        check: async (world) => {
          expect(await state(world, 2)).toEqual([SHOWN, SHOWN]);
        },
      });
      expect(calls).toBeGreaterThanOrEqual(15);
    },
  );
});

describe('waiting for tag', () => {
  it('lasts as long as there are new records, although no cell is complete for more than five minutes', async () => {
    await audit(world, [[undefined, false]]);
    const { images } = world.truth;
    const indexes = Array.from({ length: 24 }, (_, i) => i);
    const time = polling(4, async (poll) => {
      const group = indexes.filter((index) => Math.floor(index / 8) === poll - 1);
      const found = new Map(group.map((index) => [index, DAMAGED]));
      for (const key of judgementKeys(AUDIT, 0, found)) await images.create(key, '');
    });
    const { unanswered } = await judgeCells(images, AUDIT, [{ cell: 0, indexes }], {
      isDone: isDecoded,
      time,
    });
    expect(unanswered).toEqual([]);
  });

  it('reads cells that are open, and none of those that are answered while one is stuck', async () => {
    const cells = Array.from({ length: 20 }, (_, cell) => ({ cell, indexes: [0] }));
    await audit(
      world,
      cells.map(() => [undefined, false]),
    );
    let listed = 0;
    let most = 0;
    class Counting extends AnsweringStore {
      override async *list(...which: Parameters<AnsweringStore['list']>) {
        for await (const object of super.list(...which)) {
          if (/judged|renditions/.test(which[0])) listed++;
          yield object;
        }
      }
    }
    const store = new Counting(world.images.client, world.images.bucket);
    await store.delete([imageKey(AUDIT, 0, 0)]);
    const time = polling(1, async () => {
      most = Math.max(most, listed);
      listed = 0;
    });
    const { unanswered } = await judgeCells(store, AUDIT, cells, { isDone: isDecoded, time });
    expect(unanswered.map(({ cell }) => cell)).toEqual([0]);
    expect(most).toBeLessThanOrEqual(16);
  });

  it('ends with any record that answers, although an older one holds', async () => {
    await audit(world, [[NEW, true]]);
    const { images } = world.truth;
    const time = polling(1, async () => {
      for (const key of judgementKeys(AUDIT, 0, new Map([[0, SLOW]]))) await images.create(key, '');
    });
    const { unanswered } = await judgeCells(images, AUDIT, [{ cell: 0, indexes: [0] }], {
      isDone: (judgement) => judgement?.status === 'quarantined',
      onDone: (_cell, found) => expect(found.get(0)).toEqual(NEW),
      time,
    });
    expect(unanswered).toEqual([]);
  });
});
