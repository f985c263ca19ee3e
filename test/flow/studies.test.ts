import { createHash } from 'node:crypto';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { Study, StudyEntry } from '../../lib/contract/answers.ts';
import { createApi } from '../../lib/handlers/api.ts';
import { STUDY } from '../../lib/limits.ts';
import { planKey, studyId, studyKey } from '../../lib/records/keys.ts';
import { cellAt, type Plan, readPlan } from '../../lib/records/plan.ts';
import { systemChance } from '../../lib/system.ts';
import { expectContract, pathParametersOf, routeKeyOf } from '../support/contract.ts';
import { atEveryCall, eachWorld, FAULTS, type World, world } from './world.ts';

/** Studies through the handler of the API: a list of audits under one name. */

const NAME = 'Occupations 2026';
const ID = studyId(NAME);
const DESIGN = { prompts: ['a nurse'], models: ['a/b'], samples: 1 };

eachWorld();

let requests = 0;
/** Sends a request to an API of its own, as if each reached another process. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
async function api(in_: World, method: string, target: string, body?: unknown, key?: string): Promise<any> {
  const log = { info() {}, warn() {}, error() {}, appendKeys() {}, resetKeys() {} };
  const tokens = JSON.stringify([
    { name: 'ann', sha256: createHash('sha256').update('t').digest('hex'), scope: 'audit' },
  ]);
  const handle = createApi(
    {
      ...{ store: in_.images, queue: in_.queue, polls: in_.polls, replicate: in_.replicate },
      ...{ time: in_.time, chance: systemChance, log },
      presign: async (name) => name,
      presignUpload: async () => ({ url: '', headers: {} }),
      tokens: async () => tokens,
    },
    { METRICS_MODELS: 'a/b', SHORT_DAYS: '30', STANDARD_DAYS: '365', SETTLE_SECONDS: '60' },
  );
  const [path = '', query = ''] = target.split('?');
  const event = {
    routeKey: routeKeyOf(method, target),
    headers: { authorization: 'Bearer t', ...(key ? { 'idempotency-key': key } : {}) },
    pathParameters: pathParametersOf(method, path),
    ...(query ? { queryStringParameters: Object.fromEntries(new URLSearchParams(query)) } : {}),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
  const {
    statusCode,
    headers,
    body: text,
  } = await handle(event as unknown as APIGatewayProxyEventV2, {
    awsRequestId: `r${++requests}`,
  });
  expectContract(method, target, { status: statusCode, headers, body: text });
  if (statusCode >= 400) throw Object.assign(new Error(text), { status: statusCode });
  return JSON.parse(text);
}

const start = async (in_: World, key?: string, more = {}): Promise<string> =>
  (await api(in_, 'POST', '/api/audits', { ...DESIGN, ...more }, key)).id;
const add = (in_: World, audits: string[] = [], name = NAME): Promise<StudyEntry> =>
  api(in_, 'POST', '/api/studies', { name, audits });
const study = (in_: World): Promise<Study> => api(in_, 'GET', `/api/studies/${ID}`);
const members = async (in_: World) => (await study(in_)).audits.map(({ id }) => id);
/** An audit as far as lists read it, without what accepting one takes. */
async function plant(in_: World, place: number): Promise<string> {
  const id = `7${String(place).padStart(25, '0')}`;
  const metadata = { name: 'planted', predictions: '1', 'created-by': 'ann' };
  await in_.truth.images.createJson(planKey(id), { id, cells: 1 }, { metadata });
  return id;
}

describe('a study', () => {
  it('lists its audits in the order in which they were added, each once, however often it is told', async () => {
    const ids = [await start(world), await start(world), await start(world)];
    expect(await add(world)).toMatchObject({ id: ID, name: NAME, createdBy: 'ann', audits: [] });
    await add(world, [ids[1]!]);
    await add(world, [ids[0]!, ids[1]!]);
    expect((await add(world, [ids[2]!, ids[0]!])).audits).toEqual([ids[1], ids[0], ids[2]]);
    expect(await members(world)).toEqual([ids[1], ids[0], ids[2]]);
    expect(await world.versions('studies/')).toHaveLength(4);
    await add(world, ids);
    expect(await world.versions('studies/')).toHaveLength(4);
  });

  it('is found by its name, with whatever spaces and however its letters are composed', async () => {
    const composed = (await add(world, [], 'Caf\u00e9  survey')).id;
    expect((await add(world, [], ' Cafe\u0301\nsurvey ')).id).toBe(composed);
    expect((await add(world, [], 'cafe survey')).id).not.toBe(composed);
    expect((await api(world, 'GET', '/api/studies')).studies).toHaveLength(2);
  });

  it('shows of its audits what the list of audits shows, and changes nothing of theirs', async () => {
    const id = await start(world);
    const before = await world.versions('');
    await add(world, [id]);
    expect((await study(world)).audits).toEqual((await api(world, 'GET', '/api/audits')).audits);
    const others = (await world.versions('')).filter((key) => !key.startsWith('studies/'));
    expect(others).toEqual(before);
  });

  it('is listed page by page, each once', async () => {
    const names = Array.from({ length: 5 }, (_, i) => `study ${i}`);
    for (const name of names) await add(world, [], name);
    const found: string[] = [];
    let cursor = '';
    for (let page = 0; page < 4; page++) {
      const answer = await api(world, 'GET', `/api/studies?limit=2${cursor}`);
      found.push(...answer.studies.map(({ name }: StudyEntry) => name));
      if (!answer.cursor) break;
      cursor = `&cursor=${answer.cursor}`;
    }
    expect(found.sort()).toEqual(names);
  });

  it('leaves out an audit that was deleted, and one that has expired, and their number with them', async () => {
    const [kept, deleted, expired] = [await start(world), await start(world), await start(world)];
    await add(world, [kept, deleted, expired]);
    await api(world, 'DELETE', `/api/audits/${deleted}`);
    await world.truth.images.delete([planKey(expired)]);
    expect(await members(world)).toEqual([kept]);
  });

  it('loses an audit that is taken out, and the audit is kept', async () => {
    const [one, two] = [await start(world), await start(world)];
    await add(world, [one, two]);
    for (let time = 0; time < 2; time++)
      expect((await api(world, 'DELETE', `/api/studies/${ID}/audits/${one}`)).audits).toEqual([two]);
    expect(await members(world)).toEqual([two]);
    expect((await api(world, 'GET', `/api/audits/${one}`)).state).toBe('running');
  });

  it('that is deleted is gone for all readers, its audits are kept, and its name can begin again', async () => {
    const [one, two] = [await start(world), await start(world)];
    await add(world, [one, two]);
    for (let time = 0; time < 2; time++)
      expect(await api(world, 'DELETE', `/api/studies/${ID}`)).toEqual({ id: ID, state: 'deleted' });
    await expect(study(world)).rejects.toMatchObject({ status: 404 });
    await expect(api(world, 'DELETE', `/api/studies/${ID}/audits/${one}`)).rejects.toMatchObject({
      status: 404,
    });
    expect((await api(world, 'GET', '/api/studies')).studies).toEqual([]);
    expect((await api(world, 'GET', '/api/audits')).audits).toHaveLength(2);
    expect(await add(world, [two])).toMatchObject({ id: ID, name: NAME, audits: [two] });
    expect(await members(world)).toEqual([two]);
  });

  it('has room for a hundred audits that exist, and says so before it refuses another', async () => {
    const ids = await Promise.all(
      Array.from({ length: STUDY.audits + 1 }, (_, place) => plant(world, place)),
    );
    const last = ids.pop()!;
    await add(world, ids);
    const refusal = await add(world, [last]).catch((error) => error);
    expect(refusal).toMatchObject({ status: 409, message: expect.stringContaining('can have 100 audits') });
    expect(await members(world)).toEqual(ids);
    // A deleted audit makes room.
    await world.truth.images.create(`deleted/${ids[7]}`, '');
    await add(world, [last]);
    expect(await members(world)).toEqual([...ids.filter((_, place) => place !== 7), last]);
  });

  it('of a hundred audits is read all at once: no read waits for another of its audits', async () => {
    const ids = await Promise.all(Array.from({ length: STUDY.audits }, (_, place) => plant(world, place)));
    await add(world, ids);
    const head = world.images.head.bind(world.images);
    let [open, most] = [0, 0];
    world.images.head = async (key) => {
      most = Math.max(most, ++open);
      try {
        return await head(key);
      } finally {
        open--;
      }
    };
    world.images.within = () => world.images;
    expect(await members(world)).toEqual(ids);
    expect(most).toBe(3 * STUDY.audits);
  });

  it('has samples of its own for an equal design under another key: no seed of the one is a seed of the other', async () => {
    const eight = { prompts: Array.from({ length: 8 }, (_, i) => `a nurse ${i}`), samples: 100 };
    const [first, second] = [await start(world, 'a', eight), await start(world, 'b', eight)];
    await add(world, [first, second]);
    const seedsOf = async (id: string) => {
      const plan: Plan = (await readPlan(world.truth.images, id))!;
      return new Set(Array.from({ length: plan.cells }, (_, n) => cellAt(plan, n).seed));
    };
    const [one, other] = [await seedsOf(first), await seedsOf(second)];
    expect(one.size).toBeGreaterThanOrEqual(100);
    expect([...one].filter((seed) => other.has(seed))).toEqual([]);
  });
});

describe('audits that are added to a study at the same time', () => {
  it('by twenty clients are all in it, each once, and it is one study', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, (_, place) => plant(world, place)));
    await Promise.all(
      ids.map(async (id) => {
        // As clients do.
        for (;;) {
          const answer = await add(world, [id]).catch(({ status }) => status as number);
          if (answer !== 503) return answer;
        }
      }),
    );
    expect((await members(world)).sort()).toEqual(ids);
    expect(await world.keys('studies/')).toEqual([studyKey(ID)]);
  });

  it('while others are taken out are not lost, nor do those come back', async () => {
    const ids = await Promise.all(Array.from({ length: 12 }, (_, place) => plant(world, place)));
    await add(world, ids.slice(0, 6));
    await Promise.all([
      ...ids.slice(6).map((id) => add(world, [id])),
      ...ids.slice(0, 6).map((id) => api(world, 'DELETE', `/api/studies/${ID}/audits/${id}`)),
    ]);
    expect((await members(world)).sort()).toEqual(ids.slice(6));
  });
});

describe.each(FAULTS)('%s at any call', (fault) => {
  it('while a client starts an audit and adds it: run again, there is one audit, and it is in its study', async () => {
    const run = async (in_: World) => {
      await add(in_);
      await add(in_, [await start(in_, 'once')]);
    };
    const calls = await atEveryCall(fault, {
      prepare: async (in_) => void (await add(in_, [await start(in_, 'earlier', { samples: 2 })])),
      act: run,
      recover: run,
      check: async (in_) => {
        const plans = (await in_.keys('audits/')).filter((key) => key.endsWith('/audit.json'));
        expect(plans).toHaveLength(2);
        const found = await study(in_);
        expect(found.audits.map(({ predictions }) => predictions)).toEqual([2, 1]);
      },
    });
    expect(calls).toBeGreaterThan(8);
  });

  it('while audits are taken out and the study is deleted: done again, it is as if nothing had happened', async () => {
    const [one, two] = ['7'.padEnd(26, '1'), '7'.padEnd(26, '2')];
    const end = async (in_: World) => {
      await api(in_, 'DELETE', `/api/studies/${ID}/audits/${one}`).catch((error) => {
        // The study is deleted by now.
        if (error.status !== 404) throw error;
      });
      await api(in_, 'DELETE', `/api/studies/${ID}`);
    };
    await atEveryCall(fault, {
      prepare: async (in_) => {
        for (const id of [one, two]) await in_.truth.images.createJson(planKey(id), { id, cells: 1 });
        await add(in_, [one, two]);
      },
      act: end,
      recover: end,
      check: async (in_) => {
        await expect(study(in_)).rejects.toMatchObject({ status: 404 });
        expect((await add(in_)).audits).toEqual([]);
        expect((await in_.keys('audits/')).length).toBe(2);
      },
    });
  });
});
