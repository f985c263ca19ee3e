import { permissionsOf } from '../support/access.ts';
import { ACCOUNT, EVERYTHING, ofType, type Packaged, packageStack, REGION } from '../support/packaged.ts';

/** What is evidence, and is copied into the backup. */
const copied = (bucket: 'images' | 'backup') =>
  [
    'audits/*/audit.json',
    'audits/*/manifest.csv',
    'audits/*/manifest.json',
    'audits/*/rounds/*',
    'codebooks/*',
    'images/*',
    'rounds/*/closed.json',
    'rounds/*/labels/*',
    'rounds/*/reported/*',
    'rounds/*/round.json',
    'rounds/*/slots/*',
    'rounds/*/snapshot.json',
    'rounds/*/withdrawn/*',
  ].map((key) => `${bucket}/${key}`);

/**
 * All that each function may do, to the letter. Adding or removing a permission means changing this table too, and
 * says why. What each permission is needed for, the integration tests show: there, each function runs with these.
 */
const ROLES: Record<string, Record<string, string[]>> = {
  api: {
    'logs:CreateLogStream': ['its own'],
    'logs:PutLogEvents': ['its own'],
    's3:GetObject': [
      'images/audits/*/audit.json',
      'images/audits/*/blocks/*',
      'images/audits/*/cancel.json',
      'images/audits/*/manifest.csv',
      'images/audits/*/manifest.json',
      'images/audits/*/results/*',
      'images/audits/*/waiting.json',
      'images/codebooks/*',
      'images/deleted/*',
      'images/idempotency/*',
      'images/images/*',
      'images/ledger/*',
      'images/open/*',
      'images/renditions/*',
      'images/rounds/*',
      'images/secrets/*',
      'images/studies/*',
    ],
    's3:ListBucket': ['images'],
    's3:PutObject': [
      'images/audits/*/audit.json',
      'images/audits/*/cancel.json',
      'images/audits/*/rounds/*',
      'images/codebooks/*',
      'images/deleted/*',
      'images/idempotency/*',
      'images/images/* as pending',
      'images/ledger/2*',
      'images/open/*',
      'images/rounds/*',
      'images/studies/*',
    ],
    's3:PutObjectTagging': [
      'images/audits/*/audit.json',
      'images/audits/*/cancel.json',
      'images/audits/*/rounds/*',
      'images/images/* as pending',
      'images/rounds/*',
    ],
    'sqs:SendMessage': ['cells', 'polls'],
    'ssm:GetParameter': ['api-tokens', 'replicate-token'],
  },
  webhook: {
    'logs:CreateLogStream': ['its own'],
    'logs:PutLogEvents': ['its own'],
    's3:GetObject': [
      'images/audits/*/audit.json',
      'images/audits/*/dispatched/*',
      'images/audits/*/results/*',
      'images/deleted/*',
      'images/images/*',
      'images/secrets/*',
    ],
    's3:ListBucket': ['images'],
    's3:PutObject': [
      'images/audits/*/dispatched/*',
      'images/audits/*/failed/*',
      'images/audits/*/results/*',
      'images/audits/*/spent/*',
      'images/images/* as pending',
    ],
    's3:PutObjectTagging': [
      'images/audits/*/dispatched/*',
      'images/audits/*/failed/*',
      'images/audits/*/results/*',
      'images/audits/*/spent/*',
      'images/images/* as pending',
    ],
    'ssm:GetParameter': ['webhook-secrets'],
  },
  dispatch: {
    'logs:CreateLogStream': ['its own'],
    'logs:PutLogEvents': ['its own'],
    's3:GetObject': [
      'images/audits/*/audit.json',
      'images/audits/*/blocks/*',
      'images/audits/*/cancel.json',
      'images/audits/*/dispatched/*',
      'images/audits/*/results/*',
      'images/audits/*/waiting.json',
      'images/deleted/*',
      'images/flow/*',
      'images/leases/*',
      'images/open/*',
      'images/secrets/*',
    ],
    's3:ListBucket': ['images'],
    's3:PutObject': [
      'images/audits/*/dispatched/*',
      'images/audits/*/failed/*',
      'images/audits/*/results/*',
      'images/audits/*/spent/*',
      'images/audits/*/waiting.json',
      'images/flow/*',
      'images/leases/*',
    ],
    's3:PutObjectTagging': [
      'images/audits/*/dispatched/*',
      'images/audits/*/failed/*',
      'images/audits/*/results/*',
      'images/audits/*/spent/*',
      'images/audits/*/waiting.json',
    ],
    'sqs:DeleteMessage': ['cells'],
    'sqs:GetQueueAttributes': ['cells'],
    'sqs:ReceiveMessage': ['cells'],
    'sqs:SendMessage': ['cells', 'polls'],
    'ssm:GetParameter': ['replicate-token', 'secrets/*'],
  },
  poll: {
    'logs:CreateLogStream': ['its own'],
    'logs:PutLogEvents': ['its own'],
    's3:GetObject': [
      'images/audits/*/audit.json',
      'images/audits/*/blocks/*',
      'images/audits/*/cancel.json',
      'images/audits/*/dispatched/*',
      'images/audits/*/manifest.json',
      'images/audits/*/results/*',
      'images/deleted/*',
      'images/images/*',
      'images/leases/*',
      'images/open/*',
      'images/secrets/*',
    ],
    's3:ListBucket': ['backup', 'images'],
    's3:PutObject': [
      'images/audits/*/blocks/*',
      'images/audits/*/dispatched/*',
      'images/audits/*/failed/*',
      'images/audits/*/manifest.csv',
      'images/audits/*/manifest.json',
      'images/audits/*/results/*',
      'images/audits/*/spent/*',
      'images/audits/*/waiting.json',
      'images/images/* as pending',
      'images/leases/*',
    ],
    's3:PutObjectTagging': [
      'images/audits/*/blocks/*',
      'images/audits/*/dispatched/*',
      'images/audits/*/failed/*',
      'images/audits/*/manifest.csv',
      'images/audits/*/manifest.json',
      'images/audits/*/results/*',
      'images/audits/*/spent/*',
      'images/audits/*/waiting.json',
      'images/images/* as pending',
    ],
    'sqs:DeleteMessage': ['polls'],
    'sqs:GetQueueAttributes': ['polls'],
    'sqs:ReceiveMessage': ['polls'],
    'sqs:SendMessage': ['cells', 'polls'],
    'ssm:GetParameter': ['replicate-token'],
  },
  reconcile: {
    'logs:CreateLogStream': ['its own'],
    'logs:PutLogEvents': ['its own'],
    's3:DeleteObject': [
      'images/audits/*',
      'images/images/*',
      'images/leases/*',
      'images/open/*',
      'images/renditions/*',
      'images/rounds/*',
    ],
    's3:GetObject': [
      ...copied('backup'),
      ...copied('images'),
      'images/audits/*/blocks/*',
      'images/audits/*/cancel.json',
      'images/audits/*/dispatched/*',
      'images/audits/*/results/*',
      'images/deleted/*',
      'images/leases/*',
      'images/ledger/*',
      'images/open/*',
    ],
    's3:GetObjectTagging': [...copied('backup'), ...copied('images'), 'images/audits/*/results/*'],
    's3:ListBucket': ['backup', 'images'],
    's3:PutObject': [
      ...copied('backup'),
      'images/audits/*/blocks/*',
      'images/audits/*/manifest.csv',
      'images/audits/*/manifest.json',
      'images/audits/*/spent/*',
      'images/leases/*',
      'images/ledger/2*',
    ],
    's3:PutObjectTagging': [
      ...copied('backup'),
      'images/audits/*/blocks/*',
      'images/audits/*/manifest.csv',
      'images/audits/*/manifest.json',
      'images/audits/*/results/*',
      'images/audits/*/spent/*',
    ],
    'sqs:SendMessage': ['cells', 'polls', 'reconcile-dead'],
  },
  tag: {
    'logs:CreateLogStream': ['its own'],
    'logs:PutLogEvents': ['its own'],
    's3:DeleteObjectVersion': ['images/renditions/*'],
    's3:GetObject': [
      'images/audits/*/results/*',
      'images/deleted/*',
      'images/images/*',
      'images/purged/*',
      'images/renditions/*',
    ],
    's3:GetObjectTagging': ['images/images/*'],
    's3:ListBucket': ['images'],
    's3:ListBucketVersions': ['images if {"StringLike":{"s3:prefix":"renditions/*"}}'],
    's3:PutObject': ['images/audits/*/judged/*', 'images/renditions/*'],
    's3:PutObjectTagging': ['images/audits/*/judged/*', 'images/images/*', 'images/renditions/*'],
    'sqs:SendMessage': ['tag-dead'],
  },
  backup: {
    'logs:CreateLogStream': ['its own'],
    'logs:PutLogEvents': ['its own'],
    's3:GetObject': [...copied('backup'), ...copied('images')],
    's3:GetObjectTagging': [...copied('backup'), ...copied('images')],
    's3:ListBucket': ['images'],
    's3:PutObject': [...copied('backup')],
    's3:PutObjectTagging': [...copied('backup')],
    'sqs:SendMessage': ['backup-dead'],
  },
  metrics: {
    'logs:CreateLogStream': ['its own'],
    'logs:PutLogEvents': ['its own'],
    's3:GetObject': ['images/audits/*/results/*'],
    's3:ListBucket': ['images'],
    'sqs:SendMessage': ['metrics-dead'],
  },
};

const ALL_ROLES = Object.keys(ROLES);

let plain: Packaged;
let all: Packaged;
beforeAll(async () => {
  [plain, all] = await Promise.all([packageStack('dev'), packageStack('prod', EVERYTHING)]);
});

/** As `permissionsOf`, with names for the stack's own ARNs. */
function table(packaged: Packaged, stage: string, role: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const permission of permissionsOf(packaged, `weaudit-${stage}-${role}`)) {
    const [action = '', ...rest] = permission.split(' ');
    const resource = rest
      .join(' ')
      .replace(
        `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:/aws/lambda/weaudit-${stage}-${role}:*`,
        'its own',
      )
      .replace(`arn:aws:s3:::weaudit-${stage}-${ACCOUNT}-`, '')
      .replace(`arn:aws:sqs:${REGION}:${ACCOUNT}:weaudit-${stage}-`, '')
      .replace(`arn:aws:ssm:${REGION}:${ACCOUNT}:parameter/weaudit/${stage}/`, '')
      .replace('if {"StringEquals":{"s3:RequestObjectTag/status":"pending"}}', 'as pending');
    found[action] = [...(found[action] ?? []), resource];
  }
  return found;
}

const sorted = (role: Record<string, string[]>) =>
  Object.fromEntries(Object.entries(role).map(([action, resources]) => [action, resources.toSorted()]));

describe('roles', () => {
  test.each(ALL_ROLES)('%s may do what the table says, and nothing else', (role) => {
    expect(table(plain, 'dev', role)).toEqual(sorted(ROLES[role]!));
  });

  test('each function has a role of its own, which only Lambda can take', () => {
    const functions = ofType(plain.resources, 'AWS::Lambda::Function');
    expect(functions.map(([, { Properties }]) => Properties.Role).sort()).toEqual(
      ALL_ROLES.map((role) => `arn:aws:iam::${ACCOUNT}:role/weaudit-dev-${role}`).sort(),
    );
    for (const [, { Properties }] of functions)
      expect(Properties.Role.split('-').at(-1)).toBe(Properties.FunctionName.split('-').at(-1));
    for (const [, { Properties }] of ofType(plain.resources, 'AWS::IAM::Role'))
      expect(Properties.AssumeRolePolicyDocument.Statement).toEqual([
        { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
      ]);
  });

  test.each(ALL_ROLES)(
    'with all options, %s gets the keys and traces they need, and nothing else',
    (role) => {
      const copies = role === 'backup' || role === 'reconcile';
      const { Properties: backup } = all.resources.BackupBucket!;
      const { Properties: images } = all.resources.ImagesBucket!;
      const keyOf = (properties: typeof images) =>
        properties.BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault
          .KMSMasterKeyID;
      const throughS3 = (key: string, region: string) =>
        `${key} if {"StringEquals":{"kms:ViaService":"s3.${region}.amazonaws.com"}}`;
      const read = throughS3(keyOf(images), REGION);
      const copy = copies ? [throughS3(keyOf(backup), REGION)] : [];
      // backup and metrics write nothing into the images bucket.
      const writes = role !== 'backup' && role !== 'metrics';
      const created = [...(writes ? [read] : []), ...copy];
      expect(table(all, 'prod', role)).toEqual({
        ...sorted(ROLES[role]!),
        'kms:Decrypt': [read, ...copy],
        ...(created.length > 0 && { 'kms:GenerateDataKey': created }),
        'xray:PutTelemetryRecords': ['*'],
        'xray:PutTraceSegments': ['*'],
      });
    },
  );

  test('the function that faces the internet unauthenticated can neither spend nor let anybody in', () => {
    const parameters = table(plain, 'dev', 'webhook')['ssm:GetParameter'];
    expect(parameters).toEqual(['webhook-secrets']);
    expect(
      ALL_ROLES.filter((role) => ROLES[role]?.['ssm:GetParameter']?.includes('replicate-token')),
    ).toEqual(['api', 'dispatch', 'poll']);
  });
});
