import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { many, type PolicyDocument } from '@weaudit/aws-emulator/iam';
import { scriptedFunctions, withCloud } from '../support/cloud.ts';
import { waitFor } from '../support/wait-for.ts';

const Bucket = 'weaudit-local-000000000000-images';
const Backup = 'weaudit-local-000000000000-backup';
const IMAGE = 'images/a/00000/0';

/** The policies without an action. */
const without = (policies: PolicyDocument[], action: string): PolicyDocument[] =>
  policies.map((policy) => ({
    ...policy,
    Statement: many(policy.Statement).map((statement) => ({
      ...statement,
      Action: many(statement.Action).filter((allowed) => allowed !== action),
    })),
  }));

const local = withCloud({
  ...scriptedFunctions,
  amend(stack) {
    const metrics = stack.functions.find(({ key }) => key === 'metrics');
    if (metrics) metrics.role.policies = without(metrics.role.policies, 'sqs:SendMessage');
    const tag = stack.functions.find(({ key }) => key === 'tag');
    if (tag) tag.role.policies = without(tag.role.policies, 'logs:PutLogEvents');
    return stack;
  },
});

const tag = (status: string) =>
  local.s3().send(
    new PutObjectTaggingCommand({
      Bucket,
      Key: IMAGE,
      Tagging: { TagSet: [{ Key: 'status', Value: status }] },
    }),
  );
const forbidden = expect.objectContaining({
  name: 'AccessDenied',
  $metadata: expect.objectContaining({ httpStatusCode: 403 }),
});

beforeAll(async () => {
  await local.s3().send(new PutObjectCommand({ Bucket, Key: IMAGE, Body: 'x', Tagging: 'status=pending' }));
});

describe('the local S3 enforces the roles and bucket policies that are deployed', () => {
  test('a function may do what its role allows', async () => {
    const read = await local.s3('tag').send(new GetObjectCommand({ Bucket, Key: IMAGE }));
    expect(await read.Body?.transformToString()).toBe('x');
  });

  test.each<[string, () => Promise<unknown>]>([
    [
      'webhook may not delete',
      () => local.s3('webhook').send(new DeleteObjectCommand({ Bucket, Key: IMAGE })),
    ],
    [
      'metrics may not read images',
      () => local.s3('metrics').send(new GetObjectCommand({ Bucket, Key: IMAGE })),
    ],
    [
      'tag may not write images',
      () => local.s3('tag').send(new PutObjectCommand({ Bucket, Key: IMAGE, Body: 'y' })),
    ],
    [
      'webhook may not write to the backup',
      () => local.s3('webhook').send(new PutObjectCommand({ Bucket: Backup, Key: IMAGE, Body: 'y' })),
    ],
    [
      'reconcile may not delete in the backup',
      () => local.s3('reconcile').send(new DeleteObjectCommand({ Bucket: Backup, Key: IMAGE })),
    ],
    [
      'api may not read an image that is not judged',
      () => local.s3('api').send(new GetObjectCommand({ Bucket, Key: IMAGE })),
    ],
  ])('%s: 403', async (_, attempt) => {
    await expect(attempt()).rejects.toEqual(forbidden);
  });

  test('a presigned URL opens a sound image and no other, and nothing opens without one', async () => {
    const address = await getSignedUrl(local.s3('api'), new GetObjectCommand({ Bucket, Key: IMAGE }), {
      expiresIn: 60,
    });
    expect((await fetch(address)).status).toBe(403);
    await tag('quarantined');
    expect((await fetch(address)).status).toBe(403);
    await tag('ok');
    expect((await fetch(address)).status).toBe(200);
    expect((await fetch(address.split('?')[0] ?? '')).status).toBe(403);
  });

  test('a missing key is 404 for a role that may list, 403 for one that may not', async () => {
    const head = (functionKey: string) =>
      local.s3(functionKey).send(new HeadObjectCommand({ Bucket, Key: 'audits/none/results/00000.json' }));
    await expect(head('webhook')).rejects.toMatchObject({ $metadata: { httpStatusCode: 404 } });
    const { access, stack } = local.cloud;
    const role = stack.functions.find(({ key }) => key === 'metrics')?.role;
    if (role) role.policies.splice(0, role.policies.length, ...without(role.policies, 's3:ListBucket'));
    expect(access.credentials('LOCALMETRICS')).toBeDefined();
    await expect(head('metrics')).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
  });
});

describe('what AWS does with a function’s role needs that role too', () => {
  test('a role that may not send to its dead-letter queue loses the event, loudly', async () => {
    await local.s3().send(new PutObjectCommand({ Bucket, Key: 'audits/a/results/fail.json', Body: '{}' }));
    await waitFor('the loss is told', () =>
      local.warnings.some((warning) => warning.includes('may not send to weaudit-local-metrics-dead')),
    );
    expect(local.cloud.queues.peek('weaudit-local-metrics-dead')).toEqual([]);
  });

  test('a role that may not write logs has none', async () => {
    expect((await local.cloud.invoke('tag', { script: 'quiet' })).ok).toBe(true);
    expect(local.cloud.logs('tag')).toEqual([]);
  });
});
