import type { APIGatewayProxyEventV2, Context, SQSEvent } from 'aws-lambda';
import { createPoll } from '../../lib/handlers/poll.ts';
import { createWebhook } from '../../lib/handlers/webhook.ts';
import { COUNTED } from '../../lib/log-lines.ts';
import type { Message } from '../../lib/records/blocks.ts';
import { cancelKey } from '../../lib/records/keys.ts';
import type { Plan } from '../../lib/records/plan.ts';
import { withTemporaryFile } from '../../lib/temporary-file.ts';
import { SECRET, signed } from './delivery.ts';
import { eachWorld, world } from './world.ts';

let lines: string[];
eachWorld();
beforeEach(() => {
  lines = [];
});

const ports = () => {
  const log = {
    info: (message: string) => void lines.push(message),
    warn() {},
    error() {},
    appendKeys() {},
    resetKeys() {},
  };
  return { ...world.turnDeps, backup: world.backup, withTemporaryFile, log, secrets: async () => SECRET };
};
const env = () => ({
  OUTPUT_ORIGINS: world.cloud.outputOrigin,
  MAX_IMAGE_BYTES: '1000000',
  MAX_RECEIVE_COUNT: '5',
  OVERDUE_SECONDS: '600',
  RESEND_SECONDS: '900',
});

/** An audit of one cell whose prediction has ended. */
async function endedAudit(): Promise<{ plan: Plan; body: string }> {
  const plan = await world.accept(1);
  await world.ask(plan);
  const [id = ''] = world.replicate.asked.keys();
  return { plan, body: JSON.stringify(world.replicate.end(id, { output: world.outputs(id, 1) })) };
}
const deliver = (plan: Plan, body: string) => {
  const pathParameters = { audit: plan.id, cell: '00000' };
  const event = { pathParameters, headers: signed(body), body } as unknown as APIGatewayProxyEventV2;
  return createWebhook(ports(), env())(event);
};
function poll(plan: Plan) {
  const message: Message = { audit: plan.id, from: 0, to: 0 };
  const record = {
    messageId: 'm1',
    body: JSON.stringify(message),
    attributes: { ApproximateReceiveCount: '1' },
  };
  const context = { getRemainingTimeInMillis: () => 120_000 } as Context;
  return createPoll(ports(), env())({ Records: [record] } as unknown as SQSEvent, context);
}

describe('a result is counted once, by who stored it:', () => {
  test('by webhook, however often it is delivered and polled afterwards', async () => {
    const { plan, body } = await endedAudit();
    await deliver(plan, body);
    await deliver(plan, body);
    world.pass(11 * 60_000);
    await poll(plan);
    expect(lines).toEqual([COUNTED.received]);
  });

  test('by polling, where the webhook came too late', async () => {
    const { plan, body } = await endedAudit();
    world.pass(11 * 60_000);
    await poll(plan);
    await deliver(plan, body);
    expect(lines).toEqual([COUNTED.polled]);
  });

  test('by nobody, where the audit was canceled', async () => {
    const { plan } = await endedAudit();
    await world.images.createJson(cancelKey(plan.id), {});
    await poll(plan);
    expect(lines).toEqual([]);
  });
});
