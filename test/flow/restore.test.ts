import { createHash } from 'node:crypto';
import { adviceOn, isAllOk, isRestorable } from '../../cli/operator/findings.ts';
import { readManifest } from '../../cli/operator/manifest.ts';
import { restoreAudit } from '../../cli/operator/restore.ts';
import { isOk, verifyAudit } from '../../cli/operator/verify.ts';
import { DECODER_VERSION } from '../../lib/images/verdict.ts';
import { type Judgement, judgementKeys, listJudgements } from '../../lib/records/judgement.ts';
import { imageKey, manifestKey, planKey, renditionKey } from '../../lib/records/keys.ts';
import { png } from '../support/images.ts';
import { type AnsweringStore, answering, named, operators, recordCell, SILENT } from './operators.ts';
import { atEveryCall, eachWorld, FAULTS, type World, world } from './world.ts';

/** What verify finds of judgements and renditions, and how restore has `tag` judge what came back. */

const AUDIT = '7zzzzzzzzzzzzzzzzzzzzzzzzz';
const TAGS = { status: 'ok', retention: 'standard' };
const FACTS = { version: DECODER_VERSION, animated: false, alpha: false, c2pa: false, blank: false };
const FINE: Judgement = { status: 'ok', format: 'png', width: 4, height: 4, decoded: FACTS };
const DAMAGED: Judgement = { ...FINE, status: 'quarantined', decoded: { ...FACTS, reason: 'truncated' } };
const OLD: Judgement = { status: 'ok', format: 'png', width: 4, height: 4 };
const image = (index: number) => imageKey(AUDIT, 0, index);
const rendition = (index: number) => renditionKey(AUDIT, 0, index);
/** Three images. What was judged to be damaged is. */
const bytesOf = (index: number, judgement = FINE) =>
  png(4, 4, `image ${index}`).subarray(0, judgement.status === 'ok' ? undefined : -9);

eachWorld();

/** A finished audit of one cell with three images, all ok and with everything that belongs to them. */
async function finished(in_: World, judgements: Judgement[] = [FINE, FINE, FINE]): Promise<void> {
  const { images, backup } = in_.truth;
  const plan = await in_.accept(1);
  const stored = named(AUDIT, 0, [0, 1, 2]).map((one) => ({
    ...one,
    sha256: createHash('sha256').update(bytesOf(one.index, judgements[one.index])).digest('hex'),
  }));
  for (const { key, index } of stored) {
    const { status, decoded } = judgements[index]!;
    for (const store of [images, backup])
      await store.create(key, bytesOf(index, judgements[index]), { tags: { ...TAGS, status } });
    if (decoded && status === 'ok') await images.create(rendition(index), 'small', { tags: TAGS });
  }
  await record(in_, new Map(judgements.entries()));
  await recordCell(in_, plan, 0, stored);
  const manifest = {
    audit: { id: AUDIT, retention: 'standard' },
    createdAt: new Date().toISOString(),
    cells: [{ images: stored }],
  };
  for (const store of [images, backup]) {
    await store.createJson(planKey(AUDIT), plan);
    await store.createJson(manifestKey(AUDIT, 'json'), manifest);
    await store.create(manifestKey(AUDIT, 'csv'), '');
  }
}

async function record(in_: World, found: Map<number, Judgement>): Promise<void> {
  for (const key of judgementKeys(AUDIT, 0, found)) await in_.truth.images.create(key, '');
}

async function forget(in_: World): Promise<void> {
  await in_.truth.images.delete(await in_.keys(`audits/${AUDIT}/judged/`));
}

/** An image in the bucket that is not what it was, and what `tag` made of it. */
async function damage(in_: World, index: number): Promise<void> {
  const { images } = in_.truth;
  await images.delete([image(index), rendition(index)]);
  await images.create(image(index), 'not what it was', { tags: TAGS });
  await record(in_, new Map([[index, DAMAGED]]));
}

const verify = async (in_: World) => {
  const operator = operators(in_.truth);
  return verifyAudit(operator, await readManifest(operator, AUDIT), SILENT);
};

async function restore(in_: World, images: AnsweringStore = answering(in_)) {
  const operator = operators({ images, backup: in_.backup });
  const before = await verifyAudit(operator, await readManifest(operator, AUDIT), SILENT);
  return restoreAudit(operator, AUDIT, before, SILENT, in_.time);
}

const judged = async (in_: World) => {
  const found = (await listJudgements(in_.truth.images, AUDIT, 0, 0)).get(0);
  return [0, 1, 2].map((index) => found?.get(index));
};

describe('verify', () => {
  it('finds nothing wrong with an audit that has everything', async () => {
    await finished(world);
    expect(await verify(world)).toMatchObject({ faults: [], renditions: 3, older: 0 });
  });

  it('counts images that an older decoder judged, or none, and finds no fault in them', async () => {
    await finished(world, [FINE, OLD, { ...FINE, decoded: { ...FACTS, version: DECODER_VERSION - 1 } }]);
    expect(await verify(world)).toMatchObject({ faults: [], renditions: 2, older: 2 });
  });

  it.each<[string, (in_: World) => Promise<unknown>, boolean]>([
    ['no rendition', ({ truth }) => truth.images.delete([rendition(1)]), false],
    [
      'not judged',
      (in_) => forget(in_).then(() => record(in_, new Map([0, 2].map((i) => [i, FINE])))),
      false,
    ],
    ['of a quarantined image', (in_) => record(in_, new Map([[1, DAMAGED]])), false],
    [
      'of a purged image',
      ({ truth }) =>
        truth.images.createJson(`purged/${AUDIT}/00000/1`, { images: [{ key: image(1), sha256: [] }] }),
      true,
    ],
  ])('finds an image that is the only one of three with a fault: %s', async (state, plant, isPurged) => {
    await finished(world);
    await plant(world);
    const findings = await verify(world);
    expect(findings.faults).toEqual([{ image: image(1), state }]);
    expect(isRestorable(findings)).toBe(!isPurged);
    expect(adviceOn(findings, AUDIT, '--local').join()).toBe(
      isPurged
        ? `To remove a rendition that must not exist: npx weaudit purge ${image(1)} --local --reason "…"`
        : '',
    );
    expect(findings.images.every(isOk)).toBe(true);
  });

  it('finds a rendition whose image is in neither bucket nor manifest', async () => {
    await finished(world);
    await world.truth.images.create(rendition(7), 'small');
    const findings = await verify(world);
    expect(findings.faults).toEqual([{ image: image(7), state: 'without its image' }]);
    expect(isRestorable(findings)).toBe(false);
  });
});

describe('restore', () => {
  it('has tag judge the bytes that came back, makes their rendition again, and keeps what is said of neighbors', async () => {
    await finished(world);
    await damage(world, 1);
    await world.truth.images.create(rendition(1), 'of the damaged bytes');
    const stale = await world.hash(rendition(1));
    const images = answering(world);
    const restored = await restore(world, images);
    expect(restored.map(({ key, outcome }) => [key, outcome])).toEqual([[image(1), 'restored']]);
    expect(images.requested).toHaveLength(1);
    expect(await judged(world)).toEqual([FINE, FINE, FINE]);
    expect(await world.hash(rendition(1))).not.toBe(stale);
    expect(await world.truth.images.tags(rendition(1))).toEqual(TAGS);
    expect(await verify(world)).toMatchObject({ faults: [], older: 0 });
  });

  it('makes missing renditions, has unjudged images judged, and destroys renditions of quarantined ones', async () => {
    await finished(world, [FINE, FINE, DAMAGED]);
    await forget(world);
    await record(world, new Map([[0, FINE]]));
    await record(world, new Map([[2, DAMAGED]]));
    await world.truth.images.delete([rendition(0), rendition(1)]);
    await world.truth.images.create(rendition(2), 'small');
    const restored = await restore(world);
    expect(restored.map(({ key, outcome }) => [key, outcome]).sort()).toEqual([
      [image(1), 'restored'],
      [rendition(0), 'restored'],
      [rendition(2), 'restored'],
    ]);
    expect(await judged(world)).toEqual([FINE, FINE, DAMAGED]);
    expect(await verify(world)).toMatchObject({ faults: [], renditions: 2 });
  });

  it('brings bytes back although tag gives no answer, says so, and continues when it is run again', async () => {
    await finished(world);
    await damage(world, 1);
    const silent = answering(world);
    silent.isSilent = true;
    const restored = await restore(world, silent);
    expect(restored.map(({ key, outcome }) => [key, outcome])).toEqual([
      [image(1), 'restored'],
      [image(1), 'not judged'],
    ]);
    expect(await world.hash(image(1))).toBe(createHash('sha256').update(bytesOf(1)).digest('hex'));
    expect((await verify(world)).faults).toEqual([{ image: image(1), state: 'not judged' }]);
    await restore(world);
    expect((await verify(world)).faults).toEqual([]);
  });

  it('brings back the images of an audit whose results are lost, and says that they cannot be judged', async () => {
    await finished(world);
    await world.truth.images.delete([image(0), ...(await world.keys(`audits/${AUDIT}/results/`))]);
    const restored = await restore(world);
    expect(restored.map(({ key, outcome }) => [key, outcome])).toEqual([
      [image(0), 'restored'],
      [image(0), 'no result'],
    ]);
    const findings = await verify(world);
    expect(findings.faults).toEqual([0, 1, 2].map((i) => ({ image: image(i), state: 'no result' })));
    expect([isAllOk(findings), isRestorable(findings)]).toEqual([false, false]);
    expect(adviceOn(findings, AUDIT, '--local').join()).toMatch(/^3 images cannot be judged or shown: /);
  });

  it.each(FAULTS)(
    'leaves nothing undone that a second run does not do when, at any call, %s',
    async (fault) => {
      const calls = await atEveryCall(fault, {
        prepare: async (world) => {
          await finished(world);
          await damage(world, 1);
          await world.truth.images.delete([rendition(2)]);
        },
        act: (world) => restore(world),
        recover: (world) => restore(world).then(() => {}),
        check: async (world) => {
          const { images, faults } = await verify(world);
          expect([images.every(isOk), faults]).toEqual([true, []]);
          expect(await judged(world)).toEqual([FINE, FINE, FINE]);
        },
      });
      expect(calls).toBeGreaterThanOrEqual(30);
    },
  );
});
