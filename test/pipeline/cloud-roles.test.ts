import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { many, type PolicyDocument } from '@weaudit/aws-emulator/iam';
import { credentialsOf, withCloud } from '../support/cloud.ts';

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

const local = withCloud();

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

  test('a presigned URL opens a valid image and no other, and nothing opens without one', async () => {
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
    const role = local.cloud.stack.functions.find(({ key }) => key === 'metrics')?.role;
    if (role) role.policies.splice(0, role.policies.length, ...without(role.policies, 's3:ListBucket'));
    await expect(head('metrics')).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
  });
});

test('the API token "local" is known by its hash, and only the api may read it', async () => {
  const read = async (functionKey: string) => {
    const client = new SSMClient({
      endpoint: local.cloud.endpoints.aws,
      region: local.cloud.stack.region,
      credentials: credentialsOf(local.cloud, functionKey),
      maxAttempts: 1,
    });
    const command = new GetParameterCommand({ Name: '/weaudit/local/api-tokens', WithDecryption: true });
    return client.send(command).finally(() => client.destroy());
  };
  const { Parameter } = await read('api');
  expect(JSON.parse(Parameter?.Value ?? '')).toMatchObject([
    {
      name: 'local',
      scope: 'audit',
      sha256: '25bf8e1a2393f1108d37029b3df5593236c755742ec93465bbafa9b290bddcf6',
    },
    { name: 'local-read', scope: 'read' },
  ]);
  await expect(read('webhook')).rejects.toMatchObject({ name: 'AccessDenied' });
});
