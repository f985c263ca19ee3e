import { readFile } from 'node:fs/promises';
import { ROUTES } from '../../lib/http/routes.ts';
import { COUNTED } from '../../lib/log-lines.ts';
import { permissionsOf } from '../support/access.ts';
import { ACCOUNT, EVERYTHING, ofType, type Packaged, packageStack, REGION } from '../support/packaged.ts';

let plain: Packaged;
let all: Packaged;
beforeAll(async () => {
  [plain, all] = await Promise.all([packageStack('dev'), packageStack('prod', EVERYTHING)]);
});

const buckets = ['ImagesBucket', 'BackupBucket', 'LogsBucket', 'SiteBucket'];
const bucket = (id: string, packaged = plain) => packaged.resources[id]!.Properties;
const arnOfQueue = (name: string) => `arn:aws:sqs:${REGION}:${ACCOUNT}:weaudit-dev-${name}`;
/** What reads queues, with the name of its function. */
const sources = () =>
  ofType(plain.resources, 'AWS::Lambda::EventSourceMapping').map(([, { Properties }]) => ({
    ...Properties,
    reader: Properties.FunctionName.split(':').at(-1),
  }));
/** The one resource of a type. */
const only = (packaged: Packaged, type: string) => ofType(packaged.resources, type)[0]![1];
const rules = (id: string, packaged = plain) =>
  new Map<string, Record<string, unknown>>(
    bucket(id, packaged).LifecycleConfiguration.Rules.map((rule: { Id: string }) => [rule.Id, rule]),
  );

describe('buckets', () => {
  test.each(buckets)('%s is private, owned by its account, encrypted, and rid of broken uploads', (id) => {
    for (const packaged of [plain, all]) {
      const properties = bucket(id, packaged);
      expect(properties.PublicAccessBlockConfiguration).toEqual({
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
      expect(properties.OwnershipControls.Rules).toEqual([{ ObjectOwnership: 'BucketOwnerEnforced' }]);
      expect(properties.BucketEncryption.ServerSideEncryptionConfiguration).toHaveLength(1);
      expect(rules(id, packaged).get('broken-uploads')).toMatchObject({
        Status: 'Enabled',
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
      });
      const name = id.replace('Bucket', '').toLowerCase();
      const stage = packaged === plain ? 'dev' : 'prod';
      expect(properties.BucketName).toBe(`weaudit-${stage}-${ACCOUNT}-${name}`);
    }
  });

  test('images, backup and site keep versions, for a week', () => {
    for (const id of ['ImagesBucket', 'BackupBucket', 'SiteBucket']) {
      expect(bucket(id).VersioningConfiguration).toEqual({ Status: 'Enabled' });
      expect(rules(id).get('old-versions')).toMatchObject({
        NoncurrentVersionExpiration: { NoncurrentDays: 7 },
      });
      expect(rules(id).get('delete-markers')).toMatchObject({ ExpiredObjectDeleteMarker: true });
    }
  });

  test('encryption is by S3 itself, or by the given key with a bucket key for images and backup', () => {
    const encryption = (id: string, packaged: Packaged) =>
      bucket(id, packaged).BucketEncryption.ServerSideEncryptionConfiguration[0];
    for (const id of buckets)
      expect(encryption(id, plain)).toEqual({ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } });
    for (const [id, end] of [
      ['ImagesBucket', '555555555555'],
      ['BackupBucket', '666666666666'],
    ] as const)
      expect(encryption(id, all)).toEqual({
        ServerSideEncryptionByDefault: {
          SSEAlgorithm: 'aws:kms',
          KMSMasterKeyID: expect.stringMatching(`${end}$`),
        },
        BucketKeyEnabled: true,
      });
    for (const id of ['LogsBucket', 'SiteBucket'])
      expect(encryption(id, all)).toEqual({ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } });
  });

  test('what is tagged short or standard expires in both places, and what is tagged keep never does', () => {
    for (const id of ['ImagesBucket', 'BackupBucket']) {
      for (const [tag, days] of [
        ['short', 30],
        ['standard', 365],
      ] as const) {
        const rule = rules(id).get(tag);
        expect(rule).toMatchObject({ TagFilters: [{ Key: 'retention', Value: tag }] });
        expect(Number(rule?.ExpirationInDays)).toBe(days);
      }
      const expiring = [...rules(id).values()].filter((rule) => 'ExpirationInDays' in rule);
      // Whatever expires is filtered by one of these two tags, or is no part of an audit.
      for (const { TagFilters, Prefix } of expiring as {
        TagFilters?: { Value: string }[];
        Prefix?: string;
      }[])
        expect(TagFilters?.[0]?.Value ?? Prefix).toMatch(/^(short|standard|idempotency\/|leases\/|flow\/)$/);
    }
  });

  test('the days that the API tells the page are those of the lifecycle rules', () => {
    for (const packaged of [plain, all]) {
      const { SHORT_DAYS, STANDARD_DAYS } =
        packaged.resources.ApiLambdaFunction!.Properties.Environment.Variables;
      for (const id of ['ImagesBucket', 'BackupBucket'])
        for (const [tag, days] of [
          ['short', SHORT_DAYS],
          ['standard', STANDARD_DAYS],
        ])
          expect(Number(rules(id, packaged).get(tag)?.ExpirationInDays)).toBe(Number(days));
    }
  });

  test('no rule that filters by tag aborts uploads or expires delete markers, which S3 refuses', () => {
    for (const packaged of [plain, all])
      for (const id of ['ImagesBucket', 'BackupBucket', 'SiteBucket', 'LogsBucket'])
        for (const rule of rules(id, packaged).values())
          if (rule.TagFilters) {
            expect(rule).not.toHaveProperty('AbortIncompleteMultipartUpload');
            expect(rule).not.toHaveProperty('ExpiredObjectDeleteMarker');
          }
  });

  test('images that stay get colder with age, in classes that answer at once', () => {
    for (const tag of ['standard', 'keep'])
      expect(rules('ImagesBucket').get(`colder-${tag}`)).toMatchObject({
        Prefix: 'images/',
        TagFilters: [{ Key: 'retention', Value: tag }],
        ObjectSizeGreaterThan: '131072',
        Transitions: [
          { StorageClass: 'STANDARD_IA', TransitionInDays: 60 },
          { StorageClass: 'GLACIER_IR', TransitionInDays: 180 },
        ],
      });
    expect([...rules('BackupBucket').keys()].filter((id) => id.startsWith('glacier'))).toEqual([]);
    expect([...rules('BackupBucket', all).keys()].filter((id) => id.startsWith('glacier'))).toEqual([
      'glacier-standard',
      'glacier-keep',
    ]);
  });

  test('the backup is locked in governance mode where days are given, and by default in production', async () => {
    expect(bucket('BackupBucket')).not.toHaveProperty('ObjectLockEnabled');
    expect(bucket('BackupBucket', all)).toMatchObject({
      ObjectLockEnabled: true,
      ObjectLockConfiguration: {
        ObjectLockEnabled: 'Enabled',
        Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: '30' } },
      },
    });
    const text = await readFile('serverless.yml', 'utf8');
    expect(text).toMatch(/\n {2}prod:\n {4}objectLockDays: 30\n/);
  });

  test('images tell EventBridge, and are read across origins by the site alone', () => {
    expect(bucket('ImagesBucket').NotificationConfiguration).toEqual({
      EventBridgeConfiguration: { EventBridgeEnabled: true },
    });
    const origins = (packaged: Packaged) =>
      bucket('ImagesBucket', packaged).CorsConfiguration.CorsRules.flatMap(
        (rule: { AllowedOrigins: string[] }) => rule.AllowedOrigins,
      );
    expect(origins(plain)).toEqual(['https://SiteDistribution.DomainName']);
    expect(origins(all)).toEqual(['https://images.example.org']);
    for (const id of ['BackupBucket', 'LogsBucket', 'SiteBucket'])
      expect(bucket(id)).not.toHaveProperty('CorsConfiguration');
  });

  test('each but the one that holds them is logged, and logs expire', () => {
    for (const id of ['ImagesBucket', 'BackupBucket', 'SiteBucket'])
      expect(bucket(id).LoggingConfiguration).toEqual({
        DestinationBucketName: `weaudit-dev-${ACCOUNT}-logs`,
        LogFilePrefix: `access/${id.replace('Bucket', '').toLowerCase()}/`,
      });
    expect(rules('LogsBucket').get('expire')).toMatchObject({ Status: 'Enabled', ExpirationInDays: 90 });
    const taken = plain.resources.LogsBucketPolicy!.Properties.PolicyDocument.Statement.find(
      ({ Sid }: { Sid: string }) => Sid === 'AccessLogs',
    ).Condition.ArnLike['aws:SourceArn'] as string[];
    expect(taken).toEqual([
      ...['images', 'backup', 'site'].map((name) => `arn:aws:s3:::weaudit-dev-${ACCOUNT}-${name}`),
      'arn:aws:s3:::weaudit-dev-serverlessdeploymentbucket-*',
    ]);
  });

  test('the packages lie as well protected as everything else', () => {
    for (const { resources } of [plain, all])
      expect(resources.ServerlessDeploymentBucket!.Properties).toMatchObject({
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
        PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        LoggingConfiguration: { LogFilePrefix: 'access/packages/' },
        LifecycleConfiguration: {
          Rules: [{ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } }],
        },
      });
  });
});

describe('functions', () => {
  test('all run on Node.js 24 and arm64, and none without an own memory size, time limit and log', () => {
    for (const [id, { Properties }] of ofType(plain.resources, 'AWS::Lambda::Function')) {
      expect([id, Properties.Runtime, Properties.Architectures]).toEqual([id, 'nodejs24.x', ['arm64']]);
      // tag alone decodes: it has one whole processor.
      const mostMemory = id === 'TagLambdaFunction' ? 1_769 : 512;
      expect(Properties.MemorySize).toBeLessThanOrEqual(mostMemory);
      const log = plain.resources[id.replace('LambdaFunction', 'LogGroup')];
      expect(log?.Properties).toMatchObject({
        LogGroupName: `/aws/lambda/${Properties.FunctionName}`,
        RetentionInDays: 30,
      });
    }
  });

  test('none has a secret in its environment: parameters go by name', () => {
    const values = ofType(plain.resources, 'AWS::Lambda::Function').flatMap(([, { Properties }]) =>
      Object.entries(Properties.Environment.Variables as Record<string, unknown>),
    );
    for (const [name, value] of values) {
      if (name.endsWith('_PARAMETER'))
        expect(value).toMatch(/^\/weaudit\/dev\/(replicate-token|webhook-secrets|api-tokens|secrets)$/);
      expect(String(value)).not.toMatch(/whsec_|r8_|sha256/);
    }
    expect(
      values
        .map(([name]) => name)
        .filter((name) => /TOKEN|SECRET/.test(name) && !name.endsWith('_PARAMETER')),
    ).toEqual([]);
  });

  test('tracing and reserved concurrency are off, and on by parameter', () => {
    for (const [, { Properties }] of ofType(plain.resources, 'AWS::Lambda::Function')) {
      expect(Properties).not.toHaveProperty('TracingConfig');
      expect(Properties).not.toHaveProperty('ReservedConcurrentExecutions');
    }
    const functions = ofType(all.resources, 'AWS::Lambda::Function');
    expect(
      functions.filter(([, { Properties }]) => Properties.TracingConfig?.Mode === 'Active'),
    ).toHaveLength(8);
    expect(
      functions
        .filter(([, { Properties }]) => Properties.ReservedConcurrentExecutions === 5)
        .map(([id]) => id),
    ).toEqual(['ApiLambdaFunction', 'WebhookLambdaFunction']);
  });

  test.each([
    ['Cells', 'Dispatch', 2],
    ['Polls', 'Poll', 10],
  ])(
    'the queue %s hides a message for more than six times what %s may take, one at a time, %i at once',
    (queueId, functionId, atOnce) => {
      const queue = plain.resources[`${queueId}Queue`]!.Properties;
      const reader = plain.resources[`${functionId}LambdaFunction`]!.Properties;
      expect(queue.VisibilityTimeout).toBeGreaterThan(6 * reader.Timeout);
      const [source] = sources().filter((one) => one.reader === reader.FunctionName);
      expect(source).toMatchObject({
        EventSourceArn: arnOfQueue(queueId.toLowerCase()),
        BatchSize: 1,
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        ScalingConfig: { MaximumConcurrency: atOnce },
      });
      const { MAX_RECEIVE_COUNT, DISPATCH_CONCURRENCY = atOnce } = reader.Environment.Variables;
      expect(String(DISPATCH_CONCURRENCY)).toBe(String(atOnce));
      expect(String(MAX_RECEIVE_COUNT)).toBe(String(queue.RedrivePolicy.maxReceiveCount));
    },
  );

  test('one that sends to the queue it reads is not ended by Lambda as a loop, and none other is excepted', () => {
    const looping = sources()
      .filter(({ reader, EventSourceArn }) =>
        permissionsOf(plain, reader).includes(`sqs:SendMessage ${EventSourceArn}`),
      )
      .map(({ reader }) => reader);
    const allowed = ofType(plain.resources, 'AWS::Lambda::Function')
      .filter(([, { Properties }]) => Properties.RecursiveLoop === 'Allow')
      .map(([, { Properties }]) => Properties.FunctionName);
    expect(allowed).toEqual(looping);
    expect(looping).toEqual(['weaudit-dev-dispatch', 'weaudit-dev-poll']);
  });

  test('may be invoked by the API and the rules of this stack alone', () => {
    const permissions = ofType(plain.resources, 'AWS::Lambda::Permission').map(
      ([, { Properties }]) => Properties,
    );
    for (const { Action, Principal, SourceArn } of permissions) {
      expect(Action).toBe('lambda:InvokeFunction');
      expect(Principal).toMatch(/^(apigateway|events)\.amazonaws\.com$/);
      expect(SourceArn).toMatch(
        Principal.startsWith('events') ? /:rule\/weaudit-dev-[a-z]+-rule-\d$/ : /:HttpApi\/\*$/,
      );
    }
    const rules = ofType(plain.resources, 'AWS::Events::Rule').map(([, { Properties }]) => Properties.Name);
    const callers = permissions.map(({ SourceArn }) => SourceArn.split(':rule/')[1] ?? 'HttpApi');
    expect(callers.sort()).toEqual([...rules, 'HttpApi', 'HttpApi'].sort());
  });

  test('the HTTP API has the routes that the api knows, and the webhook', () => {
    const routes = ofType(plain.resources, 'AWS::ApiGatewayV2::Route').map(
      ([, { Properties }]) => Properties.RouteKey,
    );
    const known = Object.keys(ROUTES);
    expect(routes.sort()).toEqual([...known, 'POST /webhooks/replicate/{audit}/{cell}'].sort());
  });

  test('the HTTP API is throttled, the webhook more generously', () => {
    const { DefaultRouteSettings, RouteSettings } = plain.resources.HttpApiStage!.Properties;
    expect(DefaultRouteSettings).toEqual({ ThrottlingRateLimit: 50, ThrottlingBurstLimit: 100 });
    expect(RouteSettings).toEqual({
      'POST /webhooks/replicate/{audit}/{cell}': { ThrottlingRateLimit: 100, ThrottlingBurstLimit: 200 },
    });
  });
});

describe('every asynchronous hop', () => {
  const deadQueues = () =>
    ofType(plain.resources, 'AWS::SQS::Queue').filter(([, { Properties }]) =>
      Properties.QueueName.endsWith('-dead'),
    );

  test('has a dead-letter queue: the queue, each rule, and each asynchronous invocation', () => {
    expect(plain.resources.CellsQueue!.Properties.RedrivePolicy.deadLetterTargetArn).toBe(
      arnOfQueue('cells-dead'),
    );
    for (const [, { Properties }] of ofType(plain.resources, 'AWS::Events::Rule'))
      for (const target of Properties.Targets) {
        const name = target.Arn.split('-').at(-1);
        expect(target.DeadLetterConfig).toEqual({ Arn: arnOfQueue(`${name}-dead`) });
      }
    const invoked = new Set(
      ofType(plain.resources, 'AWS::Events::Rule').flatMap(([, { Properties }]) =>
        Properties.Targets.map(({ Arn }: { Arn: string }) => Arn.split(':').at(-1)),
      ),
    );
    const destinations = new Map(
      ofType(plain.resources, 'AWS::Lambda::EventInvokeConfig').map(([, { Properties }]) => [
        Properties.FunctionName,
        Properties.DestinationConfig.OnFailure.Destination,
      ]),
    );
    expect(invoked.size).toBe(4);
    for (const name of invoked)
      expect(destinations.get(name)).toBe(arnOfQueue(`${name.replace('weaudit-dev-', '')}-dead`));
  });

  test('may be written to by the rules whose events it takes', () => {
    const policy = plain.resources.EventQueuesPolicy!;
    expect(policy.Properties.Queues).toHaveLength(4);
    const allowed = policy.Properties.PolicyDocument.Statement.find(
      ({ Effect }: { Effect: string }) => Effect === 'Allow',
    );
    expect(allowed).toMatchObject({
      Principal: { Service: 'events.amazonaws.com' },
      Action: 'sqs:SendMessage',
    });
    const pattern = new RegExp(allowed.Condition.ArnLike['aws:SourceArn'].replace('*', '.*'));
    for (const [, { Properties }] of ofType(plain.resources, 'AWS::Events::Rule'))
      expect(`arn:aws:events:${REGION}:${ACCOUNT}:rule/${Properties.Name}`).toMatch(pattern);
  });

  test('has an alarm on its dead letters', () => {
    const watched = ofType(plain.resources, 'AWS::CloudWatch::Alarm')
      .filter(([, { Properties }]) => Properties.MetricName === 'ApproximateNumberOfMessagesVisible')
      .map(([, { Properties }]) => Properties.Dimensions[0].Value);
    expect(watched.sort()).toEqual(
      deadQueues()
        .map(([, { Properties }]) => Properties.QueueName)
        .sort(),
    );
  });

  test('keeps dead letters as long as SQS can, encrypted, and takes nothing without TLS', () => {
    for (const [, { Properties }] of ofType(plain.resources, 'AWS::SQS::Queue'))
      expect(Properties).toMatchObject({ MessageRetentionPeriod: 1_209_600, SqsManagedSseEnabled: true });
    const protectedQueues = ofType(plain.resources, 'AWS::SQS::QueuePolicy').flatMap(([, { Properties }]) => {
      expect(Properties.PolicyDocument.Statement[0]).toMatchObject({
        Effect: 'Deny',
        Principal: '*',
        Action: 'sqs:*',
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      });
      return Properties.Queues;
    });
    expect(protectedQueues).toHaveLength(ofType(plain.resources, 'AWS::SQS::Queue').length);
  });
});

describe('watching', () => {
  const alarms = (packaged: Packaged) => ofType(packaged.resources, 'AWS::CloudWatch::Alarm');

  test('AWS tells an address of its bill where one is given', () => {
    expect(ofType(plain.resources, 'AWS::Budgets::Budget')).toEqual([]);
    const { Budget, NotificationsWithSubscribers } = only(all, 'AWS::Budgets::Budget').Properties;
    expect(Budget).toMatchObject({ BudgetType: 'COST', TimeUnit: 'MONTHLY', BudgetLimit: { Unit: 'USD' } });
    expect(Number(Budget.BudgetLimit.Amount)).toBe(20);
    const Subscribers = [{ SubscriptionType: 'EMAIL', Address: 'operators@example.org' }];
    expect(NotificationsWithSubscribers).toMatchObject([
      { Notification: { NotificationType: 'ACTUAL', Threshold: 80 }, Subscribers },
      { Notification: { NotificationType: 'FORECASTED', Threshold: 100 }, Subscribers },
    ]);
  });

  test('alarms tell the topic where one is given', () => {
    for (const [, { Properties }] of alarms(plain)) expect(Properties).not.toHaveProperty('AlarmActions');
    for (const [, { Properties }] of alarms(all)) {
      expect(Properties.AlarmActions).toEqual([`arn:aws:sns:${REGION}:${ACCOUNT}:alarms`]);
      expect(Properties.AlarmDescription.length).toBeGreaterThan(40);
    }
  });

  test('there is one on messages that are taken for a loop, of each function that may send to its own queue', () => {
    const watched = alarms(plain)
      .filter(([, { Properties }]) => Properties.MetricName === 'RecursiveInvocationsDropped')
      .map(([, { Properties }]) => Properties.Dimensions[0].Value);
    expect(watched).toEqual(sources().map(({ reader }) => reader));
  });

  test('there is one on the age of each queue that a function reads', () => {
    const watched = alarms(plain)
      .filter(([, { Properties }]) => Properties.MetricName === 'ApproximateAgeOfOldestMessage')
      .map(([, { Properties }]) => arnOfQueue(Properties.Dimensions[0].Value.replace('weaudit-dev-', '')));
    expect(watched).toEqual(sources().map(({ EventSourceArn }) => EventSourceArn));
  });

  test('there is one on webhooks answered 5xx, audits that wait for people, repairs, and money', () => {
    const watched = alarms(plain).map(([, { Properties }]) => Properties.MetricName);
    for (const metric of ['Webhook5xx', 'WaitingForPeople', 'Repairs', 'BudgetUsed', 'AboveCeiling'])
      expect(watched).toContain(metric);
  });

  test('there is one on the share of results that polling finds, from ten results an hour on', () => {
    const [, { Properties }] = alarms(plain).find(([id]) => id === 'PollingAlarm')!;
    const [share, ...counts] = Properties.Metrics;
    expect(counts.map(({ MetricStat }: { MetricStat: { Metric: object } }) => MetricStat.Metric)).toEqual([
      { Namespace: 'WeAudit/dev', MetricName: 'Polled' },
      { Namespace: 'WeAudit/dev', MetricName: 'Received' },
    ]);
    expect(share).toMatchObject({
      Expression: 'IF(polled >= 10, 100 * polled / (polled + FILL(received, 0)), 0)',
      ReturnData: true,
    });
    expect(Properties).toMatchObject({ Threshold: 50, ComparisonOperator: 'GreaterThanThreshold' });
  });

  test('what is counted from logs is what the functions log', async () => {
    const filters = new Map(
      ofType(plain.resources, 'AWS::Logs::MetricFilter').map(([, { Properties }]) => [
        Properties.MetricTransformations[0].MetricName,
        Properties.FilterPattern as string,
      ]),
    );
    const messages = (pattern = '') =>
      [...pattern.matchAll(/\$\.message = "([^"]+)"/g)].map(([, message]) => message);
    for (const [metric, message] of [
      ['WaitingForPeople', COUNTED.waiting],
      ['Asked', COUNTED.asked],
      ['Repairs', COUNTED.repaired],
      ['Received', COUNTED.received],
      ['Polled', COUNTED.polled],
      ['Spent', COUNTED.budget],
      ['Reserved', COUNTED.budget],
      ['BudgetUsed', COUNTED.budget],
      ['AboveCeiling', COUNTED.dearer],
      ['Superfluous', COUNTED.extra],
      ['DeadTurns', COUNTED.died],
    ] as const)
      expect(messages(filters.get(metric))).toEqual([message]);
    const route = /routeKey = "([^"*]+)/.exec(filters.get('Webhook5xx') ?? '')?.[1] ?? '?';
    expect(
      ofType(plain.resources, 'AWS::ApiGatewayV2::Route').filter(([, { Properties }]) =>
        Properties.RouteKey.startsWith(route),
      ),
    ).toHaveLength(1);
    expect(JSON.parse(plain.resources.HttpApiStage!.Properties.AccessLogSettings.Format)).toMatchObject({
      routeKey: '$context.routeKey',
      status: '$context.status',
    });
  });

  test('the dashboard is sound JSON, and shows every function, queue and alarm', () => {
    const body = plain.resources.Dashboard!.Properties.DashboardBody as string;
    expect(() => JSON.parse(body)).not.toThrow();
    const names = [
      ...ofType(plain.resources, 'AWS::Lambda::Function').map(
        ([, { Properties }]) => Properties.FunctionName,
      ),
      ...ofType(plain.resources, 'AWS::SQS::Queue').map(([, { Properties }]) => Properties.QueueName),
      ...alarms(plain).map(([, { Properties }]) => `alarm:${Properties.AlarmName}`),
    ];
    expect(names.filter((name) => !body.includes(`${name}"`))).toEqual([]);
  });

  test('what costs money by the request or by the metric is off until a parameter asks for it', () => {
    expect(ofType(plain.resources, 'AWS::CloudTrail::Trail')).toEqual([]);
    expect(bucket('ImagesBucket')).not.toHaveProperty('AnalyticsConfigurations');
    expect(bucket('ImagesBucket')).not.toHaveProperty('MetricsConfigurations');
    expect(bucket('ImagesBucket', all)).toMatchObject({
      AnalyticsConfigurations: [{ Id: 'images' }],
      MetricsConfigurations: [{ Id: 'EntireBucket' }],
    });
    const trail = only(all, 'AWS::CloudTrail::Trail');
    const selected = trail.Properties.AdvancedEventSelectors[0].FieldSelectors.find(
      ({ Field }: { Field: string }) => Field === 'resources.ARN',
    );
    expect(selected.StartsWith).toEqual([
      `arn:aws:s3:::weaudit-prod-${ACCOUNT}-images/`,
      `arn:aws:s3:::weaudit-prod-${ACCOUNT}-backup/`,
    ]);
    expect(trail.Properties).toMatchObject({
      S3BucketName: `weaudit-prod-${ACCOUNT}-logs`,
      EnableLogFileValidation: true,
      // Of one region it would hear nothing of a backup elsewhere; and of all regions CloudTrail wants the global too.
      IsMultiRegionTrail: true,
      IncludeGlobalServiceEvents: true,
    });
    const categories = trail.Properties.AdvancedEventSelectors.map(
      ({ FieldSelectors }: { FieldSelectors: { Field: string; Equals?: string[] }[] }) =>
        FieldSelectors.find(({ Field }) => Field === 'eventCategory')?.Equals,
    );
    expect(categories).toEqual([['Data']]);
  });
});

describe('the site', () => {
  const config = (packaged: Packaged) => packaged.resources.SiteDistribution!.Properties.DistributionConfig;

  test('is served over HTTPS only, and reaches its origins over TLS 1.2', () => {
    for (const packaged of [plain, all]) {
      const { DefaultCacheBehavior, CacheBehaviors, Origins, DefaultRootObject } = config(packaged);
      expect(DefaultRootObject).toBe('index.html');
      expect(DefaultCacheBehavior.ViewerProtocolPolicy).toBe('redirect-to-https');
      expect(
        (CacheBehaviors as Record<string, string>[]).map(({ PathPattern, ViewerProtocolPolicy }) => [
          PathPattern,
          ViewerProtocolPolicy,
        ]),
      ).toEqual([['/api/*', 'https-only']]);
      expect(Origins[1].CustomOriginConfig).toEqual({
        OriginProtocolPolicy: 'https-only',
        OriginSSLProtocols: ['TLSv1.2'],
      });
      expect(Origins[0].OriginAccessControlId).toBeTruthy();
    }
    expect(config(all).ViewerCertificate.MinimumProtocolVersion).toBe('TLSv1.2_2021');
  });

  test('keeps no error for other callers: CloudFront would answer all of them with it for ten seconds', () => {
    // Every status that CloudFront knows such a rule for; without a page or a status of its own the answer stays as it is.
    const statuses = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504];
    for (const packaged of [plain, all])
      expect(config(packaged).CustomErrorResponses).toEqual(
        statuses.map((ErrorCode) => ({ ErrorCode, ErrorCachingMinTTL: 0 })),
      );
  });

  test('shares its origin with an API that is never cached, and rewrites none of its errors', () => {
    const [api] = config(plain).CacheBehaviors;
    expect(api).toMatchObject({
      CachePolicyId: '4135ea2d-6df8-44a3-9df3-4b5a84be39ad',
      OriginRequestPolicyId: 'b689b0a8-53d0-40ab-baf2-68738e2966ac',
      TargetOriginId: 'api',
    });
  });

  test('has headers that let it run its own code only, and show images of the images bucket only', () => {
    const { SecurityHeadersConfig } = plain.resources.SiteHeaders!.Properties.ResponseHeadersPolicyConfig;
    const policy: string = SecurityHeadersConfig.ContentSecurityPolicy.ContentSecurityPolicy;
    const directives = new Map(
      policy.split('; ').map((text) => [text.split(' ')[0], text.split(' ').slice(1)]),
    );
    const images = `https://weaudit-dev-${ACCOUNT}-images.s3.${REGION}.amazonaws.com`;
    expect(directives.get('default-src')).toEqual(["'none'"]);
    expect(directives.get('script-src')).toEqual(["'self'"]);
    expect(directives.get('img-src')).toContain(images);
    expect(directives.get('connect-src')).toEqual(["'self'", images]);
    expect(directives.get('frame-ancestors')).toEqual(["'none'"]);
    expect(policy).not.toMatch(/unsafe|\*/);
    expect(SecurityHeadersConfig.StrictTransportSecurity.AccessControlMaxAgeSec).toBeGreaterThanOrEqual(
      31_536_000,
    );
  });
});

describe('a deployed stage', () => {
  test.each(['plain', 'all'] as const)(
    'speaks plain HTTP to nobody and knows no loopback address (%s)',
    (which) => {
      const { template } = which === 'plain' ? plain : all;
      const text = JSON.stringify({ ...template, AWSTemplateFormatVersion: undefined });
      expect(text.match(/http:\/\/[^"\\]*/g) ?? []).toEqual([]);
      expect(text.match(/127\.0\.0\.1|localhost|\[?::1\]?:\d|0\.0\.0\.0/g) ?? []).toEqual([]);
      const tokens = Object.entries(template.Resources).flatMap(([id, { Properties }]) =>
        JSON.stringify(Properties ?? {}).match(/"[^"]*TOKEN[^"]*":"local"|local-|000000000000/) ? [id] : [],
      );
      expect(tokens).toEqual([]);
    },
  );

  test('fetches outputs from Replicate alone', () => {
    for (const id of ['WebhookLambdaFunction', 'PollLambdaFunction'])
      expect(plain.resources[id]!.Properties.Environment.Variables.OUTPUT_ORIGINS).toBe(
        'https://replicate.delivery,https://*.replicate.delivery',
      );
  });

  test('says of everything that holds something what happens to it when the stack goes', () => {
    const stateful = ['AWS::S3::Bucket', 'AWS::SQS::Queue', 'AWS::Logs::LogGroup'];
    for (const { template } of [plain, all])
      for (const [id, { Type, DeletionPolicy, UpdateReplacePolicy }] of Object.entries(template.Resources)) {
        if (!stateful.includes(Type)) continue;
        const keeps = ['ImagesBucket', 'BackupBucket', 'LogsBucket'].includes(id);
        expect([id, DeletionPolicy, UpdateReplacePolicy]).toEqual(
          keeps ? [id, 'RetainExceptOnCreate', 'Retain'] : [id, 'Delete', 'Delete'],
        );
      }
    // A bucket that outlives its stack keeps its protection.
    for (const id of ['ImagesBucketPolicy', 'BackupBucketPolicy', 'LogsBucketPolicy'])
      expect(plain.resources[id]!.DeletionPolicy).toBe('RetainExceptOnCreate');
  });

  test('carries the names that everything else derives', () => {
    const named = ['AWS::S3::Bucket', 'AWS::SQS::Queue', 'AWS::Lambda::Function', 'AWS::IAM::Role'];
    const resources = named.flatMap((type) => ofType(plain.resources, type));
    const names = resources.flatMap(([, { Properties }]) =>
      [Properties.BucketName, Properties.QueueName, Properties.FunctionName, Properties.RoleName].filter(
        (name) => typeof name === 'string',
      ),
    );
    expect(names.filter((name: string) => !name.startsWith('weaudit-dev-'))).toEqual([]);
  });
});
