import { createHash } from 'node:crypto';
import type { APIGatewayProxyEventV2, Context, SQSEvent } from 'aws-lambda';
import { createApi } from '../../lib/handlers/api.ts';
import { createDispatch } from '../../lib/handlers/dispatch.ts';
import { createPoll } from '../../lib/handlers/poll.ts';
import { createTag } from '../../lib/handlers/tag.ts';
import { createWebhook } from '../../lib/handlers/webhook.ts';
import type { Message } from '../../lib/records/blocks.ts';
import { resultKey } from '../../lib/records/keys.ts';
import type { Plan } from '../../lib/records/plan.ts';
import { SECRET, signed } from './delivery.ts';
import { onLoopback } from './s3.ts';
import { FlowCloud, WEBHOOK_URL, type World } from './world.ts';

const ENV = {
  OUTPUT_ORIGINS: '',
  MAX_IMAGE_BYTES: '1000000',
  MAX_RECEIVE_COUNT: '5',
  OVERDUE_SECONDS: '1',
  RESEND_SECONDS: '900',
  CREATES_PER_MINUTE: '6000',
  DISPATCH_CONCURRENCY: '2',
  WEBHOOK_URL,
};
const log = { info() {}, warn() {}, error() {}, appendKeys() {}, resetKeys() {} };

let cloud: FlowCloud;
beforeAll(async () => {
  cloud = await FlowCloud.open(onLoopback);
});
afterAll(() => cloud.close());

type Ports = ReturnType<typeof portsOf>;
/** Time is up as soon as S3 says nothing: the signals that limit the work are one that the test aborts. */
function portsOf(world: World, isOver: AbortSignal) {
  const time = { ...world.time, timeout: () => isOver };
  return { ...world.reconcileDeps, ...world.turnDeps, time, log, secrets: async () => SECRET };
}

/**
 * Runs a handler while S3 falls silent at its first request, then at its second, and so on until it makes no such request.
 * @returns what it answered each time; it has to answer although nobody ends the connection
 */
async function atEveryRequest(
  prepare: (world: World) => Promise<Plan>,
  run: (ports: Ports, world: World, plan: Plan) => Promise<unknown>,
): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (let after = 0; ; after++) {
    const world = await cloud.world();
    const plan = await prepare(world);
    const over = new AbortController();
    cloud.fallSilent(after, () => over.abort(new DOMException('time is up', 'TimeoutError')));
    answers.push(await run(portsOf(world, over.signal), world, plan));
    if (!over.signal.aborted) return answers;
  }
}

const context = { getRemainingTimeInMillis: () => 120_000 } as Context;
const event = (message: Message): SQSEvent => ({
  Records: [
    {
      messageId: 'm1',
      body: JSON.stringify(message),
      attributes: { ApproximateReceiveCount: '1' },
    } as SQSEvent['Records'][number],
  ],
});

describe('a handler ends in its time although S3 takes a request and says nothing:', () => {
  test('webhook answers 503, so that the delivery is sent again', async () => {
    const answers = await atEveryRequest(
      (world) => world.accept(1),
      async (ports, world, plan) => {
        const prediction = await world.succeeded(plan.id, 0);
        const body = JSON.stringify(prediction);
        const handler = createWebhook(ports, { ...ENV, OUTPUT_ORIGINS: cloud.outputOrigin });
        const pathParameters = { audit: plan.id, cell: '00000' };
        const sent = { pathParameters, headers: signed(body), body } as unknown as APIGatewayProxyEventV2;
        return (await handler(sent)).statusCode;
      },
    );
    expect(answers.length).toBeGreaterThan(8);
    expect(answers.at(-1)).toBe(200);
    expect(new Set(answers.slice(0, -1))).toEqual(new Set([503]));
  });

  test('dispatch, whose message comes back', async () => {
    const answers = await atEveryRequest(
      (world) => world.accept(1),
      (ports, _world, plan) =>
        createDispatch(ports, ENV)(event({ audit: plan.id, from: 0, to: 0, link: 0 }), context),
    );
    expect(answers.length).toBeGreaterThan(8);
    expect(answers.at(-1)).toEqual({ batchItemFailures: [] });
  });

  test('poll, whose message comes back', async () => {
    const answers = await atEveryRequest(
      async (world) => {
        const plan = await world.accept(1);
        await world.ask(plan);
        for (const id of world.replicate.asked.keys())
          world.replicate.end(id, { output: world.outputs(id, 1) });
        world.pass(60_000);
        return plan;
      },
      async (ports, world, plan) => {
        const answer = await createPoll(ports, { ...ENV, OUTPUT_ORIGINS: cloud.outputOrigin })(
          event({ audit: plan.id, from: 0, to: 0 }),
          context,
        );
        cloud.fallSilent(Number.POSITIVE_INFINITY, () => {});
        const isStored = await world.truth.images.exists(resultKey(plan.id, 0));
        return answer.batchItemFailures.length > 0 ? 'comes back' : isStored ? 'stored' : 'lost';
      },
    );
    expect(answers.length).toBeGreaterThan(8);
    expect(answers.at(-1)).toBe('stored');
    expect(answers).not.toContain('lost');
  });

  test('api tells the caller', async () => {
    const token = { name: 'ann', sha256: createHash('sha256').update('t').digest('hex'), scope: 'read' };
    const answers = await atEveryRequest(
      (world) => world.accept(1),
      async (ports, _world, plan) => {
        const env = { METRICS_MODELS: 'a/b', SHORT_DAYS: '1', STANDARD_DAYS: '2', SETTLE_SECONDS: '60' };
        const tokens = async () => JSON.stringify([token]);
        const handler = createApi(
          {
            ...ports,
            tokens,
            presign: async () => '',
            presignUpload: async () => ({ url: '', headers: {} }),
          },
          env,
        );
        const sent = {
          routeKey: 'GET /api/audits/{audit}/predictions',
          headers: { authorization: 'Bearer t' },
          pathParameters: { audit: plan.id },
        } as unknown as APIGatewayProxyEventV2;
        return (await handler(sent, { awsRequestId: 'r' })).statusCode;
      },
    );
    expect(answers.length).toBeGreaterThan(4);
    expect(answers.at(-1)).toBe(200);
    expect(new Set(answers.slice(0, -1))).toEqual(new Set([500]));
  });

  test('tag, whose event comes back', async () => {
    const answers = await atEveryRequest(
      async (world) => {
        const plan = await world.accept(1);
        await world.finish(plan, 0, await world.succeeded(plan.id, 0, 1));
        return plan;
      },
      async (ports, world, plan) => {
        const handler = createTag(
          { ...ports, look: world.judgeDeps.look, publish() {} },
          { METRICS_MODELS: 'a/b' },
        );
        const detail = { bucket: { name: 'images' }, object: { key: resultKey(plan.id, 0) } };
        const created = { source: 'aws.s3', 'detail-type': 'Object Created', detail };
        return handler(created, context).then(
          ({ images }) => images.map(({ status }) => status),
          () => 'comes back',
        );
      },
    );
    expect(answers.length).toBeGreaterThan(4);
    expect(answers.at(-1)).toEqual(['ok']);
    expect(new Set(answers.slice(0, -1))).toEqual(new Set(['comes back']));
  });
});
