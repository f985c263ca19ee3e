import { demand, objectArn } from '../access.ts';
import { type Answer, xmlAnswer } from '../answer.ts';
import { checksumClaim, readText } from '../body.ts';
import { malformedXml, S3Error } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import type { BucketSettings, Removal } from '../store.ts';
import { checkVersionId, type Target } from '../target.ts';
import { type Elements, nodesOf, parse, textOf, type XmlValue } from '../xml.ts';
import { bypasses } from './lock.ts';

const MAX_OBJECTS = 1000;
/** `LastModifiedTime` and `Size` are conditions of directory buckets. */
const DELETE: Elements = { Object: { Key: true, VersionId: true, ETag: true }, Quiet: true };

async function removeOne(
  exchange: Exchange,
  bucket: string,
  key: string,
  versionId: string | undefined,
  ifMatch: string | undefined,
): Promise<Removal> {
  const version = checkVersionId(versionId);
  const arn = objectArn(bucket, key);
  // Whether an object is the one that is meant tells something of it.
  if (ifMatch !== undefined && ifMatch !== '*') demand(exchange, 's3:GetObject', arn);
  if (version === undefined) demand(exchange, 's3:DeleteObject', arn);
  else demand(exchange, 's3:DeleteObjectVersion', arn, { 's3:VersionId': version });
  const condition = { ifMatch, ifNoneMatch: undefined };
  const bypass = bypasses(exchange, arn);
  return exchange.store.remove({ bucket, key }, version, { condition, bypass }, exchange.occasion);
}

export async function deleteObject(exchange: Exchange, { bucket, key }: Target): Promise<Answer> {
  const { request } = exchange;
  const removal = await removeOne(
    exchange,
    bucket,
    key,
    request.query.get('versionId'),
    request.header('if-match'),
  );
  return {
    status: 204,
    headers: {
      ...(removal.versionId !== undefined && { 'x-amz-version-id': removal.versionId }),
      ...(removal.deleteMarker && { 'x-amz-delete-marker': 'true' }),
    },
  };
}

/** Up to 1000 objects, each with its own outcome. */
export async function deleteObjects(exchange: Exchange, { name: bucket }: BucketSettings): Promise<Answer> {
  const { request, identity } = exchange;
  if (request.header('content-md5') === undefined && checksumClaim(request) === undefined) {
    throw new S3Error(
      'InvalidRequest',
      'Missing required header for this request: Content-MD5 OR x-amz-checksum-*',
    );
  }
  const root = parse(await readText(request, identity.payload), 'Delete', DELETE);
  const nodes = nodesOf(root, 'Object');
  if (nodes.length === 0 || nodes.length > MAX_OBJECTS) throw malformedXml();
  const quiet = textOf(root, 'Quiet')?.trim() === 'true';

  const Deleted: XmlValue[] = [];
  const errors: XmlValue[] = [];
  for (const node of nodes) {
    const key = textOf(node, 'Key');
    if (key === undefined || key === '') throw malformedXml();
    const versionId = textOf(node, 'VersionId');
    try {
      const removal = await removeOne(exchange, bucket, key, versionId, textOf(node, 'ETag'));
      if (quiet) continue;
      Deleted.push({
        Key: key,
        VersionId: versionId,
        ...(removal.deleteMarker && { DeleteMarker: true, DeleteMarkerVersionId: removal.versionId }),
      });
    } catch (error) {
      if (!(error instanceof S3Error)) throw error;
      errors.push({ Key: key, VersionId: versionId, Code: error.code, Message: error.message });
    }
  }
  return xmlAnswer('DeleteResult', { Deleted, Error: errors });
}
