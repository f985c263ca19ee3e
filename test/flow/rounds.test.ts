import { S3Store } from '../../lib/aws/objects.ts';
import type { Snapshot } from '../../lib/contract/rounds.ts';
import { refusalsOf } from '../../lib/http/route.ts';
import { ROUTES } from '../../lib/http/routes.ts';
import { partKey, raterKey, reportedKey, roundDraftKey, snapshotKey } from '../../lib/records/keys.ts';
import type { Batch } from '../../lib/records/labels.ts';
import { pairOf } from '../../lib/records/pairs.ts';
import type { Plan } from '../../lib/records/plan.ts';
import { readRound } from '../../lib/records/round.ts';
import { sha256Hex } from '../../lib/sha256.ts';
import { MemoryStore } from '../support/memory-store.ts';
import {
  allItems,
  auditAt,
  type Call,
  giveSlot,
  isOfRounds,
  label,
  makeRound,
  plantAudit,
  ratingApi,
  roundRequest,
  SEEN,
  send,
  whole,
} from '../support/rounds.ts';
import { eachWorld, type World, world } from './world.ts';

/** Rating rounds through the handler of the API: from finished audits to the labels that count. */

const AUDIT = auditAt(1);
let call: Call;
eachWorld();
beforeEach(() => {
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

  it('is refused if two audits give a prompt of one model different factors, and made if only other models have them', async () => {
    const { prompts, models } = await plant({ id: AUDIT });
    const changed = prompts.map(({ text }) => ({ text, factors: { job: 'pilot' } }));
    await plant({ id: auditAt(2), prompts: changed });
    const others = models.map((one) => ({ ...one, model: `${one.model}-two` }));
    await plant({ id: auditAt(3), prompts: changed, models: others });
    await plant({ id: auditAt(4) });
    const made = async (other: string) =>
      call('POST', '/api/rounds', { body: roundRequest([AUDIT, other]), key: other });
    const refused = await made(auditAt(2));
    expect([refused.status, refused.body.detail]).toEqual([
      422,
      expect.stringMatching(
        `^The audits ${AUDIT} and ${auditAt(2)} give the prompt ".*" of a/alpha different factors`,
      ),
    ]);
    for (const other of [auditAt(3), auditAt(4)]) expect((await made(other)).status).toBe(202);
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
    for (const side of [
      { factor: 'job' as const, one: 'chef' },
      { model: true as const, one: 'a/alpha' },
    ])
      await refused(422, `compares "${side.one}" with itself`, {
        contrasts: [{ question: 'gender', answer: 'man', between: { ...side, other: side.one } }],
      });
    expect(await world.versions('')).toEqual(before);
    expect((await call('POST', '/api/rounds', { body: roundRequest([AUDIT]) })).status).toBe(400);
  });
});

describe('the pictures of a round', () => {
  const imagesOf = async (round: string): Promise<string[]> =>
    (await call('GET', `/api/rounds/${round}/plan`)).body.images;
  /** Samples by pair of prompt and model. */
  const samplesOf = (plan: Plan, images: string[]) => {
    const samples: number[][] = [[], [], [], []];
    for (const image of [...images].sort()) {
      const { pair, sample } = pairOf(plan, Number(image.split('/')[1]));
      samples[pair]!.push(sample);
    }
    return samples;
  };

  it('are so many of each prompt and model, of the same samples for all, by the seed; where one is missing, the next takes its place', async () => {
    const whole = await plant({ id: AUDIT, samples: 12 });
    const round = await makeRound(call, [AUDIT], { pictures: 4, seed: 8 });
    const [first = [], ...others] = samplesOf(whole, await imagesOf(round));
    expect(first).toHaveLength(4);
    for (const other of others) expect(other).toEqual(first);
    const again = await makeRound(call, [AUDIT], { pictures: 4, seed: 8 }, 'again');
    expect(await imagesOf(again)).not.toEqual(await imagesOf(round));
    expect([...(await imagesOf(again))].sort()).toEqual([...(await imagesOf(round))].sort());
    const another = await makeRound(call, [AUDIT], { pictures: 4, seed: 9 }, 'another');
    expect(samplesOf(whole, await imagesOf(another))[0]).not.toEqual(first);
    // In another audit the second pair lacks one of these samples.
    const lacking = await plant({ id: auditAt(2), samples: 12 }, { [12 + first[0]!]: 'refused' });
    const filled = samplesOf(
      lacking,
      await imagesOf(await makeRound(call, [lacking.id], { pictures: 4, seed: 8 }, 'lacking')),
    );
    expect([filled[0], filled[2], filled[3]]).toEqual([first, first, first]);
    expect(filled[1]).toHaveLength(4);
    expect(filled[1]).toEqual(expect.arrayContaining(first.slice(1)));
  });

  it('come from several audits, and are kept as long as the one that is kept shortest', async () => {
    const other = auditAt(2);
    await plant({ id: AUDIT, samples: 1, retention: 'keep' });
    await plant({ id: other, samples: 1, retention: 'short' });
    const round = await makeRound(call, [AUDIT, other, AUDIT]);
    expect(new Set((await imagesOf(round)).map((image) => image.split('/')[0]))).toEqual(
      new Set([AUDIT, other]),
    );
    expect(await imagesOf(round)).toHaveLength(8);
    await giveSlot(call, round, 1, { name: 'Ann' });
    for (const key of await world.keys(`rounds/${round}/`))
      expect([key, (await world.truth.images.tags(key))!.retention]).toEqual([key, 'short']);
    for (const audit of [AUDIT, other])
      expect(
        (await call('GET', `/api/rounds?audit=${audit}`)).body.rounds.map(({ id }: { id: string }) => id),
      ).toEqual([round]);
  });

  it('are not those of the practice, which comes with its answers; and one that is reported is shown to nobody', async () => {
    await plant({ id: AUDIT });
    const practice = [
      { image: `${AUDIT}/00003/0`, text: 'One person.', answers: { persons: 'one', seen: ['desk'] } },
    ];
    const round = await makeRound(call, [AUDIT], { practice });
    expect(await imagesOf(round)).toHaveLength(15);
    expect(await imagesOf(round)).not.toContain(practice[0]!.image);
    const tokens = [await giveSlot(call, round, 1), await giveSlot(call, round, 2)];
    const { body } = await call('GET', '/api/rate', { token: tokens[0]! });
    expect(body.practice).toEqual([
      {
        url: expect.stringContaining(`/rounds/${round}/items/`),
        text: 'One person.',
        answers: practice[0]!.answers,
      },
    ]);
    const item = body.items[4].id;
    await call('POST', '/api/rate/reports', { token: tokens[0]!, body: { item } });
    for (const token of tokens) expect((await allItems(call, token)).map(({ id }) => id)).not.toContain(item);
    const wrong = { practice: [{ ...practice[0], answers: { persons: 'two' } }] };
    const refused = await call('POST', '/api/rounds', { body: roundRequest([AUDIT], wrong), key: 'k' });
    expect([refused.status, refused.body.detail]).toEqual([
      422,
      expect.stringContaining('practice[0] names an unknown answer'),
    ]);
  });

  it('have renditions: an audit whose images have none is refused with what to do', async () => {
    await plant({ id: AUDIT }, { 2: 'undecoded' });
    const refused = await call('POST', '/api/rounds', { body: roundRequest([AUDIT]), key: 'k' });
    expect([refused.status, refused.body.detail]).toEqual([
      409,
      expect.stringContaining(`npx weaudit rejudge ${AUDIT}`),
    ]);
  });

  it('are too many where their labels could not be counted', async () => {
    const store = new MemoryStore(() => world.now());
    await plantAudit(store, { id: AUDIT, samples: 1_100 });
    const refused = await ratingApi({ store, time: world.time })('POST', '/api/rounds', {
      body: roundRequest([AUDIT], { ratings: 50 }),
      key: 'k',
    });
    expect([refused.status, refused.body.detail]).toEqual([422, expect.stringContaining('660000 labels')]);
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

  it('is shown again what was reported by mistake, once an auditor has cleared it, and then no report hides it', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT]);
    const [token, other] = [await giveSlot(call, round, 1), await giveSlot(call, round, 2)];
    const clear = (image: string) => call('POST', `/api/rounds/${round}/cleared`, { body: { image } });
    const shown = async () => (await allItems(call, other)).map(({ id }) => id);
    const item = (await shown())[3]!;
    const report = () => call('POST', '/api/rate/reports', { token, body: { item } });
    expect((await report()).status).toBe(200);
    const [image] = (await call('GET', `/api/rounds/${round}`)).body.reported;
    expect(await shown()).not.toContain(item);
    for (let turn = 0; turn < 2; turn++) expect((await clear(image)).body).toEqual({ image, state: 'shown' });
    expect(await shown()).toContain(item);
    expect((await report()).status).toBe(200);
    expect(await shown()).toContain(item);
    expect((await call('GET', `/api/rounds/${round}`)).body.reported).toEqual([]);
    // Purged, it is shown to nobody, whatever an auditor said before or says now.
    await world.truth.images.create(reportedKey(round, item, 'purged'), '');
    expect(await shown()).not.toContain(item);
    expect((await clear(image)).status).toBe(409);
    expect((await clear(`${AUDIT}/00099/0`)).status).toBe(422);
    await world.truth.images.createJson(reportedKey(round, (await shown())[0]!), { by: 'purge' });
    const [before] = (await call('GET', `/api/rounds/${round}`)).body.reported.filter(
      (one: string) => one !== image,
    );
    expect((await clear(before)).status).toBe(409);
    await call('POST', `/api/rounds/${round}/close`);
    world.pass(MINUTE + 1_000);
    expect((await snapshotOf(round)).reported).toHaveLength(2);
    expect((await clear(image)).body.closed).toBe(true);
  });

  it('is known to have agreed, when, and to which text, from the first answer on', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT]);
    const token = await giveSlot(call, round, 1);
    const [{ id = '' } = {}] = await allItems(call, token);
    const text = (await call('GET', '/api/rate', { token })).body.consent;
    const give = (seq: string, sha256: string) =>
      call('PUT', `/api/rate/labels/${seq}`, {
        token,
        body: { consent: { sha256, at: '2026-02-01T09:00:00.000Z' }, answers: whole(id) },
      });
    const progress = async () =>
      (await call('GET', `/api/rounds/${round}`)).body.progress[0].raters[0].agreedAt;
    expect(await progress()).toBeUndefined();
    expect((await give('00000', sha256Hex('another text'))).body.detail).toContain('another text');
    expect((await give('00000', 'x')).status).toBe(422);
    expect((await give('00000', sha256Hex(text))).status).toBe(201);
    expect(await progress()).toBe('2026-02-01T09:00:00.000Z');
    const { value } = (await world.truth.images.readJson<Batch>(`rounds/${round}/labels/1.1/00000.json`))!;
    expect(value.consent).toEqual({ sha256: sha256Hex(text), at: '2026-02-01T09:00:00.000Z' });
  });

  it('opens one slot of one round, and nothing else of the API', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT]);
    const token = await giveSlot(call, round, 1);
    for (const [name, { scope }] of Object.entries(ROUTES)) {
      if (scope === undefined || scope === 'rate') continue;
      const [method, path] = name.split(' ') as [string, string];
      const target = path
        .replace('{round}', round)
        .replace('{audit}', AUDIT)
        .replace(/\{\w+\}/, '1');
      expect([name, (await call(method, target, { token, body: {}, key: 'k' })).status]).toEqual([name, 401]);
    }
    for (const wrong of [
      't-audit',
      't-read',
      '',
      `${token.slice(0, -1)}x`,
      `${auditAt(1)}${token.slice(26)}`,
    ])
      expect((await call('GET', '/api/rate', { token: wrong })).status).toBe(401);
    // A token whose request died before it had the slot opens nothing, also if another one got the slot.
    const orphan = `${round}${'a'.repeat(32)}`;
    await world.truth.images.createJson(raterKey(round, sha256Hex(orphan)), { slot: 1, generation: 1 });
    expect((await call('GET', '/api/rate', { token: orphan })).status).toBe(401);
    await call('DELETE', `/api/rounds/${round}`);
    expect((await call('GET', '/api/rate', { token })).status).toBe(401);
  });
});

describe('the labels that count', () => {
  const closeAndRead = async (round: string): Promise<Snapshot> => {
    await call('POST', `/api/rounds/${round}/close`);
    world.pass(MINUTE + 1_000);
    return snapshotOf(round);
  };
  /** Gender answers by rater and picture of a slot. */
  const genders = async (round: string, { labels }: Snapshot, slot: number) => {
    const { items } = (await readRound(world.truth.images, round))!;
    return Object.fromEntries(
      labels
        .filter(([, question, rater]) => question === 1 && rater.startsWith(`${slot}.`))
        .map(([item, , rater, answer]) => [items[item]!.opaque, `${rater} ${answer}`]),
    );
  };

  it('of two tabs of one rater are all stored, each once, and the last answer counts', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT]);
    const token = await giveSlot(call, round, 1);
    const items = await allItems(call, token);
    /** What a tab does: on a conflict it looks whose answers are stored, and sends its own under the next number. */
    const tab = async (gender: 'woman' | 'man', order: typeof items) => {
      const api = apiOf(world);
      let seq = 0;
      for (const { id } of order) {
        const answers = whole(id, gender);
        for (;;) {
          const answer = await send(api, token, seq, answers);
          seq++;
          if (answer.status === 201) break;
          expect(answer.status).toBe(409);
          if (answer.body.stored.includes(answers[0]!.id)) break;
        }
      }
    };
    await Promise.all([tab('woman', items), tab('man', [...items].reverse())]);
    const batches = await world.keys(`rounds/${round}/labels/1.1/`);
    expect(batches).toHaveLength(32);
    const sent = new Map<string, string>();
    for (const key of batches) {
      const { answers } = (await world.truth.images.readJson<Batch>(key))!.value;
      for (const { item, question, answer } of answers)
        if (question === 'gender') sent.set(item, `1.1 ${answer}`);
    }
    expect((await call('GET', `/api/rounds/${round}`)).body.progress[0].raters[0].answered).toBe(16);
    const snapshot = await closeAndRead(round);
    expect(snapshot.labels).toHaveLength(16 * 3);
    expect(await genders(round, snapshot, 1)).toEqual(Object.fromEntries(sent));
  });

  it('after drop-outs are of the first rater who has done a picture whole, and never of two raters for one picture', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT]);
    const first = await giveSlot(call, round, 1);
    const list = (await allItems(call, first)).map(({ id }) => id);
    await send(
      call,
      first,
      0,
      list.slice(0, 4).flatMap((id) => whole(id, 'man')),
    );
    await send(call, first, 1, [label(list[4]!, 'persons', 'several'), label(list[4]!, 'gender', 'man')]);
    const second = await giveSlot(call, round, 1);
    await send(
      call,
      second,
      0,
      list.slice(4, 9).flatMap((id) => whole(id, 'woman')),
    );
    // A batch of the first one that was under way when the slot changed hands.
    await world.truth.images.createJson(`rounds/${round}/labels/1.1/00002.json`, {
      answers: [...whole(list[8]!, 'man'), label(list[9]!, 'persons', 'one')],
    });
    const third = await giveSlot(call, round, 1);
    const left = (await allItems(call, third)).map(({ id }) => id);
    expect(left).toEqual(list.slice(9));
    await send(
      call,
      third,
      0,
      left.flatMap((id) => whole(id, 'woman')),
    );
    const snapshot = await closeAndRead(round);
    expect(await genders(round, snapshot, 1)).toEqual(
      Object.fromEntries(
        list.map((id, place) => [
          id,
          place < 4 || place === 8 ? '1.1 man' : place < 8 ? '1.2 woman' : '1.3 woman',
        ]),
      ),
    );
    const raters = new Map<number, Set<string>>();
    for (const [item, , rater] of snapshot.labels)
      raters.set(item, (raters.get(item) ?? new Set()).add(rater));
    for (const who of raters.values()) expect(who.size).toBe(1);
    expect(snapshot.labels).toHaveLength(16 * 3);
  });

  it('are not those of a rater who has withdrawn, whose pictures are shown to the next', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT]);
    const first = await giveSlot(call, round, 1, { name: 'Ann Example' });
    const list = (await allItems(call, first)).map(({ id }) => id);
    await send(
      call,
      first,
      0,
      list.slice(0, 6).flatMap((id) => whole(id, 'man')),
    );
    expect((await call('GET', `/api/rounds/${round}`)).body.progress[0].raters[0].name).toBe('Ann Example');
    await call('DELETE', `/api/rounds/${round}/raters/1`);
    expect((await call('GET', `/api/rounds/${round}`)).body.progress[0].raters[0]).not.toHaveProperty('name');
    const second = await giveSlot(call, round, 1);
    expect((await allItems(call, second)).map(({ id }) => id)).toEqual(list);
    await send(call, second, 0, whole(list[0]!, 'woman'));
    const snapshot = await closeAndRead(round);
    expect(await genders(round, snapshot, 1)).toEqual({ [list[0]!]: '1.2 woman' });
    expect(snapshot.withdrawn).toEqual(['1.1']);
  });

  it('leave out answers that a changed gate made not applicable, and batches that came too late, which are counted', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT]);
    const token = await giveSlot(call, round, 1);
    const [one, other, late] = (await allItems(call, token)).map(({ id }) => id);
    await send(call, token, 0, [...whole(one!, 'man'), ...whole(other!, 'woman')]);
    await send(call, token, 1, [label(one!, 'persons', 'none')]);
    await call('POST', `/api/rounds/${round}/close`);
    world.pass(MINUTE + 1_000);
    await world.truth.images.createJson(`rounds/${round}/labels/1.1/00002.json`, {
      ...{ at: world.now().toISOString(), answers: whole(late!) },
    });
    const snapshot = await snapshotOf(round);
    expect(await genders(round, snapshot, 1)).toEqual({ [other!]: '1.1 woman' });
    expect([snapshot.labels.length, snapshot.late]).toEqual([5, 1]);
  });

  it('count although the bucket was restored after the round was closed: a restored batch has a new date, and its own time', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT]);
    const token = await giveSlot(call, round, 1);
    const [one, other] = (await allItems(call, token)).map(({ id }) => id);
    await send(call, token, 0, whole(one!, 'man'));
    await send(call, token, 1, whole(other!, 'woman'));
    await call('POST', `/api/rounds/${round}/close`);
    world.pass(2 * MINUTE);
    const key = `rounds/${round}/labels/1.1/00000.json`;
    const batch = (await world.truth.images.readJson<Batch>(key))!.value;
    await world.truth.images.delete([key]);
    await world.truth.images.createJson(key, batch);
    const snapshot = await snapshotOf(round);
    expect(await genders(round, snapshot, 1)).toEqual({ [one!]: '1.1 man', [other!]: '1.1 woman' });
    expect(snapshot.late).toBe(0);
  });

  it('are the same bytes whichever of two readers is quicker', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT], { repeats: 3 });
    for (const slot of [1, 2, 3]) {
      const token = await giveSlot(call, round, slot);
      for (const [seq, { id, showing }] of (await allItems(call, token)).entries())
        await send(call, token, seq, whole(id, seq % 2 ? 'man' : 'woman', showing));
    }
    await call('POST', `/api/rounds/${round}/close`);
    world.pass(MINUTE + 1_000);
    const written: string[] = [];
    class Noting extends S3Store {
      override within = () => this;
      override async createJson(...request: Parameters<S3Store['createJson']>) {
        if (request[0].endsWith('/snapshot.json')) written.push(JSON.stringify(request[1]));
        return super.createJson(...request);
      }
    }
    const reader = () =>
      ratingApi({ store: new Noting(world.images.client, 'images'), time: world.time })(
        'GET',
        `/api/rounds/${round}/snapshot`,
      );
    const answers = await Promise.all([reader(), reader(), reader()]);
    expect(answers.map(({ status }) => status)).toEqual([303, 303, 303]);
    expect(written.length).toBeGreaterThan(1);
    expect(new Set(written).size).toBe(1);
    expect(JSON.parse(written[0]!).labels).toHaveLength((16 + 3) * 3 * 3);
  });

  it('cost one write and seven reads a batch, and one for each audit, however many there are before; making a round one of each a picture', async () => {
    const store = new MemoryStore(() => world.now());
    await plantAudit(store, { id: AUDIT, samples: 25 });
    let seen: string[] = [];
    store.weather = (verb) => {
      seen.push(['read', 'head'].includes(verb) ? 'read' : 'write');
      return 'fair';
    };
    const count = () => ['write', 'read'].map((kind) => seen.filter((verb) => verb === kind).length);
    const api = ratingApi({ store, time: world.time });
    const round = await makeRound(api, [AUDIT], { ratings: 1 });
    // A hundred pictures, and a few records.
    expect(count().map((calls) => Math.floor(calls / 10))).toEqual([10, 11]);
    const token = await giveSlot(api, round, 1);
    for (const [seq, { id }] of (await allItems(api, token)).entries()) {
      seen = [];
      await send(api, token, seq, whole(id));
      if (seq > 0) expect(count()).toEqual([1, 8]);
    }
  });

  it('of a rater who sends each answer alone are all counted, and a page reads only the last ones', async () => {
    const store = new MemoryStore(() => world.now());
    await plantAudit(store, { id: AUDIT, samples: 110 });
    const api = ratingApi({ store, time: world.time });
    const round = await makeRound(api, [AUDIT], { ratings: 1 });
    const token = await giveSlot(api, round, 1);
    const list = (await allItems(api, token)).map(({ id }) => id);
    const answers = list.slice(0, 400).flatMap((id) => whole(id, 'man'));
    // In the second thousand the first picture's answer is changed.
    answers.splice(1_100, 0, label(list[0]!, 'gender', 'woman'));
    for (const [seq, answer] of answers.entries())
      expect((await send(api, token, seq, [answer])).status).toBe(201);
    const before = store.calls;
    const { body } = await api('GET', '/api/rate?cursor=300', { token });
    expect(store.calls - before).toBeLessThan(400);
    expect([body.nextSeq, body.total]).toEqual([1_201, 440]);
    // What was begun before the last 300 batches is done; the rest comes with its answers.
    const shown = body.items.map(({ place }: { place: number }) => place);
    expect(shown).toEqual(Array.from({ length: 99 }, (_, i) => 301 + i));
    expect(body.answered).toHaveLength(99 * 3);
    expect((await api('GET', '/api/rate?cursor=0', { token })).body.items).toEqual([]);
    await api('POST', `/api/rounds/${round}/close`);
    world.pass(MINUTE + 1_000);
    expect((await api('GET', `/api/rounds/${round}/snapshot`)).status).toBe(303);
    const { labels } = (await store.readJson<Snapshot>(snapshotKey(round)))!.value;
    expect(labels).toHaveLength(1_200);
    const { items } = (await readRound(store, round))!;
    const women = labels.filter(([, question, , answer]) => question === 1 && answer === 'woman');
    expect(women.map(([item]) => items[item]!.opaque)).toEqual([list[0]]);
    expect((await store.list(`rounds/${round}/parts/`).next()).done).toBe(false);
  });

  it('are counted also from parts that an earlier version wrote, which do not say how many were late', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT], { ratings: 1 });
    const token = await giveSlot(call, round, 1);
    const [{ id = '' } = {}] = await allItems(call, token);
    await send(call, token, 0, whole(id));
    await call('POST', `/api/rounds/${round}/close`);
    world.pass(MINUTE + 1_000);
    const { items } = (await readRound(world.truth.images, round))!;
    const item = items.findIndex(({ opaque }) => opaque === id);
    await world.truth.images.createJson(partKey(round, '1.1', 0), [[item, 1, [[0, 'one']]]]);
    expect(await snapshotOf(round)).toMatchObject({ labels: [[item, 0, '1.1', 'one', 1]], late: 0 });
  });

  it('are read in steps if there are many: each request continues where the one before ended', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT]);
    for (const slot of [1, 2, 3]) {
      const token = await giveSlot(call, round, slot);
      const [{ id = '' } = {}] = await allItems(call, token);
      await send(call, token, 0, whole(id));
    }
    await call('POST', `/api/rounds/${round}/close`);
    world.pass(MINUTE + 1_000);
    // Each rater takes a quarter of a minute.
    const monotonic = () => {
      world.pass(15_000);
      return world.now().getTime();
    };
    const slow = { ...world.time, monotonic };
    const statuses = [];
    for (let turn = 0; turn < 5; turn++) {
      const answer = await ratingApi({ store: world.images, time: slow })(
        'GET',
        `/api/rounds/${round}/snapshot`,
      );
      statuses.push(answer.status);
      if (answer.status === 303) break;
      expect(answer.headers['retry-after']).toBe('1');
    }
    expect(statuses).toEqual([409, 409, 303]);
  });
});

describe('what the routes of rounds refuse', () => {
  const OF_ROUNDS = Object.keys(ROUTES).filter((name) => name.includes('{round}'));
  const target = (name: string, round: string) =>
    name.split(' ')[1]!.replace('{round}', round).replace('{slot}', '1');
  const LONG = ' '.repeat(5_000_001);

  it('a round that is not there, and one whose pictures are not copied yet', async () => {
    await plant({ id: AUDIT });
    const half = auditAt(3);
    await world.truth.images.createJson(roundDraftKey(half), {
      id: half,
      audits: [AUDIT],
      items: [],
      createdAt: '',
    });
    for (const name of OF_ROUNDS) {
      const method = name.split(' ')[0]!;
      for (const round of [auditAt(8), '..%2Fdeleted'])
        expect((await call(method, target(name, round), { body: { slot: 1 } })).status).toBe(404);
      if (name === 'DELETE /api/rounds/{round}') continue;
      const refused = await call(method, target(name, half), { body: { slot: 1 } });
      expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining('not copied yet')]);
    }
    expect((await call('DELETE', `/api/rounds/${half}`)).status).toBe(202);
    expect((await call('GET', '/api/rounds')).body).toEqual({ rounds: [] });
  });

  it('bodies that are too large or not right, a slot that the round does not have, and a rater who was never there', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT]);
    const token = await giveSlot(call, round, 1);
    for (const [method, path, words] of [
      ['POST', '/api/rounds', '"name" is missing'],
      ['POST', `/api/rounds/${round}/raters`, '"slot" is missing'],
      ['PUT', '/api/rate/labels/00000', '"answers" is missing'],
      ['POST', '/api/rate/reports', '"item" is missing'],
      ['POST', `/api/rounds/${round}/cleared`, '"image" is missing'],
    ] as const) {
      const as = path.startsWith('/api/rate') ? { token } : { key: 'other' };
      expect((await call(method, path, { ...as, body: LONG })).status).toBe(413);
      expect((await call(method, path, { ...as, body: '{' })).status).toBe(400);
      const refused = await call(method, path, { ...as, body: {} });
      expect([refused.status, refused.body.detail]).toEqual([422, expect.stringContaining(words)]);
    }
    const slots = await call('POST', `/api/rounds/${round}/raters`, { body: { slot: 4 } });
    expect([slots.status, slots.body.detail]).toEqual([422, expect.stringContaining('at most 3')]);
    for (const slot of ['2', '0', '4', '01', 'x', '1?generation=2'])
      expect((await call('DELETE', `/api/rounds/${round}/raters/${slot}`)).status).toBe(404);
  });

  it('answers that the codebook does not know, about pictures of others, or under no number', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT], { slots: 6 });
    const token = await giveSlot(call, round, 1);
    const [{ id = '' } = {}] = await allItems(call, token);
    const own = new Set((await allItems(call, token)).map((item) => item.id));
    const other = (await world.keys(`rounds/${round}/items/`))
      .map((key) => key.split('/').at(-1)!)
      .find((key) => !own.has(key))!;
    for (const [answer, words] of [
      [label(id, 'persons', 'two'), 'answers[0] names an unknown answer, "two"'],
      [label(id, 'persons', ['one']), 'must be one answer'],
      [label(id, 'seen', 'desk'), 'must be a list of answers'],
      [label(id, 'seen', ['desk', 'desk']), 'must name each answer once'],
      [label(id, 'color', 'red'), 'a question that the codebook does not have'],
      [label(id, 'persons', 'one', 2), 'not in your list'],
      [label(other, 'persons', 'one'), 'not in your list'],
      [{ ...label(id, 'persons', 'one'), id: 'x' }, 'must be a UUID'],
      [{ ...label(id, 'persons', 'one'), model: 'a/b' }, 'is not a known field'],
      [{ ...label(id, 'persons', 'one'), at: 'now' }, 'must be a time'],
    ] as const) {
      const refused = await send(call, token, 0, [answer as never]);
      expect([refused.status, refused.body.detail]).toEqual([422, expect.stringContaining(words)]);
    }
    const many = Array.from({ length: 51 }, () => label(id, 'persons', 'one'));
    expect((await send(call, token, 0, many)).body.detail).toContain('at most 50 answers');
    for (const seq of ['1', '000001', 'x', '-0001', '1e9', '00000.0', '٠٠٠٠٠'])
      expect(
        (
          await call('PUT', `/api/rate/labels/${seq}`, {
            token,
            body: { answers: [label(id, 'persons', 'one')] },
          })
        ).status,
      ).toBe(422);
    expect((await call('POST', '/api/rate/reports', { token, body: { item: other } })).status).toBe(422);
    expect(await world.keys(`rounds/${round}/labels/`)).toEqual([]);
  });

  it('a rater who was replaced or has withdrawn, and everything once the round is closed, but says what is stored', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT]);
    const before = await giveSlot(call, round, 1);
    const [first] = await allItems(call, before);
    const answers = whole(first!.id);
    await send(call, before, 0, answers);
    const token = await giveSlot(call, round, 1, { name: 'Ben' });
    const withdrawn = await giveSlot(call, round, 2);
    expect((await call('DELETE', `/api/rounds/${round}/raters/2`)).body.rater).toBe('2.1');
    for (const refused of [before, withdrawn]) {
      expect((await call('GET', '/api/rate', { token: refused })).status).toBe(403);
      expect(
        (await call('POST', '/api/rate/reports', { token: refused, body: { item: first!.id } })).status,
      ).toBe(403);
    }
    expect((await send(call, before, 1, answers)).status).toBe(403);
    expect((await send(call, before, 0, answers)).body.stored).toEqual(answers.map(({ id }) => id));
    const [second] = await allItems(call, token);
    expect((await call('POST', '/api/rate/reports', { token, body: { item: second!.id } })).body.state).toBe(
      'hidden',
    );
    expect((await call('DELETE', `/api/rounds/${round}/people`)).status).toBe(200);
    await call('POST', `/api/rounds/${round}/close`);
    expect((await call('POST', '/api/rate/reports', { token, body: { item: second!.id } })).status).toBe(409);
    expect((await send(call, token, 0, whole(second!.id))).body).toMatchObject({ status: 409, closed: true });
    expect((await call('POST', `/api/rounds/${round}/raters`, { body: { slot: 3 } })).body).toMatchObject({
      status: 409,
      closed: true,
    });
    expect((await call('GET', '/api/rate', { token })).body).toMatchObject({
      closed: true,
      items: [],
      answered: [],
      practice: [],
    });
  });

  it('a round of an audit that is not finished, or that was deleted, and the key of a round that was', async () => {
    await world.accept(3, { id: AUDIT });
    expect((await call('POST', '/api/rounds', { body: roundRequest([AUDIT]), key: 'k' })).status).toBe(409);
    const other = auditAt(2);
    await plant({ id: other });
    const round = await makeRound(call, [other], {}, 'k');
    await call('DELETE', `/api/rounds/${round}`);
    expect((await call('POST', '/api/rounds', { body: roundRequest([other]), key: 'k' })).status).toBe(410);
    await makeRound(call, [other], {}, 'of what is deleted');
    await call('DELETE', `/api/audits/${other}`);
    for (const [key, status] of [
      ['of what is deleted', 410],
      ['l', 404],
    ] as const)
      expect((await call('POST', '/api/rounds', { body: roundRequest([other]), key })).status).toBe(status);
  });

  it('everything while S3 fails, in words that name the request', async () => {
    await plant({ id: AUDIT });
    const round = await makeRound(call, [AUDIT]);
    const token = await giveSlot(call, round, 1);
    const [{ id = '' } = {}] = await allItems(call, token);
    class Broken extends S3Store {
      override within = () => this;
      override async exists(): Promise<never> {
        throw new Error('down');
      }
    }
    const failing = ratingApi({ store: new Broken(world.images.client, 'images'), time: world.time });
    for (const [method, path, body] of [
      ['GET', '/api/rate', undefined],
      ['PUT', '/api/rate/labels/00000', { answers: whole(id) }],
      ['POST', '/api/rate/reports', { item: id }],
    ] as const)
      expect((await failing(method, path, { token, body })).status).toBe(500);
  });
});

/** Last: it looks at all answers of this file. */
it('the contract promises no status of these routes that was not seen here, or by all routes alike', () => {
  const promised = Object.entries(ROUTES)
    .filter(([name]) => isOfRounds(name))
    .flatMap(([name, route]) => {
      const alike = [
        400,
        401,
        ...(route.scope === 'audit' ? [403] : []),
        ...(route.scope === 'rate' ? [] : [500]),
      ];
      return [route.status, ...Object.keys(refusalsOf(name, route)).map(Number)]
        .filter((status) => !alike.includes(status))
        .map((status) => `${name} ${status}`);
    });
  expect(promised.filter((answer) => !SEEN.has(answer)).sort()).toEqual([]);
});
