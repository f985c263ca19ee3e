import { reconcile } from '../../lib/audits/reconcile.ts';
import type { Head, Listed, ObjectStore } from '../../lib/ports.ts';
import { blocksOf } from '../../lib/records/blocks.ts';
import {
  deletedKey,
  imagesPrefix,
  LEDGER_PREFIX,
  leaseKey,
  leasesPrefix,
  OPEN_PREFIX,
  openKey,
  planKey,
  pollLeaseKey,
  summariesPrefix,
  summaryKey,
} from '../../lib/records/keys.ts';
import { systemChance } from '../../lib/system.ts';
import { eachWorld, world } from './world.ts';

const [ONE, OTHER] = ['7zzzzzzzzzzzzzzzzzzzzzzzzz', '6zzzzzzzzzzzzzzzzzzzzzzzzz'] as const;
const MINUTE = 60_000;
const CELLS = 30;

eachWorld();

/** Every cell is finished and its image judged. A quarter of an hour later no image has its copy in the backup. */
async function uncopied(id: string): Promise<void> {
  const plan = await world.accept(CELLS, { id });
  for (const { from } of blocksOf(plan))
    for (let turn = 0; turn < 4; turn++) await world.ask(plan, { cell: from });
  const chains = world.polls.messages.splice(0);
  for (const { prediction, request } of [...world.replicate.asked.values()]) {
    const ended = world.replicate.end(prediction.id, { output: world.outputs(prediction.id, 1) });
    await world.finish(plan, Number(request.webhook.slice(-5)), ended);
  }
  await world.judgeAndBackUp(id);
  await world.truth.backup.delete(await world.keys(imagesPrefix(id), world.truth.backup));
  world.pass(16 * MINUTE);
  for (const { message } of chains) await world.poll(message);
}
const copies = async (id: string) => (await world.keys(imagesPrefix(id), world.truth.backup)).length;
/** A run that has time until something has happened. */
const runUntil = (timeIsUp: () => boolean, fraction = Math.random) =>
  reconcile({ ...world.reconcileDeps, chance: { ...systemChance, fraction } }, timeIsUp);

describe('a run of reconcile whose time is up', () => {
  it('in the middle of the copies of an audit leaves the others to the next run', async () => {
    await uncopied(ONE);
    let calls = 0;
    const createCopy = world.backup.createCopy.bind(world.backup);
    world.backup.createCopy = async (source, key) => {
      // One after the other: all that are under way end.
      await new Promise(setImmediate);
      calls++;
      return createCopy(source, key);
    };
    expect(await runUntil(() => calls > 0)).toMatchObject({ manifests: 0, faults: [] });
    const first = await copies(ONE);
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(CELLS);
    await runUntil(() => false);
    expect(await copies(ONE)).toBe(CELLS);
    expect(await world.keys(`audits/${ONE}/manifest`)).toHaveLength(2);
  });

  it.each([0, 0.999])(
    'has restarted the chains of all audits before it copied anything (order %d)',
    async (chance) => {
      await uncopied(ONE);
      const other = await world.accept(CELLS, { id: OTHER, createdAt: new Date(0).toISOString() });
      await world.ask(other);
      world.pass(16 * MINUTE);
      await world.poll(world.polls.messages.find(({ message }) => message.audit === ONE)!.message);
      world.polls.messages = [];
      let copied = 0;
      const createCopy = world.backup.createCopy.bind(world.backup);
      world.backup.createCopy = (source, key) => {
        copied++;
        return createCopy(source, key);
      };
      await runUntil(
        () => copied > 0,
        () => chance,
      );
      expect(world.polls.messages.map(({ message }) => message.audit)).toContain(OTHER);
    },
  );

  it('in the middle of a deletion does not close the audit', async () => {
    const plan = await world.accept(1, { id: ONE });
    await world.truth.images.createJson(deletedKey(plan.id), {});
    world.pass(91 * MINUTE);
    let asked = 0;
    await runUntil(() => asked++ > 0);
    expect(await world.keys('open/')).toEqual([openKey(ONE)]);
    for (let run = 0; run < 2; run++) await runUntil(() => false);
    expect(await world.keys('')).toEqual([deletedKey(ONE)]);
  });
});

it('sees in two LISTs and three HEADs that nothing is due in an audit of 10,000 cells', async () => {
  const AUDITS = 500;
  const now = world.now();
  const old = new Date(now.getTime() - 60 * MINUTE);
  const cut = (id: string) => ({ id, cells: 10_000 });
  const calls: Record<string, number> = {};
  const count = (what: string, times = 1) => {
    calls[what] = (calls[what] ?? 0) + times;
  };
  const ids = Array.from({ length: AUDITS }, (_, i) => `7${String(i).padStart(25, '0')}`);
  const listed = (key: string, modified: Date): Listed => ({ key, modified, bytes: 0, etag: '' });
  const objects: Record<string, (id: string) => Listed[]> = {
    // A hundred blocks are summed up, long ago; the rest goes its way.
    leases: (id) =>
      blocksOf(cut(id)).flatMap(({ from }, place) =>
        [leaseKey(id, from), pollLeaseKey(id, from)].map((key) => listed(key, place < 100 ? old : now)),
      ),
    audits: (id) =>
      blocksOf(cut(id))
        .slice(0, 100)
        .map(({ from }) => listed(summaryKey(id, from), old)),
  };
  const images = {
    async *list(prefix: string) {
      const id = prefix.split('/')[1]!;
      const found =
        prefix === OPEN_PREFIX
          ? ids.map((one) => listed(openKey(one), old))
          : prefix === LEDGER_PREFIX
            ? []
            : objects[prefix.split('/')[0]!]!(id);
      expect([OPEN_PREFIX, LEDGER_PREFIX, leasesPrefix(id), summariesPrefix(id)]).toContain(prefix);
      count('LIST', Math.max(1, Math.ceil(found.length / 1_000)));
      yield* found;
    },
    async head(key: string): Promise<Head | undefined> {
      count('HEAD');
      const isPlan = key === planKey(key.split('/')[1]!);
      return isPlan ? ({ metadata: { predictions: '10000' }, modified: old } as unknown as Head) : undefined;
    },
    async exists() {
      count('HEAD');
      return false;
    },
  } as unknown as ObjectStore;
  const done = await reconcile({ ...world.reconcileDeps, images }, () => false);
  expect(done).toMatchObject({ audits: AUDITS, repairs: 0, manifests: 0, faults: [] });
  expect(calls).toEqual({ LIST: 2 + 2 * AUDITS, HEAD: 3 * AUDITS });
});
