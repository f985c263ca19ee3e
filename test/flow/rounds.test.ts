import type { Snapshot } from '../../lib/contract/rounds.ts';
import { snapshotKey } from '../../lib/records/keys.ts';
import {
  allItems,
  auditAt,
  type Call,
  giveSlot,
  label,
  makeRound,
  plantAudit,
  ratingApi,
  roundRequest,
  send,
  whole,
} from '../support/rounds.ts';
import { eachWorld, type World } from './world.ts';

/** Rating rounds through the handler of the API: from finished audits to the labels that count. */

const AUDIT = auditAt(1);
let world: World;
let call: Call;
eachWorld(async (fresh) => {
  world = fresh;
  call = apiOf(world);
});

const apiOf = (in_: World): Call =>
  ratingApi({ store: in_.images, time: in_.time, queue: in_.queue, polls: in_.polls });
const plant = (...args: Parameters<typeof plantAudit> extends [unknown, ...infer Rest] ? Rest : never) =>
  plantAudit(world.truth.images, ...args);
const MINUTE = 60_000;

async function snapshotOf(round: string): Promise<Snapshot> {
  const answer = await call('GET', `/api/rounds/${round}/snapshot`);
  expect(answer.status).toBe(303);
  return (await world.truth.images.readJson<Snapshot>(snapshotKey(round)))!.value;
}

describe('a round', () => {
  it('is made of finished audits: each picture that is valid and not blank once, under a name that says nothing', async () => {
    await plant({ id: AUDIT }, { 0: 'refused', 5: 'blank', 9: 'quarantined' });
    const round = await makeRound(call, [AUDIT]);
    const { body } = await call('GET', `/api/rounds/${round}/plan`);
    const expected = Array.from({ length: 16 }, (_, n) => n)
      .filter((n) => ![0, 5, 9].includes(n))
      .map((n) => `${AUDIT}/${String(n).padStart(5, '0')}/0`);
    expect([...body.images].sort()).toEqual(expected);
    expect(body.plan).not.toHaveProperty('secret');
    const items = await world.keys(`rounds/${round}/items/`);
    expect(items).toHaveLength(expected.length);
    for (const key of items) {
      expect(key).toMatch(/\/[0-9a-f]{32}$/);
      const head = (await world.truth.images.head(key))!;
      expect(head.metadata).toEqual({});
      expect(head.contentType).toBe('image/webp');
      expect(await world.truth.images.tags(key)).toEqual({ status: 'ok', retention: 'standard' });
    }
  });

  it('counts the labels of its raters from a minute after it is closed, and takes none any more', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT]);
    const tokens = [];
    for (const slot of [1, 2, 3]) tokens.push(await giveSlot(call, round, slot));
    for (const [i, token] of tokens.entries()) {
      const items = await allItems(call, token);
      expect(items).toHaveLength(16);
      for (const [seq, { id }] of items.entries())
        expect((await send(call, token, seq, whole(id, i === 0 ? 'man' : 'woman'))).status).toBe(201);
    }
    expect((await call('GET', `/api/rounds/${round}/snapshot`)).status).toBe(409);
    expect((await call('POST', `/api/rounds/${round}/close`)).status).toBe(200);
    expect((await send(call, tokens[0]!, 16, whole('0'.repeat(32)))).status).toBe(422);
    const early = await call('GET', `/api/rounds/${round}/snapshot`);
    expect(early.status).toBe(409);
    expect(Number(early.headers['retry-after'])).toBeGreaterThan(0);
    world.pass(MINUTE + 1_000);
    const snapshot = await snapshotOf(round);
    expect(snapshot.labels).toHaveLength(16 * 3 * 3);
    const genders = snapshot.labels.filter(([, question]) => question === 1);
    for (const [, , rater, answer] of genders) expect(answer).toBe(rater === '1.1' ? 'man' : 'woman');
    expect(snapshot).toMatchObject({ round, late: 0, withdrawn: [], reported: [] });
    const status = (await call('GET', `/api/rounds/${round}`)).body;
    expect(status).toMatchObject({ state: 'closed', snapshot: true });
    expect(
      status.progress.map(({ raters }: { raters: { answered: number }[] }) => raters[0]!.answered),
    ).toEqual([16, 16, 16]);
  });

  it('is refused for what is not right, and leaves nothing behind', async () => {
    await plant({ id: AUDIT });
    const before = await world.versions('');
    const refused = async (status: number, words: string, more: object, audits = [AUDIT]) => {
      const answer = await call('POST', '/api/rounds', { body: roundRequest(audits, more), key: 'k' });
      expect([answer.status, answer.body.detail]).toEqual([status, expect.stringContaining(words)]);
    };
    await refused(404, 'There is no audit', {}, [auditAt(9)]);
    await refused(422, '"slots" must be at least 3', { slots: 2 });
    await refused(422, '"repeats" must be at most 8', { repeats: 9 });
    await refused(422, 'contrasts[0] names', {
      contrasts: [
        { question: 'gender', answer: 'none', between: { factor: 'job', one: 'nurse', other: 'chef' } },
      ],
    });
    await refused(422, 'names "pilot"', {
      contrasts: [
        { question: 'gender', answer: 'man', between: { factor: 'job', one: 'pilot', other: 'chef' } },
      ],
    });
    expect(await world.versions('')).toEqual(before);
    expect((await call('POST', '/api/rounds', { body: roundRequest([AUDIT]) })).status).toBe(400);
  });
});

describe('a rater', () => {
  it('is told which answers are stored under a number, and sends others under the next', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT]);
    const token = await giveSlot(call, round, 1);
    const [first, second] = await allItems(call, token);
    const answers = whole(first!.id);
    expect((await send(call, token, 0, answers)).body).toEqual({ seq: 0, stored: 3 });
    const again = await send(call, token, 0, answers);
    expect([again.status, again.body.stored, again.body.nextSeq]).toEqual([
      409,
      answers.map(({ id }) => id),
      1,
    ]);
    expect((await send(call, token, 5, whole(second!.id))).body.nextSeq).toBe(1);
    expect((await send(call, token, 1, [label(first!.id, 'gender', 'man')])).status).toBe(201);
    const { body } = await call('GET', '/api/rate', { token });
    expect(body.nextSeq).toBe(2);
    expect(body.answered.filter(({ item }: { item: string }) => item === first!.id)).toEqual([
      { item: first!.id, question: 'persons', answer: 'one', showing: 1 },
      { item: first!.id, question: 'gender', answer: 'man', showing: 1 },
      { item: first!.id, question: 'seen', answer: ['desk'], showing: 1 },
    ]);
  });

  it('opens one slot of one round, and nothing else of the API', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT]);
    const token = await giveSlot(call, round, 1);
    for (const target of [
      '/api/audits',
      '/api/rounds',
      `/api/rounds/${round}`,
      '/api/budget',
      `/api/audits/${AUDIT}`,
    ])
      expect((await call('GET', target, { token })).status).toBe(401);
    for (const wrong of [
      't-audit',
      't-read',
      '',
      `${token.slice(0, -1)}x`,
      `${auditAt(1)}${token.slice(26)}`,
    ])
      expect((await call('GET', '/api/rate', { token: wrong })).status).toBe(401);
    await call('DELETE', `/api/rounds/${round}`);
    expect((await call('GET', '/api/rate', { token })).status).toBe(401);
  });
});
