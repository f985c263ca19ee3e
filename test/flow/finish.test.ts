import { createBinding, readBinding } from '../../lib/records/binding.ts';
import { deletedKey, resultKey } from '../../lib/records/keys.ts';
import type { Plan } from '../../lib/records/plan.ts';
import { isStored, type Result } from '../../lib/records/result.ts';
import type { EndedPrediction } from '../../lib/replicate/prediction.ts';
import { png } from '../support/images.ts';
import { cloud, eachWorld, type Serve, world } from './world.ts';

let plan: Plan;
eachWorld();
beforeEach(async () => {
  plan = await world.accept(2);
});

const finish = (prediction: EndedPrediction, in_ = world) => in_.finish(plan, 0, prediction);
const readResult = async (cell = 0, in_ = world) =>
  (await in_.truth.images.readJson<Result>(resultKey(plan.id, cell)))?.value;

/** The one result of cell 0, whose images are in S3 byte for byte, and no others; nothing was written twice. */
async function expectComplete(images: number, in_ = world): Promise<Result> {
  const result = (await readResult(0, in_))!;
  const stored = result.images.filter(isStored);
  expect(stored).toHaveLength(images);
  for (const { key, sha256 } of stored) expect(await in_.hash(key)).toBe(sha256);
  expect(await in_.keys(`images/${plan.id}/00000/`)).toEqual(stored.map(({ key }) => key).sort());
  expect(await in_.rewritten('')).toEqual([]);
  return result;
}

describe('a cell is finished', () => {
  it('once by five deliveries, two of them at once', async () => {
    const prediction = await world.succeeded(plan.id, 0, 4);
    const outcomes = await Promise.all([finish(prediction), finish(prediction)]);
    for (let i = 0; i < 3; i++) outcomes.push(await finish(prediction));
    expect(outcomes.slice(2)).toEqual(['already', 'already', 'already']);
    await expectComplete(4);
  });

  it('by the webhook of a prediction that nobody recorded, which is then bound to it', async () => {
    const prediction = await world.succeeded(plan.id, 0);
    expect(await finish(prediction)).toBe('stored');
    expect(await readBinding(world.images, plan.id, 0, 1)).toMatchObject({
      predictionId: prediction.id,
      adopted: true,
      attempt: 1,
    });
  });

  it('by the prediction that is bound to it alone: nothing of another is stored', async () => {
    const bound = await world.succeeded(plan.id, 0, 1);
    const other = await world.succeeded(plan.id, 0, 3);
    const askedAt = world.now().toISOString();
    await createBinding(world.images, { plan, n: 0 }, 1, { predictionId: bound.id, askedAt, attempt: 1 });
    expect(await finish(other)).toBe('superfluous');
    expect(await world.keys(`images/${plan.id}/`)).toEqual([]);
    expect(await finish(bound)).toBe('stored');
    await expectComplete(1);
  });

  it('by one of two unrecorded predictions that end at once, never by both', async () => {
    const [one, other] = [await world.succeeded(plan.id, 0, 1), await world.succeeded(plan.id, 0, 3)];
    const outcomes = await Promise.all([finish(one!), finish(other!)]);
    expect(outcomes.sort()).toEqual(['stored', 'superfluous']);
    const result = (await readResult())!;
    await expectComplete(result.prediction!.id === one!.id ? 1 : 3);
  });

  it('never once it was closed without a prediction', async () => {
    const closedAt = world.now().toISOString();
    const closed = { closed: 'canceled', error: 'no longer wanted', closedAt } as const;
    await createBinding(world.images, { plan, n: 0 }, 1, closed);
    expect(await finish(await world.succeeded(plan.id, 0))).toBe('superfluous');
    expect(await world.keys(`images/${plan.id}/`)).toEqual([]);
  });

  it('never after its audit was deleted: nothing at all is written', async () => {
    await world.images.createJson(deletedKey(plan.id), {});
    const before = await world.keys('');
    expect(await finish(await world.succeeded(plan.id, 0))).toBe('deleted');
    expect(await world.keys('')).toEqual(before);
  });

  it('by a second prediction after the first was aborted, whatever the order of the webhooks', async () => {
    const aborted: EndedPrediction = { id: 'never-started', status: 'aborted' };
    expect(await finish(aborted)).toBe('aborted');
    const second = await world.succeeded(plan.id, 0);
    expect(await finish(second)).toBe('stored');
    expect(await finish(aborted)).toBe('already');
    expect(await readBinding(world.images, plan.id, 0, 2)).toMatchObject({
      predictionId: second.id,
      attempt: 2,
    });
    await expectComplete(2);
  });

  it('as refused, with what was asked, returned and filtered, when the filter of the model dropped all', async () => {
    const logs = 'Potential NSFW content was detected in one or more images.';
    await finish({ id: 'p', status: 'succeeded', output: [], logs });
    expect(await readResult()).toMatchObject({ status: 'refused', asked: 1, returned: 0, filtered: 1 });
  });

  it('with reasons for the outputs that may not be fetched, beside those that may', async () => {
    const [good] = world.outputs('p', 1);
    await finish({
      id: 'p',
      status: 'succeeded',
      output: ['http://169.254.169.254/x', good, 'file:///etc/passwd'],
    });
    const result = (await readResult())!;
    expect(result).toMatchObject({ status: 'succeeded', returned: 3 });
    expect(result.images).toEqual([
      { index: 0, error: 'images are not fetched from http://169.254.169.254' },
      expect.objectContaining({ index: 1, key: `images/${plan.id}/00000/1` }),
      { index: 2, error: 'images are not fetched from file://' },
    ]);
  });

  it('with at most 100 of its outputs, and says that there were 10,000', async () => {
    const output = Array.from(
      { length: 10_000 },
      () => `data:image/png;base64,${png(1, 1).toString('base64')}`,
    );
    await finish({ id: 'p', status: 'succeeded', output });
    const result = (await readResult())!;
    expect(result.images.filter(isStored)).toHaveLength(100);
    expect(result).toMatchObject({ returned: 10_000 });
    expect(result.images.at(-1)).toEqual({ index: 100, error: expect.stringContaining('9900 more outputs') });
  });

  it('with every shape of output: an array, one address, an object, data', async () => {
    const [first, second] = world.outputs('p', 2);
    const data = `data:application/octet-stream;base64,${png(2, 2).toString('base64')}`;
    await finish({
      id: 'p',
      status: 'succeeded',
      output: { images: [first], mask: second, text: 'a nurse', data },
    });
    await expectComplete(3);
  });
});

describe('an output', () => {
  const [WHOLE] = [png(64, 64, 'whole')];
  const whole: Serve = (_request, response) =>
    response.writeHead(200, { 'content-length': WHOLE!.length }).end(WHOLE);
  /** Answers so the first time, and well from then on. */
  const once = (first: Serve): Serve => {
    let calls = 0;
    return (request, response) => (calls++ === 0 ? first(request, response) : whole(request, response));
  };

  it.each<[string, Serve]>([
    ['is not there yet', (_request, response) => response.writeHead(404).end()],
    ['fails', (_request, response) => response.writeHead(503).end()],
    [
      'ends early',
      (_request, response) => {
        response.writeHead(200, { 'content-length': WHOLE!.length });
        response.write(WHOLE!.subarray(0, 100), () => response.destroy());
      },
    ],
    ['is cut before its head', (request) => request.socket.destroy()],
    [
      'is cut without a length',
      (_request, response) => {
        response.write(WHOLE!.subarray(0, 100), () => response.destroy());
      },
    ],
  ])('that %s at first is stored whole by the second try', async (_how, first) => {
    cloud.serve.set('/p/0.png', once(first));
    expect(await finish({ id: 'p', status: 'succeeded', output: world.outputs('p', 1) })).toBe('stored');
    const result = await expectComplete(1);
    expect(result.images).toMatchObject([{ bytes: WHOLE!.length, contentType: 'image/png' }]);
  });

  it('that stalls ends with its deadline, and the next delivery stores it', async () => {
    const deadline = new AbortController();
    cloud.serve.set(
      '/p/0.png',
      once((_request, response) =>
        response.writeHead(200, { 'content-length': 10_000 }).write(WHOLE!, () => deadline.abort()),
      ),
    );
    const prediction: EndedPrediction = { id: 'p', status: 'succeeded', output: world.outputs('p', 1) };
    await expect(world.finish(plan, 0, prediction, deadline.signal)).rejects.toThrow();
    expect(await world.keys(`images/${plan.id}/`)).toEqual([]);
    expect(await finish(prediction)).toBe('stored');
    await expectComplete(1);
  });

  it('that is gone within its hour is tried again later; after the hour the result says that it expired', async () => {
    cloud.serve.set('/p/0.png', (_request, response) => response.writeHead(404).end());
    const prediction: EndedPrediction = {
      id: 'p',
      status: 'succeeded',
      output: world.outputs('p', 2),
      completed_at: world.now().toISOString(),
    };
    await expect(finish(prediction)).rejects.toThrow('answered 404');
    expect(await readResult()).toBeUndefined();
    world.pass(63 * 60_000);
    expect(await finish(prediction)).toBe('stored');
    const result = await expectComplete(1);
    expect(result.images[0]).toEqual({ index: 0, error: expect.stringMatching(/^expired: .*404/) });
  });

  it('that an earlier delivery stored is in the result, though Replicate has removed it since', async () => {
    const prediction: EndedPrediction = { id: 'p', status: 'succeeded', output: world.outputs('p', 2) };
    cloud.serve.set('/p/1.png', (_request, response) => response.writeHead(404).end());
    await expect(finish(prediction)).rejects.toThrow('answered 404');
    expect(await world.keys(`images/${plan.id}/`)).toHaveLength(1);
    const { output: _output, ...removed } = prediction;
    await finish({ ...removed, output: null, data_removed: true });
    await expectComplete(1);
  });

  it('that an earlier delivery stored is in the result, though Replicate no longer knows the prediction', async () => {
    const prediction: EndedPrediction = { id: 'p', status: 'succeeded', output: world.outputs('p', 2) };
    cloud.serve.set('/p/1.png', (_request, response) => response.writeHead(404).end());
    await expect(finish(prediction)).rejects.toThrow('answered 404');
    await finish({ id: 'p', status: 'failed', error: 'Replicate no longer knows this prediction' });
    await expectComplete(1);
  });
});
