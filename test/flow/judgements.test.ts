import { replaceJudgement } from '../../cli/operator/judgement.ts';
import { judgeCell } from '../../lib/images/judge.ts';
import { type Judgement, listJudgements, PURGED } from '../../lib/records/judgement.ts';
import { imageKey } from '../../lib/records/keys.ts';
import { png } from '../support/images.ts';
import { atEveryCall, eachWorld, FAULTS, type World, world } from './world.ts';

/** Operators replace the judgement of one image in a record with several. */

const AUDIT = '7zzzzzzzzzzzzzzzzzzzzzzzzz';
const CELL = 7;
const INDEXES = [0, 1, 2];
const GONE = PURGED;
const FINE: Judgement = {
  ...{ status: 'ok', format: 'png', width: 4, height: 4 },
  decoded: { version: 1, animated: false, alpha: false, c2pa: false, blank: false },
};

eachWorld();

const imageAt = (index: number) => imageKey(AUDIT, CELL, index);
const record = (names: string) => `audits/${AUDIT}/judged/00007/${names}`;
const records = (in_ = world) => in_.keys(`audits/${AUDIT}/judged/`);
const tag = (in_ = world) => judgeCell(in_.judgeDeps, { audit: AUDIT, n: CELL, indexes: INDEXES });

async function stored(in_: World): Promise<void> {
  for (const index of INDEXES)
    await in_.truth.images.create(imageAt(index), png(4, 4), {
      tags: { status: 'pending', retention: 'short' },
    });
}

/** Three images, stored and judged. */
async function judged(in_: World): Promise<void> {
  await stored(in_);
  await judgeCell({ ...in_.judgeDeps, store: in_.truth.images }, { audit: AUDIT, n: CELL, indexes: INDEXES });
}

/** The status of the images as readers of the records see it. */
async function statuses(in_ = world): Promise<(string | undefined)[]> {
  const found = (await listJudgements(in_.truth.images, AUDIT, CELL, CELL)).get(CELL);
  return INDEXES.map((index) => found?.get(index)?.status);
}

describe('a judgement that is replaced', () => {
  const REPLACED = record('0.ok.png.4x4.-.-.d1_1.quarantined.unknown.0x0.-.purged.d0_2.ok.png.4x4.-.-.d1');

  it.each(FAULTS)(
    'leaves those of other images, and is the only one, when, at any call, %s',
    async (fault) => {
      const calls = await atEveryCall(fault, {
        prepare: judged,
        act: (world) => replaceJudgement(world.images, imageAt(1), GONE),
        recover: async (world) => {
          // In whatever state it was left: the others are there.
          expect(await statuses(world)).toEqual(['ok', expect.any(String), 'ok']);
          await replaceJudgement(world.images, imageAt(1), GONE);
        },
        check: async (world) => {
          expect(await records(world)).toEqual([REPLACED]);
          expect(await world.truth.images.tags(REPLACED)).toEqual({ retention: 'short' });
        },
      });
      expect(calls).toBeGreaterThanOrEqual(4);
    },
  );

  it('holds from its creation on, although the old record is still there', async () => {
    await judged(world);
    world.images.delete = () => Promise.reject(new Error('died'));
    await expect(replaceJudgement(world.images, imageAt(1), GONE)).rejects.toThrow('died');
    expect(await records()).toHaveLength(2);
    expect(await statuses()).toEqual(['ok', 'quarantined', 'ok']);
  });

  it('holds when a run of tag, which has seen the image before, ends after it', async () => {
    await stored(world);
    const { create } = world.images;
    world.images.create = async (key, body, upload) => {
      if (!key.startsWith('renditions/')) {
        await replaceJudgement(world.truth.images, imageAt(1), GONE);
        await world.truth.images.delete([imageAt(1)]);
      }
      return create.call(world.images, key, body, upload);
    };
    await tag();
    expect(await records()).toHaveLength(2);
    expect(await statuses()).toEqual(['ok', 'quarantined', 'ok']);
  });

  it('holds when tag runs again after the image was removed', async () => {
    await judged(world);
    await replaceJudgement(world.images, imageAt(1), GONE);
    await world.truth.images.delete([imageAt(1)]);
    await tag();
    expect(await statuses()).toEqual(['ok', 'quarantined', 'ok']);
    // With any records that exist by then, it can be replaced again.
    await replaceJudgement(world.images, imageAt(0), GONE);
    expect(await statuses()).toEqual(['quarantined', 'quarantined', 'ok']);
  });

  it('makes a quarantined image one that is shown, of several records too', async () => {
    await judged(world);
    await replaceJudgement(world.images, imageAt(1), GONE);
    await world.truth.images.create(record([0, 1, 2].map((i) => `${i}.ok.png.4x4.-.-.d1`).join('_')), '');
    expect(await records()).toHaveLength(2);
    await replaceJudgement(world.images, imageAt(1), FINE);
    expect(await records()).toEqual([record('0.ok.png.4x4.-.-.d1_1.ok.png.4x4.-.-.d1_2.ok.png.4x4.-.-.d1')]);
  });

  it('of an image that was never judged stands in a record of its own', async () => {
    await world.truth.images.create(imageAt(1), png(4, 4));
    await replaceJudgement(world.images, imageAt(1), GONE);
    expect(await records()).toEqual([record('1.quarantined.unknown.0x0.-.purged.d0')]);
  });

  it('leaves the records of a cell in which the image has no place', async () => {
    for (const index of [3, 9]) await world.truth.images.create(imageAt(index), png(4, 4));
    await judgeCell(world.judgeDeps, { audit: AUDIT, n: CELL, indexes: [3, 9] });
    await replaceJudgement(world.images, imageAt(9), GONE);
    expect(await records()).toEqual([
      record('3.ok.png.4x4.-.-.d1'),
      record('9.quarantined.unknown.0x0.-.purged.d0'),
    ]);
  });
});
