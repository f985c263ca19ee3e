/**
 * `npm run test:deploy`: deploys the local stage onto the AWS emulator that answers at AWS_ENDPOINT_URL (port 4566 if
 * that is not set), asks its services what they have, compares it with what was declared, and removes it all. No part
 * of `npm test`, because an emulator is nothing that Node and npm bring along.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { DescribeStacksCommand, GetTemplateCommand } from '@aws-sdk/client-cloudformation';
import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { EventBridgeClient, ListRulesCommand, ListTargetsByRuleCommand } from '@aws-sdk/client-eventbridge';
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  UpdateFunctionCodeCommand,
} from '@aws-sdk/client-lambda';
import {
  DeleteBucketCommand,
  DeleteObjectsCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketOwnershipControlsCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { createResolver, type Template } from '@weaudit/aws-emulator/stack';
import type { Cloud } from '../../../cli/operator/cloud.ts';
import { measured } from '../../../cli/operator/smoke.ts';
import type { PackagedResource } from '../../support/packaged.ts';
import { cloudFormation, endpoint, missing, options, REGION } from './emulator.ts';

const run = promisify(execFile);
const ROOT = path.join(import.meta.dirname, '..', '..', '..');
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('base64');
const STACK = 'weaudit-local';
const s3 = new S3Client({ ...options, forcePathStyle: true });
const sqs = new SQSClient(options);
const events = new EventBridgeClient(options);
const lambda = new LambdaClient(options);

const isMoto = await fetch(new URL('/moto-api/', endpoint)).then(
  ({ ok }) => ok,
  () => false,
);

async function serverless(...args: string[]): Promise<void> {
  const cli = createRequire(import.meta.url).resolve('serverless/bin/serverless.js');
  const port = endpoint.port || '80';
  await run(process.execPath, [cli, ...args, '--stage', 'local'], {
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      SLS_NOTIFICATIONS_MODE: 'off',
      // Moto takes the bucket of a template from its address, and an IP address for a bucket's name.
      AWS_ENDPOINT_URL: `http://localhost:${port}`,
      // Where serverless-localstack looks whether "localhost" answers. Nothing listens there, as on a machine too busy to
      // answer within its half second: a deployment has to work all the same.
      EDGE_PORT: '9',
    },
    maxBuffer: 16 * 1024 * 1024,
  }).catch((error: { stdout?: string; stderr?: string }) => {
    throw new Error(`serverless ${args.join(' ')} failed:\n${error.stderr}\n${error.stdout}`);
  });
}

async function exists(): Promise<boolean> {
  return cloudFormation.send(new DescribeStacksCommand({ StackName: STACK })).then(
    ({ Stacks = [] }) => Stacks.some(({ StackStatus }) => StackStatus !== 'DELETE_COMPLETE'),
    () => false,
  );
}

/** What a removal leaves on purpose: the buckets that hold something. */
async function deleteBuckets(): Promise<void> {
  const { Buckets = [] } = await s3.send(new ListBucketsCommand());
  for (const { Name: Bucket } of Buckets) {
    if (!Bucket?.startsWith('weaudit-local-000000000000-')) continue;
    const { Versions = [], DeleteMarkers = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
    const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
    if (Objects.length > 0) await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    await s3.send(new DeleteBucketCommand({ Bucket }));
  }
}

(missing ? describe.skip : describe)(`the local stage on the emulator at ${endpoint.href}`, () => {
  let declared: [string, PackagedResource][];
  const ofType = (type: string) => declared.filter(([, resource]) => resource.Type === type);

  beforeAll(async () => {
    if (await exists())
      throw new Error(
        `There is a stack ${STACK} already. Remove it first: npx serverless remove --stage local`,
      );
    // An earlier run that was cut short leaves them.
    await deleteBuckets();
    await serverless('deploy');
    const { TemplateBody } = await cloudFormation.send(new GetTemplateCommand({ StackName: STACK }));
    const template = JSON.parse(TemplateBody ?? '') as Template & {
      Resources: Record<string, PackagedResource>;
    };
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName: STACK }));
    const accountId = Stacks?.[0]?.StackId?.split(':')[4] ?? '';
    const resolver = createResolver({ template, region: REGION, accountId, stackName: STACK });
    declared = Object.entries(template.Resources)
      .filter(([, { Condition }]) => resolver.holds(Condition))
      .map(([id, resource]) => [id, { ...resource, Properties: resolver.resolve(resource.Properties) }]);
  });

  afterAll(async () => {
    if (await exists()) await serverless('remove');
    await deleteBuckets();
  });

  const buckets = ['ImagesBucket', 'BackupBucket', 'LogsBucket', 'SiteBucket'];
  const bucket = (id: string) => {
    const { BucketName, ...properties } = declared.find(([name]) => name === id)![1].Properties;
    return { Bucket: BucketName as string, properties };
  };

  test.each(buckets)('%s is private, owned by its account, and encrypted as declared', async (id) => {
    const { Bucket, properties } = bucket(id);
    const [access, encryption, ownership] = await Promise.all([
      s3.send(new GetPublicAccessBlockCommand({ Bucket })),
      s3.send(new GetBucketEncryptionCommand({ Bucket })),
      s3.send(new GetBucketOwnershipControlsCommand({ Bucket })),
    ]);
    expect(access.PublicAccessBlockConfiguration).toEqual(properties.PublicAccessBlockConfiguration);
    const [rule] = encryption.ServerSideEncryptionConfiguration?.Rules ?? [];
    expect(rule?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm).toBe('AES256');
    expect(ownership.OwnershipControls?.Rules).toEqual(properties.OwnershipControls.Rules);
  });

  test.each(buckets)('%s keeps versions as declared', async (id) => {
    const { Bucket, properties } = bucket(id);
    const { Status } = await s3.send(new GetBucketVersioningCommand({ Bucket }));
    expect(Status).toBe(properties.VersioningConfiguration?.Status);
  });

  test.each(buckets)('%s has the declared lifecycle rules, by prefix, tag, days and class', async (id) => {
    const { Bucket, properties } = bucket(id);
    const { Rules = [] } = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
    const found = Rules.map((rule) => ({
      id: rule.ID,
      status: rule.Status,
      prefix: (rule.Filter?.And?.Prefix ?? rule.Filter?.Prefix) || undefined,
      tag: rule.Filter?.Tag?.Value ?? rule.Filter?.And?.Tags?.[0]?.Value,
      markers: rule.Expiration?.ExpiredObjectDeleteMarker || undefined,
      days: rule.Expiration?.Days,
      classes: (rule.Transitions ?? []).map(({ StorageClass, Days }) => `${Days} ${StorageClass}`),
      old: rule.NoncurrentVersionExpiration?.NoncurrentDays,
      uploads: rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation,
    }));
    const number = (value: unknown) => (value === undefined ? undefined : Number(value));
    const wanted = properties.LifecycleConfiguration.Rules.map((rule: PackagedResource['Properties']) => ({
      id: rule.Id,
      status: rule.Status,
      prefix: rule.Prefix,
      tag: rule.TagFilters?.[0]?.Value,
      markers: rule.ExpiredObjectDeleteMarker,
      days: number(rule.ExpirationInDays),
      classes: (rule.Transitions ?? []).map(
        (step: { StorageClass: string; TransitionInDays: number }) =>
          `${step.TransitionInDays} ${step.StorageClass}`,
      ),
      old: number(rule.NoncurrentVersionExpiration?.NoncurrentDays),
      uploads: number(rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation),
    }));
    expect(found).toEqual(wanted);
  });

  test('each queue has its times, its encryption and its dead-letter queue', async () => {
    expect(ofType('AWS::SQS::Queue')).toHaveLength(6);
    for (const [, { Properties }] of ofType('AWS::SQS::Queue')) {
      const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: Properties.QueueName }));
      const { Attributes = {} } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
      );
      expect(Attributes.MessageRetentionPeriod).toBe(String(Properties.MessageRetentionPeriod));
      expect(Attributes.SqsManagedSseEnabled ?? 'not told').toMatch(/^(true|not told)$/);
      if (!Properties.RedrivePolicy) continue;
      expect(Attributes.VisibilityTimeout).toBe(String(Properties.VisibilityTimeout));
      const redrive = JSON.parse(Attributes.RedrivePolicy ?? '{}');
      expect(redrive).toMatchObject({
        deadLetterTargetArn: Properties.RedrivePolicy.deadLetterTargetArn,
        maxReceiveCount: Properties.RedrivePolicy.maxReceiveCount,
      });
    }
  });

  test('each rule has its pattern or schedule, and sends to its function and its dead-letter queue', async () => {
    const { Rules = [] } = await events.send(new ListRulesCommand({ NamePrefix: STACK }));
    const wanted = ofType('AWS::Events::Rule');
    expect(Rules.map(({ Name }) => Name).sort()).toEqual(
      wanted.map(([, { Properties }]) => Properties.Name).sort(),
    );
    for (const [, { Properties }] of wanted) {
      const rule = Rules.find(({ Name }) => Name === Properties.Name);
      expect(rule?.State).toBe('ENABLED');
      if (Properties.EventPattern)
        expect(JSON.parse(rule?.EventPattern ?? '')).toEqual(Properties.EventPattern);
      else expect(rule?.ScheduleExpression).toBe(Properties.ScheduleExpression);
      const { Targets = [] } = await events.send(new ListTargetsByRuleCommand({ Rule: Properties.Name }));
      expect(Targets.map(({ Arn, DeadLetterConfig }) => ({ Arn, DeadLetterConfig }))).toEqual(
        Properties.Targets.map((target: { Arn: string; DeadLetterConfig: object }) => ({
          Arn: target.Arn,
          DeadLetterConfig: target.DeadLetterConfig,
        })),
      );
    }
  });

  test('each function runs on the declared runtime, with its memory, time limit, role and environment', async () => {
    expect(ofType('AWS::Lambda::Function')).toHaveLength(7);
    for (const [, { Properties }] of ofType('AWS::Lambda::Function')) {
      const found = await lambda.send(
        new GetFunctionConfigurationCommand({ FunctionName: Properties.FunctionName }),
      );
      expect(found).toMatchObject({
        Runtime: 'nodejs24.x',
        // Moto's CloudFormation drops the architecture: there it is not compared.
        Architectures: isMoto ? expect.anything() : ['arm64'],
        Handler: Properties.Handler,
        MemorySize: Properties.MemorySize,
        Timeout: Properties.Timeout,
        Role: Properties.Role,
        Environment: {
          Variables: Object.fromEntries(
            Object.entries(Properties.Environment.Variables).map(([name, value]) => [name, String(value)]),
          ),
        },
      });
      expect(found.CodeSize).toBeGreaterThan(10_000);
    }
    const { EventSourceMappings = [] } = await lambda.send(new ListEventSourceMappingsCommand());
    expect(EventSourceMappings).toHaveLength(1);
    expect(EventSourceMappings[0]).toMatchObject({
      BatchSize: 1,
      EventSourceArn: expect.stringMatching(/weaudit-local-cells$/),
    });
  });

  test('the site is uploaded, with types and cache headers', async () => {
    const { Bucket } = bucket('SiteBucket');
    const page = await s3.send(new HeadObjectCommand({ Bucket, Key: 'index.html' }));
    expect(page).toMatchObject({ ContentType: 'text/html; charset=utf-8', CacheControl: 'public, no-cache' });
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'assets/' }));
    const script = Contents.find(({ Key }) => Key?.endsWith('.js'));
    const code = await s3.send(new HeadObjectCommand({ Bucket, Key: script?.Key }));
    expect(code.ContentType).toMatch(/javascript/);
    expect(code.CacheControl).toBe('public, max-age=31536000, immutable');
  });

  test('one function alone can be deployed again, with any code before', async () => {
    const FunctionName = `${STACK}-tag`;
    const code = async () =>
      (await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))).CodeSha256;
    const archive = (name: string) => readFile(path.join(ROOT, '.build', `${name}.zip`));
    await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: await archive('metrics') }));
    expect(await code()).toBe(sha256(await archive('metrics')));
    await serverless('deploy', 'function', '--function', 'tag');
    expect(await code()).toBe(sha256(await archive('tag')));
  });

  test('the smoke test counts images of its own stage and model only', async () => {
    const since = new Date();
    const model = 'owner/cheap';
    const count = (service: string, name: string) =>
      new CloudWatchClient(options).send(
        new PutMetricDataCommand({
          Namespace: 'WeAudit',
          MetricData: [
            {
              MetricName: 'Images',
              Dimensions: [
                { Name: 'service', Value: service },
                { Name: 'model', Value: name },
              ],
              Unit: 'Count',
              Value: 1,
              Timestamp: since,
            },
          ],
        }),
      );
    await count('weaudit-another', model);
    await count(STACK, 'other');
    const cloud = { local: false, client: options, stage: 'local' } as Cloud;
    expect(await measured(cloud, model, since)).toEqual([true, 'CloudWatch has counted 1 since']);
  });

  test('a removal leaves the buckets that hold something, and nothing else', async () => {
    await serverless('remove');
    expect(await exists()).toBe(false);
    const { Buckets = [] } = await s3.send(new ListBucketsCommand());
    const left = Buckets.map(({ Name }) => Name ?? '').filter((name) => name.startsWith('weaudit-local-'));
    expect(left.map((name) => name.split('-').at(-1)).sort()).toEqual(['backup', 'images', 'logs']);
    const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: STACK }));
    expect(QueueUrls).toEqual([]);
    await deleteBuckets();
  });
});
