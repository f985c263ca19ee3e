// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the placeholders of AWS documents, in plain strings
import { createResolver, type Template } from '../stack/intrinsics.ts';
import { rateSeconds, readStack } from '../stack/read.ts';

const template: Template = {
  Parameters: { Prefix: { Default: 'we' }, Empty: { Default: '' } },
  Conditions: {
    HasPrefix: { 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'Prefix' }, ''] }] },
    HasEmpty: { 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'Empty' }, ''] }] },
    Both: { 'Fn::And': [{ Condition: 'HasPrefix' }, { Condition: 'HasEmpty' }] },
  },
  Resources: {
    Images: {
      Type: 'AWS::S3::Bucket',
      Properties: { BucketName: { 'Fn::Sub': '${Prefix}-${AWS::AccountId}-images' } },
    },
    Cells: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'cells' } },
  },
};
const resolver = createResolver({
  template,
  region: 'eu-central-1',
  accountId: '000000000000',
  stackName: 's',
});

describe('CloudFormation’s intrinsic functions resolve for the local account', () => {
  test.each<[unknown, unknown]>([
    [{ Ref: 'Prefix' }, 'we'],
    [{ Ref: 'AWS::Region' }, 'eu-central-1'],
    [{ Ref: 'Images' }, 'we-000000000000-images'],
    [{ Ref: 'Cells' }, 'https://sqs.eu-central-1.amazonaws.com/000000000000/cells'],
    [{ 'Fn::GetAtt': ['Images', 'Arn'] }, 'arn:aws:s3:::we-000000000000-images'],
    [{ 'Fn::GetAtt': 'Cells.Arn' }, 'arn:aws:sqs:eu-central-1:000000000000:cells'],
    [{ 'Fn::Sub': '${Images.Arn}/*' }, 'arn:aws:s3:::we-000000000000-images/*'],
    [{ 'Fn::Sub': ['${a}-${!literal}', { a: { Ref: 'Prefix' } }] }, 'we-${literal}'],
    [{ 'Fn::Join': ['-', ['a', { Ref: 'Prefix' }]] }, 'a-we'],
    [{ 'Fn::Select': [1, { 'Fn::Split': [',', 'a,b'] }] }, 'b'],
    [{ 'Fn::If': ['HasPrefix', 'yes', 'no'] }, 'yes'],
    [{ 'Fn::If': ['Both', 'yes', 'no'] }, 'no'],
    [{ keep: 1, drop: { 'Fn::If': ['Both', 1, { Ref: 'AWS::NoValue' }] } }, { keep: 1 }],
    [['a', { 'Fn::If': ['Both', 1, { Ref: 'AWS::NoValue' }] }], ['a']],
  ])('%j', (value, expected) => {
    expect(resolver.resolve(value)).toEqual(expected);
  });

  test('a reference to nothing names what is missing', () => {
    expect(() => resolver.resolve({ Ref: 'Nowhere' })).toThrow('"Nowhere"');
  });
});

test.each([
  ['rate(1 minute)', 60],
  ['rate(5 minutes)', 300],
  ['rate(2 hours)', 7200],
  ['cron(0 * * * ? *)', undefined],
])('%s is %p seconds', (expression, seconds) => {
  expect(rateSeconds(expression)).toBe(seconds);
});

const role = (name: string, statement: object) => ({
  Type: 'AWS::IAM::Role',
  Properties: { RoleName: name, Policies: [{ PolicyName: 'p', PolicyDocument: { Statement: [statement] } }] },
});

const printed = {
  service: 'demo',
  provider: {
    stage: 'local',
    region: 'eu-central-1',
    timeout: 10,
    environment: { SHARED: 'all', BUCKET: { Ref: 'Images' } },
  },
  functions: {
    tag: {
      handler: '.build/functions/tag.handler',
      role: 'TagRole',
      memorySize: 256,
      environment: { OWN: 1 },
      destinations: { onFailure: { type: 'sqs', arn: { 'Fn::GetAtt': ['Dead', 'Arn'] } } },
      events: [
        { httpApi: 'GET /api/audits/{audit}' },
        { httpApi: { method: 'post', path: '/api/audits' } },
        {
          sqs: {
            arn: { 'Fn::GetAtt': ['Cells', 'Arn'] },
            batchSize: 1,
            maximumConcurrency: 2,
            functionResponseType: 'ReportBatchItemFailures',
          },
        },
        { eventBridge: { pattern: { source: ['aws.s3'] } } },
        { schedule: 'rate(1 minute)' },
        { schedule: { rate: 'rate(1 hour)', enabled: false } },
      ],
    },
  },
  resources: {
    Resources: {
      ...template.Resources,
      Images: {
        Type: 'AWS::S3::Bucket',
        Properties: {
          BucketName: 'images',
          VersioningConfiguration: { Status: 'Enabled' },
          NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
          ObjectLockEnabled: 'true',
          ObjectLockConfiguration: {
            ObjectLockEnabled: 'Enabled',
            Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: '30' } },
          },
        },
      },
      ImagesPolicy: {
        Type: 'AWS::S3::BucketPolicy',
        Properties: { Bucket: { Ref: 'Images' }, PolicyDocument: { Statement: [] } },
      },
      Absent: { Type: 'AWS::SQS::Queue', Condition: 'Never', Properties: { QueueName: 'absent' } },
      Dead: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'dead' } },
      Cells: {
        Type: 'AWS::SQS::Queue',
        Properties: {
          QueueName: 'cells',
          VisibilityTimeout: '130',
          RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': ['Dead', 'Arn'] }, maxReceiveCount: 5 },
        },
      },
      TagRole: role('demo-tag', {
        Effect: 'Allow',
        Action: 's3:GetObject',
        Resource: { 'Fn::GetAtt': ['Images', 'Arn'] },
      }),
    },
    Conditions: { Never: { 'Fn::Equals': ['a', 'b'] } },
  },
};

describe('the framework’s configuration becomes what the emulator runs', () => {
  const stack = readStack(printed, '000000000000');

  test('functions with limits, environment, role and failure destination', () => {
    expect(stack.functions).toEqual([
      {
        key: 'tag',
        name: 'demo-local-tag',
        arn: 'arn:aws:lambda:eu-central-1:000000000000:function:demo-local-tag',
        handler: '.build/functions/tag.handler',
        memorySize: 256,
        timeoutSeconds: 10,
        environment: { SHARED: 'all', BUCKET: 'images', OWN: '1' },
        role: {
          arn: 'arn:aws:iam::000000000000:role/demo-tag',
          policies: [
            { Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::images' }] },
          ],
        },
        onFailure: { queue: 'dead', kind: 'destination' },
        asyncRetries: 2,
        recursiveLoop: 'Terminate',
      },
    ]);
  });

  test('routes, queue sources, rules and schedules; disabled ones are left out', () => {
    expect(stack.routes).toEqual([
      { method: 'GET', path: '/api/audits/{audit}', functionKey: 'tag' },
      { method: 'POST', path: '/api/audits', functionKey: 'tag' },
    ]);
    expect(stack.queueSources).toEqual([
      {
        functionKey: 'tag',
        queue: 'cells',
        batchSize: 1,
        maximumConcurrency: 2,
        reportBatchItemFailures: true,
      },
    ]);
    expect(stack.rules).toMatchObject([{ functionKey: 'tag', pattern: { source: ['aws.s3'] } }]);
    expect(stack.schedules).toMatchObject([{ functionKey: 'tag', everySeconds: 60 }]);
  });

  test('buckets with their policies, queues with their redrive; resources whose condition does not hold are left out', () => {
    expect(stack.buckets).toEqual([
      {
        name: 'images',
        arn: 'arn:aws:s3:::images',
        versioning: true,
        eventBridge: true,
        objectLock: { retention: { mode: 'GOVERNANCE', days: 30 } },
        corsOrigins: [],
        policies: [{ Statement: [] }],
      },
    ]);
    expect(stack.queues.map(({ name }) => name)).toEqual(['cells', 'dead']);
    expect(stack.queues[0]).toMatchObject({
      visibilitySeconds: 130,
      redrive: { deadLetterQueue: 'dead', maxReceiveCount: 5 },
    });
  });

  test.each([
    [{ s3: 'bucket' }, 'kind "s3"'],
    [{ schedule: 'cron(0 * * * ? *)' }, 'not a rate'],
  ])('an event it cannot deliver (%j) is an error, not silence', (event, message) => {
    const changed = { ...printed, functions: { tag: { ...printed.functions.tag, events: [event] } } };
    expect(() => readStack(changed, '000000000000')).toThrow(message);
  });
});
