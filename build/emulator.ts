import { createResolver, type Template } from '@weaudit/aws-emulator/stack';

/** A call of one of AWS's APIs, as Serverless makes it. */
export type Request = (service: string, method: string, parameters: object) => Promise<unknown>;

interface LifecycleRule {
  Id: string;
  Status: string;
  Prefix?: string;
  TagFilters?: { Key: string; Value: string }[];
  ObjectSizeGreaterThan?: string;
  ExpirationInDays?: number | string;
  ExpiredObjectDeleteMarker?: boolean;
  NoncurrentVersionExpiration?: { NoncurrentDays: number | string };
  Transitions?: { StorageClass: string; TransitionInDays: number | string }[];
  AbortIncompleteMultipartUpload?: { DaysAfterInitiation: number };
}

/** A rule as S3's API wants it, from what CloudFormation calls the same. */
function apiRule(rule: LifecycleRule) {
  const { Id, Status, Prefix = '', TagFilters, ObjectSizeGreaterThan, Transitions } = rule;
  const conditions = {
    ...(Prefix && { Prefix }),
    ...(TagFilters && { Tags: TagFilters }),
    ...(ObjectSizeGreaterThan && { ObjectSizeGreaterThan: Number(ObjectSizeGreaterThan) }),
  };
  const single = TagFilters?.length === 1 ? { Tag: TagFilters[0] } : { Prefix };
  return {
    ID: Id,
    Status,
    Filter: Object.keys(conditions).length > 1 ? { And: conditions } : single,
    ...(rule.ExpirationInDays && { Expiration: { Days: Number(rule.ExpirationInDays) } }),
    ...(rule.ExpiredObjectDeleteMarker && { Expiration: { ExpiredObjectDeleteMarker: true } }),
    ...(rule.NoncurrentVersionExpiration && {
      NoncurrentVersionExpiration: {
        NoncurrentDays: Number(rule.NoncurrentVersionExpiration.NoncurrentDays),
      },
    }),
    ...(Transitions && {
      Transitions: Transitions.map(({ StorageClass, TransitionInDays }) => ({
        StorageClass,
        Days: Number(TransitionInDays),
      })),
    }),
    ...(rule.AbortIncompleteMultipartUpload && {
      AbortIncompleteMultipartUpload: rule.AbortIncompleteMultipartUpload,
    }),
  };
}

/**
 * Gives the buckets of the local stage the settings that an emulator's CloudFormation may leave out (moto's applies
 * nothing but the encryption), by S3's own API. What is there already is set to the same again. Policies are left
 * out: moto enforces none, and answers with something that the SDK does not understand.
 * @param template as it was deployed
 */
export async function completeBuckets(request: Request, template: Template, region: string): Promise<void> {
  const resolver = createResolver({
    template,
    region,
    accountId: '000000000000',
    stackName: 'weaudit-local',
  });
  // biome-ignore lint/suspicious/noExplicitAny: the shape is CloudFormation's
  const declared = Object.values(template.Resources ?? {}).map((resource): any => ({
    ...resource,
    Properties: resource.Type.startsWith('AWS::S3::') && resolver.resolve(resource.Properties),
  }));
  for (const { Type, Properties } of declared) {
    // The bucket that Serverless adds for its packages has no name of ours.
    const { BucketName: Bucket } = Properties;
    if (Type !== 'AWS::S3::Bucket' || !Bucket) continue;
    await request('S3', 'putPublicAccessBlock', {
      Bucket,
      PublicAccessBlockConfiguration: Properties.PublicAccessBlockConfiguration,
    });
    await request('S3', 'putBucketOwnershipControls', {
      Bucket,
      OwnershipControls: Properties.OwnershipControls,
    });
    await request('S3', 'putBucketLifecycleConfiguration', {
      Bucket,
      LifecycleConfiguration: { Rules: Properties.LifecycleConfiguration.Rules.map(apiRule) },
    });
    if (Properties.VersioningConfiguration)
      await request('S3', 'putBucketVersioning', {
        Bucket,
        VersioningConfiguration: Properties.VersioningConfiguration,
      });
    if (Properties.NotificationConfiguration)
      await request('S3', 'putBucketNotificationConfiguration', {
        Bucket,
        NotificationConfiguration: { EventBridgeConfiguration: {} },
      });
  }
}
