import type { Snapshot } from '../../lib/contract/rounds.ts';
import type { Time } from '../../lib/ports.ts';
import { labelsPrefix, snapshotKey } from '../../lib/records/keys.ts';
import { readRound } from '../../lib/records/round.ts';
import { assignmentOf } from '../../lib/rounds/assignment.ts';
import { play } from '../../sim/run.ts';
import { deployedStack } from '../../sim/stack.ts';
import { faultIn, WORLDS } from '../../sim/worlds.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { auditAt, giveSlot, makeRound, plantAudit, ratingApi, whole } from '../support/rounds.ts';

const stack = await deployedStack();

test.each([
  ['fifty raters and 2,000 pictures', 1],
  ['fifty raters and 2,000 pictures', 2],
  ['twenty rounds are closed while raters answer', 1],
  ['twenty rounds are closed while raters answer', 2],
] as const)('%s: every promise holds (seed %d)', async (name, seed) => {
  const world = WORLDS[name]!;
  expect(faultIn(world, await play(world.scenario, seed, stack))).toBeUndefined();
});

const AUDIT = auditAt(1);
const SLOTS = 50;

test('fifty raters who all rate 2,000 pictures by three questions are counted within one request', async () => {
  let now = Date.parse('2026-03-01T00:00:00Z');
  const store = new MemoryStore(() => new Date(now));
  const time: Time = {
    now: () => new Date(now),
    monotonic: () => now,
    sleep: async () => {},
    timeout: () => new AbortController().signal,
  };
  const call = ratingApi({ store, time });
  await plantAudit(store, { id: AUDIT, samples: 500 });
  const round = await makeRound(call, [AUDIT], { ratings: SLOTS, slots: SLOTS });
  const plan = (await readRound(store, round))!;
  for (let slot = 1; slot <= SLOTS; slot++) {
    await giveSlot(call, round, slot);
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
  await call('POST', `/api/rounds/${round}/close`);
  now += 61_000;
  const answer = await call('GET', `/api/rounds/${round}/snapshot`);
  expect(answer.status).toBe(303);
  const { labels } = (await store.readJson<Snapshot>(snapshotKey(round)))!.value;
  expect(labels).toHaveLength(SLOTS * 2_000 * 3);
});
