import { GetObjectCommand } from '@aws-sdk/client-s3';
import { parse } from 'csv-parse/sync';
import { acceptAudit, type Origin } from '../../lib/audits/accept.ts';
import { cancelAudit, deleteAudit } from '../../lib/audits/end.ts';
import { auditStatus, listAudits } from '../../lib/audits/read.ts';
import { parseDesign } from '../../lib/audits/request.ts';
import { askTurn } from '../../lib/cells/ask-turn.ts';
import type { Range } from '../../lib/records/blocks.ts';
import {
  cancelKey,
  deletedKey,
  imageKey,
  manifestKey,
  openKey,
  planKey,
  resultKey,
} from '../../lib/records/keys.ts';
import type { Plan } from '../../lib/records/plan.ts';
import type { Result } from '../../lib/records/result.ts';
import { ReplicateRefusal } from '../../lib/replicate/errors.ts';
import { systemChance } from '../../lib/system.ts';
import { png } from '../support/images.ts';
import { atEveryCall, cloud, eachWorld, FAULTS, type World, world } from './world.ts';

const AUDIT = '7zzzzzzzzzzzzzzzzzzzzzzzzz';
const CELLS = 2;
const RANGE = { audit: AUDIT, from: 0, to: CELLS - 1 };
const MINUTE = 60_000;

eachWorld();

const BODY = JSON.stringify({ prompts: ['a nurse'], models: ['a/b'], samples: CELLS });
let requests = 0;
const origin = (change: Partial<Origin> = {}): Origin => ({
  caller: 'ann',
  request: `request-${++requests}`,
  idempotencyKey: 'once',
  body: BODY,
  ...change,
});
/** Audits whose messages could not be sent, as the log has them. */
const unsent: unknown[] = [];
const acceptDeps = (in_: World) => ({
  store: in_.images,
  queue: in_.queue,
  replicate: in_.replicate,
  time: in_.time,
  chance: systemChance,
  log: {
    error: (_message: string, about?: Record<string, unknown>) => void unsent.push(about?.audit),
    warn: () => {},
  },
});
const accept = (in_: World, from: Origin = origin()) => acceptAudit(acceptDeps(in_), parseDesign(BODY), from);

/** Asks for cells of an audit, as its chain does. */
async function advance(in_: World, { audit, from, to }: Range): Promise<void> {
  const plan = (await in_.turnDeps.readPlan(audit))!;
  const onCreate = in_.replicate.onCreate;
  in_.replicate.onCreate = (request) => {
    const cell = Number(request.webhook.slice(-5));
    if (cell < from || cell > to) throw new ReplicateRefusal(500, 'not this one', undefined);
    return onCreate(request);
  };
  for (let turn = 0; turn < 3; turn++) await in_.ask(plan, { cell: from });
  in_.replicate.onCreate = onCreate;
}

/** Delivers what is in the queues, delays aside, until nothing is left or only what waits for time to pass. */
async function drainQueue(in_: World): Promise<void> {
  for (let turns = 0; ; turns++) {
    if (turns > 40) return;
    const ask = in_.queue.messages.shift();
    const faults = ask ? (await askTurn(in_.turnDeps, ask.message, in_.turn())).faults : [];
    const poll = ask ? undefined : in_.polls.messages.shift();
    if (poll) faults.push(...(await in_.poll(poll.message)).faults);
    if (faults[0]) throw faults[0].error;
    if (!ask && !poll) return;
    in_.pass((ask ?? poll)!.delaySeconds * 1_000);
  }
}

/** Every prediction succeeds and its webhook comes. */
async function deliverWebhooks(in_: World): Promise<void> {
  for (const { prediction, request } of [...in_.replicate.asked.values()]) {
    const [audit, cell] = request.webhook.split('/').slice(-2) as [string, string];
    const plan = await in_.turnDeps.readPlan(audit);
    const ended = in_.replicate.end(prediction.id, { output: in_.outputs(prediction.id, 1) });
    if (plan) await in_.finish(plan, Number(cell), ended);
  }
  for (const key of await in_.keys('audits/'))
    if (key.endsWith('/audit.json')) await in_.poll({ audit: key.split('/')[1]!, from: 0, to: 99 });
}

/** Lets reconcile run, with the queue and the webhooks at work, until it has nothing open. */
async function settle(in_: World, { webhooks = true } = {}): Promise<void> {
  for (let runs = 0; (await in_.keys('open/')).length > 0; runs++) {
    if (runs > 16) throw new Error(`never settled: ${(await in_.keys('')).join(' ')}`);
    in_.pass(16 * MINUTE);
    const { faults } = await in_.reconcile();
    if (faults[0]) throw faults[0].error;
    await drainQueue(in_);
    if (webhooks) await deliverWebhooks(in_);
  }
}

const rewrittenFacts = async (in_: World) =>
  (await in_.rewritten('')).filter((key) => !/^(leases|open|flow)\//.test(key));

/** All keys but what a model has in flight, which belongs to no audit and expires by itself. */
const remaining = async (in_: World) => (await in_.keys('')).filter((key) => !key.startsWith('flow/'));

describe('accepting an audit', () => {
  it.each(FAULTS)(
    'leaves nothing half-accepted where the caller gives up after, at any call, %s',
    async (fault) => {
      await atEveryCall(fault, {
        prepare: async () => {},
        act: (world) => accept(world, origin({ idempotencyKey: undefined })),
        recover: settle,
        check: async (world) => {
          const plans = (await world.keys('audits/')).filter((key) => key.endsWith('audit.json'));
          // Either accepted, and then done in full, or never there.
          expect(world.replicate.asked.size).toBe(plans.length * CELLS);
        },
      });
    },
  );

  it('sent five times at once with one Idempotency-Key is one audit, and its cells are sent once', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => accept(world)));
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(world.queue.messages).toHaveLength(1);
    expect(await world.keys('open/')).toHaveLength(1);
  });

  it('with the Idempotency-Key of another body is refused, and so is that of a deleted audit', async () => {
    const { id } = await accept(world);
    await expect(accept(world, origin({ body: '{}' }))).rejects.toMatchObject({ status: 422 });
    await deleteAudit(world.endDeps, id, 'ann');
    await expect(accept(world)).rejects.toMatchObject({ status: 410 });
    await settle(world);
    await expect(accept(world)).rejects.toMatchObject({ status: 410 });
  });

  it('with the same Idempotency-Key of two callers makes two audits', async () => {
    const [ann, bob] = [await accept(world), await accept(world, origin({ caller: 'bob' }))];
    expect(ann.id).not.toBe(bob.id);
  });

  it.each([
    [
      'is not known to Replicate',
      new ReplicateRefusal(404, 'Not found', undefined),
      422,
      'does not know the model "a/b"',
    ],
    [
      'cannot be asked about with our token',
      new ReplicateRefusal(401, 'Unauthenticated', undefined),
      502,
      'operator',
    ],
    ['cannot be asked about now', new ReplicateRefusal(429, 'slow down', 5), 503, 'Nothing was written'],
  ])('of a model that %s is refused and writes nothing', async (_why, error, status, words) => {
    world.replicate.model = async () => {
      throw error;
    };
    await expect(accept(world)).rejects.toMatchObject({ status, message: expect.stringContaining(words) });
    expect(await world.keys('')).toEqual([]);
  });

  it('is an answer of 202 once the plan is durable, although the queue is down: reconcile sends the messages', async () => {
    world.queue.send = () => Promise.reject(new Error('the queue is down'));
    const { id } = await accept(world, origin({ idempotencyKey: undefined }));
    expect(unsent).toContain(id);
    expect(await world.keys('open/')).toEqual([openKey(id)]);
  });

  it('says which input a model does not know, instead of letting Replicate ignore it', async () => {
    const body = JSON.stringify({
      prompts: ['x'],
      models: [{ model: 'a/b', input: { sead: 1 } }],
      samples: 1,
    });
    const deps = acceptDeps(world);
    await expect(acceptAudit(deps, parseDesign(body), origin({ body }))).rejects.toMatchObject({
      status: 422,
      message: expect.stringContaining('has no input "sead"'),
    });
  });

  it('an audit in a name of emoji and right-to-left marks can be listed by that name', async () => {
    const name = `\u202e${'👩🏽‍⚕️'.repeat(20)} Ärztin`;
    const body = JSON.stringify({ name, prompts: ['x'], models: ['a/b'], samples: 1 });
    const deps = acceptDeps(world);
    const { id } = await acceptAudit(deps, parseDesign(body), origin({ body }));
    const { audits } = await listAudits(world.endDeps, {});
    expect(audits).toEqual([
      expect.objectContaining({ id, name: `${Array.from(name).slice(0, 79).join('')}…` }),
    ]);
  });
});

/** The prediction of the first cell was aborted before it started. */
const abortFirst = (plan: Plan) => {
  const [{ prediction }] = world.replicate.askedFor(AUDIT, 0) as unknown as [{ prediction: { id: string } }];
  const aborted = world.replicate.end(prediction.id, { status: 'aborted' });
  return world.finish(plan, 0, aborted);
};

/** The chain that looks after the first cells looks again, whenever that is due. */
const look = (in_: World) => {
  const { message, delaySeconds } = in_.polls.messages.at(-1)!;
  in_.pass(delaySeconds * 1_000);
  return in_.poll(message);
};

describe('reconcile', () => {
  /** All cells have ended, and no event has come. */
  const ended = async (in_: World, cells = CELLS) => {
    await in_.accept(cells);
    await advance(in_, RANGE);
    await deliverWebhooks(in_);
  };
  /** Every record is where it belongs, and the audit is over. */
  const expectSettled = async (in_: World, cells = CELLS) => {
    expect(await in_.keys('open/')).toEqual([]);
    expect(await in_.keys('leases/')).toEqual([]);
    const images = await in_.keys(`images/${AUDIT}/`);
    expect(images).toHaveLength(cells);
    expect(await in_.keys(`images/${AUDIT}/`, in_.truth.backup)).toEqual(images);
    for (const key of [...images, planKey(AUDIT), manifestKey(AUDIT, 'json'), manifestKey(AUDIT, 'csv')])
      expect(await in_.hash(key, in_.truth.backup)).toBe(await in_.hash(key));
    const manifest = (await in_.truth.images.readJson<{ cells: { images: object[] }[] }>(
      manifestKey(AUDIT, 'json'),
    ))!;
    expect(manifest.value.cells.flatMap((cell) => cell.images)).toEqual(
      images.map((key) => expect.objectContaining({ key, status: 'ok', width: 8, height: 8 })),
    );
    expect(await rewrittenFacts(in_)).toEqual([]);
  };

  // One that fails, or hears nothing, is one that dies: the next run starts from the beginning.
  const RECONCILE_FAULTS = FAULTS.filter((fault) => fault === 'the process dies');

  it.each(RECONCILE_FAULTS)('has tag judge, and all once, when, at any call, %s', async (fault) => {
    const calls = await atEveryCall(fault, {
      prepare: async (world) => {
        await ended(world, 1);
        world.pass(16 * MINUTE);
        await look(world);
      },
      act: (world) => world.reconcile(),
      recover: settle,
      check: (world) => expectSettled(world, 1),
    });
    expect(calls).toBeGreaterThan(10);
  });

  it.each(RECONCILE_FAULTS)(
    'backs up, writes the manifest, and all once, when, at any call, %s',
    async (fault) => {
      const calls = await atEveryCall(fault, {
        prepare: async (world) => {
          await ended(world, 1);
          world.pass(16 * MINUTE);
          await look(world);
          await world.reconcile();
        },
        act: (world) => world.reconcile(),
        recover: settle,
        check: (world) => expectSettled(world, 1),
      });
      expect(calls).toBeGreaterThan(10);
    },
  );

  it.each(RECONCILE_FAULTS)('backs up the records and closes, when, at any call, %s', async (fault) => {
    await atEveryCall(fault, {
      prepare: async (world) => {
        await ended(world, 1);
        await world.judgeAndBackUp(AUDIT);
        await look(world);
        world.pass(16 * MINUTE);
      },
      act: (world) => world.reconcile(),
      recover: settle,
      check: (world) => expectSettled(world, 1),
    });
  });

  it('restarts a chain that has stopped, and what its old message does then is nothing', async () => {
    const plan = await world.accept(CELLS);
    const old = { ...RANGE, link: 0 };
    world.pass(16 * MINUTE);
    expect(await world.reconcile()).toMatchObject({ repairs: 1 });
    expect(world.queue.messages.map(({ message }) => message)).toEqual([{ ...RANGE, link: 1 }]);
    await askTurn(world.turnDeps, old, world.turn());
    expect(world.replicate.asked.size).toBe(0);
    await world.ask(plan);
    expect(world.replicate.asked.size).toBe(CELLS);
  });

  it('lets chains that move alone', async () => {
    await world.accept(CELLS);
    await advance(world, RANGE);
    world.pass(14 * MINUTE);
    expect(await world.reconcile()).toMatchObject({ repairs: 0 });
  });

  /** A cell whose result names three images. */
  const withThree = async (in_: World) => {
    const plan = await in_.accept(1);
    await advance(in_, { ...RANGE, to: 0 });
    const [{ prediction }] = in_.replicate.askedFor(AUDIT, 0) as unknown as [{ prediction: { id: string } }];
    const end = in_.replicate.end(prediction.id, { output: in_.outputs(prediction.id, 3) });
    await in_.finish(plan, 0, end);
    await in_.poll({ ...RANGE, to: 0 });
  };
  /** And a fourth is stored, which no result names. */
  const withOrphan = async (in_: World) => {
    await withThree(in_);
    await in_.truth.images.create(imageKey(AUDIT, 0, 3), png(8, 8), {
      tags: { status: 'pending', retention: 'standard' },
    });
  };
  const record = (...indexes: number[]) =>
    `audits/${AUDIT}/judged/00000/${indexes.map((index) => `${index}.ok.png.8x8.-.-.d1`).join('_')}`;
  const judgedKeys = () => world.keys(`audits/${AUDIT}/judged/`);

  it('has tag judge an image that no result names, beside the record of those that are judged, and copies it then', async () => {
    await withOrphan(world);
    await world.judgeAndBackUp(AUDIT);
    expect(await judgedKeys()).toEqual([record(0, 1, 2)]);
    expect(await world.reconcile()).toMatchObject({ repairs: 0, manifests: 0 });
    world.pass(16 * MINUTE);
    await look(world);
    expect(await world.reconcile()).toMatchObject({ repairs: 1, manifests: 0 });
    expect(await judgedKeys()).toEqual([record(0, 1, 2), record(3)]);
    expect(await world.truth.images.tags(imageKey(AUDIT, 0, 3))).toMatchObject({ status: 'ok' });
    expect(await world.reconcile()).toMatchObject({ repairs: 1, manifests: 1, faults: [] });
    expect(await world.truth.backup.tags(imageKey(AUDIT, 0, 3))).toMatchObject({ status: 'ok' });
  });

  it('has tag judge the images of a cell whose event was lost, so that a late event writes nothing again', async () => {
    await withThree(world);
    world.pass(16 * MINUTE);
    await look(world);
    expect(await world.reconcile()).toMatchObject({ repairs: 1, manifests: 0 });
    expect(await world.reconcile()).toMatchObject({ repairs: 3, manifests: 1 });
    await world.judgeAndBackUp(AUDIT);
    expect(await judgedKeys()).toEqual([record(0, 1, 2)]);
    expect(await world.versions('renditions/')).toHaveLength(3);
    expect(await rewrittenFacts(world)).toEqual([]);
  });

  it('requests judgements at most once in 15 minutes, because they may take that long, and reads no image', async () => {
    await withThree(world);
    world.pass(16 * MINUTE);
    const requests: string[] = [];
    const setTags = world.images.setTags.bind(world.images);
    world.images.setTags = async (key, tags) => requests.push(key) > 0 && setTags(key, tags);
    world.images.readRange = () => Promise.reject(new Error('reconcile decodes nothing'));
    world.tagAgain = async () => {};
    for (const repairs of [1, 0, 0, 1]) {
      await world.poll(world.polls.messages.at(-1)!.message);
      expect(await world.reconcile()).toMatchObject({ repairs, manifests: 0, faults: [] });
      world.pass(6 * MINUTE);
    }
    expect(requests).toEqual([resultKey(AUDIT, 0), resultKey(AUDIT, 0)]);
    expect(await world.truth.images.tags(resultKey(AUDIT, 0))).toEqual({ retention: 'standard' });
  });

  it('leaves a cell whose last image is young to its event, however old the others are', async () => {
    await withOrphan(world);
    world.pass(16 * MINUTE);
    const list = world.images.list.bind(world.images);
    world.images.list = async function* (prefix, after, page) {
      for await (const one of list(prefix, after, page))
        yield one.key === imageKey(AUDIT, 0, 3) ? { ...one, modified: world.now() } : one;
    };
    await look(world);
    expect(await world.reconcile()).toMatchObject({ repairs: 0, manifests: 0 });
    expect(await judgedKeys()).toEqual([]);
  });

  it('waits for the events of young images instead of doing their work', async () => {
    await ended(world);
    const { repairs, manifests } = await world.reconcile();
    expect({ repairs, manifests }).toEqual({ repairs: 0, manifests: 0 });
  });

  it('closes an audit without repairs when every event arrived', async () => {
    await ended(world);
    await world.judgeAndBackUp(AUDIT);
    await look(world);
    expect(await world.reconcile()).toMatchObject({ repairs: 0, manifests: 0, closed: 0 });
    world.pass(16 * MINUTE);
    expect(await world.reconcile()).toMatchObject({ closed: 1, faults: [] });
    await expectSettled(world);
  });

  it('restarts a chain that looks after a block, at most once in 15 minutes', async () => {
    await world.accept(CELLS);
    await advance(world, RANGE);
    world.polls.messages = [];
    world.pass(16 * MINUTE);
    expect(await world.reconcile()).toMatchObject({ repairs: 1 });
    world.pass(5 * MINUTE);
    expect(await world.reconcile()).toMatchObject({ repairs: 0 });
    expect(world.polls.messages).toEqual([{ message: { ...RANGE, link: 0 }, delaySeconds: 0 }]);
  });

  it('finishes an audit whose messages and webhooks were all lost', async () => {
    await world.accept(CELLS);
    world.pass(16 * MINUTE);
    await world.reconcile();
    await drainQueue(world);
    for (const { prediction } of world.replicate.asked.values())
      world.replicate.end(prediction.id, { output: world.outputs(prediction.id, 1) });
    await settle(world, { webhooks: false });
    await expectSettled(world);
  });

  it('asks again for a cell whose prediction was aborted', async () => {
    const plan = await world.accept(CELLS);
    await advance(world, RANGE);
    expect(await abortFirst(plan)).toBe('aborted');
    await settle(world);
    await expectSettled(world);
    expect(world.replicate.askedFor(AUDIT, 0)).toHaveLength(2);
  });

  it('closes what a request that died left behind, and nothing younger', async () => {
    await world.images.create(openKey(AUDIT), '');
    expect(await world.reconcile()).toMatchObject({ closed: 0 });
    world.pass(16 * MINUTE);
    expect(await world.reconcile()).toMatchObject({ closed: 1 });
    expect(await world.keys('')).toEqual([]);
  });

  it('keeps the audit open of a request that is repeated while what it left is being closed', async () => {
    const createJson = world.images.createJson.bind(world.images);
    world.images.createJson = (key, ...rest) =>
      key.endsWith('audit.json') ? Promise.reject(new Error('the process died')) : createJson(key, ...rest);
    await expect(accept(world)).rejects.toThrow('the process died');
    world.images.createJson = createJson;
    world.pass(16 * MINUTE);
    const { deleteIf } = world.images;
    world.images.deleteIf = async (key, etag) => {
      await accept(world);
      return deleteIf.call(world.images, key, etag);
    };
    expect(await world.reconcile()).toMatchObject({ closed: 0 });
    expect(await world.keys('open/')).toHaveLength(1);
  });

  it('sees to all other audits when one cannot be seen to', async () => {
    await ended(world);
    const broken = AUDIT.replace('7', '6');
    await world.images.create(openKey(broken), '');
    await world.images.create(planKey(broken), 'no JSON');
    world.pass(16 * MINUTE);
    await look(world);
    await world.reconcile();
    const { faults, manifests } = await world.reconcile();
    expect(faults.map(({ audit }) => audit)).toEqual([broken]);
    expect(manifests).toBe(1);
  });

  it('does not write a manifest over a backup that is not what it should be', async () => {
    await ended(world);
    await world.truth.backup.create(`images/${AUDIT}/00000/0`, 'not the picture');
    world.pass(16 * MINUTE);
    await look(world);
    await world.reconcile();
    const { faults } = await world.reconcile();
    expect(faults[0]?.error.name).toBe('BackupMismatch');
    expect(await world.keys(`audits/${AUDIT}/manifest`)).toEqual([]);
  });
});

describe('canceling an audit', () => {
  it.each(FAULTS)('ends every cell and runs nothing when, at any call, %s', async (fault) => {
    await atEveryCall(fault, {
      prepare: async (world) => {
        await world.accept(CELLS);
        await advance(world, { ...RANGE, to: 0 });
      },
      act: (world) => cancelAudit(world.endDeps, AUDIT, 'ann'),
      recover: async (world) => {
        // Nobody repeats the request: what was noted is carried out, what was not is not.
        if (await world.truth.images.exists(cancelKey(AUDIT))) await settle(world, { webhooks: false });
      },
      check: async (world) => {
        if (!(await world.truth.images.exists(cancelKey(AUDIT)))) return;
        expect(world.replicate.canceled).toHaveLength(1);
        expect(world.replicate.asked.size).toBe(1);
        expect(await auditStatus(world.endDeps, AUDIT)).toMatchObject({
          state: 'canceled',
          counts: { canceled: CELLS },
          manifest: true,
        });
      },
    });
  });
});

describe('deleting an audit', () => {
  it('in the very moment in which reconcile closes it, and dies, is carried out', async () => {
    await world.accept(CELLS);
    await advance(world, RANGE);
    await deliverWebhooks(world);
    await world.judgeAndBackUp(AUDIT);
    await look(world);
    world.pass(16 * MINUTE);
    const { deleteIf, create } = world.images;
    world.images.deleteIf = async (key, etag) => {
      await deleteAudit({ ...world.endDeps, store: world.truth.images }, AUDIT, 'ann');
      world.images.create = () => Promise.reject(new Error('the process died'));
      return deleteIf.call(world.images, key, etag);
    };
    await world.reconcile();
    Object.assign(world.images, { deleteIf, create });
    await settle(world, { webhooks: false });
    expect(await remaining(world)).toEqual([deletedKey(AUDIT)]);
  });

  it('is carried out although the tombstone comes long after its mark: what was just marked is not closed', async () => {
    await world.accept(CELLS);
    await advance(world, RANGE);
    await deliverWebhooks(world);
    await world.judgeAndBackUp(AUDIT);
    await look(world);
    world.pass(16 * MINUTE);
    const createJson = world.images.createJson.bind(world.images);
    const closed: number[] = [];
    world.images.createJson = async (key, ...rest) => {
      if (key === deletedKey(AUDIT))
        for (let run = 0; run < 2; run++) {
          closed.push((await world.reconcile()).closed);
          world.pass(5 * MINUTE);
        }
      return createJson(key, ...rest);
    };
    await deleteAudit(world.endDeps, AUDIT, 'ann');
    world.images.createJson = createJson;
    expect(closed).toEqual([0, 0]);
    await settle(world, { webhooks: false });
    expect(await remaining(world)).toEqual([deletedKey(AUDIT)]);
  });

  it('again carries out one whose mark was lost', async () => {
    await world.accept(CELLS);
    await deleteAudit(world.endDeps, AUDIT, 'ann');
    await world.truth.images.delete([openKey(AUDIT)]);
    await deleteAudit(world.endDeps, AUDIT, 'ann');
    await settle(world, { webhooks: false });
    expect(await remaining(world)).toEqual([deletedKey(AUDIT)]);
  });

  it.each(FAULTS)('leaves nothing running and nothing behind when, at any call, %s', async (fault) => {
    await atEveryCall(fault, {
      prepare: async (world) => {
        await world.accept(CELLS);
        await advance(world, RANGE);
        const [{ prediction }] = world.replicate.askedFor(AUDIT, 0) as unknown as [
          { prediction: { id: string } },
        ];
        const done = world.replicate.end(prediction.id, { output: world.outputs(prediction.id, 2) });
        const plan = (await world.turnDeps.readPlan(AUDIT))!;
        await world.finish(plan, 0, done);
        world.pass(MINUTE);
      },
      act: (world) => deleteAudit(world.endDeps, AUDIT, 'ann'),
      recover: async (world) => {
        // Nobody repeats the request.
        if (await world.truth.images.exists(deletedKey(AUDIT))) await settle(world, { webhooks: false });
      },
      check: async (world) => {
        if (!(await world.truth.images.exists(deletedKey(AUDIT)))) return;
        expect(await remaining(world)).toEqual([deletedKey(AUDIT)]);
        const running = [...world.replicate.asked.values()].filter(
          ({ prediction }) => prediction.status === 'starting',
        );
        expect(running).toEqual([]);
      },
    });
  });

  it.each(FAULTS)('comes to its end when, at any call of the sweeping, %s', async (fault) => {
    await atEveryCall(fault, {
      prepare: async (world) => {
        await world.accept(1);
        await advance(world, { ...RANGE, to: 0 });
        await deliverWebhooks(world);
        await deleteAudit(world.endDeps, AUDIT, 'ann');
        world.queue.messages = [];
        world.pass(91 * MINUTE);
      },
      act: async (world) => {
        for (let run = 0; run < 2; run++) await world.reconcile();
      },
      recover: settle,
      check: async (world) => {
        expect(await remaining(world)).toEqual([deletedKey(AUDIT)]);
      },
    });
  });

  it('is not undone by a webhook that comes late', async () => {
    const plan = await world.accept(1);
    await advance(world, { ...RANGE, to: 0 });
    await deleteAudit(world.endDeps, AUDIT, 'ann');
    await world.reconcile();
    const [{ prediction }] = world.replicate.askedFor(AUDIT, 0) as unknown as [
      { prediction: { id: string } },
    ];
    const late = world.replicate.end(prediction.id, { output: world.outputs(prediction.id, 2) });
    expect(await world.finish(plan, 0, late)).toBe('deleted');
    await settle(world, { webhooks: false });
    expect(await remaining(world)).toEqual([deletedKey(AUDIT)]);
  });

  it('removes what a webhook wrote that had looked before the tombstone came', async () => {
    const plan = await world.accept(1);
    const prediction = await world.succeeded(AUDIT, 0);
    const exists = world.images.exists.bind(world.images);
    world.images.exists = async (key: string) => {
      const there = await exists(key);
      if (key === deletedKey(AUDIT)) {
        await deleteAudit({ ...world.endDeps, store: world.truth.images }, AUDIT, 'ann');
        await world.reconcile();
      }
      return there;
    };
    expect(await world.finish(plan, 0, prediction)).toBe('stored');
    await settle(world, { webhooks: false });
    expect(await remaining(world)).toEqual([deletedKey(AUDIT)]);
  });

  it('never touches the backup', async () => {
    await world.accept(CELLS);
    await advance(world, RANGE);
    await deliverWebhooks(world);
    await world.judgeAndBackUp(AUDIT);
    const before = await world.keys('', world.truth.backup);
    await deleteAudit(world.endDeps, AUDIT, 'ann');
    await settle(world, { webhooks: false });
    expect(await world.keys('', world.truth.backup)).toEqual(before);
    expect(before).toHaveLength(CELLS + 1);
  });

  it('of an audit that is long over works, and twice is once', async () => {
    await world.accept(CELLS);
    await drainQueue(world);
    await settle(world);
    await deleteAudit(world.endDeps, AUDIT, 'ann');
    await deleteAudit(world.endDeps, AUDIT, 'ann');
    await settle(world);
    expect(await remaining(world)).toEqual([deletedKey(AUDIT)]);
  });
});

describe('a whole audit', () => {
  /** Ends the prediction of a cell, as webhook does. */
  const end = async (cell: number, how: object) => {
    const [asked] = world.replicate.askedFor(AUDIT, cell);
    const plan = (await world.turnDeps.readPlan(AUDIT))!;
    await world.finish(plan, cell, world.replicate.end(asked!.prediction.id, how));
  };

  it('is counted the same by LIST and by manifest: cells, and blank, quarantined, lost and filtered images', async () => {
    world.replicate.onCreate = ({ webhook }) => {
      if (webhook.endsWith('00002')) throw new ReplicateRefusal(422, 'Input validation failed', undefined);
    };
    await world.accept(6, { input: { num_outputs: 4 } });
    await advance(world, { ...RANGE, to: 5 });
    const [broken] = world.outputs('broken', 1);
    cloud.serve.set(new URL(broken!).pathname, (_request, response) => response.end('<html>'));
    await end(0, { output: [broken, 'ftp://nowhere/1', ...world.outputs('a', 2)] });
    await end(1, { status: 'failed', error: 'flagged as sensitive (E005)' });
    await end(4, {
      output: [...world.outputs('c', 1), ...world.outputs('blank', 1)],
      logs: 'NSFW content was detected in image 1\nNSFW content was detected in image 3',
    });
    await end(5, { output: [], logs: 'NSFW content detected in 4 outputs' });
    await world.judgeAndBackUp(AUDIT);
    const running = await auditStatus(world.endDeps, AUDIT);
    expect(running.counts).toEqual({
      ...{ waiting: 0, running: 1, succeeded: 2, failed: 1, refused: 2, canceled: 0 },
    });
    await end(3, { output: world.outputs('b', 1) });
    await world.judgeAndBackUp(AUDIT);
    const byList = await auditStatus(world.endDeps, AUDIT);
    await settle(world);
    const byManifest = await auditStatus(world.endDeps, AUDIT);
    expect(byManifest).toEqual({ ...byList, manifest: true });
    expect(byManifest).toMatchObject({
      counts: { waiting: 0, running: 0, succeeded: 3, failed: 1, refused: 2, canceled: 0 },
      images: { ok: 4, blank: 1, quarantined: 1, lost: 1, filtered: 6 },
    });
    const { audits } = await listAudits(world.endDeps, {});
    expect(audits).toMatchObject([{ counts: byManifest.counts, images: byManifest.images }]);
  });

  it('counts what its results say, whatever writers left that were not the ones to create them', async () => {
    const plan = await world.accept(4);
    await advance(world, { ...RANGE, to: 3 });
    await end(0, { output: world.outputs('a', 1) });
    await end(1, { status: 'failed', error: 'flagged as sensitive (E005)' });
    for (const stale of [
      '00000.failed.12',
      '00000.succeeded.filtered2.lost1.34',
      '00001.canceled.56',
      '00002.failed.78',
    ])
      await world.images.create(`audits/${plan.id}/failed/${stale}`, '');
    expect(await auditStatus(world.endDeps, AUDIT)).toMatchObject({
      counts: { waiting: 0, running: 2, succeeded: 1, failed: 0, refused: 1, canceled: 0 },
      images: { lost: 0, filtered: 0 },
    });
  });

  it('that an older version of the pipeline wrote is counted, and its images are not called none', async () => {
    const plan = await world.accept(1);
    await world.images.create(`audits/${plan.id}/results/00000.json`, '{"status":"refused"}');
    await world.images.create(`audits/${plan.id}/failed/00000.refused`, '');
    const counts = { waiting: 0, running: 0, succeeded: 0, failed: 0, refused: 1, canceled: 0 };
    expect(await auditStatus(world.endDeps, AUDIT)).toMatchObject({ counts });
    const metadata = { succeeded: '0', failed: '0', refused: '1', canceled: '0', images: '0' };
    await world.images.create(manifestKey(AUDIT, 'json'), '{}', { metadata });
    const status = await auditStatus(world.endDeps, AUDIT);
    expect(status).toMatchObject({ counts, manifest: true });
    expect(status).not.toHaveProperty('images');
  });

  it('has in its manifest what was requested, returned and filtered, and which rule read a refusal', async () => {
    await world.accept(2);
    await advance(world, { ...RANGE, to: 1 });
    const refused = 'Prompt provided failed safety check due to the inclusion of prohibited content.';
    await end(0, {
      output: ['ftp://nowhere/1', ...world.outputs('a', 1), ...world.outputs('a', 1)],
      logs: 'Using seed: 18446744073709551615',
    });
    await end(1, { status: 'failed', error: refused });
    await settle(world);
    const { value } = (await world.truth.images.readJson<{ cells: Partial<Result>[] }>(
      manifestKey(AUDIT, 'json'),
    ))!;
    expect(value.cells).toMatchObject([
      { seed: '18446744073709551615', seedSource: 'log', returned: 3 },
      { status: 'refused', reading: { refusal: { family: 'safety', words: refused } } },
    ]);
    const { Body } = await world.truth.images.client.send(
      new GetObjectCommand({ Bucket: world.truth.images.bucket, Key: manifestKey(AUDIT, 'csv') }),
    );
    const rows = parse(await Body!.transformToString(), { columns: true, bom: true }) as Record<
      string,
      string
    >[];
    const counts = ({
      n,
      seed,
      status,
      refusal,
      asked,
      returned,
      filtered,
      lost,
      quarantined,
      blank,
    }: Record<string, string>) =>
      [n, seed, status, refusal, asked, returned, filtered, lost, quarantined, blank].join(' ');
    expect(rows.map(counts)).toEqual([
      '0 18446744073709551615 succeeded  1 3 0 1 0 0',
      '0 18446744073709551615 succeeded  1 3 0 1 0 0',
      '0 18446744073709551615 succeeded  1 3 0 1 0 0',
      expect.stringMatching(/^1 \d+ refused safety 1 0 0 0 0 0$/),
    ]);
    expect(rows.map(({ imageStatus, sameAs }) => [imageStatus, sameAs])).toEqual([
      ['', ''],
      ['ok', ''],
      ['ok', imageKey(AUDIT, 0, 1)],
      ['', ''],
    ]);
  });

  it('has a CSV that Excel reads as UTF-8, with the plan to the byte, the names of downloaded files, and no formula of others', async () => {
    const texts = ['=1+1', '+1 dog', '-5 °C, "snow"', '@home', "'quoted'", '\t=2', 'übermut\nzwei'];
    const cells = texts.length;
    const prompts = texts.map((text, i) => ({ text, factors: { sign: texts[cells - 1 - i]! } }));
    await world.accept(1, { prompts, cells });
    await advance(world, { ...RANGE, to: cells - 1 });
    await end(0, { status: 'failed', error: '=HYPERLINK("http://there")' });
    await end(1, { status: 'failed', error: ' @SUM(A1)' });
    await end(2, { status: 'failed', error: 'broke = broken' });
    for (let n = 3; n < cells; n++) await end(n, { output: world.outputs(`p${n}`, 1) });
    await settle(world);
    const csv = (await world.truth.images.readRange(manifestKey(AUDIT, 'csv'), 'bytes=0-'))!.bytes;
    expect(Buffer.from(csv).subarray(0, 3)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]));
    const rows: Record<string, string>[] = parse(Buffer.from(csv), { columns: true, bom: true });
    expect(rows.map(({ prompt, 'factor:sign': sign }) => ({ text: prompt, factors: { sign } }))).toEqual(
      prompts,
    );
    expect(rows.slice(0, 3).map(({ error }) => error)).toEqual([
      JSON.stringify('=HYPERLINK("http://there")'),
      JSON.stringify(' @SUM(A1)'),
      'broke = broken',
    ]);
    const { value } = (await world.truth.images.readJson<{
      cells: { error?: string; images: { file?: string }[] }[];
    }>(manifestKey(AUDIT, 'json')))!;
    expect(value.cells[0]!.error).toBe('=HYPERLINK("http://there")');
    const files = ['', '', '', ...[3, 4, 5, 6].map((n) => `images/0000${n}-0.png`)];
    expect(rows.map(({ file }) => file)).toEqual(files);
    expect(value.cells.map(({ images }) => images[0]?.file ?? '')).toEqual(files);
  });
});
