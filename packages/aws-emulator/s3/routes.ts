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

/** Carries out one request: checks what the caller may, then acts. */
export type Operation = (exchange: Exchange) => Promise<Answer>;

/** Query parameters that make a request one for something else than the object or bucket itself. */
const SUBRESOURCES = new Set(
  (
    'accelerate acl analytics attributes cors delete encryption intelligent-tiering inventory legal-hold lifecycle ' +
    'location logging metrics notification object-lock ownershipControls partNumber policy policyStatus publicAccessBlock ' +
    'renameObject replication requestPayment restore retention select tagging torrent uploadId uploads versioning versions website'
  ).split(' '),
);

type Table = Record<string, Operation>;

const SERVICE: Table = { GET: listBuckets };

const BUCKET: Table = {
  PUT: createBucket,
  HEAD: headBucket,
  'GET location': getBucketLocation,
  'GET versioning': getBucketVersioning,
  'GET versions': listObjectVersions,
  'GET uploads': listMultipartUploads,
  'POST delete': deleteObjects,
};

const OBJECT: Table = {
  PUT: putObject,
  GET: getObject,
  HEAD: getObject,
  DELETE: deleteObject,
  // Refused by the operation itself, in words.
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

/** The operation that a request asks for. Throws NotImplemented for what S3 has and this server has not, MethodNotAllowed else. */
export function route(request: S3Request): Operation {
  const subresources = [...new Set(request.query.entries.map(([name]) => name))]
    .filter((name) => SUBRESOURCES.has(name))
    .sort();
  const asked = [request.method, ...subresources].join(' ');
  if (request.bucket === undefined) return found(SERVICE[asked], request, subresources);
  if (request.key === undefined) {
    if (asked === 'GET') {
      if (request.query.get('list-type') === '2') return listObjects;
      throw notImplemented('ListObjects version 1; use list-type=2');
    }
    return found(BUCKET[asked], request, subresources);
  }
  if (request.method === 'PUT' && request.header('x-amz-copy-source') !== undefined) {
    if (asked === 'PUT') return copyObject;
    if (asked === 'PUT partNumber uploadId') return uploadPartCopy;
  }
  return found(OBJECT[asked], request, subresources);
}

function found(operation: Operation | undefined, request: S3Request, subresources: string[]): Operation {
  if (operation !== undefined) return operation;
  if (subresources.length > 0) throw notImplemented(`${request.method} ?${subresources.join('&')}`);
  if (request.bucket !== undefined && request.key === undefined && request.method === 'DELETE') {
    throw notImplemented('DeleteBucket');
  }
  throw new S3Error('MethodNotAllowed', 'The specified method is not allowed against this resource.', {
    Method: request.method,
    ResourceType: request.bucket === undefined ? 'SERVICE' : request.key === undefined ? 'BUCKET' : 'OBJECT',
  });
}
