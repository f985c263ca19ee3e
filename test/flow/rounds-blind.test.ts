import { S3Store } from '../../lib/aws/objects.ts';
import { presigner } from '../../lib/aws/presigner.ts';
import { itemsPrefix } from '../../lib/records/keys.ts';
import { placeOf } from '../../lib/records/pairs.ts';
import { opaqueName, readRound } from '../../lib/records/round.ts';
import {
  allItems,
  auditAt,
  type Call,
  giveSlot,
  label,
  makeRound,
  plantAudit,
  ratingApi,
  send,
  whole,
} from '../support/rounds.ts';
import { onLoopback } from './s3.ts';
import { eachWorld, world } from './world.ts';

/** All that reaches a rater: nothing of it says, or predicts, which model, prompt or cell a picture is of. */

const AUDIT = auditAt(1);
const SAMPLES = 60;
eachWorld(onLoopback);

interface Received {
  /** Every answer, with its headers. */
  answers: string[];
  pictures: { id: string; place: number; headers: Record<string, string>; url: string }[];
}

/** Does everything that a rater's page can do, right and wrong, and keeps what comes back. */
async function everything(call: Call, token: string): Promise<Received> {
  const answers: string[] = [];
  const noted: Call = async (...request) => {
    const answer = await call(...request);
    answers.push(JSON.stringify(answer.headers), answer.text);
    return answer;
  };
  const items = await allItems(noted, token);
  const first = items[0]!.id;
  await send(noted, token, 0, whole(first));
  await send(noted, token, 0, whole(first));
  await send(noted, token, 7, whole(first));
  await send(noted, token, 1, [label('0'.repeat(32), 'persons', 'one')]);
  await send(noted, token, 1, [label(first, 'persons', 'nobody')]);
  await noted('POST', '/api/rate/reports', { token, body: { item: items[1]!.id } });
  await noted('POST', '/api/rate/reports', { token, body: { item: 'x' } });
  await noted('GET', '/api/rate?cursor=0&limit=3', { token });
  const pictures = await Promise.all(
    items.map(async ({ id, place, url }) => {
      // This S3 answers everybody, and knows no keys to check a signature with.
      const response = await fetch(url.split('?')[0]!);
      expect(response.status).toBe(200);
      await response.arrayBuffer();
      return { id, place, url, headers: Object.fromEntries(response.headers) };
    }),
  );
  return { answers, pictures };
}

/** A test of ranks: how far the first group's mean place among all is from the middle, in standard errors. */
function rankScore(order: readonly boolean[]): number {
  const n = order.filter(Boolean).length;
  const m = order.length - n;
  const ranks = order.reduce((sum, isFirst, place) => sum + (isFirst ? place + 1 : 0), 0);
  const expected = (n * (n + m + 1)) / 2;
  return (ranks - expected) / Math.sqrt((n * m * (n + m + 1)) / 12);
}

test("a rater's traffic names no model, prompt, factor, audit, cell, seed or name, and the same answers say nothing by order, date or size", async () => {
  const plan = await plantAudit(world.truth.images, { id: AUDIT, samples: SAMPLES });
  const api = { time: world.time, queue: world.queue, polls: world.polls };
  /** Each copy is dated a second later than the one before. */
  class Dating extends S3Store {
    override within = () => this;
    override create(...request: Parameters<S3Store['create']>) {
      if (request[0].includes('/items/')) world.pass(1_000);
      return super.create(...request);
    }
  }
  const store = new Dating(world.images.client, 'images');
  const call = ratingApi({ ...api, store, presign: presigner(world.truth.images, world.time) });
  const practice = [{ image: `${AUDIT}/00003/0`, text: 'One person.', answers: { persons: 'one' } }];
  const round = await makeRound(call, [AUDIT], { name: 'nurses of alpha', slots: 3, repeats: 5, practice });
  const token = await giveSlot(call, round, 2, { pseudonym: 'blue', name: 'Ann Example' });
  const { answers, pictures } = await everything(call, token);
  expect(pictures).toHaveLength(4 * SAMPLES - 1 + 5);

  const { secret, items } = (await readRound(world.truth.images, round))!;
  const all = [...answers, ...pictures.map(({ url, headers }) => `${url} ${JSON.stringify(headers)}`)].join(
    '\n',
  );
  for (const word of [
    ...['a/alpha', 'b/beta', 'alpha', 'beta', 'a nurse', 'a chef', 'nurse', 'chef', 'job'],
    ...[AUDIT, 'renditions/', 'secret-model', 'x-amz-meta', 'content-disposition', 'seed', 'sample'],
    ...[secret, 'Ann', 'people', 'ann', 'a/b'],
  ])
    expect([word, all.includes(word)]).toEqual([word, false]);
  // A name follows from the image and the secret alone.
  for (const { image, opaque } of items) expect(opaque).toBe(opaqueName(secret, image));
  expect(new Set(items.map(({ image }) => opaqueName('guess', image))).has(items[0]!.opaque)).toBe(false);

  // What differs between the answers to pictures follows from the picture's bytes or from the moment of the request.
  const own = [
    'etag',
    'last-modified',
    'date',
    'x-amz-version-id',
    'x-amz-request-id',
    'x-amz-id-2',
    'x-amz-checksum-sha256',
  ];
  const rest = pictures.map(({ headers }) =>
    JSON.stringify(
      Object.entries(headers)
        .filter(([name]) => !own.includes(name))
        .sort(),
    ),
  );
  expect(new Set(rest).size).toBe(1);
  expect(new Set(pictures.map(({ url }) => url.replaceAll(/[0-9a-f]{32,64}/g, '*'))).size).toBe(1);

  // Nothing that is ordered says anything of the model or of the prompt.
  const imageOf = new Map(items.map(({ image, opaque }) => [opaque, image]));
  const where = (opaque: string) => placeOf(plan, Number(imageOf.get(opaque)!.split('/')[1]))!;
  const byName = [...imageOf.keys()].sort();
  const dated: { opaque: string; at: number }[] = [];
  for await (const { key, modified } of world.truth.images.list(itemsPrefix(round))) {
    const opaque = key.split('/').at(-1)!;
    if (imageOf.has(opaque)) dated.push({ opaque, at: modified.getTime() });
  }
  const byDate = dated
    .sort((one, other) => one.at - other.at || (one.opaque < other.opaque ? -1 : 1))
    .map(({ opaque }) => opaque);
  const byPlace = [...pictures].sort((one, other) => one.place - other.place).map(({ id }) => id);
  expect(new Set(dated.map(({ at }) => at)).size).toBeGreaterThan(10);
  for (const [what, order] of Object.entries({ byName, byDate, byPlace }))
    for (const side of ['model', 'prompt'] as const) {
      const score = rankScore(order.map((opaque) => where(opaque)[side] === 0));
      expect([what, side, Math.abs(score) < 4]).toEqual([what, side, true]);
    }
});

test('the secret of a round is another each time, so that two rounds call one picture by two names', async () => {
  await plantAudit(world.truth.images, { id: AUDIT });
  const call = ratingApi({ store: world.images, time: world.time });
  const rounds = [await makeRound(call, [AUDIT], {}, 'one'), await makeRound(call, [AUDIT], {}, 'two')];
  const [one, two] = await Promise.all(
    rounds.map(async (round) => (await readRound(world.truth.images, round))!.items),
  );
  expect(one!.map(({ image }) => image).sort()).toEqual(two!.map(({ image }) => image).sort());
  const names = new Set(one!.map(({ opaque }) => opaque));
  expect(two!.filter(({ opaque }) => names.has(opaque))).toEqual([]);
});

test('a rater who follows another is shown what is left, and nothing of what the other answered', async () => {
  await plantAudit(world.truth.images, { id: AUDIT });
  const call = ratingApi({ store: world.images, time: world.time });
  const round = await makeRound(call, [AUDIT]);
  const before = await giveSlot(call, round, 1);
  const list = await allItems(call, before);
  await send(
    call,
    before,
    0,
    list.slice(0, 5).flatMap(({ id }) => whole(id, 'man')),
  );
  // The sixth is begun and not done.
  await send(call, before, 1, [label(list[5]!.id, 'persons', 'several')]);
  const token = await giveSlot(call, round, 1);
  const { body } = await call('GET', '/api/rate', { token });
  expect(body.items.map(({ id }: { id: string }) => id)).toEqual(list.slice(5).map(({ id }) => id));
  expect([body.answered, body.nextSeq, body.total]).toEqual([[], 0, 16]);
  expect(JSON.stringify(body)).not.toContain(list[0]!.id);
});
