import { ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { carryOutPurge, findPurge } from '../../cli/operator/purge.ts';
import { acceptAudit } from '../../lib/audits/accept.ts';
import { parseDesign } from '../../lib/audits/request.ts';
import { monthOf, readLedger } from '../../lib/money/ledger.ts';
import { deletedKey, imageKey, renditionKey } from '../../lib/records/keys.ts';
import { readPlan } from '../../lib/records/plan.ts';
import { named, operators, recordCell, SILENT } from './operators.ts';
import { atEveryCall, eachWorld, FAULTS, type World, world } from './world.ts';

/** A purge, stopped at every call, beside a run of `tag` that began before it. */

const AUDIT = '7zzzzzzzzzzzzzzzzzzzzzzzzz';
const TAGS = { status: 'ok', retention: 'short' };
const IMAGE = { audit: AUDIT, image: '00000/1' };

eachWorld();

async function purge(stores: Pick<World, 'images' | 'backup'>, target: { audit: string; image?: string }) {
  const plan = await findPurge(operators(stores), target, SILENT);
  return carryOutPurge(operators(stores), plan, 'must not exist', SILENT);
}

/** Keys with any version or delete marker. */
async function traces(in_: World, bucket: 'images' | 'backup', prefix: string): Promise<string[]> {
  const { client } = in_.truth[bucket];
  const { Versions = [], DeleteMarkers = [] } = await client.send(
    new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix }),
  );
  return [...new Set([...Versions, ...DeleteMarkers].map(({ Key }) => Key!))].sort();
}

/** One cell with two images, their renditions and their judgements; the rendition of one has an old version. */
async function prepare(in_: World): Promise<void> {
  const plan = await in_.accept(1);
  const { images, backup } = in_.truth;
  await images.delete([`open/${AUDIT}`]);
  const stored = named(AUDIT, 0, [0, 1]);
  for (const { key, index } of stored) {
    for (const store of [images, backup]) await store.create(key, `image ${index}`, { tags: TAGS });
    await images.create(renditionKey(AUDIT, 0, index), `small ${index}`, { tags: TAGS });
  }
  await images.delete([renditionKey(AUDIT, 0, 1)]);
  await images.create(renditionKey(AUDIT, 0, 1), 'small again', { tags: TAGS });
  await images.create(`audits/${AUDIT}/judged/00000/0.ok.png.4x4.-.-.d1_1.ok.png.4x4.-.-.d1`, '');
  await recordCell(in_, plan, 0, stored);
}

describe('the purge of an image', () => {
  it.each(FAULTS)(
    'leaves no version of it and of its rendition, and all of its neighbor, when, at any call, %s',
    async (fault) => {
      const calls = await atEveryCall(fault, {
        prepare,
        act: (world) => purge(world, IMAGE),
        recover: (world) => purge(world.truth, IMAGE).then(() => {}),
        check: async (world) => {
          expect(await traces(world, 'images', 'images/')).toEqual([imageKey(AUDIT, 0, 0)]);
          expect(await traces(world, 'images', 'renditions/')).toEqual([renditionKey(AUDIT, 0, 0)]);
          expect(await traces(world, 'backup', 'images/')).toEqual([imageKey(AUDIT, 0, 0)]);
          expect(await world.keys('purged/')).toEqual([`purged/${AUDIT}/00000/1`]);
          expect(await world.keys('deleted/')).toEqual([]);
        },
      });
      expect(calls).toBeGreaterThanOrEqual(10);
    },
  );

  it('counts the rendition and its versions beside the image before and after', async () => {
    await prepare(world);
    const plan = await findPurge(operators(world), IMAGE, SILENT);
    expect(plan).toMatchObject({ renditions: 1, versions: { bucket: 4, backup: 1 } });
    expect(plan.images.map(({ key }) => key)).toEqual([imageKey(AUDIT, 0, 1)]);
    const done = await carryOutPurge(operators(world), plan, 'must not exist', SILENT);
    expect(done).toMatchObject({ images: 1, renditions: 1, versions: { bucket: 4, backup: 1 } });
  });

  it('destroys a rendition that came back after an earlier purge', async () => {
    await prepare(world);
    await purge(world, IMAGE);
    await world.truth.images.create(renditionKey(AUDIT, 0, 1), 'by a late run');
    expect(await purge(world, IMAGE)).toMatchObject({ renditions: 1 });
    expect(await traces(world, 'images', renditionKey(AUDIT, 0, 1))).toEqual([]);
  });
});

describe('the purge of an audit', () => {
  const auditOf = async (in_: World) => (await in_.keys('open/'))[0]!.slice('open/'.length);
  const NOTHING = ['images/', 'renditions/', 'audits/', 'leases/'];

  it.each(FAULTS)(
    'leaves its tombstones and no version of anything else when, at any call, %s',
    async (fault) => {
      const calls = await atEveryCall(fault, {
        prepare,
        act: (world) => purge(world, { audit: AUDIT }),
        recover: (world) => purge(world.truth, { audit: AUDIT }).then(() => {}),
        check: async (world) => {
          const left = [...(await traces(world, 'images', '')), ...(await traces(world, 'backup', ''))];
          expect(left.filter((key) => NOTHING.some((prefix) => key.startsWith(prefix)))).toEqual([]);
          expect(await world.keys('')).toEqual([
            `deleted/${AUDIT}`,
            `open/${AUDIT}`,
            `purged/${AUDIT}/audit`,
          ]);
        },
      });
      expect(calls).toBeGreaterThanOrEqual(12);
    },
  );

  it.each([
    ['an image', IMAGE, `purged/${AUDIT}/00000/1`],
    ['an audit', { audit: AUDIT }, deletedKey(AUDIT)],
  ])('of %s destroys nothing before its tombstone is there', async (_what, target, tombstone) => {
    const calls = await atEveryCall('the process dies', {
      prepare,
      act: (world) => purge(world, target),
      recover: async (world) => {
        if ((await world.keys(tombstone)).length > 0) return;
        expect(await world.keys('images/')).toHaveLength(2);
        expect(await world.keys('renditions/')).toHaveLength(2);
        expect(await world.keys('images/', world.truth.backup)).toHaveLength(2);
      },
      check: async () => {},
    });
    expect(calls).toBeGreaterThanOrEqual(10);
  });

  it.each(FAULTS)('leaves what it has cost in the sum of its month when, at any call, %s', async (fault) => {
    const FLUX = 'black-forest-labs/flux-schnell';
    await atEveryCall(fault, {
      prepare: async (in_) => {
        const text = JSON.stringify({ prompts: ['a nurse'], models: [FLUX], samples: 2 });
        const origin = { caller: 'ann', request: 'r', idempotencyKey: undefined, body: text };
        const deps = { ...in_.turnDeps, store: in_.truth.images, log: { error() {}, warn() {} } };
        const { id } = await acceptAudit(deps, parseDesign(text), origin);
        await in_.ask((await readPlan(in_.truth.images, id))!);
      },
      act: async (in_) => purge(in_, { audit: await auditOf(in_) }),
      recover: async (in_) => void (await purge(in_.truth, { audit: await auditOf(in_) }).catch(() => {})),
      check: async (in_) => {
        for (let run = 0; run < 20 && (await in_.keys('open/')).length > 0; run++) {
          in_.pass(16 * 60_000);
          await in_.reconcile();
        }
        await in_.reconcile();
        expect(await in_.keys('audits/')).toEqual([]);
        expect(await readLedger(in_.truth.images, monthOf(in_.now()))).toEqual({ audits: {}, closed: 6_000 });
      },
    });
  });

  it('leaves a tombstone for a late run of tag although the plan is gone, and has what comes late swept', async () => {
    await prepare(world);
    await world.truth.images.delete([`audits/${AUDIT}/audit.json`]);
    await purge(world, { audit: AUDIT });
    expect(await world.keys('')).toEqual([`deleted/${AUDIT}`, `open/${AUDIT}`, `purged/${AUDIT}/audit`]);
  });
});
