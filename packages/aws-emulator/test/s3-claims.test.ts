/**
 * Every member of every command of the SDK is sent to the local S3. What this file lists has to be understood; everything
 * else has to be refused, because what is ignored looks as if it worked.
 */
import * as sdk from '@aws-sdk/client-s3';
import { wire } from './conformance/wire.ts';
import { type Endpoint, startEndpoint } from './s3-endpoint.ts';

const READ = 'IfMatch IfModifiedSince IfNoneMatch IfUnmodifiedSince Range VersionId ChecksumMode PartNumber';
const RESPONSE =
  'ResponseCacheControl ResponseContentDisposition ResponseContentEncoding ResponseContentLanguage ResponseContentType ResponseExpires';
const HTTP = 'CacheControl ContentDisposition ContentEncoding ContentLanguage ContentType Expires';
const NEW = `${HTTP} Metadata ACL ServerSideEncryption StorageClass WebsiteRedirectLocation Tagging`;
const LOCK = 'ObjectLockMode ObjectLockRetainUntilDate ObjectLockLegalHoldStatus';
const SUMS = 'ChecksumCRC32 ChecksumCRC32C ChecksumCRC64NVME ChecksumSHA1 ChecksumSHA256';
const BODY = 'ContentMD5 ChecksumAlgorithm';
const SOURCE =
  'CopySource CopySourceIfMatch CopySourceIfModifiedSince CopySourceIfNoneMatch CopySourceIfUnmodifiedSince ExpectedSourceBucketOwner';
const PAGE = 'Prefix Delimiter EncodingType';

/** Members that are understood, beside those of every command. Members of documents have a path. */
const UNDERSTOOD: Record<string, string> = {
  ListBuckets: 'Prefix MaxBuckets ContinuationToken',
  HeadBucket: '',
  CreateBucket:
    'ACL ObjectLockEnabledForBucket ObjectOwnership CreateBucketConfiguration CreateBucketConfiguration.LocationConstraint',
  DeleteBucket: '',
  GetBucketLocation: '',
  GetBucketVersioning: '',
  PutBucketVersioning: `VersioningConfiguration VersioningConfiguration.Status VersioningConfiguration.MFADelete ${BODY}`,
  ListObjects: `${PAGE} MaxKeys Marker`,
  ListObjectsV2: `${PAGE} MaxKeys StartAfter ContinuationToken FetchOwner`,
  ListObjectVersions: `${PAGE} MaxKeys KeyMarker VersionIdMarker`,
  ListMultipartUploads: `${PAGE} MaxUploads KeyMarker UploadIdMarker`,
  DeleteObjects:
    'Delete Delete.Objects Delete.Objects.Key Delete.Objects.VersionId Delete.Objects.ETag Delete.Quiet BypassGovernanceRetention ChecksumAlgorithm',
  GetObjectLockConfiguration: '',
  PutObjectLockConfiguration: `ObjectLockConfiguration ObjectLockConfiguration.ObjectLockEnabled ObjectLockConfiguration.Rule ObjectLockConfiguration.Rule.DefaultRetention ObjectLockConfiguration.Rule.DefaultRetention.Mode ObjectLockConfiguration.Rule.DefaultRetention.Days ObjectLockConfiguration.Rule.DefaultRetention.Years ${BODY}`,
  PutObject: `${NEW} ${LOCK} ${SUMS} ${BODY} Body IfMatch IfNoneMatch`,
  GetObject: `${READ} ${RESPONSE}`,
  HeadObject: `${READ} ${RESPONSE}`,
  DeleteObject: 'VersionId BypassGovernanceRetention IfMatch',
  CopyObject: `${NEW} ${LOCK} ${SOURCE} IfMatch IfNoneMatch ChecksumAlgorithm MetadataDirective TaggingDirective`,
  GetObjectAttributes: 'VersionId ObjectAttributes MaxParts PartNumberMarker',
  GetObjectTagging: 'VersionId',
  PutObjectTagging: `VersionId Tagging Tagging.TagSet Tagging.TagSet.Key Tagging.TagSet.Value ${BODY}`,
  DeleteObjectTagging: 'VersionId',
  GetObjectRetention: 'VersionId',
  PutObjectRetention: `VersionId Retention Retention.Mode Retention.RetainUntilDate BypassGovernanceRetention ${BODY}`,
  GetObjectLegalHold: 'VersionId',
  PutObjectLegalHold: `VersionId LegalHold LegalHold.Status ${BODY}`,
  CreateMultipartUpload: `${NEW} ${LOCK} ChecksumAlgorithm ChecksumType`,
  UploadPart: `UploadId PartNumber Body ${SUMS} ${BODY}`,
  UploadPartCopy: `UploadId PartNumber ${SOURCE} CopySourceRange`,
  ListParts: 'UploadId MaxParts PartNumberMarker',
  CompleteMultipartUpload: `UploadId MultipartUpload MultipartUpload.Parts MultipartUpload.Parts.ETag MultipartUpload.Parts.PartNumber ${SUMS.split(
    ' ',
  )
    .map((name) => `MultipartUpload.Parts.${name}`)
    .join(' ')} ${SUMS} ChecksumType MpuObjectSize IfMatch IfNoneMatch`,
  AbortMultipartUpload: 'UploadId',
};
const EVERYWHERE = 'Bucket Key ExpectedBucketOwner RequestPayer';

/** Refused where the value is read, and not because nobody reads it. */
const GRANTS = /^Grant(FullControl|Read|ReadACP|WriteACP)$/;
/** They go to other services: Object Lambda, directory buckets. */
const ELSEWHERE = ['WriteGetObjectResponse', 'ListDirectoryBuckets'];

// The SDK's schemas are arrays: kind, namespace, name, traits, then for structures names, schemas and the count of required members.
// biome-ignore lint/suspicious/noExplicitAny: they have no type
type Schema = any;
const STRUCTURE = 3;
const LIST = 1;
const OPERATION = 9;
const resolve = (schema: Schema): Schema => (typeof schema === 'function' ? resolve(schema()) : schema);
/** A member's schema may be wrapped into an array with its traits. */
const memberOf = (schema: Schema): { schema: Schema; traits: Record<string, unknown> } => {
  const found = resolve(schema);
  const wrapped =
    Array.isArray(found) &&
    (typeof found[0] === 'function' || typeof found[0] === 'number') &&
    found.length === 2;
  return wrapped
    ? { schema: resolve(found[0]), traits: typeof found[1] === 'object' ? found[1] : {} }
    : { schema: found, traits: {} };
};
const isKind = (schema: Schema, kind: number) =>
  Array.isArray(schema) && schema[0] === kind && schema.length > 3;

/** Members that are the bytes of a request. */
const BYTES = ['Body', 'AnnotationPayload'];

const VALUES: Record<string, unknown> = {
  AnnotationPayload: 'x',
  Bucket: 'plain',
  Key: 'k',
  CopySource: 'plain/k',
  IfNoneMatch: '*',
  ObjectOwnership: 'BucketOwnerEnforced',
  ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==',
  ChecksumAlgorithm: 'CRC32',
  Body: 'x',
  EncodingType: 'url',
  ObjectAttributes: ['ETag'],
  Tagging: 'a=b',
  Metadata: { a: 'b' },
  PartNumber: 1,
  MultipartUpload: { Parts: [{ PartNumber: 1, ETag: 'x' }] },
};

/** Some value of a member; inside a document, everything that `chosen` names and what it needs. */
function sample(name: string, schema: Schema, chosen: readonly string[]): unknown {
  if (name in VALUES && chosen.length === 0) return VALUES[name];
  const { schema: found } = memberOf(schema);
  if (isKind(found, STRUCTURE)) {
    const [, , , , names, schemas, required = 0] = found as [0, 0, 0, 0, string[], Schema[], number?];
    const wanted = names.filter((member, index) => index < required || member === chosen[0]);
    return Object.fromEntries(
      wanted.map((member) => [
        member,
        sample(member, schemas[names.indexOf(member)], member === chosen[0] ? chosen.slice(1) : []),
      ]),
    );
  }
  if (isKind(found, LIST)) return [sample(name, found[4], chosen)];
  if (Array.isArray(found)) return {};
  // Plain types: 0 is text, 1 a number, 2 a truth value, 4 to 7 a time, from 64 on a list, from 128 on a map of them.
  if (found === 1) return 1;
  if (found === 2) return true;
  if (found >= 4 && found <= 7) return new Date('2020-01-01');
  if (found >= 128) return { a: 'b' };
  if (found >= 64) return ['x'];
  return 'x';
}

/** Paths of a member and of all members inside it. */
function pathsOf(name: string, schema: Schema, seen: readonly Schema[] = []): string[] {
  const { schema: found } = memberOf(schema);
  if (seen.includes(found)) return [name];
  if (isKind(found, LIST)) return pathsOf(name, found[4], seen);
  if (!isKind(found, STRUCTURE)) return [name];
  const inside = (found[4] as string[]).flatMap((member, index) =>
    pathsOf(member, found[5][index], [...seen, found]),
  );
  return [name, ...inside.map((path) => `${name}.${path}`)];
}

const OPERATIONS = Object.values(sdk as Record<string, Schema>)
  .filter((value) => Array.isArray(value) && value[0] === OPERATION)
  .map((value: Schema) => ({ name: String(value[2]), input: resolve(value[4]) }))
  .filter(({ name }) => !ELSEWHERE.includes(name));

let s3: Endpoint;
beforeAll(async () => {
  s3 = await startEndpoint();
  await s3.client.send(new sdk.PutObjectCommand({ Bucket: 'plain', Key: 'k', Body: 'x' }));
});
afterAll(() => s3.end());

/** How a command with this member ends: the name of an error, or `done`, and the status. */
async function refusal(operation: (typeof OPERATIONS)[number], path: readonly string[]) {
  const bytes = BYTES.filter((name) => operation.input[4]?.includes(name)).map((name) => [name, 'x']);
  const input = { ...Object.fromEntries(bytes), ...(sample('', operation.input, path) as object) };
  const Command = (sdk as Record<string, Schema>)[`${operation.name}Command`];
  const client = s3.client as unknown as { send(command: unknown): Promise<unknown> };
  return client.send(new Command(input)).then(
    () => 'done 200',
    (error: Error & { $metadata?: { httpStatusCode?: number } }) =>
      `${error.name} ${error.$metadata?.httpStatusCode ?? error.message}`,
  );
}
const notImplemented = 'NotImplemented 501';

test('every command of the SDK is here', () => {
  expect(OPERATIONS.length).toBeGreaterThan(100);
  const names = OPERATIONS.map(({ name }) => name);
  for (const name of Object.keys(UNDERSTOOD)) expect(names).toContain(name);
});

describe.each(OPERATIONS.map((operation) => [operation.name, operation] as const))(
  '%s',
  (name, operation) => {
    const understood = UNDERSTOOD[name];
    if (understood === undefined) {
      test('is refused', async () => {
        expect([
          'NotImplemented 501',
          'MethodNotAllowed 405',
          'NoSuchKey 404',
          '501 501',
          'UnknownError 501',
        ]).toContain(await refusal(operation, []));
      });
      return;
    }
    const [, , , , names, schemas] = operation.input as [0, 0, 0, 0, string[]?, Schema[]?];
    const paths = (names ?? [])
      .flatMap((member, index) => pathsOf(member, schemas?.[index]))
      .filter((member) => member !== 'ContentLength');
    const known = new Set(`${EVERYWHERE} ${understood}`.split(' '));

    test('the list names members that there are', () => {
      for (const path of understood.split(' ').filter(Boolean)) expect(paths).toContain(path);
    });

    const refused = paths.filter((path) => !known.has(path));
    if (refused.length > 0) {
      test.each(refused)('refuses %s', async (path) => {
        const expected =
          GRANTS.test(path) && name !== 'CreateBucket' ? 'AccessControlListNotSupported 400' : notImplemented;
        expect(await refusal(operation, path.split('.'))).toMatch(
          name === 'HeadObject' ? / 501$/ : new RegExp(`^(${expected}|InvalidRequest 400)$`),
        );
      });
    }
    test.each(paths.filter((path) => known.has(path)))('understands %s', async (path) => {
      expect(await refusal(operation, path.split('.'))).toMatch(/ (200|304|4\d\d)$/);
    });
  },
);

test('a header and a parameter that S3 itself does not know are refused', async () => {
  const path = '/plain/key';
  for (const more of [{ headers: { 'x-amz-new-thing': '1' } }, { query: { 'new-thing': '1' } }]) {
    const answer = await wire(s3.url, { method: 'GET', path, ...more });
    expect(answer.status).toBe(501);
    expect(answer.body.toString()).toContain('new-thing');
  }
});

test.each<[string, string, string]>([
  ['x-amz-acl', 'public-read', 'AccessControlListNotSupported'],
  ['x-amz-server-side-encryption', 'nonsense', 'InvalidArgument'],
  ['x-amz-server-side-encryption', 'aws:kms', 'NotImplemented'],
  ['x-amz-storage-class', 'nonsense', 'InvalidStorageClass'],
  ['x-amz-storage-class', 'GLACIER', 'NotImplemented'],
])('a value of %s that does not work here (%s) is %s', async (header, value, code) => {
  const answer = await wire(s3.url, { method: 'PUT', path: '/plain/value', headers: { [header]: value } });
  expect(answer.body.toString()).toContain(`<Code>${code}</Code>`);
});
