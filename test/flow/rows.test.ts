import { createHash } from 'node:crypto';
import { parse } from 'csv-parse/sync';
import { acceptAudit } from '../../lib/audits/accept.ts';
import { writeManifest } from '../../lib/audits/manifest.ts';
import { auditStatus, listPredictions } from '../../lib/audits/read.ts';
import { parseDesign } from '../../lib/audits/request.ts';
import { monthOf, readLedger } from '../../lib/money/ledger.ts';
import { flowKey, manifestKey, settingsKey } from '../../lib/records/keys.ts';
import { type Plan, readPlan } from '../../lib/records/plan.ts';
import { systemChance } from '../../lib/system.ts';
import { withTemporaryFile } from '../../lib/temporary-file.ts';
import { eachWorld, world } from './world.ts';

/** Audits whose prompts are rows of a table, from the request to the manifest. */

eachWorld();

const CENT = 'simulated-prices/cent';
const DEAR = 'simulated-prices/dear';

/** A doctor for one model, a nurse for another, a judge for both, and one row twice. */
const DESIGN = {
  prompts: [
    { text: 'a doctor', factors: { job: 'doctor', share: '0.4' }, model: CENT },
    { text: 'a nurse', factors: { job: 'nurse', setting: 'ward' }, model: DEAR },
    'a judge',
    { text: 'a doctor', factors: { share: '0.4', job: 'doctor' }, model: CENT },
  ],
  models: [CENT, DEAR],
  reference: 'share',
  samples: 2,
};

async function accept(design: object = DESIGN, key?: string) {
  const body = JSON.stringify(design);
  const deps = {
    ...{ store: world.images, queue: world.queue, replicate: world.replicate },
    ...{ time: world.time, chance: systemChance, log: { error() {}, warn() {} } },
  };
  const accepted = await acceptAudit(deps, parseDesign(body), {
    ...{ caller: 'ann', request: `r${Math.random()}`, idempotencyKey: key, body },
  });
  return { ...accepted, plan: (await readPlan(world.images, accepted.id))! };
}

/** A turn asks for few cells at first. */
async function askAll(plan: Plan): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await world.ask(plan);
  expect(world.replicate.asked.size).toBe(plan.cells);
}

/** Asks for all cells and ends them, a picture each. */
async function runThrough(plan: Plan): Promise<void> {
  await askAll(plan);
  for (const [id, { request }] of world.replicate.asked) {
    const at = world.now().toISOString();
    const ended = world.replicate.end(id, { output: world.outputs(id, 1), created_at: at, started_at: at });
    await world.finish(plan, Number(request.webhook.slice(-5)), ended);
  }
  await world.judgeAndBackUp(plan.id);
}

describe('an audit of rows', () => {
  beforeEach(() =>
    world.truth.images.replaceJson(settingsKey, {
      monthly: 1,
      prices: { [CENT]: { perImage: 0.01 }, [DEAR]: { perImage: 0.1 } },
    }),
  );
  const books = () => readLedger(world.truth.images, monthOf(world.now()));

  it('asks each model for its own prompts alone, with the same seeds for the same prompt', async () => {
    const { plan, predictions, merged } = await accept();
    expect({ predictions, merged }).toEqual({ predictions: 8, merged: 1 });
    await runThrough(plan);
    const asked = [...world.replicate.asked.values()].map(({ request }) => request);
    const pairs = asked.map(({ version, input }) => `${input.prompt}, ${version}`);
    expect([...new Set(pairs)].sort()).toEqual([
      `a doctor, ${CENT}`,
      `a judge, ${CENT}`,
      `a judge, ${DEAR}`,
      `a nurse, ${DEAR}`,
    ]);
    expect(pairs).toHaveLength(8);
    const seedsOf = (prompt: string, model: string) =>
      asked
        .filter(({ input, version }) => input.prompt === prompt && version === model)
        .map(({ input }) => input.seed)
        .sort();
    expect(seedsOf('a judge', CENT)).toEqual(seedsOf('a judge', DEAR));
    expect(new Set(asked.map(({ input }) => input.seed)).size).toBe(3 * 2);
  });

  it('reserves what its pairs may cost, not prompts × models, and releases it by what they cost', async () => {
    const { id, plan } = await accept();
    // Two prompts for each of the models, twice.
    const most = 4 * 10_000 + 4 * 100_000;
    expect((await books()).audits[id]).toMatchObject({ most, reserved: most });
    await runThrough(plan);
    await world.poll({ audit: id, from: 0, to: plan.cells - 1 });
    await world.reconcile();
    expect((await books()).audits[id]).toMatchObject({ reserved: 0, spent: most });
    expect(await auditStatus(world.endDeps, id)).toMatchObject({
      predictions: 8,
      counts: { succeeded: 8, waiting: 0 },
      cost: { reserved: 0, spent: 0.44 },
    });
  });

  it('shares what it may cost at most among the cells of models without a price', async () => {
    await world.truth.images.replaceJson(settingsKey, { monthly: 1, prices: { [CENT]: { perImage: 0.01 } } });
    const { plan } = await accept({ ...DESIGN, maxCost: 0.24 });
    // Four cells of the one leave 20 cents for four of the other.
    expect(plan.models[1]?.price).toEqual({ unit: 'prediction', micros: 50_000 });
  });

  it('lists its cells, and has all factors of all rows as columns of its manifest', async () => {
    const { id, plan } = await accept();
    await runThrough(plan);
    const { predictions } = await listPredictions(world.endDeps, id, {});
    expect(predictions.map(({ prompt, model, sample }) => `${prompt}, ${model}, ${sample}`)).toEqual(
      [`a doctor, ${CENT}`, `a nurse, ${DEAR}`, `a judge, ${CENT}`, `a judge, ${DEAR}`].flatMap((pair) => [
        `${pair}, 0`,
        `${pair}, 1`,
      ]),
    );
    await writeManifest({ images: world.images, time: world.time, withTemporaryFile }, plan);
    const csv = await world.truth.images.readRange(manifestKey(id, 'csv'), 'bytes=0-');
    const rows = parse(csv!.bytes, { columns: true }) as Record<string, string>[];
    expect(Object.keys(rows[0]!).filter((name) => name.startsWith('factor:'))).toEqual([
      'factor:job',
      'factor:share',
      'factor:setting',
    ]);
    expect(
      rows.map((row) => [row.prompt, row['factor:job'], row['factor:share'], row['factor:setting']]),
    ).toEqual(
      [
        ['a doctor', 'doctor', '0.4', ''],
        ['a nurse', 'nurse', '', 'ward'],
        ['a judge', '', '', ''],
        ['a judge', '', '', ''],
      ].flatMap((row) => [row, row]),
    );
  });

  it('is the same when its request comes again, and says again what was left out', async () => {
    const { id, predictions, merged } = await accept(DESIGN, 'once');
    expect(await accept(DESIGN, 'once')).toMatchObject({ id, predictions, merged });
    expect(await world.keys('audits/')).toHaveLength(1);
  });
});

describe('a request that comes again', () => {
  const row = (factors: object) => ({
    ...DESIGN,
    reference: 'share',
    prompts: [{ text: 'a nurse', factors }],
  });

  it('with its members in another order is the same, and the plan has the order of the first', async () => {
    const { id } = await accept(row({ job: 'nurse', share: '0.87' }), 'once');
    const again = await accept(row({ share: '0.87', job: 'nurse' }), 'once');
    expect(again.id).toBe(id);
    expect(Object.keys(again.plan.prompts[0]!.factors!)).toEqual(['job', 'share']);
    await expect(accept(row({ share: '0.88', job: 'nurse' }), 'once')).rejects.toMatchObject({ status: 422 });
  });

  it('is the same however deep its inputs are nested', async () => {
    // A model whose schema Replicate does not show.
    world.replicate.facts = { official: true, version: null, openapi: undefined };
    const deep = JSON.parse(`${'['.repeat(4_000)}${']'.repeat(4_000)}`);
    const design = { prompts: ['a nurse'], models: [CENT], input: { deep }, samples: 1 };
    const { id } = await accept(design, 'deep');
    expect((await accept(design, 'deep')).id).toBe(id);
  });

  it('is found by the record of an older release, which has the hash of the body as it came', async () => {
    const design = row({ share: '0.87', job: 'nurse' });
    const { id } = await accept(design, 'once');
    const [key = ''] = await world.keys('idempotency/');
    const body = createHash('sha256').update(JSON.stringify(design)).digest('hex');
    expect((await world.truth.images.readJson<{ body: string }>(key))!.value.body).not.toBe(body);
    await world.truth.images.replaceJson(key, { audit: id, body });
    expect((await accept(design, 'once')).id).toBe(id);
  });
});

describe('what is in flight for a model of an audit with pairs', () => {
  const flowOf = async (model: string) => {
    const key = flowKey(model);
    return (await world.truth.images.readJson<{ blocks: Record<string, { cells: object }> }>(key))!.value
      .blocks;
  };

  it('is counted by its own cells, without the plan', async () => {
    const texts = Array.from({ length: 24 }, (_, i) => `prompt ${i}`);
    const model = (i: number) => (i % 3 === 0 ? 'slow/one' : 'quick/one');
    const prompts = texts.map((text, i) => ({ text, model: model(i) }));
    const { id, plan } = await accept({ prompts, samples: 1 });
    await world.ask(plan, { deps: { createsPerMinute: 6 } });
    const [[name, entry] = []] = Object.entries(await flowOf('slow/one'));
    expect(name).toBe(`${id}/0`);
    const cells = (entry as { cells: { only: number[]; to: number } }).cells;
    expect(cells.only).toEqual(texts.flatMap((_, n) => (n <= cells.to && n % 3 === 0 ? [n] : [])));
    // A function of an older release reads these members alone, and takes all cells for the model's.
    expect(cells).toMatchObject({ samples: 1, models: 1, place: 0 });
  });

  it('leaves room for another audit as soon as its predictions have ended, whatever runs for the other model', async () => {
    const texts = Array.from({ length: 24 }, (_, i) => `prompt ${i}`);
    const rows = (models: string[]) => texts.map((text, i) => ({ text, model: models[i % models.length]! }));
    const first = await accept({ prompts: rows(['slow/one', 'quick/one']), samples: 1 });
    const few = { createsPerMinute: 6 };
    for (let cell = 0; cell < 24; cell += 6) await world.ask(first.plan, { cell, deps: few });
    for (let cell = 0; cell < 24; cell += 6) await world.ask(first.plan, { cell, deps: few });
    const ofSlow = () =>
      [...world.replicate.asked].filter(([, { request }]) => request.version === 'slow/one');
    expect(ofSlow().length).toBe(12);
    for (const [id, { request }] of ofSlow())
      await world.finish(
        first.plan,
        Number(request.webhook.slice(-5)),
        world.replicate.end(id, { output: world.outputs(id, 1) }),
      );
    world.pass(60 * 60_000);
    const second = await accept({ prompts: texts.slice(0, 16), models: ['slow/one'], samples: 1 });
    for (let cell = 0; cell < 16; cell += 4) await world.ask(second.plan, { cell, deps: few });
    for (let cell = 0; cell < 16; cell += 4) await world.ask(second.plan, { cell, deps: few });
    expect(ofSlow().length).toBe(12 + 16);
  });
});

it('prompts in another order have the same seeds', async () => {
  const seedsOf = async (prompts: string[]) => {
    world.replicate.asked.clear();
    const { plan } = await accept({ prompts, models: ['a/b'], samples: 1, seed: 5 });
    await askAll(plan);
    return new Map(
      [...world.replicate.asked.values()].map(({ request }) => [request.input.prompt, request.input.seed]),
    );
  };
  const seeds = await seedsOf(['a', 'b', 'c']);
  expect(await seedsOf(['c', 'a', 'b'])).toEqual(new Map([...seeds]));
  expect(new Set(seeds.values()).size).toBe(3);
});
