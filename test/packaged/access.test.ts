import { evaluate, type PolicyDocument } from '@weaudit/aws-emulator/iam';
import { createResolver } from '@weaudit/aws-emulator/stack';
import { bucketPolicies, decide, type Question } from '../support/access.ts';
import { ACCOUNT, EVERYTHING, type Packaged, packageStack } from '../support/packaged.ts';

const FUNCTIONS = ['api', 'webhook', 'dispatch', 'poll', 'reconcile', 'tag', 'backup', 'metrics'];
const AUDIT = '7zzzzzzzzzzzzzzzzzzzzzzzzz';
const IMAGE = `images/${AUDIT}/00000/0`;
const RENDITION = `renditions/${AUDIT}/00000/0`;
const status = (value: string) => ({ 's3:ExistingObjectTag/status': value });
const uploadedAs = (value: string) => ({ 's3:RequestObjectTag/status': value, 's3:if-none-match': '*' });
const once = { 's3:if-none-match': '*' };

let plain: Packaged;
let all: Packaged;
beforeAll(async () => {
  [plain, all] = await Promise.all([packageStack('dev'), packageStack('prod', EVERYTHING)]);
});

const may = (question: Question) => decide(plain, 'dev', question);
const mayWithAll = (question: Question) => decide(all, 'prod', question);
const get = (who: string, key: string, context = {}): Question => ({
  who,
  action: 'GetObject',
  bucket: 'images',
  key,
  context,
});
const put = (who: string, key: string, context = {}): Question => ({
  who,
  action: 'PutObject',
  bucket: 'images',
  key,
  context,
});

describe('a request without TLS', () => {
  test.each(['images', 'backup', 'logs', 'site'] as const)(
    'is refused by the %s bucket, administrators too',
    (bucket) => {
      for (const action of ['GetObject', 'PutObject', 'DeleteObject', 'ListBucket']) {
        const key = action === 'ListBucket' ? '' : 'audits/a/audit.json';
        const question: Question = { who: 'administrator', action, bucket, key, context: once };
        expect(may(question)).toBe(true);
        expect(may({ ...question, tls: false })).toBe(false);
      }
    },
  );
});

describe('an image that was not judged sound', () => {
  test.each([
    ['pending', status('pending')],
    ['quarantined', status('quarantined')],
    ['without any status', {}],
  ])('is read by the pipeline alone: %s', (_, context) => {
    const readers = [...FUNCTIONS, 'administrator'].filter((who) => may(get(who, IMAGE, context)));
    expect(readers.sort()).toEqual(['backup', 'poll', 'reconcile', 'tag', 'webhook']);
    // The api signs addresses. What it signs opens nothing that it may not read itself.
    expect(may(get('api', IMAGE, context))).toBe(false);
    expect(mayWithAll(get('member', IMAGE, context))).toBe(false);
    // Nor is its rendition, should there be one.
    for (const who of ['api', 'administrator']) expect(may(get(who, RENDITION, context))).toBe(false);
    expect(mayWithAll(get('member', RENDITION, context))).toBe(false);
  });

  test('is not read as an old version either', () => {
    const old: Question = {
      ...get('administrator', IMAGE, status('quarantined')),
      action: 'GetObjectVersion',
    };
    expect(may(old)).toBe(false);
    expect(may({ ...old, context: status('ok') })).toBe(true);
  });
});

describe('a valid image', () => {
  test('is read with an address that the api signed', () => {
    expect(may(get('api', IMAGE, status('ok')))).toBe(true);
    expect(may(get('api', RENDITION, status('ok')))).toBe(true);
  });

  test('is not read by the function that only measures', () => {
    expect(may(get('metrics', IMAGE, status('ok')))).toBe(false);
  });

  test('is not public, and no other account reads it', () => {
    expect(may(get('anybody', IMAGE, status('ok')))).toBe(false);
    expect(may(get('stranger', IMAGE, status('ok')))).toBe(false);
    expect(mayWithAll(get('anybody', IMAGE, status('ok')))).toBe(false);
    expect(mayWithAll(get('stranger', IMAGE, status('ok')))).toBe(false);
  });
});

describe('the organization', () => {
  test('reads valid images, plans and manifests if an orgId is given, and nothing otherwise', () => {
    for (const key of [
      IMAGE,
      RENDITION,
      `audits/${AUDIT}/audit.json`,
      `audits/${AUDIT}/manifest.json`,
      `audits/${AUDIT}/manifest.csv`,
    ]) {
      expect(mayWithAll(get('member', key, status('ok')))).toBe(true);
      expect(may(get('member', key, status('ok')))).toBe(false);
    }
  });

  test('lists images and audits, and sees no requests, tombstones or leases', () => {
    const list = (prefix?: string): Question => ({
      who: 'member',
      action: 'ListBucket',
      bucket: 'images',
      context: prefix === undefined ? {} : { 's3:prefix': prefix },
    });
    expect(mayWithAll(list(`images/${AUDIT}/`))).toBe(true);
    expect(mayWithAll(list(`renditions/${AUDIT}/`))).toBe(true);
    expect(mayWithAll(list('audits/'))).toBe(true);
    for (const prefix of [undefined, '', 'idempotency/', 'deleted/', 'leases/'])
      expect(mayWithAll(list(prefix))).toBe(false);
    for (const key of ['idempotency/x', `deleted/${AUDIT}`, `audits/${AUDIT}/results/00000.json`])
      expect(mayWithAll(get('member', key))).toBe(false);
  });

  test('writes and deletes nothing', () => {
    for (const action of ['PutObject', 'PutObjectTagging', 'DeleteObject', 'DeleteObjectVersion'])
      expect(mayWithAll({ who: 'member', action, bucket: 'images', key: IMAGE, context: once })).toBe(false);
  });
});

describe('a fact', () => {
  test.each([
    IMAGE,
    `audits/${AUDIT}/audit.json`,
    `audits/${AUDIT}/results/00000.json`,
    `audits/${AUDIT}/blocks/00000.json`,
    `deleted/${AUDIT}`,
  ])('is never written over, not even by an administrator: %s', (key) => {
    expect(may(put('administrator', key))).toBe(false);
    expect(may(put('administrator', key, once))).toBe(true);
    // A part of an upload creates nothing by itself.
    expect(may(put('administrator', key, { 's3:ObjectCreationOperation': 'false' }))).toBe(true);
  });

  test('why an audit waits is no fact, and is written over', () => {
    expect(may(put('dispatch', `audits/${AUDIT}/waiting.json`))).toBe(true);
  });
});

describe('each role', () => {
  test('brings images in as pending only: nobody can upload one that looks judged', () => {
    for (const who of FUNCTIONS) {
      // The api signs addresses that admit one upload.
      const stores = ['webhook', 'poll', 'api'].includes(who);
      expect([who, may(put(who, IMAGE, uploadedAs('pending')))]).toEqual([who, stores]);
      expect([who, may(put(who, IMAGE, uploadedAs('ok')))]).toEqual([who, false]);
      expect([who, may(put(who, IMAGE, once))]).toEqual([who, false]);
    }
  });

  test('judges an image only if judging is its work', () => {
    const judges = FUNCTIONS.filter((who) =>
      may({
        who,
        action: 'PutObjectTagging',
        bucket: 'images',
        key: IMAGE,
        context: { 's3:RequestObjectTag/status': 'ok' },
      }),
    );
    expect(judges).toEqual(['tag']);
  });

  test('deletes only if it is reconcile, only the current version, and never a tombstone or in the backup', () => {
    for (const who of FUNCTIONS) {
      const reconciles = who === 'reconcile';
      for (const key of [IMAGE, `audits/${AUDIT}/audit.json`, `open/${AUDIT}`, `leases/${AUDIT}/00000`])
        expect([who, key, may({ who, action: 'DeleteObject', bucket: 'images', key })]).toEqual([
          who,
          key,
          reconciles,
        ]);
      expect(may({ who, action: 'DeleteObject', bucket: 'images', key: `deleted/${AUDIT}` })).toBe(false);
      expect(may({ who, action: 'DeleteObjectVersion', bucket: 'images', key: IMAGE })).toBe(false);
      for (const action of ['DeleteObject', 'DeleteObjectVersion', 'BypassGovernanceRetention'])
        expect(may({ who, action, bucket: 'backup', key: IMAGE })).toBe(false);
    }
  });

  test('writes, tags and destroys renditions only if it is tag, and deletes them as reconcile too', () => {
    const able = (action: string) =>
      FUNCTIONS.filter((who) => may({ who, action, bucket: 'images', key: RENDITION, context: once }));
    for (const action of ['PutObject', 'PutObjectTagging', 'DeleteObjectVersion'])
      expect([action, able(action)]).toEqual([action, ['tag']]);
    expect(able('DeleteObject')).toEqual(['reconcile']);
    const lists = (prefix: string) =>
      FUNCTIONS.filter((who) =>
        may({ who, action: 'ListBucketVersions', bucket: 'images', context: { 's3:prefix': prefix } }),
      );
    expect([lists(RENDITION), lists('images/'), lists('')]).toEqual([['tag'], [], []]);
    // Created once, by tag too.
    expect(may(put('tag', RENDITION))).toBe(false);
  });

  test('has images judged again only if it is reconcile: it writes the tags of results again', () => {
    const key = `audits/${AUDIT}/results/00000.json`;
    const able = FUNCTIONS.filter((who) => may({ who, action: 'PutObjectTagging', bucket: 'images', key }));
    expect(able).toEqual(['webhook', 'dispatch', 'poll', 'reconcile']);
    expect(may(put('reconcile', key, once))).toBe(false);
  });

  test('writes tombstones and plans only if it is the api', () => {
    for (const key of [
      `deleted/${AUDIT}`,
      `audits/${AUDIT}/audit.json`,
      `audits/${AUDIT}/cancel.json`,
      'idempotency/x',
    ])
      expect([key, FUNCTIONS.filter((who) => may(put(who, key, once)))]).toEqual([key, ['api']]);
    expect(FUNCTIONS.filter((who) => may(put(who, `open/${AUDIT}`, once)))).toEqual(['api']);
  });

  test('changes what a month has spent only if it is the api or reconcile, and never budget and prices', () => {
    expect(FUNCTIONS.filter((who) => may(put(who, 'ledger/2026-11.json')))).toEqual(['api', 'reconcile']);
    expect(FUNCTIONS.filter((who) => may(put(who, 'ledger/settings.json')))).toEqual([]);
    const spent = `audits/${AUDIT}/spent/00000.3000.3000`;
    expect(FUNCTIONS.filter((who) => may(put(who, spent, once)))).toEqual([
      'webhook',
      'dispatch',
      'poll',
      'reconcile',
    ]);
  });

  test('changes studies only if it is the api, and nobody but the api reads them', () => {
    const key = `studies/study-${'0'.repeat(20)}.json`;
    expect(FUNCTIONS.filter((who) => may(put(who, key)))).toEqual(['api']);
    expect(FUNCTIONS.filter((who) => may({ who, action: 'GetObject', bucket: 'images', key }))).toEqual([
      'api',
    ]);
  });

  test('writes labels only if it is the api, and the names of raters reach no other function', () => {
    const round = `rounds/${AUDIT}`;
    for (const name of ['labels/1.1/00000.json', 'round.json', 'closed.json', 'snapshot.json', 'slots/1/1'])
      expect([name, FUNCTIONS.filter((who) => may(put(who, `${round}/${name}`, once)))]).toEqual([
        name,
        ['api'],
      ]);
    for (const name of ['people/1.1.json', `raters/${'0'.repeat(64)}`, 'draft.json'])
      expect([
        name,
        FUNCTIONS.filter((who) =>
          may({ who, action: 'GetObject', bucket: 'images', key: `${round}/${name}` }),
        ),
      ]).toEqual([name, ['api']]);
    const changes = (name: string) => may(put('api', `${round}/${name}`));
    expect(
      ['labels/1.1/00000.json', 'round.json', 'snapshot.json', 'slots/1/1', 'items/a'].filter(changes),
    ).toEqual([]);
    expect(changes('people/1.1.json')).toBe(true);
  });

  test('writes results and bindings only if it asks, polls or receives', () => {
    for (const key of [
      `audits/${AUDIT}/results/00000.json`,
      `audits/${AUDIT}/dispatched/00000.json`,
      `audits/${AUDIT}/failed/00000.failed`,
    ])
      expect([key, FUNCTIONS.filter((who) => may(put(who, key, once)))]).toEqual([
        key,
        ['webhook', 'dispatch', 'poll'],
      ]);
  });

  test('sums up blocks, and writes manifests, only if it polls or reconciles', () => {
    for (const name of ['blocks/00000.json', 'manifest.csv', 'manifest.json'])
      expect(FUNCTIONS.filter((who) => may(put(who, `audits/${AUDIT}/${name}`, once)))).toEqual([
        'poll',
        'reconcile',
      ]);
  });

  test('writes into the backup only if it copies or repairs, and changes no setting of any bucket', () => {
    const copies = FUNCTIONS.filter((who) => may({ who, action: 'PutObject', bucket: 'backup', key: IMAGE }));
    expect(copies).toEqual(['reconcile', 'backup']);
    for (const who of FUNCTIONS)
      for (const bucket of ['images', 'backup', 'logs', 'site'] as const)
        for (const action of [
          'PutBucketPolicy',
          'PutLifecycleConfiguration',
          'PutBucketVersioning',
          'PutObjectRetention',
        ])
          expect(may({ who, action, bucket })).toBe(false);
  });
});

describe('the backup', () => {
  test('cannot be deleted by the pipeline even if a role comes to allow it', () => {
    const generous = { ...plain, resources: structuredClone(plain.resources) };
    for (const resource of Object.values(generous.resources))
      if (resource.Type === 'AWS::IAM::Role')
        resource.Properties.Policies[0].PolicyDocument.Statement.push({
          Effect: 'Allow',
          Action: 's3:*',
          Resource: '*',
        });
    for (const who of FUNCTIONS) {
      expect(decide(generous, 'dev', { who, action: 'DeleteObject', bucket: 'backup', key: IMAGE })).toBe(
        false,
      );
      expect(
        decide(generous, 'dev', { who, action: 'DeleteObjectVersion', bucket: 'backup', key: IMAGE }),
      ).toBe(false);
      expect(decide(generous, 'dev', { who, action: 'DeleteObject', bucket: 'images', key: IMAGE })).toBe(
        true,
      );
    }
  });

  test('is set up by a role that deploys, even if its name begins like those of the pipeline', () => {
    const policies = bucketPolicies(plain, `weaudit-dev-${ACCOUNT}-backup`);
    const may = (role: string, action: string) =>
      evaluate({
        caller: { arn: `arn:aws:iam::${ACCOUNT}:role/${role}`, accountId: ACCOUNT, anonymous: false },
        action: `s3:${action}`,
        resource: `arn:aws:s3:::weaudit-dev-${ACCOUNT}-backup`,
        ownerAccountId: ACCOUNT,
        context: { 'aws:SecureTransport': 'true' },
        identityPolicies: [{ Statement: { Effect: 'Allow', Action: '*', Resource: '*' } }],
        resourcePolicies: policies,
      }).allowed;
    expect(may('weaudit-dev-deploy', 'PutLifecycleConfiguration')).toBe(true);
    for (const name of FUNCTIONS) expect(may(`weaudit-dev-${name}`, 'PutLifecycleConfiguration')).toBe(false);
  });

  test('is read by nobody but the pipeline and administrators', () => {
    const read = (who: string) => mayWithAll({ who, action: 'GetObject', bucket: 'backup', key: IMAGE });
    expect(['anybody', 'stranger', 'member', 'api', 'webhook', 'tag'].filter(read)).toEqual([]);
    expect(['administrator', 'backup', 'reconcile'].filter(read)).toEqual([
      'administrator',
      'backup',
      'reconcile',
    ]);
  });
});

describe('a backup in another account', () => {
  const BACKUP_ACCOUNT = '210987654321';
  const OPERATOR = `arn:aws:iam::${ACCOUNT}:role/aws-reserved/sso.amazonaws.com/Operators_*`;
  const BUCKET = `arn:aws:s3:::weaudit-dev-${ACCOUNT}-backup`;

  /** By the same template, as it is deployed there by itself. */
  const mayThere = (role: string, action: string, parameters: Record<string, string> = {}) => {
    const template = structuredClone(plain.template);
    for (const [name, Default] of Object.entries({ PipelineAccount: ACCOUNT, ...parameters }))
      template.Parameters![name] = { Default };
    const resolver = createResolver({
      template,
      region: 'eu-west-1',
      accountId: BACKUP_ACCOUNT,
      stackName: 'weaudit-dev-backup',
    });
    const { PolicyDocument } = resolver.resolve(template.Resources.BackupBucketPolicy!.Properties) as {
      PolicyDocument: PolicyDocument;
    };
    return evaluate({
      caller: { arn: `arn:aws:iam::${ACCOUNT}:role/${role}`, accountId: ACCOUNT, anonymous: false },
      action: `s3:${action}`,
      resource: action.startsWith('List') || action.includes('Lifecycle') ? BUCKET : `${BUCKET}/${IMAGE}`,
      ownerAccountId: BACKUP_ACCOUNT,
      context: { 'aws:SecureTransport': 'true' },
      identityPolicies: [{ Statement: { Effect: 'Allow', Action: '*', Resource: '*' } }],
      resourcePolicies: [PolicyDocument],
    }).allowed;
  };

  test('is listed by the two roles that look for copies', () => {
    expect(FUNCTIONS.filter((who) => mayThere(`weaudit-dev-${who}`, 'ListBucket'))).toEqual([
      'poll',
      'reconcile',
    ]);
  });

  test('is written to by the two roles that copy, and deleted by none', () => {
    for (const role of ['backup', 'reconcile']) {
      expect(mayThere(`weaudit-dev-${role}`, 'PutObject')).toBe(true);
      expect(mayThere(`weaudit-dev-${role}`, 'DeleteObjectVersion')).toBe(false);
    }
    for (const role of ['api', 'webhook', 'tag'])
      expect(mayThere(`weaudit-dev-${role}`, 'GetObject')).toBe(false);
  });

  test('is verified, restored and purged by the operators that its stack names, and by nobody else', () => {
    const role = 'aws-reserved/sso.amazonaws.com/Operators_0123';
    const named = { OperatorArn: OPERATOR };
    for (const action of ['ListBucketVersions', 'GetObjectVersion', 'PutObject', 'DeleteObjectVersion']) {
      expect([action, mayThere(role, action)]).toEqual([action, false]);
      expect([action, mayThere(role, action, named)]).toEqual([action, true]);
      expect([action, mayThere('somebody', action, named)]).toEqual([action, false]);
    }
    expect(mayThere(role, 'PutLifecycleConfiguration', named)).toBe(false);
    expect(mayThere('weaudit-dev-backup', 'DeleteObjectVersion', { OperatorArn: '*' })).toBe(false);
  });
});

describe('the site', () => {
  test('is read by its own distribution alone', () => {
    const [statement] = plain.resources.SiteBucketPolicy!.Properties.PolicyDocument.Statement.filter(
      ({ Sid }: { Sid: string }) => Sid === 'DistributionReads',
    );
    expect(statement.Principal).toEqual({ Service: 'cloudfront.amazonaws.com' });
    expect(statement.Condition.StringEquals['aws:SourceArn']).toMatch(/:distribution\/SiteDistribution$/);
    for (const who of ['anybody', 'stranger', ...FUNCTIONS])
      expect(may({ who, action: 'GetObject', bucket: 'site', key: 'index.html' })).toBe(false);
  });
});
