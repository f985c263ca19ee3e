import { carryOutPurge, findPurge } from '../../cli/operator/purge.ts';
import { restoreAudit } from '../../cli/operator/restore.ts';
import { verifyAudit } from '../../cli/operator/verify.ts';
import { S3Store } from '../../lib/aws/objects.ts';
import type { Snapshot } from '../../lib/contract/rounds.ts';
import { backUp } from '../../lib/images/backup.ts';
import { itemKey, resultKey, snapshotKey } from '../../lib/records/keys.ts';
import { readRound } from '../../lib/records/round.ts';
import {
  allItems,
  auditAt,
  type Call,
  giveSlot,
  makeRound,
  plantAudit,
  ratingApi,
  send,
  whole,
} from '../support/rounds.ts';
import { operators, SILENT } from './operators.ts';
import { atEveryCall, eachWorld, FAULTS, type World, world } from './world.ts';

/** Rating rounds when the process dies, at any call: nothing is lost, nothing is there twice, and what is deleted is gone. */

const AUDIT = auditAt(1);
const OTHER = auditAt(2);
const MINUTE = 60_000;

eachWorld();

const apiOf = (in_: World, isTrue = false): Call =>
  ratingApi({
    store: isTrue ? in_.truth.images : in_.images,
    time: in_.time,
    queue: in_.queue,
    polls: in_.polls,
  });
const truth = (in_: World): Call => apiOf(in_, true);

/** An API that throws where a process would have died: it answers nothing. */
const dying =
  (in_: World): Call =>
  async (...request) => {
    const answer = await apiOf(in_)(...request);
    if (answer.status >= 500) throw new Error(answer.text);
    return answer;
  };

const small = (in_: World) => plantAudit(in_.truth.images, { id: AUDIT, samples: 1 });
/** The one round that there is, and the tokens of its raters. */
async function begin(in_: World): Promise<{ round: string; tokens: string[] }> {
  await small(in_);
  const round = await makeRound(truth(in_), [AUDIT], { slots: 2, ratings: 2 });
  const tokens = [await giveSlot(truth(in_), round, 1), await giveSlot(truth(in_), round, 2)];
  return { round, tokens };
}
const onlyRound = async (in_: World): Promise<string> => {
  const ids = await in_.truth.images.folders('rounds/', 10);
  expect(ids).toHaveLength(1);
  return ids[0]!;
};

describe.each(FAULTS)('when, at any call, %s', (fault) => {
  it('a round is made once, with each picture once, by repeating the request', async () => {
    const make = (in_: World, call: Call) => makeRound(call, [AUDIT], {}, 'once').then(() => in_);
    const calls = await atEveryCall(fault, {
      prepare: async (in_) => void (await small(in_)),
      act: (in_) => make(in_, dying(in_)),
      recover: async (in_) => void (await make(in_, truth(in_))),
      check: async (in_) => {
        const round = await onlyRound(in_);
        const plan = (await readRound(in_.truth.images, round))!;
        expect(plan.items).toHaveLength(4);
        expect(await in_.keys(`rounds/${round}/items/`)).toEqual(
          plan.items.map(({ opaque }) => itemKey(round, opaque)),
        );
        expect(await in_.keys(`audits/${AUDIT}/rounds/`)).toEqual([`audits/${AUDIT}/rounds/${round}`]);
        expect(await in_.rewritten('')).toEqual([]);
        expect(await in_.keys(`rounds/${round}/reported/`)).toEqual([]);
      },
    });
    expect(calls).toBeGreaterThan(20);
  });

  it('a batch of answers is stored once, by repeating it under its number', async () => {
    let known: Awaited<ReturnType<typeof begin>>;
    let answers: ReturnType<typeof whole>;
    const put = async (call: Call) => {
      const { status, body } = await send(call, known.tokens[0]!, 0, answers);
      if (status === 409) expect(body.stored).toEqual(answers.map(({ id }) => id));
      else expect(status).toBe(201);
    };
    await atEveryCall(fault, {
      prepare: async (in_) => {
        known = await begin(in_);
        const [first] = await allItems(truth(in_), known.tokens[0]!);
        answers = whole(first!.id);
      },
      act: (in_) => put(dying(in_)),
      recover: (in_) => put(truth(in_)),
      check: async (in_) => {
        const { body } = await truth(in_)('GET', '/api/rate', { token: known.tokens[0]! });
        expect([body.nextSeq, body.answered.length]).toEqual([1, 3]);
        expect(await in_.rewritten('rounds/')).toEqual([]);
      },
    });
  });

  it('a slot has one rater: the one before until the record of the next is written', async () => {
    let known: Awaited<ReturnType<typeof begin>>;
    const works = async (in_: World, token: string) =>
      (await truth(in_)('GET', '/api/rate', { token })).status === 200;
    await atEveryCall(fault, {
      prepare: async (in_) => {
        known = await begin(in_);
      },
      act: (in_) => giveSlot(dying(in_), known.round, 1, { name: 'Ann' }),
      recover: async (in_) => {
        const generations = await in_.keys(`rounds/${known.round}/slots/1/`);
        expect(await works(in_, known.tokens[0]!)).toBe(generations.length === 1);
      },
      check: async (in_) => {
        const token = await giveSlot(truth(in_), known.round, 1, { name: 'Ann' });
        expect(await works(in_, token)).toBe(true);
        expect(await works(in_, known.tokens[0]!)).toBe(false);
        expect(await works(in_, known.tokens[1]!)).toBe(true);
      },
    });
  });

  it('a closed round has one snapshot, with all labels, by reading it again', async () => {
    let known: Awaited<ReturnType<typeof begin>>;
    const read = async (in_: World, call: Call) => {
      await call('POST', `/api/rounds/${known.round}/close`);
      in_.pass(MINUTE + 1_000);
      await call('GET', `/api/rounds/${known.round}/snapshot`);
    };
    await atEveryCall(fault, {
      prepare: async (in_) => {
        known = await begin(in_);
        for (const token of known.tokens)
          for (const [seq, { id }] of (await allItems(truth(in_), token)).entries())
            await send(truth(in_), token, seq, whole(id));
      },
      act: (in_) => read(in_, dying(in_)),
      recover: (in_) => read(in_, truth(in_)),
      check: async (in_) => {
        const { value } = (await in_.truth.images.readJson<Snapshot>(snapshotKey(known.round)))!;
        expect(value.labels).toHaveLength(4 * 2 * 3);
        expect(await in_.rewritten('rounds/')).toEqual([]);
      },
    });
  });
});

const target = { audit: AUDIT, image: '00002/0' };
async function purge(stores: Pick<World, 'images' | 'backup'>, what: { audit: string; image?: string }) {
  const plan = await findPurge(operators(stores), what, SILENT);
  return carryOutPurge(operators(stores), plan, 'must not exist', SILENT);
}
/** The image itself and its result, which a planted audit lacks. */
async function plantImage({ truth: { images } }: World): Promise<void> {
  const key = `images/${target.audit}/${target.image}`;
  await images.create(key, 'image', { tags: { status: 'ok', retention: 'standard' } });
  await images.createJson(resultKey(AUDIT, 2), { images: [{ index: 0, key, sha256: 'ab' }] });
}

describe('a purged image', () => {
  const opaqueOf = async (in_: World, round: string) =>
    (await readRound(in_.truth.images, round))!.items.find(
      ({ image }) => image === `${target.audit}/${target.image}`,
    )!.opaque;

  it.each(FAULTS)(
    'is hidden in its rounds, and no version of its copy is left, when, at any call, %s',
    async (fault) => {
      let known: Awaited<ReturnType<typeof begin>>;
      await atEveryCall(fault, {
        prepare: async (in_) => {
          known = await begin(in_);
          await plantImage(in_);
        },
        act: (in_) => purge(in_, target),
        recover: async (in_) => void (await purge(in_.truth, target)),
        check: async (in_) => {
          const key = itemKey(known.round, await opaqueOf(in_, known.round));
          expect(await in_.versions(key)).toEqual([key]);
          expect((await in_.truth.images.head(key))!.bytes).toBe(0);
          expect((await in_.truth.images.tags(key))!.status).toBe('purged');
          for (const token of known.tokens)
            expect((await allItems(truth(in_), token)).map(({ id }) => id)).toHaveLength(3);
          expect((await truth(in_)('GET', `/api/rounds/${known.round}`)).body.reported).toEqual([
            `${target.audit}/${target.image}`,
          ]);
        },
      });
    },
  );

  it('does not come back by a request that was copying it at that moment', async () => {
    await small(world);
    await plantImage(world);
    const { images } = world.truth;
    let purged = false;
    class Slow extends S3Store {
      override within = () => this;
      override async create(...request: Parameters<S3Store['create']>) {
        // The rendition is read, and the operator is quicker.
        if (request[0].includes('/items/') && !purged) {
          purged = true;
          await purge(world.truth, target);
        }
        return super.create(...request);
      }
    }
    const slow = new Slow(images.client, images.bucket);
    const round = await makeRound(ratingApi({ store: slow, time: world.time }), [AUDIT], { slots: 3 });
    expect(purged).toBe(true);
    const key = itemKey(round, await opaqueOf(world, round));
    expect(await world.versions(key)).toEqual([key]);
    expect((await images.head(key))!.bytes).toBe(0);
  });
});

describe('the deletion', () => {
  /** Runs reconcile until nothing is open. */
  async function settle(in_: World) {
    for (let run = 0; run < 8; run++) {
      await in_.reconcile();
      in_.pass(31 * MINUTE);
    }
    expect(await in_.keys('open/')).toEqual([]);
  }

  it('of an audit takes its rounds along, also what comes to them late, and those of no other audit', async () => {
    const { round, tokens } = await begin(world);
    await plantAudit(world.truth.images, { id: OTHER, samples: 1 });
    const call = truth(world);
    const kept = await makeRound(call, [OTHER], {}, 'other');
    await call('DELETE', `/api/audits/${AUDIT}`);
    await world.reconcile();
    expect(await world.keys(`rounds/${round}/`)).toEqual([]);
    expect((await call('GET', '/api/rate', { token: tokens[0]! })).status).toBe(401);
    // The records of the audit are deleted, and then a request ends that had found the round before.
    world.pass(20 * MINUTE);
    await world.reconcile();
    expect(await world.keys(`audits/${AUDIT}/`)).toEqual([`audits/${AUDIT}/rounds/${round}`]);
    await world.truth.images.create(`rounds/${round}/labels/1.1/00000.json`, '{}');
    await settle(world);
    expect(await world.keys(`rounds/${round}/`)).toEqual([]);
    expect(await world.keys(`audits/${AUDIT}/`)).toEqual([]);
    expect(await world.keys(`rounds/${kept}/items/`)).toHaveLength(4);
    expect((await call('GET', '/api/rounds')).body.rounds.map(({ id }: { id: string }) => id)).toEqual([
      kept,
    ]);
  });

  it('of a round leaves its audit and its other rounds', async () => {
    const { round } = await begin(world);
    const call = truth(world);
    const kept = await makeRound(call, [AUDIT], {}, 'other');
    const before = (await world.keys('')).filter((key) => !key.includes(round));
    await call('DELETE', `/api/rounds/${round}`);
    await call('DELETE', `/api/rounds/${round}`);
    await settle(world);
    expect(await world.keys(`rounds/${round}/`)).toEqual([]);
    expect((await world.keys('')).filter((key) => !key.includes(round))).toEqual(before);
    expect(
      (await call('GET', `/api/rounds?audit=${AUDIT}`)).body.rounds.map(({ id }: { id: string }) => id),
    ).toEqual([kept]);
  });

  it.each(FAULTS)(
    'of an audit by an operator destroys every version of its rounds in both buckets, when, at any call, %s',
    async (fault) => {
      let round: string;
      await atEveryCall(fault, {
        prepare: async (in_) => {
          ({ round } = await begin(in_));
          await plantImage(in_);
          await backUp(in_.truth.images, in_.truth.backup, `audits/${AUDIT}/rounds/${round}`);
          await backUp(in_.truth.images, in_.truth.backup, `rounds/${round}/round.json`);
        },
        act: (in_) => purge(in_, { audit: AUDIT }),
        recover: async (in_) => void (await purge(in_.truth, { audit: AUDIT })),
        check: async (in_) => {
          expect(await in_.versions(`rounds/${round}/`)).toEqual([]);
          expect(await in_.keys(`rounds/${round}/`, in_.truth.backup)).toEqual([]);
          expect(await in_.keys(`deleted/${round}`)).toEqual([`deleted/${round}`]);
        },
      });
    },
  );
});

describe('the evidence of a closed round', () => {
  async function closed(in_: World): Promise<string> {
    const { round, tokens } = await begin(in_);
    const call = truth(in_);
    const [first] = await allItems(call, tokens[0]!);
    await send(call, tokens[0]!, 0, whole(first!.id));
    await giveSlot(call, round, 2, { name: 'Ann Example' });
    await call('POST', `/api/rounds/${round}/close`);
    in_.pass(2 * MINUTE);
    await call('GET', `/api/rounds/${round}/snapshot`);
    return round;
  }

  it('is copied by reconcile if its events were lost, without pictures, tokens and names', async () => {
    const round = await closed(world);
    await world.reconcile();
    expect(await world.keys('open/')).toEqual([`open/${round}`]);
    world.pass(20 * MINUTE);
    await world.reconcile();
    expect(await world.keys('open/')).toEqual([]);
    const copies = await world.keys('', world.truth.backup);
    const within = copies.filter((key) => key.startsWith(`rounds/${round}/`)).map((key) => key.slice(34));
    expect(within.filter((key) => !key.startsWith('slots/'))).toEqual([
      'closed.json',
      'labels/1.1/00000.json',
      'round.json',
      'snapshot.json',
    ]);
    expect(within.filter((key) => key.startsWith('slots/'))).toEqual(['slots/1/1', 'slots/2/1', 'slots/2/2']);
    expect(copies).toContain(`audits/${AUDIT}/rounds/${round}`);
    expect(copies.filter((key) => key.startsWith('codebooks/'))).toHaveLength(1);
  });

  it('is verified with its audit, and restored with the pictures that raters see', async () => {
    const round = await closed(world);
    world.pass(20 * MINUTE);
    await world.reconcile();
    const cloud = operators(world.truth);
    const manifest = {
      audit: AUDIT,
      retention: 'standard',
      createdAt: world.now().toISOString(),
      images: [],
    } as never;
    const roundsIn = (findings: Awaited<ReturnType<typeof verifyAudit>>) =>
      findings.records.filter(({ key }) => key.includes(round) || key.startsWith('codebooks/'));
    const before = roundsIn(await verifyAudit(cloud, manifest, SILENT));
    expect(before.length).toBeGreaterThan(7);
    expect(new Set(before.map(({ state }) => state))).toEqual(new Set(['identical']));
    const items = await world.keys(`rounds/${round}/items/`);
    const lost = [...before.map(({ key }) => key), ...items];
    await world.truth.images.delete(lost);
    const findings = await verifyAudit(cloud, manifest, SILENT);
    expect(new Set(roundsIn(findings).map(({ state }) => state))).toEqual(new Set(['missing in the bucket']));
    await restoreAudit(cloud, AUDIT, findings, SILENT, world.time);
    for (const key of lost) expect([key, await world.truth.images.exists(key)]).toEqual([key, true]);
    expect(new Set(roundsIn(await verifyAudit(cloud, manifest, SILENT)).map(({ state }) => state))).toEqual(
      new Set(['identical']),
    );
    // Deleted on purpose, it is not missed.
    await truth(world)('DELETE', `/api/rounds/${round}`);
    await world.reconcile();
    expect(roundsIn(await verifyAudit(cloud, manifest, SILENT))).toEqual([]);
  });
});
