import { labelsKey, snapshotKey } from '../../lib/records/keys.ts';
import type { Batch } from '../../lib/records/labels.ts';
import { systemTime } from '../../lib/system.ts';
import { callRounds } from '../support/call-rounds.ts';
import { MemoryStore } from '../support/memory-store.ts';
import {
  allItems,
  auditAt,
  giveSlot,
  makeRound,
  plantAudit,
  ratingApi,
  roundRequest,
  send,
  whole,
} from '../support/rounds.ts';

/** Calls in sequence that requests of rating rounds take: each is 10 to 30 ms on AWS. */

const AUDIT = auditAt(1);
const SLOTS = 40;
let now = Date.parse('2026-01-02T00:00:00.000Z');
const time = { ...systemTime, now: () => new Date(now), monotonic: () => 0 };
const memory = new MemoryStore(time.now);
const rounds = callRounds(memory);
/** Requests reach another process, which has kept nothing yet. */
const fresh = () => ratingApi({ store: rounds.store, time });
let round: string;
const tokens: string[] = [];

beforeAll(async () => {
  await plantAudit(memory, { id: AUDIT, samples: 75 });
  round = await makeRound(fresh(), [AUDIT], { ratings: SLOTS, slots: SLOTS });
  for (let slot = 1; slot <= SLOTS; slot++) tokens.push(await giveSlot(fresh(), round, slot));
});

/** A rater who sends each picture alone. */
async function answerAll(place: number): Promise<void> {
  const call = fresh();
  for (const [seq, { id }] of (await allItems(call, tokens[place]!)).entries())
    await send(call, tokens[place]!, seq, whole(id));
}

test('a round of three hundred pictures is made in 30 calls in sequence', async () => {
  const body = roundRequest([AUDIT], { name: 'Another', ratings: 1, slots: 1 });
  const request = () => fresh()('POST', '/api/rounds', { body, key: 'another' });
  expect(await rounds.of(request)).toBeLessThanOrEqual(30);
});

test('a rater who has answered nothing waits for three calls in sequence, one who has sent three hundred batches for ten', async () => {
  const page = (place: number) => () => fresh()('GET', '/api/rate', { token: tokens[place]! });
  expect(await rounds.of(page(0))).toBeLessThanOrEqual(3);
  await answerAll(0);
  expect(await rounds.of(page(0))).toBeLessThanOrEqual(10);
});

test('an answer is stored by four calls in sequence', async () => {
  const call = fresh();
  const [first, second] = await allItems(call, tokens[1]!);
  await send(call, tokens[1]!, 0, whole(first!.id));
  const answer = () => send(fresh(), tokens[1]!, 1, whole(second!.id));
  expect(await rounds.of(answer)).toBeLessThanOrEqual(4);
});

test('a round with forty raters is described in six calls in sequence', async () => {
  const describeRound = () => fresh()('GET', `/api/rounds/${round}`);
  expect(await rounds.of(describeRound)).toBeLessThanOrEqual(6);
});

test('the snapshot of forty raters reads fifty batches at once, and ten raters', async () => {
  const batch = (await memory.readJson<Batch>(labelsKey(round, '1.1', 0)))!.value;
  for (let slot = 3; slot <= SLOTS; slot++)
    for (let seq = 0; seq < 100; seq++)
      await memory.createJson(labelsKey(round, `${slot}.1`, seq), { ...batch, rater: `${slot}.1` });
  await fresh()('POST', `/api/rounds/${round}/close`);
  now += 61_000;
  const snapshot = () => fresh()('GET', `/api/rounds/${round}/snapshot`);
  // Each rater's batches and part, then four groups of raters twice.
  expect(await rounds.of(snapshot)).toBeLessThanOrEqual(38 * 3 + 8 + 40);
  expect(await memory.exists(snapshotKey(round))).toBe(true);
});
