import type { Answer } from './answer.ts';
import { ALGORITHMS, checksumHeader } from './checksums.ts';
import { notImplemented, S3Error } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { getObjectAttributes } from './operations/attributes.ts';
import {
  createBucket,
  deleteBucket,
  getBucketLocation,
  getBucketVersioning,
  headBucket,
  listBuckets,
  putBucketVersioning,
} from './operations/buckets.ts';
import { copyObject } from './operations/copy.ts';
import { deleteObject, deleteObjects } from './operations/delete.ts';
import { getObject } from './operations/get.ts';
import { listMultipartUploads, listObjects, listObjectsV1, listObjectVersions } from './operations/list.ts';
import {
  getLockConfiguration,
  getObjectLegalHold,
  getObjectRetention,
  putLockConfiguration,
  putObjectLegalHold,
  putObjectRetention,
} from './operations/lock.ts';
import {
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  listParts,
  uploadPart,
  uploadPartCopy,
} from './operations/multipart.ts';
import { putObject } from './operations/put.ts';
import { deleteObjectTagging, getObjectTagging, putObjectTagging } from './operations/tagging.ts';
import { type S3Request, SIGNATURE_PARAMETERS } from './request.ts';
import type { BucketSettings } from './store.ts';
import { bucketOf, type Target, targetOf } from './target.ts';

/** Carries out one request: checks what the caller may do, then acts. */
export type Operation = (exchange: Exchange) => Promise<Answer>;
type OnBucket = (exchange: Exchange, bucket: BucketSettings) => Promise<Answer>;
type OnObject = (exchange: Exchange, target: Target) => Promise<Answer>;

/** What a request for an operation may say. Everything else of S3 is refused instead of being ignored. */
interface Claim<Run> {
  run: Run;
  /** Names beyond the subresource that chooses the operation. */
  parameters?: string;
  /** Names beyond those of every request. */
  headers?: string;
}

const READ_CONDITIONS = 'if-match if-none-match if-modified-since if-unmodified-since';
const WRITE_CONDITIONS = 'if-match if-none-match';
const COPY_CONDITIONS = READ_CONDITIONS.split(' ')
  .map((name) => `x-amz-copy-source-${name}`)
  .join(' ');
const COPY_SOURCE = `x-amz-copy-source x-amz-source-expected-bucket-owner ${COPY_CONDITIONS}`;
const CHECKSUMS = ALGORITHMS.map(checksumHeader).join(' ');
/** Of a request with a body. */
const BODY = `x-amz-decoded-content-length x-amz-trailer x-amz-sdk-checksum-algorithm ${CHECKSUMS}`;
/** What a new object is to be. The values of some are refused where they are read. */
const DESCRIPTION =
  'x-amz-acl x-amz-grant-full-control x-amz-grant-read x-amz-grant-read-acp x-amz-grant-write-acp ' +
  'x-amz-meta-* x-amz-storage-class x-amz-server-side-encryption x-amz-website-redirect-location x-amz-tagging ' +
  'x-amz-object-lock-mode x-amz-object-lock-retain-until-date x-amz-object-lock-legal-hold';
const BYPASS = 'x-amz-bypass-governance-retention';
const READ: Claim<OnObject> = {
  run: getObject,
  parameters:
    'versionId response-cache-control response-content-disposition response-content-encoding ' +
    'response-content-language response-content-type response-expires',
  headers: `${READ_CONDITIONS} range x-amz-checksum-mode`,
};
const LIST = 'prefix delimiter encoding-type';

const SERVICE: Record<string, Claim<Operation>> = {
  GET: { run: listBuckets, parameters: 'prefix max-buckets continuation-token' },
};

/** Its bucket does not exist yet. */
const CREATE_BUCKET: Claim<Operation> = {
  run: createBucket,
  headers: `${BODY} x-amz-acl x-amz-bucket-object-lock-enabled x-amz-object-ownership`,
};

const BUCKET: Record<string, Claim<OnBucket>> = {
  HEAD: { run: headBucket },
  DELETE: { run: deleteBucket },
  GET: { run: listObjectsV1, parameters: `${LIST} marker max-keys` },
  'GET list-type': {
    run: listObjects,
    parameters: `${LIST} max-keys start-after continuation-token fetch-owner`,
  },
  'GET location': { run: getBucketLocation },
  'GET versioning': { run: getBucketVersioning },
  'PUT versioning': { run: putBucketVersioning, headers: BODY },
  'GET versions': { run: listObjectVersions, parameters: `${LIST} max-keys key-marker version-id-marker` },
  'GET uploads': {
    run: listMultipartUploads,
    parameters: `${LIST} max-uploads key-marker upload-id-marker`,
  },
  'GET object-lock': { run: getLockConfiguration },
  'PUT object-lock': { run: putLockConfiguration, headers: BODY },
  'POST delete': { run: deleteObjects, headers: `${BODY} ${BYPASS}` },
};

const OBJECT: Record<string, Claim<OnObject>> = {
  PUT: { run: putObject, headers: `${DESCRIPTION} ${BODY} ${WRITE_CONDITIONS}` },
  GET: READ,
  HEAD: READ,
  'GET partNumber': READ,
  'HEAD partNumber': READ,
  DELETE: { run: deleteObject, parameters: 'versionId', headers: `if-match ${BYPASS}` },
  'GET attributes': {
    run: getObjectAttributes,
    parameters: 'versionId',
    headers: 'x-amz-object-attributes x-amz-max-parts x-amz-part-number-marker',
  },
  'PUT tagging': { run: putObjectTagging, parameters: 'versionId', headers: BODY },
  'GET tagging': { run: getObjectTagging, parameters: 'versionId' },
  'DELETE tagging': { run: deleteObjectTagging, parameters: 'versionId' },
  'PUT retention': { run: putObjectRetention, parameters: 'versionId', headers: `${BODY} ${BYPASS}` },
  'GET retention': { run: getObjectRetention, parameters: 'versionId' },
  'PUT legal-hold': { run: putObjectLegalHold, parameters: 'versionId', headers: BODY },
  'GET legal-hold': { run: getObjectLegalHold, parameters: 'versionId' },
  'POST uploads': {
    run: createMultipartUpload,
    headers: `${DESCRIPTION} x-amz-checksum-algorithm x-amz-checksum-type`,
  },
  'PUT partNumber uploadId': { run: uploadPart, headers: BODY },
  'GET uploadId': { run: listParts, parameters: 'max-parts part-number-marker' },
  'POST uploadId': {
    run: completeMultipartUpload,
    headers: `${BODY} ${WRITE_CONDITIONS} x-amz-checksum-type x-amz-mp-object-size`,
  },
  'DELETE uploadId': { run: abortMultipartUpload },
};

/** With `x-amz-copy-source`. */
const COPIES: Record<string, Claim<OnObject>> = {
  PUT: {
    run: copyObject,
    headers:
      `${COPY_SOURCE} ${DESCRIPTION} ${WRITE_CONDITIONS} ` +
      'x-amz-checksum-algorithm x-amz-metadata-directive x-amz-tagging-directive',
  },
  'PUT partNumber uploadId': { run: uploadPartCopy, headers: `${COPY_SOURCE} x-amz-copy-source-range` },
};

/** Headers of every request. */
const EVERYWHERE =
  'x-amz-content-sha256 x-amz-date x-amz-security-token x-amz-user-agent x-amz-expected-bucket-owner x-amz-request-payer';
/** Headers of HTTP that change what a request does. All others say how it travels. */
const HTTP = new Set(`${READ_CONDITIONS} if-range range content-range`.split(' '));

/** Query parameters that make a request one for something else than the object or bucket itself. */
const SUBRESOURCES = new Set(
  (
    'accelerate acl analytics attributes cors delete encryption intelligent-tiering inventory legal-hold lifecycle ' +
    'list-type location logging metrics notification object-lock ownershipControls partNumber policy policyStatus ' +
    'publicAccessBlock renameObject replication requestPayment restore retention select tagging torrent uploadId ' +
    'uploads versioning versions website'
  ).split(' '),
);

/** Throws NotImplemented for a header or a parameter that the operation does not know. */
function checkClaim(request: S3Request, { headers = '', parameters = '' }: Claim<unknown>): void {
  const known = new Set(`${EVERYWHERE} ${headers}`.split(' '));
  for (const name of Object.keys(request.headers)) {
    const judged = name.startsWith('x-amz-') || HTTP.has(name);
    const isMetadata = name.startsWith('x-amz-meta-') && known.has('x-amz-meta-*');
    if (judged && !known.has(name) && !isMetadata) throw notImplemented(`the header ${name}`);
  }
  const allowed = new Set(parameters.split(' '));
  for (const [name] of request.query.entries) {
    // `x-amz-…` is a header; other names with `x-` are for logs, as `x-id` of the SDKs.
    if (SUBRESOURCES.has(name) || SIGNATURE_PARAMETERS.has(name) || /^x-/i.test(name)) continue;
    if (!allowed.has(name)) throw notImplemented(`the parameter ${name}`);
  }
}

/**
 * The operation that a request asks for. It finds the bucket or object before it does anything else.
 * Throws NotImplemented for what S3 has and this server has not, MethodNotAllowed otherwise.
 */
export function route(request: S3Request): Operation {
  const subresources = [...new Set(request.query.entries.map(([name]) => name))]
    .filter((name) => SUBRESOURCES.has(name))
    .sort();
  const asked = [request.method, ...subresources].join(' ');
  const { bucket, key } = request;
  if (bucket === undefined) return operationOf(SERVICE[asked], (run) => run);
  if (key === undefined) {
    if (asked === 'PUT') return operationOf(CREATE_BUCKET, (run) => run);
    return operationOf(BUCKET[asked], (run) => async (exchange) => run(exchange, bucketOf(exchange)));
  }
  const copies = request.header('x-amz-copy-source') !== undefined;
  const claim = (copies ? COPIES[asked] : undefined) ?? OBJECT[asked];
  return operationOf(claim, (run) => async (exchange) => run(exchange, targetOf(exchange)));

  function operationOf<Run>(found: Claim<Run> | undefined, bind: (run: Run) => Operation): Operation {
    if (found === undefined) throw unknown(request, subresources);
    checkClaim(request, found);
    return bind(found.run);
  }
}

function unknown({ method, bucket, key }: S3Request, subresources: string[]): S3Error {
  if (subresources.length > 0) return notImplemented(`${method} ?${subresources.join('&')}`);
  return new S3Error('MethodNotAllowed', 'The specified method is not allowed against this resource.', {
    Method: method,
    ResourceType: bucket === undefined ? 'SERVICE' : key === undefined ? 'BUCKET' : 'OBJECT',
  });
}
