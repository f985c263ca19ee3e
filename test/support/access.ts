import { evaluate, many, type PolicyDocument, type RequestContext } from '@weaudit/aws-emulator/iam';
import { ACCOUNT, ofType, type Packaged } from './packaged.ts';

/** The policies of a role of the stack: its own, and the managed ones that name it. */
export function rolePolicies({ resources }: Packaged, role: string): PolicyDocument[] {
  const own = ofType(resources, 'AWS::IAM::Role')
    .filter(([, { Properties }]) => Properties.RoleName === role)
    .flatMap(([, { Properties }]) => Properties.Policies as { PolicyDocument: PolicyDocument }[]);
  const managed = ofType(resources, 'AWS::IAM::ManagedPolicy')
    .filter(([, { Properties }]) => (Properties.Roles as string[]).includes(role))
    .map(([, { Properties }]) => Properties as { PolicyDocument: PolicyDocument });
  return [...own, ...managed].map(({ PolicyDocument }) => PolicyDocument);
}

/** The policy of a bucket of the stack. */
export function bucketPolicies({ resources }: Packaged, bucket: string): PolicyDocument[] {
  return ofType(resources, 'AWS::S3::BucketPolicy')
    .filter(([, { Properties }]) => Properties.Bucket === bucket)
    .map(([, { Properties }]) => Properties.PolicyDocument as PolicyDocument);
}

const ADMINISTRATOR: PolicyDocument = { Statement: { Effect: 'Allow', Action: '*', Resource: '*' } };

/**
 * Who asks: a function by its name, `administrator` (of the stack's account), `stranger` (an administrator of another
 * account), `member` (one of an account of the organization), `anybody` without credentials, or a service.
 */
export type Who = string;

export interface Question {
  who: Who;
  /** Without the prefix `s3:`. */
  action: string;
  bucket: 'images' | 'backup' | 'logs' | 'site';
  /** Empty for the bucket itself. */
  key?: string;
  context?: RequestContext;
  /** False: over plain HTTP. */
  tls?: boolean;
}

/** Decides a request to S3 by the packaged policies of one stage, as IAM would. */
export function decide(packaged: Packaged, stage: string, question: Question): boolean {
  const { who, action, key = '', context = {}, tls = true } = question;
  const bucket = `weaudit-${stage}-${ACCOUNT}-${question.bucket}`;
  const role = `weaudit-${stage}-${who}`;
  const elsewhere = who === 'stranger' || who === 'member';
  const accountId = elsewhere ? '999999999999' : ACCOUNT;
  const person = who === 'administrator' || elsewhere;
  return evaluate({
    caller: {
      arn: `arn:aws:iam::${accountId}:role/${person ? who : role}`,
      accountId,
      anonymous: who === 'anybody',
    },
    action: `s3:${action}`,
    resource: `arn:aws:s3:::${bucket}${key && `/${key}`}`,
    ownerAccountId: ACCOUNT,
    context: {
      'aws:SecureTransport': String(tls),
      ...(action === 'PutObject' ? { 's3:ObjectCreationOperation': 'true' } : {}),
      ...(who === 'member' ? { 'aws:PrincipalOrgID': 'o-abcdefghij' } : {}),
      ...(who === 'stranger' ? { 'aws:PrincipalOrgID': 'o-another000' } : {}),
      ...context,
    },
    identityPolicies: person ? [ADMINISTRATOR] : rolePolicies(packaged, role),
    resourcePolicies: bucketPolicies(packaged, bucket),
  }).allowed;
}

/** Every permission of a role, as `action resource` with conditions, sorted: what a review would want to read. */
export function permissionsOf(packaged: Packaged, role: string): string[] {
  return rolePolicies(packaged, role)
    .flatMap(({ Statement }) => many(Statement))
    .flatMap(({ Effect, Action, Resource, Condition }) =>
      many(Action).flatMap((action) =>
        many(Resource).map((resource) =>
          [
            Effect === 'Deny' ? 'deny ' : '',
            action,
            ' ',
            resource,
            Condition ? ` if ${JSON.stringify(Condition)}` : '',
          ]
            .join('')
            .trim(),
        ),
      ),
    )
    .sort();
}
