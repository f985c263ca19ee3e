import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  GetObjectLegalHoldCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  type ObjectLockMode,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import { type Endpoint, startEndpoint } from './s3-endpoint.ts';

const DAY_MS = 24 * 3600 * 1000;
/** Whole seconds, as S3 has them. */
const BASE = Math.floor(Date.now() / 1000) * 1000;
const Bucket = 'locked';
const GOVERNED = {
  ObjectLockMode: 'GOVERNANCE',
  ObjectLockRetainUntilDate: new Date(BASE + DAY_MS),
} as const;
const COMPLIANT = { ...GOVERNED, ObjectLockMode: 'COMPLIANCE' } as const;
const DENIED = { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } };

let ahead: number;
let mayBypass: boolean;
let s3: Endpoint;
let keys = 0;
beforeEach(async () => {
  ahead = 0;
  mayBypass = true;
  s3 = await startEndpoint({
    buckets: [
      {
        name: Bucket,
        versioning: true,
        eventBridge: false,
        objectLock: {},
      },
      {
        name: 'by-default',
        versioning: true,
        eventBridge: false,
        objectLock: { retention: { mode: 'GOVERNANCE', days: 30 } },
      },
      { name: 'plain', versioning: false, eventBridge: false },
    ],
    now: () => new Date(Date.now() + ahead),
    authorize: ({ action }) => mayBypass || action !== 's3:BypassGovernanceRetention',
  });
});
afterEach(() => s3.end());

const put = async (more: Partial<PutObjectCommandInput> = {}) => {
  const at = { Bucket, Key: `key-${keys++}`, Body: 'x', ...more } as PutObjectCommandInput & {
    Bucket: string;
    Key: string;
  };
  const { VersionId } = await s3.client.send(new PutObjectCommand(at));
  return { Bucket: at.Bucket, Key: at.Key, VersionId };
};
type At = Awaited<ReturnType<typeof put>>;
const remove = (at: At, BypassGovernanceRetention?: boolean) =>
  s3.client.send(new DeleteObjectCommand({ ...at, BypassGovernanceRetention }));
const retain = (at: At, Mode: ObjectLockMode, days: number, BypassGovernanceRetention?: boolean) =>
  s3.client.send(
    new PutObjectRetentionCommand({
      ...at,
      Retention: { Mode, RetainUntilDate: new Date(BASE + days * DAY_MS) },
      BypassGovernanceRetention,
    }),
  );

test('a version under COMPLIANCE is deleted by nobody before its time is over, and can be afterwards', async () => {
  const at = await put(COMPLIANT);
  await expect(remove(at, true)).rejects.toMatchObject(DENIED);
  await remove({ ...at, VersionId: undefined });
  expect(await s3.client.send(new HeadObjectCommand(at))).toMatchObject(COMPLIANT);
  ahead = 2 * DAY_MS;
  // What the client signs with.
  s3.client.config.systemClockOffset = ahead;
  await remove(at);
});

test('a version under GOVERNANCE is deleted only by who asks for the bypass and may', async () => {
  const at = await put(GOVERNED);
  await expect(remove(at)).rejects.toMatchObject(DENIED);
  mayBypass = false;
  await expect(remove(at, true)).rejects.toMatchObject(DENIED);
  mayBypass = true;
  await remove(at, true);
});

test('a deletion of several says which are locked, and deletes the others', async () => {
  const [locked, free] = [await put(GOVERNED), await put()];
  const Objects = [locked, free].map(({ Key, VersionId }) => ({ Key, VersionId }));
  const { Deleted, Errors } = await s3.client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  expect(Errors).toMatchObject([{ Key: locked.Key, Code: 'AccessDenied' }]);
  expect(Deleted).toMatchObject([{ Key: free.Key }]);
});

test('a legal hold holds until it is taken away, even for administrators', async () => {
  const at = await put({ ObjectLockLegalHoldStatus: 'ON' });
  await expect(remove(at, true)).rejects.toMatchObject(DENIED);
  expect(await s3.client.send(new GetObjectLegalHoldCommand(at))).toMatchObject({
    LegalHold: { Status: 'ON' },
  });
  await s3.client.send(new PutObjectLegalHoldCommand({ ...at, LegalHold: { Status: 'OFF' } }));
  await remove(at);
});

test('a retention becomes longer for everyone, shorter or weaker only by a bypass of GOVERNANCE', async () => {
  const governed = await put(GOVERNED);
  await retain(governed, 'GOVERNANCE', 5);
  await expect(retain(governed, 'GOVERNANCE', 2)).rejects.toMatchObject(DENIED);
  await retain(governed, 'GOVERNANCE', 2, true);
  await retain(governed, 'COMPLIANCE', 3, true);
  await expect(retain(governed, 'GOVERNANCE', 9, true)).rejects.toMatchObject(DENIED);
  await expect(retain(governed, 'COMPLIANCE', 2, true)).rejects.toMatchObject(DENIED);
  const { Retention } = await s3.client.send(new GetObjectRetentionCommand(governed));
  expect(Retention).toEqual({ Mode: 'COMPLIANCE', RetainUntilDate: new Date(BASE + 3 * DAY_MS) });
});

test('what is written, copied or uploaded without a lock gets that of its bucket', async () => {
  const expected = { mode: 'GOVERNANCE', days: 30 };
  const lockOf = async (of: { Bucket: string; Key: string }) => {
    const head = await s3.client.send(new HeadObjectCommand(of));
    const days = (head.ObjectLockRetainUntilDate!.getTime() - head.LastModified!.getTime()) / DAY_MS;
    return { mode: head.ObjectLockMode, days: Math.round(days) };
  };
  const at = await put({ Bucket: 'by-default' });
  expect(await lockOf(at)).toEqual(expected);
  await expect(remove(at)).rejects.toMatchObject(DENIED);
  const target = { Bucket: 'by-default', Key: 'copy' };
  await s3.client.send(new CopyObjectCommand({ ...target, CopySource: `by-default/${at.Key}` }));
  expect(await lockOf(target)).toEqual(expected);
});

test('locks outlive a restart, and an overwriting and a deletion only hide what is locked', async () => {
  const at = await put(COMPLIANT);
  await put({ Key: at.Key });
  await remove({ ...at, VersionId: undefined });
  await expect(remove(at)).rejects.toMatchObject(DENIED);
  const { dataDir } = s3;
  await s3.stop();
  s3 = await startEndpoint({ dataDir });
  await expect(remove(at, true)).rejects.toMatchObject(DENIED);
});

test('a bucket gets a lock when it is made or later, keeps versions from then on, and says so', async () => {
  const made = { Bucket: 'made' };
  await s3.client.send(new CreateBucketCommand({ ...made, ObjectLockEnabledForBucket: true }));
  expect(await s3.client.send(new GetBucketVersioningCommand(made))).toMatchObject({ Status: 'Enabled' });
  const ObjectLockConfiguration = {
    ObjectLockEnabled: 'Enabled',
    Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Years: 1 } },
  } as const;
  await s3.client.send(new PutObjectLockConfigurationCommand({ ...made, ObjectLockConfiguration }));
  expect(await s3.client.send(new GetObjectLockConfigurationCommand(made))).toMatchObject({
    ObjectLockConfiguration,
  });
  const suspend = new PutBucketVersioningCommand({
    ...made,
    VersioningConfiguration: { Status: 'Suspended' },
  });
  await expect(s3.client.send(suspend)).rejects.toMatchObject({ name: 'InvalidBucketState' });
  await put({ ...made, Key: 'x' });
  await expect(s3.client.send(new DeleteBucketCommand(made))).rejects.toMatchObject({
    name: 'BucketNotEmpty',
  });
});

test.each<[string, Partial<PutObjectCommandInput>, string]>([
  ['in a bucket without Object Lock', { Bucket: 'plain', ...GOVERNED }, 'InvalidRequest'],
  ['without a date', { ObjectLockMode: 'GOVERNANCE' }, 'InvalidArgument'],
  [
    'with a mode that there is not',
    { ...GOVERNED, ObjectLockMode: 'NONSENSE' as ObjectLockMode },
    'InvalidArgument',
  ],
  [
    'until a time that is over',
    { ...GOVERNED, ObjectLockRetainUntilDate: new Date(BASE - 1) },
    'InvalidArgument',
  ],
])('a lock %s is refused', async (_, more, name) => {
  await expect(put(more)).rejects.toMatchObject({ name });
});
