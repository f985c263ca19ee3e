import { carryOutRejudge, findRejudge } from '../../cli/operator/rejudge.ts';
import { DECODER_VERSION } from '../../lib/images/verdict.ts';
import { type Judgement, judgementKeys, listJudgements, PURGED } from '../../lib/records/judgement.ts';
import { imageKey, renditionKey } from '../../lib/records/keys.ts';
import { looked } from '../../sim/look.ts';
import { png } from '../support/images.ts';
import { answering, named, recordCell, SILENT } from './operators.ts';
import { atEveryCall, FAULTS, FlowCloud, type World } from './world.ts';

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

let cloud: FlowCloud;
let world: World;
beforeAll(async () => {
  cloud = await FlowCloud.open();
});
beforeEach(async () => {
  world = await cloud.world();
});
afterAll(() => cloud.close());

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

async function rejudge(in_: World, store = answering(in_)) {
  const plan = await findRejudge(store, AUDIT, SILENT);
  const done = await carryOutRejudge(store, plan, SILENT, in_.time);
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
      Array.from({ length: 25 }, () => [OLD, false]),
    );
    const silent = answering(world);
    silent.isSilent = true;
    const { done } = await rejudge(world, silent);
    expect(done).toMatchObject({ judged: 0, unanswered: 25 });
    expect(await rejudge(world)).toMatchObject({
      plan: { toJudge: 25 },
      done: { judged: 25, unanswered: 0 },
    });
  });

  it('requests at most eight cells at a time', async () => {
    await audit(
      world,
      Array.from({ length: 25 }, () => [OLD, false]),
    );
    const store = answering(world);
    store.isSilent = true;
    expect((await rejudge(world, store)).requested).toHaveLength(8);
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
      const calls = await atEveryCall(cloud, fault, {
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
