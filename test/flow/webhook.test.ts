import { type Received, receiveWebhook } from '../../lib/cells/receive.ts';
import { deletedKey, resultKey } from '../../lib/records/keys.ts';
import type { Plan } from '../../lib/records/plan.ts';
import type { Result } from '../../lib/records/result.ts';
import { SECRET, signed } from './delivery.ts';
import { FlowCloud, type World } from './world.ts';

const OTHER = `whsec_${Buffer.from('another secret of 32 bytes......').toString('base64')}`;

let cloud: FlowCloud;
let world: World;
let plan: Plan;
beforeAll(async () => {
  cloud = await FlowCloud.open();
});
beforeEach(async () => {
  world = await cloud.world();
  plan = await world.accept(3);
});
afterAll(() => cloud.close());

let secrets: string;
beforeEach(() => {
  secrets = SECRET;
});
const deps = () => ({
  ...world.finishDeps,
  readPlan: world.turnDeps.readPlan,
  secrets: async () => secrets,
});
const address = (cell: string | number, audit = plan.id) =>
  `https://hooks.example/webhooks/replicate/${audit}/${String(cell).padStart(5, '0')}`;
const body = (change: object = {}) =>
  JSON.stringify({
    id: 'p1',
    status: 'succeeded',
    output: world.outputs('p1', 1),
    webhook: address(0),
    ...change,
  });
const deliver = (
  text: string,
  path = { audit: plan.id, cell: '00000' },
  headers = signed(text),
): Promise<Received> => receiveWebhook(deps(), path, { headers, body: text }, AbortSignal.timeout(600_000));

/** What stands in S3 beside what was there before. */
async function expectUnchanged(act: () => Promise<unknown>, status: number): Promise<void> {
  const before = await world.keys('');
  await expect(act()).rejects.toMatchObject({ name: 'Refusal', status });
  expect(await world.keys('')).toEqual(before);
}

describe('a webhook', () => {
  it('that is signed and about its cell is stored', async () => {
    expect(await deliver(body())).toBe('stored');
    expect(await world.truth.images.exists(resultKey(plan.id, 0))).toBe(true);
  });

  it('delivered five times, two at once, leaves one result and one set of images', async () => {
    await Promise.all([deliver(body()), deliver(body())]);
    for (let i = 0; i < 3; i++) expect(await deliver(body())).toBe('already');
    expect(await world.keys(`images/${plan.id}/`)).toHaveLength(1);
    expect(await world.rewritten('')).toEqual([]);
  });

  it.each<[string, () => Promise<unknown>, number]>([
    ['whose signature is of another body', () => deliver(body(), undefined, signed(body({ id: 'p2' }))), 401],
    [
      'that was signed six minutes ago',
      () => deliver(body(), undefined, signed(body(), { secondsAgo: 360 })),
      401,
    ],
    [
      'signed with a secret of somebody else',
      () => deliver(body(), undefined, signed(body(), { secret: OTHER })),
      401,
    ],
    ['about another cell', () => deliver(body({ webhook: address(1) })), 403],
    ['about a cell of another audit', () => deliver(body({ webhook: address(0, '6'.repeat(26)) })), 403],
    [
      'whose address only ends like its cell',
      () => deliver(body({ webhook: `${address(0)}?x=/${address(1)}` })),
      403,
    ],
    ['that names no cell and was not asked for', () => deliver(body({ webhook: undefined })), 403],
    ['for an audit that never was', () => deliver(body(), { audit: '6'.repeat(26), cell: '00000' }), 404],
    [
      'for a cell that the audit does not have',
      () => deliver(body({ webhook: address(3) }), { audit: plan.id, cell: '00003' }),
      404,
    ],
    ['for a cell of six digits', () => deliver(body(), { audit: plan.id, cell: '000000' }), 404],
    ['for a path that climbs', () => deliver(body(), { audit: '../../deleted', cell: '00000' }), 404],
    ['that is empty', () => deliver(''), 400],
    ['that is no JSON', () => deliver('id=p1&status=succeeded'), 400],
    ['that is JSON, but no prediction', () => deliver('[]'), 422],
    ['whose id climbs', () => deliver(body({ id: '../../deleted/x' })), 422],
  ])('%s changes nothing', async (_what, act, status) => {
    await expectUnchanged(act, status);
  });

  it.each(['processing', 'exploded'])(
    'of a prediction that has not ended (%s) changes nothing and is no error',
    async (status) => {
      const before = await world.keys('');
      expect(await deliver(body({ status }))).toBe('not ended');
      expect(await world.keys('')).toEqual(before);
    },
  );

  it('after the terminal one changes nothing, whatever it says', async () => {
    await deliver(body());
    const before = await world.keys('');
    expect(await deliver(body({ status: 'failed', error: 'no, it failed' }))).toBe('already');
    expect(await deliver(body({ status: 'processing' }))).toBe('not ended');
    expect(await world.keys('')).toEqual(before);
    const result = await world.truth.images.readJson<Result>(resultKey(plan.id, 0));
    expect(result?.value.status).toBe('succeeded');
  });

  it('of a deleted audit is answered, so that it stops coming, and writes nothing; swept or not', async () => {
    await world.images.createJson(deletedKey(plan.id), {});
    expect(await deliver(body())).toBe('deleted');
    await world.images.delete([`audits/${plan.id}/audit.json`]);
    expect(await deliver(body())).toBe('deleted');
    expect(await world.keys('images/')).toEqual([]);
  });

  it('without its address is believed for the prediction that is recorded, and no other', async () => {
    await world.images.createJson(`audits/${plan.id}/dispatched/00000.json`, {
      predictionId: 'p1',
      askedAt: new Date().toISOString(),
      attempt: 1,
    });
    await expectUnchanged(() => deliver(body({ id: 'p2', webhook: null })), 403);
    expect(await deliver(body({ webhook: null }))).toBe('stored');
  });

  it('with a new secret that is not in the cached list is accepted: the list is read again before a refusal', async () => {
    let reads = 0;
    const rotating = async ({ refresh = false } = {}) => {
      reads++;
      return refresh ? `${OTHER} ${SECRET}` : SECRET;
    };
    const text = body();
    const delivery = { headers: signed(text, { secret: OTHER }), body: text };
    const path = { audit: plan.id, cell: '00000' };
    const received = receiveWebhook(
      { ...deps(), secrets: rotating },
      path,
      delivery,
      AbortSignal.timeout(600_000),
    );
    expect(await received).toBe('stored');
    expect(reads).toBe(2);
  });

  it('with members nested 200,000 deep is stored without them', async () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    const text = body().replace(/}$/, `,"metrics":{"a":${deep}},"input":{"a":${deep}},"extra":${deep}}`);
    expect(await deliver(text)).toBe('stored');
    const result = await world.truth.images.readJson<Result>(resultKey(plan.id, 0));
    expect(result?.value.prediction).toMatchObject({ metrics: null, input: null });
  });

  it('with an error nested 200,000 deep ends its cell', async () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    const text = body({ status: 'failed' }).replace(/}$/, `,"error":${deep}}`);
    expect(await deliver(text)).toBe('stored');
  });

  it('of 6 MB, with its image in it, is stored', async () => {
    const image = Buffer.alloc(4_000_000, 7);
    const output = `data:image/png;base64,${image.toString('base64')}`;
    const text = body({ output });
    const generous = { ...deps(), maxImageBytes: 5_000_000 };
    const delivery = { headers: signed(text), body: text };
    const path = { audit: plan.id, cell: '00000' };
    expect(await receiveWebhook(generous, path, delivery, AbortSignal.timeout(600_000))).toBe('stored');
    expect((await world.truth.images.head(`images/${plan.id}/00000/0`))?.bytes).toBe(4_000_000);
  });
});
