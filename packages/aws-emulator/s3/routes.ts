import type { Answer } from './answer.ts';
import { notImplemented, S3Error } from './errors.ts';
import type { Exchange } from './exchange.ts';
import {
  createBucket,
  getBucketLocation,
  getBucketVersioning,
  headBucket,
  listBuckets,
} from './operations/buckets.ts';
import { copyObject } from './operations/copy.ts';
import { deleteObject, deleteObjects } from './operations/delete.ts';
import { getObject } from './operations/get.ts';
import { listObjects, listObjectVersions } from './operations/list.ts';
import {
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  listMultipartUploads,
  listParts,
  uploadPart,
  uploadPartCopy,
} from './operations/multipart.ts';
import { putObject } from './operations/put.ts';
import { deleteObjectTagging, getObjectTagging, putObjectTagging } from './operations/tagging.ts';
import type { S3Request } from './request.ts';
import type { BucketSettings } from './store.ts';
import { bucketOf, type Target, targetOf } from './target.ts';

/** Carries out one request: checks what the caller may do, then acts. */
export type Operation = (exchange: Exchange) => Promise<Answer>;
type OnBucket = (exchange: Exchange, bucket: BucketSettings) => Promise<Answer>;
type OnObject = (exchange: Exchange, target: Target) => Promise<Answer>;

/** Query parameters that make a request one for something else than the object or bucket itself. */
const SUBRESOURCES = new Set(
  (
    'accelerate acl analytics attributes cors delete encryption intelligent-tiering inventory legal-hold lifecycle ' +
    'location logging metrics notification object-lock ownershipControls partNumber policy policyStatus publicAccessBlock ' +
    'renameObject replication requestPayment restore retention select tagging torrent uploadId uploads versioning versions website'
  ).split(' '),
);

const SERVICE: Record<string, Operation> = { GET: listBuckets };

const BUCKET: Record<string, OnBucket> = {
  HEAD: headBucket,
  'GET location': getBucketLocation,
  'GET versioning': getBucketVersioning,
  'GET versions': listObjectVersions,
  'GET uploads': listMultipartUploads,
  'POST delete': deleteObjects,
};

const OBJECT: Record<string, OnObject> = {
  PUT: putObject,
  GET: getObject,
  HEAD: getObject,
  DELETE: deleteObject,
  // The operation refuses it and says why.
  'GET partNumber': getObject,
  'HEAD partNumber': getObject,
  'PUT tagging': putObjectTagging,
  'GET tagging': getObjectTagging,
  'DELETE tagging': deleteObjectTagging,
  'POST uploads': createMultipartUpload,
  'PUT partNumber uploadId': uploadPart,
  'GET uploadId': listParts,
  'POST uploadId': completeMultipartUpload,
  'DELETE uploadId': abortMultipartUpload,
};

/** With `x-amz-copy-source`. */
const COPIES: Record<string, OnObject> = { PUT: copyObject, 'PUT partNumber uploadId': uploadPartCopy };

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
  if (bucket === undefined) {
    const operation = SERVICE[asked];
    if (operation !== undefined) return operation;
  } else if (key === undefined) {
    // Its bucket does not exist yet.
    if (asked === 'PUT') return createBucket;
    const operation = asked === 'GET' ? listing(request) : BUCKET[asked];
    if (operation !== undefined) return async (exchange) => operation(exchange, bucketOf(exchange));
  } else {
    const copies = request.header('x-amz-copy-source') !== undefined;
    const operation = (copies ? COPIES[asked] : undefined) ?? OBJECT[asked];
    if (operation !== undefined) return async (exchange) => operation(exchange, targetOf(exchange));
  }
  throw unknown(request, subresources);
}

function listing(request: S3Request): OnBucket {
  if (request.query.get('list-type') === '2') return listObjects;
  throw notImplemented('ListObjects version 1; use list-type=2');
}

function unknown({ method, bucket, key }: S3Request, subresources: string[]): S3Error {
  if (subresources.length > 0) return notImplemented(`${method} ?${subresources.join('&')}`);
  if (bucket !== undefined && key === undefined && method === 'DELETE') return notImplemented('DeleteBucket');
  return new S3Error('MethodNotAllowed', 'The specified method is not allowed against this resource.', {
    Method: method,
    ResourceType: bucket === undefined ? 'SERVICE' : key === undefined ? 'BUCKET' : 'OBJECT',
  });
}
