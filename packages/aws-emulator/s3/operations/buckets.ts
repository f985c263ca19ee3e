import { bucketArn, demand } from '../access.ts';
import { type Answer, isoDate, xmlAnswer } from '../answer.ts';
import { S3Error } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import type { BucketSettings } from '../store.ts';

export async function listBuckets(exchange: Exchange): Promise<Answer> {
  demand(exchange, 's3:ListAllMyBuckets', bucketArn('*'));
  const Bucket = exchange.store
    .buckets()
    .map(({ name, created }) => ({ Name: name, CreationDate: isoDate(created) }));
  return xmlAnswer('ListAllMyBucketsResult', {
    Owner: { ID: exchange.accountId },
    Buckets: { Bucket },
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
  const { name, versioning } = bucket;
  demand(exchange, 's3:GetBucketVersioning', bucketArn(name));
  return xmlAnswer('VersioningConfiguration', versioning ? { Status: 'Enabled' } : {});
}

/** For `aws s3 mb`: such a bucket keeps no versions and sends no events, which is for the stack to configure. */
export async function createBucket(exchange: Exchange): Promise<Answer> {
  const name = exchange.request.bucket ?? '';
  demand(exchange, 's3:CreateBucket', bucketArn(name));
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) {
    throw new S3Error('InvalidBucketName', 'The specified bucket is not valid.', { BucketName: name });
  }
  if (!exchange.store.createBucket(name)) {
    throw new S3Error(
      'BucketAlreadyOwnedByYou',
      'Your previous request to create the named bucket succeeded and you already own it.',
      {
        BucketName: name,
      },
    );
  }
  return { status: 200, headers: { location: `/${name}` } };
}
