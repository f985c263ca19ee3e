import { bucketArn, demand } from '../access.ts';
import { type Answer, isoDate, xmlAnswer } from '../answer.ts';
import { readText } from '../body.ts';
import { malformedXml, notImplemented, S3Error } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { checkAcl } from '../metadata.ts';
import { integerParameter } from '../request.ts';
import type { BucketSettings } from '../store.ts';
import { parse, textOf } from '../xml.ts';

const MAX_BUCKETS = 10_000;

export async function listBuckets(exchange: Exchange): Promise<Answer> {
  demand(exchange, 's3:ListAllMyBuckets', bucketArn('*'));
  const { query } = exchange.request;
  const prefix = query.get('prefix') ?? '';
  const after = Buffer.from(query.get('continuation-token') ?? '', 'base64url').toString();
  const max = integerParameter(query, 'max-buckets', MAX_BUCKETS, MAX_BUCKETS);
  const found = exchange.store.buckets().filter(({ name }) => name.startsWith(prefix) && name > after);
  const page = found.slice(0, max);
  return xmlAnswer('ListAllMyBucketsResult', {
    Owner: { ID: exchange.accountId },
    Buckets: { Bucket: page.map(({ name, created }) => ({ Name: name, CreationDate: isoDate(created) })) },
    Prefix: prefix || undefined,
    ContinuationToken:
      page.length < found.length ? Buffer.from(page.at(-1)?.name ?? '').toString('base64url') : undefined,
  });
}

export async function headBucket(exchange: Exchange, { name }: BucketSettings): Promise<Answer> {
  demand(exchange, 's3:ListBucket', bucketArn(name));
  return { status: 200, headers: { 'x-amz-bucket-region': exchange.region } };
}

export async function getBucketLocation(exchange: Exchange, { name }: BucketSettings): Promise<Answer> {
  demand(exchange, 's3:GetBucketLocation', bucketArn(name));
  const { region } = exchange;
  // The oldest region has no name here.
  return xmlAnswer('LocationConstraint', region === 'us-east-1' ? '' : region);
}

export async function getBucketVersioning(exchange: Exchange, bucket: BucketSettings): Promise<Answer> {
  const { name, versioning, suspended } = bucket;
  demand(exchange, 's3:GetBucketVersioning', bucketArn(name));
  const Status = versioning ? 'Enabled' : suspended ? 'Suspended' : undefined;
  return xmlAnswer('VersioningConfiguration', { Status });
}

/** Buckets of the stack are as it declares them again at the next start. */
export async function putBucketVersioning(exchange: Exchange, bucket: BucketSettings): Promise<Answer> {
  const { request, identity, store } = exchange;
  demand(exchange, 's3:PutBucketVersioning', bucketArn(bucket.name));
  const root = parse(await readText(request, identity.payload), 'VersioningConfiguration', {
    Status: true,
    MfaDelete: true,
  });
  const [status, mfa = 'Disabled'] = [textOf(root, 'Status'), textOf(root, 'MfaDelete')];
  if (mfa === 'Enabled') throw notImplemented('MfaDelete: Enabled');
  if (mfa !== 'Disabled') throw malformedXml();
  if (status !== 'Enabled' && status !== 'Suspended') throw malformedXml();
  if (status === 'Suspended' && bucket.objectLock !== undefined) {
    throw new S3Error(
      'InvalidBucketState',
      'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.',
    );
  }
  store.changeBucket(bucket.name, { versioning: status === 'Enabled', suspended: status === 'Suspended' });
  return { status: 200, headers: {} };
}

const NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
/** Labels that are empty or touch a hyphen, and addresses. */
const NO_NAME = /\.\.|\.-|-\.|^\d+\.\d+\.\d+\.\d+$/;
const OWNERSHIP = 'BucketOwnerEnforced';

/** Such a bucket sends no events, which is for the stack to configure. */
export async function createBucket(exchange: Exchange): Promise<Answer> {
  const { request, identity, region, store } = exchange;
  const name = request.bucket ?? '';
  demand(exchange, 's3:CreateBucket', bucketArn(name));
  if (!NAME.test(name) || NO_NAME.test(name)) {
    throw new S3Error('InvalidBucketName', 'The specified bucket is not valid.', { BucketName: name });
  }
  checkAcl(request);
  const ownership = request.header('x-amz-object-ownership') ?? OWNERSHIP;
  if (ownership !== OWNERSHIP) throw notImplemented(`x-amz-object-ownership: ${ownership}`);
  if (Number(request.header('content-length') ?? 0) > 0) {
    const root = parse(await readText(request, identity.payload), 'CreateBucketConfiguration', {
      LocationConstraint: true,
    });
    const location = textOf(root, 'LocationConstraint') ?? region;
    if (location !== region) {
      throw new S3Error(
        'IllegalLocationConstraintException',
        `The ${location} location constraint is incompatible for the region specific endpoint this request was sent to.`,
      );
    }
  }
  const locks = request.header('x-amz-bucket-object-lock-enabled')?.toLowerCase() === 'true';
  const settings = { name, versioning: locks, eventBridge: false, ...(locks && { objectLock: {} }) };
  // In its oldest region S3 answers an owner who creates a bucket again as it did the first time.
  if (!store.createBucket(settings) && region !== 'us-east-1') {
    throw new S3Error(
      'BucketAlreadyOwnedByYou',
      'Your previous request to create the named bucket succeeded and you already own it.',
      { BucketName: name },
    );
  }
  return { status: 200, headers: { location: `/${name}` } };
}

export async function deleteBucket(exchange: Exchange, { name }: BucketSettings): Promise<Answer> {
  demand(exchange, 's3:DeleteBucket', bucketArn(name));
  if (!(await exchange.store.deleteBucket(name))) {
    throw new S3Error('BucketNotEmpty', 'The bucket you tried to delete is not empty', { BucketName: name });
  }
  return { status: 204, headers: {} };
}
