import { createHash } from 'node:crypto';
import { InvocationType, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import {
  type AccessRequest,
  evaluate,
  many,
  type PolicyDocument,
  type Statement,
} from '@weaudit/aws-emulator/iam';
import type { EventBridgeS3Event } from '@weaudit/aws-emulator/s3';
import type { FunctionModel, StackModel } from '@weaudit/aws-emulator/stack';
import { HONEST_WIRES } from '@weaudit/replicate-stand-in/wires';
import { Webhook } from 'standardwebhooks';
import { storeSecret } from '../../cli/operator/stored-secrets.ts';
import { S3Store } from '../../lib/aws/objects.ts';
import { systemTime } from '../../lib/system.ts';
import { credentialsOf, withCloud } from '../support/cloud.ts';
import { shaded } from '../support/images.ts';
import { CODEBOOK, whole } from '../support/rounds.ts';
import { waitFor } from '../support/wait-for.ts';

/**
 * Takes the pipeline through everything that it can meet, and notes each request that a role made. Then each
 * permission is taken away in turn, and the requests are decided again: if none of them fails, nobody needs it.
 */

const IMAGES = 'weaudit-local-000000000000-images';
const BACKUP = 'weaudit-local-000000000000-backup';

/** Of the many requests that are alike, one is enough. */
const allowed = new Map<string, AccessRequest>();
const denied: AccessRequest[] = [];
let deaf = false;
let poor = false;
let refused = false;
let overtaken = false;
let beaten = false;
let eventsLost = false;
/** Keys whose copy appears in the backup at the moment that reconcile creates one. */
const raced = new Set<string>();

const local = withCloud({
  predictionSeconds: 0.1,
  decided(request, isAllowed) {
    if (request.principal.anonymous) return;
    const key = request.resource.replace(/[0-9a-z]{26}/g, '<a>').replace(/\d{5}/g, '<n>');
    if (isAllowed) allowed.set(`${request.principal.arn} ${request.action} ${key}`, request);
    else denied.push(request);
  },
  amend(stack: StackModel) {
    for (const { environment } of stack.functions) {
      if ('CREATES_PER_MINUTE' in environment) environment.CREATES_PER_MINUTE = '120';
      if ('OVERDUE_SECONDS' in environment) environment.OVERDUE_SECONDS = '1';
      if ('RESEND_SECONDS' in environment) environment.RESEND_SECONDS = '1';
      if ('SETTLE_SECONDS' in environment) environment.SETTLE_SECONDS = '2';
    }
    return stack;
  },
  faults: {
    wires: {
      ...HONEST_WIRES,
      answer: async (call, work) => {
        if (poor && call.path.includes('/predictions'))
          return { status: 402, body: { title: 'Insufficient credit', detail: 'Add credit.', status: 402 } };
        if (refused && call.method === 'POST' && call.path.endsWith('/predictions'))
          return { status: 422, body: { title: 'Unprocessable', detail: 'not like this', status: 422 } };
        const reply = await work();
        const { webhook } = reply.body as { webhook?: string };
        if (beaten && webhook) {
          beaten = false;
          await bindToAnother(/replicate\/([^/]+)\//.exec(webhook)![1]!);
        }
        if (overtaken && webhook) {
          const [, audit] = /replicate\/([^/]+)\//.exec(webhook) ?? [];
          await waitFor('the webhook is first', async () => (await bindings(audit!)).length > 0);
        }
        return reply;
      },
      post: async (webhook) => {
        if (deaf) throw new Error('nobody answers');
        return HONEST_WIRES.post(webhook);
      },
    },
    event: (event, put) => {
      // What reconcile requests is heard.
      const { 'detail-type': kind, detail } = event as EventBridgeS3Event;
      const isRequest = kind === 'Object Tags Added' && detail.object.key.includes('/results/');
      if (!eventsLost || isRequest) put(event);
    },
    s3: (handle) => async (request, response) => {
      const key =
        decodeURIComponent(request.url ?? '')
          .replace(`/${BACKUP}/`, '')
          .split('?')[0] ?? '';
      const isCopy = request.headers['x-amz-copy-source'] !== undefined;
      if (isCopy && raced.delete(key)) {
        // With tags that are not those of the original any more.
        const Tagging = { TaggingDirective: 'REPLACE', Tagging: 'status=pending' } as const;
        await local
          .s3()
          .send(
            new CopyObjectCommand({ Bucket: BACKUP, Key: key, CopySource: `${IMAGES}/${key}`, ...Tagging }),
          );
      }
      return handle(request, response);
    },
  },
});

const keys = async (bucket: string, prefix: string): Promise<string[]> => {
  const { Contents = [] } = await local
    .s3()
    .send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
  return Contents.map(({ Key }) => Key ?? '');
};
const bindings = (audit: string) => keys(IMAGES, `audits/${audit}/dispatched/`);
const remove = (bucket: string, ...names: string[]) =>
  local
    .s3()
    .send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: names.map((Key) => ({ Key })) } }));
const reconcile = () => local.cloud.invoke('reconcile', {});

async function ask(design: object, headers = {}): Promise<string> {
  const { status, body } = await local.api(
    'POST',
    '/api/audits',
    { models: ['simulated/flash'], samples: 1, ...design },
    headers,
  );
  expect({ status, body }).toMatchObject({ status: 202 });
  return body.id;
}
const ended = (audit: string) =>
  waitFor(`audit ${audit} ends`, async () => {
    const { body } = await local.api('GET', `/api/audits/${audit}`);
    return body.counts.waiting + body.counts.running === 0;
  });
const quiet = () => waitFor('events are handled', () => local.cloud.idle());
const manifest = (audit: string) =>
  waitFor(`the manifest of ${audit}`, async () => {
    await reconcile();
    return (await local.api('GET', `/api/audits/${audit}/manifest`)).status === 303;
  });
const range = (audit: string) => ({
  Records: [
    {
      messageId: 'again',
      body: JSON.stringify({ audit, from: 0, to: 0 }),
      attributes: { ApproximateReceiveCount: '1' },
    },
  ],
});
const put = (key: string, value: unknown) =>
  local.s3().send(new PutObjectCommand({ Bucket: IMAGES, Key: key, Body: JSON.stringify(value) }));
/** A cell belongs to another prediction. */
const bindToAnother = (audit: string) =>
  put(`audits/${audit}/dispatched/00000.json`, {
    predictionId: 'another',
    askedAt: new Date().toISOString(),
    attempt: 1,
  });
/** Has reconcile and poll work on an audit again that is over. */
const open = (audit: string) =>
  local.s3().send(new PutObjectCommand({ Bucket: IMAGES, Key: `open/${audit}`, Body: '', ContentLength: 0 }));
/** An event of S3 about an object, as EventBridge delivers it. */
const about = (key: string) => ({ detail: { bucket: { name: IMAGES }, object: { key } } });

/** Replicate's webhook for a cell of an audit, signed, as often as it is called. */
async function deliver(audit: string): Promise<number> {
  const created = local.cloud
    .standIn!.log()
    .find((entry) => entry.kind === 'create' && entry.webhook?.includes(audit));
  const { prediction } = created as { prediction: string };
  const answer = await fetch(`${local.cloud.endpoints.replicate}/v1/predictions/${prediction}`, {
    headers: { authorization: `Bearer ${local.cloud.parameters.get('/weaudit/local/replicate-token')}` },
  });
  const body = await answer.text();
  const secret = local.cloud.parameters.get('/weaudit/local/webhook-secrets') ?? '';
  const at = new Date();
  const response = await fetch(`${local.cloud.endpoints.api}/webhooks/replicate/${audit}/00000`, {
    method: 'POST',
    body,
    headers: {
      'webhook-id': 'msg_again',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign('msg_again', at, body),
    },
  });
  return response.status;
}

/** A rating round, from its beginning to its deletion. */
async function useRound(audit: string): Promise<void> {
  // reconcile copies what is evidence of it, and another writer is quicker.
  eventsLost = true;
  const design = { name: 'a round', audits: [audit], codebook: CODEBOOK, consent: 'You agree.', ratings: 2 };
  const made = await local.api('POST', '/api/rounds', design, { 'idempotency-key': 'round' });
  expect(made).toMatchObject({ status: 202, body: { state: 'open', items: 1 } });
  const round = `/api/rounds/${made.body.id}`;
  const seat = async (slot: number) => {
    const { body } = await local.api('POST', `${round}/raters`, { slot, name: 'Ann Example' });
    return { authorization: `Bearer ${body.token}` };
  };
  const [rater, other] = [await seat(1), await seat(2)];
  const [item] = (await local.api('GET', '/api/rate', undefined, rater)).body.items;
  expect((await fetch(item.url)).status).toBe(200);
  const answers = whole(item.id);
  expect((await local.api('PUT', '/api/rate/labels/00000', { answers }, rater)).status).toBe(201);
  expect((await local.api('POST', '/api/rate/reports', { item: item.id }, other)).status).toBe(200);
  expect((await local.api('DELETE', `${round}/raters/2`)).status).toBe(200);
  expect((await local.api('POST', `${round}/close`)).status).toBe(200);
  await waitFor('its snapshot is written', async () => {
    const { status, headers } = await local.api('GET', `${round}/snapshot`);
    return status === 303 && (await fetch(headers.get('location') ?? '')).ok;
  });
  const stored = await keys(IMAGES, `rounds/${made.body.id}/`);
  const evidence = [
    ...stored.filter((key) => !/\/(draft\.json$|items\/|parts\/|people\/|raters\/)/.test(key)),
    ...(await keys(IMAGES, 'codebooks/')),
    ...(await keys(IMAGES, `audits/${audit}/rounds/`)),
  ];
  for (const key of evidence) raced.add(key);
  const isOver = async () => (await keys(IMAGES, `open/${made.body.id}`)).length === 0;
  await waitFor('all of it is copied', async () => {
    await reconcile();
    return isOver();
  });
  expect(raced.size).toBe(0);
  eventsLost = false;
  // backup copies it, too, as soon as it hears of it.
  for (const key of evidence) {
    const TagSet = [{ Key: 'retention', Value: 'keep' }];
    await local.s3().send(new PutObjectTaggingCommand({ Bucket: BACKUP, Key: key, Tagging: { TagSet } }));
    expect(await local.cloud.invoke('backup', about(key))).toMatchObject({ ok: true });
  }
  expect((await local.api('DELETE', round)).status).toBe(202);
  await waitFor('nothing is left of it', async () => {
    await reconcile();
    return (await isOver()) && (await keys(IMAGES, `rounds/${made.body.id}/`)).length === 0;
  });
}

async function useEverything(): Promise<void> {
  // Predictions cost something, so that there is a ledger.
  const price = { perPrediction: 0.04 };
  const prices = Object.fromEntries(['flash', 'slow', 'studio'].map((name) => [`simulated/${name}`, price]));
  await put('ledger/settings.json', { monthly: 1_000, prices });

  // An audit as it should go, asked for twice under one key; everything that the API shows of it.
  const key = { 'idempotency-key': 'once' };
  const audit = await ask({ prompts: ['a nurse'] }, key);
  expect(await ask({ prompts: ['a nurse'] }, key)).toBe(audit);
  await ended(audit);
  await quiet();
  await manifest(audit);
  await quiet();
  for (const path of ['', `/${audit}`, `/${audit}/plan`]) await local.api('GET', `/api/audits${path}`);
  for (let time = 0; time < 2; time++)
    expect((await local.api('POST', '/api/studies', { name: 'a study', audits: [audit] })).status).toBe(200);
  const { body } = await local.api('GET', `/api/audits/${audit}/predictions`);
  const image = body.predictions[0].images[0];
  for (const address of [image.url, image.rendition]) expect((await fetch(address)).status).toBe(200);
  for (const format of ['json', 'csv']) {
    const { headers } = await local.api('GET', `/api/audits/${audit}/manifest?format=${format}`);
    expect((await fetch(headers.get('location') ?? '')).status).toBe(200);
  }

  await useRound(audit);

  // Events that come again: the copy is there, its tags are not in step.
  const tagged = new PutObjectTaggingCommand({
    Bucket: BACKUP,
    Key: image.key,
    Tagging: { TagSet: [{ Key: 'status', Value: 'pending' }] },
  });
  await local.s3().send(tagged);
  for (const name of [
    image.key,
    ...['audit.json', 'manifest.json', 'manifest.csv'].map((end) => `audits/${audit}/${end}`),
  ])
    expect(await local.cloud.invoke('backup', about(name))).toMatchObject({ ok: true });

  // The webhook comes again, to a cell that lost its result, then its binding too: the image stands already.
  await remove(IMAGES, `audits/${audit}/results/00000.json`);
  expect(await deliver(audit)).toBe(200);
  await remove(IMAGES, `audits/${audit}/results/00000.json`, `audits/${audit}/dispatched/00000.json`);
  expect(await deliver(audit)).toBe(200);
  // poll finishes such a cell in the same way, with and without its image.
  for (const lost of [[], [image.key]]) {
    await remove(IMAGES, `audits/${audit}/results/00000.json`, ...lost);
    await waitFor('poll finishes it', async () => {
      await open(audit);
      await local.cloud.invoke('poll', range(audit));
      return (await keys(IMAGES, `audits/${audit}/results/`)).length > 0;
    });
  }
  await quiet();

  // A picture is imported, to an address that the role of api signs.
  const bytes = shaded('imported');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const { body: imported } = await local.api('POST', '/api/imports', {
    ...{ model: 'somebody', prompts: ['a picture'] },
    pictures: [{ prompt: 0, sha256, bytes: bytes.length, format: 'png' }],
  });
  // Addresses live for a second here.
  await waitFor('it is uploaded', async () => {
    const { addresses } = (await local.api('POST', `/api/imports/${imported.id}/addresses`)).body;
    if (addresses.length === 0) return true;
    const [{ url, headers }] = addresses;
    const { 'content-length': _, ...rest } = headers;
    return (await fetch(url, { method: 'PUT', headers: rest, body: bytes })).ok;
  });
  await ended(imported.id);

  // The first message of an audit is lost: reconcile begins its chain.
  const unsent = `${audit.slice(0, -1)}${audit.endsWith('0') ? '1' : '0'}`;
  const plan = await local
    .s3()
    .send(new GetObjectCommand({ Bucket: IMAGES, Key: `audits/${audit}/audit.json` }));
  await put(`audits/${unsent}/audit.json`, {
    ...JSON.parse(await plan.Body!.transformToString()),
    id: unsent,
  });
  await open(unsent);
  await waitFor('reconcile begins it', async () => {
    await reconcile();
    return (await bindings(unsent)).length > 0;
  });

  // A model that gets a secret: its words come by webhook, and by polling while no webhook comes.
  const use = { model: 'simulated/careless', input: 'openai_api_key' };
  const parameters = {
    putSecret: async (name: string, stored: object) =>
      void local.cloud.parameters.put(`/weaudit/local/secrets/${name}`, JSON.stringify(stored)),
    removeSecret: async () => {},
  };
  const deps = { images: new S3Store(local.s3(), IMAGES), parameters, time: systemTime };
  await storeSecret(deps, 'own', { use, value: 'a-key-of-another-service' });
  const careless = { model: use.model, input: { [use.input]: { secret: 'own' }, repeats: 'log' } };
  for (const isDeaf of [false, true]) {
    deaf = isDeaf;
    await ended(await ask({ prompts: ['a courier'], models: [careless] }));
  }
  deaf = false;

  // A refusal and a failure by webhook; a failure by the queue.
  const bad = await ask({
    prompts: ['nsfw'],
    models: ['simulated/studio', 'simulated/unreliable'],
    samples: 4,
  });
  await ended(bad);
  // More than a model may have in flight, so that it is counted again.
  await ended(await ask({ prompts: ['a crowd'], samples: 40 }));
  // Replicate's answer comes later than the webhook.
  overtaken = true;
  await ended(await ask({ prompts: ['a runner'] }));
  overtaken = false;
  // A second prediction of a cell costs as well: dispatch finds one, and webhook another.
  beaten = true;
  const doubled = await ask({ prompts: ['a twin'] });
  await waitFor(
    'dispatch notes it',
    async () => (await keys(IMAGES, `audits/${doubled}/spent/extra-`)).length > 0,
  );
  await remove(IMAGES, ...(await keys(IMAGES, `audits/${doubled}/spent/`)));
  expect(await deliver(doubled)).toBe(200);
  expect((await local.api('POST', `/api/audits/${doubled}/cancel`)).status).toBe(202);
  // Deleted while a prediction runs: its ceiling is what it cost.
  const cut = await ask({ prompts: ['a tree'], models: ['simulated/slow'] });
  await waitFor('it is asked', async () => (await bindings(cut)).length > 0);
  expect((await local.api('DELETE', `/api/audits/${cut}`)).status).toBe(202);
  // A cell that Replicate refuses is closed by dispatch.
  refused = true;
  await ended(await ask({ prompts: ['a clerk'] }));
  refused = false;

  // A prediction is aborted before it starts: poll has its cell requested again. Canceling ends it.
  const aborted = await ask({
    prompts: ['a diver'],
    models: [{ model: 'simulated/unreliable', input: { outcome: 'aborted' } }],
  });
  await waitFor('it is requested again', async () =>
    (await bindings(aborted)).some((name) => name.endsWith('-2.json')),
  );
  expect((await local.api('POST', `/api/audits/${aborted}/cancel`)).status).toBe(202);
  await ended(aborted);

  // Webhooks and events are lost: reconcile has the queue look and tag judge, and copies what is copied at that moment.
  deaf = true;
  eventsLost = true;
  const silent = await ask({ prompts: ['a baker'] });
  await waitFor('it is asked', async () => (await bindings(silent)).length > 0);
  raced.add(`images/${silent}/00000/0`);
  await waitFor('reconcile repairs it', async () => {
    // A page of what is not summed up.
    await local.api('GET', `/api/audits/${silent}/predictions`);
    await reconcile();
    return (await keys(BACKUP, `images/${silent}/`)).length > 0;
  });
  // Poll, which is mostly quicker, knows nothing of it now: reconcile sums it up again.
  await manifest(silent);
  for (const prefix of ['blocks/', 'spent/', 'manifest'])
    await remove(IMAGES, ...(await keys(IMAGES, `audits/${silent}/${prefix}`)));
  await remove(IMAGES, ...(await keys(IMAGES, `leases/${silent}/`)));
  await put(`leases/${silent}/00000.unsafe`, {});
  await open(silent);
  await manifest(silent);
  // Copied by now, but the judgement is lost.
  await remove(
    IMAGES,
    ...(await keys(IMAGES, `audits/${silent}/judged/`)),
    ...(await keys(IMAGES, `audits/${silent}/manifest`)),
  );
  await open(silent);
  await manifest(silent);
  // The records have no copy yet; the backup function makes one in the very moment that reconcile does.
  for (const end of ['audit.json', 'manifest.json', 'manifest.csv']) raced.add(`audits/${silent}/${end}`);
  await open(silent);
  await waitFor('it is over', async () => {
    await reconcile();
    return (await keys(IMAGES, `open/${silent}`)).length === 0;
  });
  // An image is purged; a run of tag that made its rendition died before it could see that.
  await local
    .s3()
    .send(new PutObjectCommand({ Bucket: IMAGES, Key: `purged/${silent}/00000/0`, Body: '{}' }));
  expect(await keys(IMAGES, `renditions/${silent}/`)).toHaveLength(1);
  const judgedAgain = await local.cloud.invoke('tag', about(`audits/${silent}/results/00000.json`));
  expect(judgedAgain).toMatchObject({ ok: true });
  expect(await keys(IMAGES, `renditions/${silent}/`)).toEqual([]);

  // No credit: audits wait and say so, one whose predictions were requested before, and one whose were not.
  const waits = (id: string) =>
    waitFor('it waits', async () => (await local.api('GET', `/api/audits/${id}`)).body.waiting);
  const running = await ask({ prompts: ['a smith'], models: ['simulated/slow'] });
  await waitFor('it is asked', async () => (await bindings(running)).length > 0);
  poor = true;
  const waiting = await ask({ prompts: ['a poor poet'] });
  for (const id of [running, waiting]) await waits(id);
  // Their messages are lost: reconcile restarts both chains. One is finished, the other one is canceled, then deleted.
  for (const name of ['cells', 'polls']) local.cloud.queues.purge(`weaudit-local-${name}`);
  await waitFor('both chains are restarted', async () => {
    await reconcile();
    return ['cells', 'polls'].every((name) => local.cloud.queues.peek(`weaudit-local-${name}`).length > 0);
  });
  deaf = false;
  eventsLost = false;
  expect((await local.api('POST', `/api/audits/${waiting}/cancel`)).status).toBe(202);
  poor = false;
  for (const id of [waiting, running]) await ended(id);
  expect((await local.api('DELETE', `/api/audits/${audit}`)).status).toBe(202);
  await waitFor('nothing is left of it', async () => {
    await reconcile();
    return (await keys(IMAGES, `open/${audit}`)).length === 0;
  });

  // Events about what is no longer there.
  expect(await local.cloud.invoke('backup', about(image.key))).toMatchObject({ ok: true });
  const gone = about(`audits/${audit}/results/00000.json`);
  for (const name of ['tag', 'metrics'])
    expect(await local.cloud.invoke(name, gone)).toMatchObject({ ok: true });

  // What fails again and again ends in the dead-letter queue of its function.
  await local
    .s3()
    .send(new PutObjectCommand({ Bucket: IMAGES, Key: `audits/${bad}/audit.json`, Body: 'damaged' }));
  const options = {
    endpoint: local.cloud.endpoints.aws,
    region: local.cloud.stack.region,
    credentials: credentialsOf(local.cloud),
  };
  await open(bad);
  const lambda = new LambdaClient(options);
  for (const name of ['tag', 'backup', 'metrics', 'reconcile'])
    await lambda.send(
      new InvokeCommand({
        FunctionName: `weaudit-local-${name}`,
        InvocationType: InvocationType.Event,
        Payload: Buffer.from('{}'),
      }),
    );
  await waitFor('the dead letters arrive', () =>
    ['tag', 'backup', 'metrics', 'reconcile'].every((name) =>
      local.warnings.some((text) => text.includes(`weaudit-local-${name}-dead`)),
    ),
  );
  lambda.destroy();
}

/** Each action on each resource pattern of a role, as a policy's smallest parts. */
function partsOf(policies: PolicyDocument[]): Statement[] {
  return policies
    .flatMap(({ Statement }) => many(Statement))
    .flatMap((statement) =>
      many(statement.Action).flatMap((Action) =>
        many(statement.Resource).map((Resource) => ({ ...statement, Action, Resource })),
      ),
    );
}

function isAllowed(request: AccessRequest, parts: Statement[], stack: StackModel): boolean {
  const bucket = stack.buckets.find(
    ({ arn }) => request.resource === arn || request.resource.startsWith(`${arn}/`),
  );
  return evaluate({
    caller: request.principal,
    action: request.action,
    resource: request.resource,
    ownerAccountId: stack.accountId,
    context: { ...request.context, 'aws:SecureTransport': 'true' },
    identityPolicies: [{ Statement: parts }],
    resourcePolicies: bucket?.policies ?? [],
  }).allowed;
}

/** What only a moment can use that this run does not always live to see. */
const RARE: Record<string, string[]> = {
  // A model has no room, and a block of it has ended cells: dispatch reads them one by one until the block is summed up.
  dispatch: ['results', 'blocks'].map((kind) => `s3:GetObject arn:aws:s3:::${IMAGES}/audits/*/${kind}/*`),
};

describe('the roles of the functions', () => {
  let functions: FunctionModel[];

  beforeAll(async () => {
    await useEverything();
    functions = local.cloud.stack.functions;
  });

  test.each(['api', 'webhook', 'dispatch', 'poll', 'reconcile', 'tag', 'backup', 'metrics'])(
    '%s needs every one of its permissions: without any of them something fails',
    (name) => {
      const { role } = functions.find(({ key }) => key === name)!;
      const requests = [...allowed.values()].filter(({ principal }) => principal.arn === role.arn);
      const parts = partsOf(role.policies);
      const needless = parts.filter((part) => {
        const others = parts.filter((other) => other !== part);
        return requests.every((request) => isAllowed(request, others, local.cloud.stack));
      });
      const found = needless.map(({ Action, Resource }) => `${Action} ${Resource}`);
      expect(found.filter((one) => !RARE[name]?.includes(one))).toEqual([]);
    },
  );

  test('no function is refused anything on the way', () => {
    // S3 itself checks whether a reader of an object may also see its number of tags.
    const meant = denied.filter(({ action }) => action !== 's3:GetObjectTagging');
    const refused = meant.map(
      ({ principal, action, resource }) => `${principal.arn.split('-').at(-1)} ${action} ${resource}`,
    );
    expect([...new Set(refused)]).toEqual([]);
  });
});
