import type { Label } from '../../lib/contract/round-request.ts';
import type { Snapshot } from '../../lib/contract/rounds.ts';
import type { Time } from '../../lib/ports.ts';
import { labelsPrefix, snapshotKey } from '../../lib/records/keys.ts';
import type { Batch } from '../../lib/records/labels.ts';
import { readRound } from '../../lib/records/round.ts';
import { assignmentOf } from '../../lib/rounds/assignment.ts';
import { Chance } from '../../sim/kernel.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { auditAt, type Call, plantAudit, ratingApi, roundRequest, whole } from '../support/rounds.ts';

/**
 * Fifty raters and 2,000 pictures with the handlers of the API, while S3 and the line fail: two tabs of one rater, raters who drop
 * out and are replaced, tabs that do not know it. Nothing is lost, nothing is there twice, and the balance holds.
 */

const AUDIT = auditAt(1);
const SLOTS = 50;
const RATINGS = 3;
/** Pictures that a tab has answered before it sends. */
const PICTURES_A_BATCH = 8;

class Lost extends Error {}

class World {
  readonly chance: Chance;
  #now = Date.parse('2026-03-01T00:00:00Z');
  readonly store = new MemoryStore(() => new Date(this.#now));
  readonly time: Time = {
    now: () => new Date(this.#now),
    monotonic: () => this.#now,
    sleep: async (ms) => this.pass(ms),
    timeout: () => new AbortController().signal,
  };
  readonly call: Call;
  faults = { s3: 0, line: 0 };
  /** Ids of answers that somebody was told are stored, and of all that were sent. */
  readonly told = new Set<string>();
  readonly sent = new Set<string>();

  constructor(seed: number) {
    this.chance = new Chance(seed);
    this.call = ratingApi({ store: this.store, time: this.time });
    this.store.weather = (verb) => {
      if (this.chance.fraction() >= this.faults.s3) return 'fair';
      return verb === 'create' && this.chance.fraction() < 0.5 ? 'answer lost' : 'fails';
    };
  }

  pass(ms: number): void {
    this.#now += ms;
  }

  /** A request by a line that loses some requests and some answers, repeated until something comes back that is no fault. */
  async request(...[method, target, about]: Parameters<Call>): Promise<Awaited<ReturnType<Call>>> {
    for (;;) {
      this.pass(7);
      try {
        if (this.chance.fraction() < this.faults.line) throw new Lost();
        const answer = await this.call(method, target, about);
        if (answer.status >= 500 || this.chance.fraction() < this.faults.line) throw new Lost();
        return answer;
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
      }
    }
  }

  async link(round: string, slot: number): Promise<string> {
    const { status, body, text } = await this.request('POST', `/api/rounds/${round}/raters`, {
      body: { slot },
    });
    if (status !== 200) throw new Error(text);
    return body.token;
  }

  /** One tab: reads the list, answers some pictures, sends them, until nothing is left, or it drops out, or its slot is another's. */
  async tab(token: string, dropOut: number): Promise<'done' | 'dropped out' | 'replaced'> {
    const list: { id: string; showing: 1 | 2 }[] = [];
    let [cursor, seq]: [number | undefined, number] = [0, 0];
    while (cursor !== undefined) {
      const page: Awaited<ReturnType<Call>> = await this.request('GET', `/api/rate?cursor=${cursor}`, {
        token,
      });
      if (page.status === 403) return 'replaced';
      if (page.status !== 200) throw new Error(page.text);
      const known = new Set(page.body.answered.map(({ item, showing }: Label) => `${item}/${showing}`));
      list.push(
        ...page.body.items.filter(
          ({ id, showing }: { id: string; showing: 1 | 2 }) => !known.has(`${id}/${showing}`),
        ),
      );
      seq = page.body.nextSeq;
      cursor = page.body.cursor;
    }
    for (let i = 0; i < list.length; i += PICTURES_A_BATCH) {
      if (this.chance.fraction() < dropOut) return 'dropped out';
      const answers = list
        .slice(i, i + PICTURES_A_BATCH)
        .flatMap(({ id, showing }) => whole(id, this.chance.fraction() < 0.5 ? 'man' : 'woman', showing));
      for (const { id } of answers) this.sent.add(id);
      const stored = await this.send(token, seq, answers);
      if (stored === undefined) return 'replaced';
      seq = stored + 1;
      for (const { id } of answers) this.told.add(id);
    }
    return 'done';
  }

  /** Sends a batch under the first number that is free. @returns the number; undefined if the slot is another's */
  async send(token: string, from: number, answers: Label[]): Promise<number | undefined> {
    for (let seq = from; ; seq++) {
      const target = `/api/rate/labels/${String(seq).padStart(5, '0')}`;
      const { status, body, text } = await this.request('PUT', target, { token, body: { answers } });
      if (status === 201) return seq;
      if (status === 403) return undefined;
      if (status !== 409) throw new Error(text);
      if (body.stored?.includes(answers[0]!.id)) return seq;
      if (!body.stored) seq = body.nextSeq - 1;
    }
  }
}

test.each([1, 2, 3])(
  'nothing is lost and nothing is there twice, and each picture has its ratings after any drop-out (seed %d)',
  async (seed) => {
    const world = new World(seed);
    const { store, chance } = world;
    await plantAudit(store, { id: AUDIT, samples: 500 });
    world.faults = { s3: 0.001, line: 0.01 };
    let round = '';
    const body = roundRequest([AUDIT], { ratings: RATINGS, slots: SLOTS, repeats: 10, seed });
    while (round === '') {
      const answer = await world.request('POST', '/api/rounds', { body, key: 'once' });
      if (answer.body.state === 'open') round = answer.body.id;
    }
    const plan = (await readRound(store, round))!;
    expect(plan.items).toHaveLength(2_000);

    const slot = async (n: number) => {
      for (;;) {
        const token = await world.link(round, n);
        // Every third has two tabs open, and some drop out.
        const dropOut = chance.fraction() < 0.3 ? 0.1 : 0;
        const tabs =
          n % 3 === 0 ? [world.tab(token, dropOut), world.tab(token, dropOut)] : [world.tab(token, dropOut)];
        const ends = await Promise.all(tabs);
        if (!ends.includes('dropped out')) return;
        // The one who left still has a tab that sends, beside the next.
        const straggler = world.tab(token, 0);
        await world.link(round, n);
        await straggler;
      }
    };
    await Promise.all(Array.from({ length: SLOTS }, (_, i) => slot(i + 1)));

    world.faults = { s3: 0, line: 0 };
    const stored: string[] = [];
    for await (const { key } of store.list(labelsPrefix(round)))
      stored.push(...(await store.readJson<Batch>(key))!.value.answers.map(({ id }) => id));
    expect(new Set(stored).size).toBe(stored.length);
    const there = new Set(stored);
    expect([...world.told].filter((id) => !there.has(id))).toEqual([]);
    expect(stored.filter((id) => !world.sent.has(id))).toEqual([]);

    expect((await world.request('POST', `/api/rounds/${round}/close`)).status).toBe(200);
    world.pass(61_000);
    world.faults = { s3: 0.001, line: 0.01 };
    while ((await world.request('GET', `/api/rounds/${round}/snapshot`)).status !== 303) world.pass(1_000);
    const { labels } = (await store.readJson<Snapshot>(snapshotKey(round)))!.value;
    const whose = new Map<string, Set<string>>();
    const counts = new Map<string, number>();
    for (const [item, question, rater, , showing] of labels) {
      const [at = ''] = rater.split('.');
      const key = `${item}/${showing}/${at}`;
      whose.set(key, (whose.get(key) ?? new Set()).add(rater));
      counts.set(`${key}/${question}`, (counts.get(`${key}/${question}`) ?? 0) + 1);
    }
    expect(new Set(counts.values())).toEqual(new Set([1]));
    expect(Math.max(...[...whose.values()].map(({ size }) => size))).toBe(1);
    const placeAt = new Map(plan.items.map(({ opaque }, place) => [opaque, place]));
    const wanted = Array.from({ length: SLOTS }, (_, i) => i + 1).flatMap((n) =>
      assignmentOf(plan, n).map(({ item, showing }) => `${placeAt.get(item)}/${showing}/${n}`),
    );
    expect([...whose.keys()].sort()).toEqual(wanted.sort());
    expect(labels).toHaveLength((2_000 * RATINGS + SLOTS * 10) * 3);
    const raters = new Set(labels.map(([, , rater]) => rater));
    // Drop-outs happened, or this world shows nothing.
    expect(raters.size).toBeGreaterThan(SLOTS + 5);
  },
);

test('fifty raters who all rate 2,000 pictures by three questions are counted within a few requests', async () => {
  const world = new World(9);
  const { store } = world;
  await plantAudit(store, { id: AUDIT, samples: 500 });
  const body = roundRequest([AUDIT], { ratings: SLOTS, slots: SLOTS });
  const round = (await world.request('POST', '/api/rounds', { body, key: 'once' })).body.id;
  const plan = (await readRound(store, round))!;
  for (let slot = 1; slot <= SLOTS; slot++) {
    await world.link(round, slot);
    const list = assignmentOf(plan, slot);
    for (let i = 0, seq = 0; i < list.length; i += 16, seq++) {
      const answers = list.slice(i, i + 16).flatMap(({ item }) => whole(item));
      const name = `${slot}.1`;
      await store.createJson(`${labelsPrefix(round)}${name}/${String(seq).padStart(5, '0')}.json`, {
        ...{ rater: name, pseudonym: name, codebook: plan.codebook, at: '', answered: '', skipped: '' },
        answers,
      });
    }
  }
  await world.request('POST', `/api/rounds/${round}/close`);
  world.pass(61_000);
  const answer = await world.request('GET', `/api/rounds/${round}/snapshot`);
  expect(answer.status).toBe(303);
  const { labels } = (await store.readJson<Snapshot>(snapshotKey(round)))!.value;
  expect(labels).toHaveLength(SLOTS * 2_000 * 3);
});
