import { demand, tagContext } from '../access.ts';
import { type Answer, quoted, versionHeader } from '../answer.ts';
import { openBody } from '../body.ts';
import { checksumHeader } from '../checksums.ts';
import { type WriteCondition, writeCondition } from '../conditions.ts';
import type { Exchange } from '../exchange.ts';
import { describe } from '../metadata.ts';
import type { ObjectVersion } from '../store.ts';
import { parseTagHeader, type Tags } from '../tags.ts';
import type { Target } from '../target.ts';
import { demandChecksum, newLock } from './lock.ts';

/** Headers about the version just written. */
export function writtenHeaders(exchange: Exchange, version: ObjectVersion): Record<string, string> {
  const encryption = version.description.headers['x-amz-server-side-encryption'];
  return {
    etag: quoted(version.etag),
    ...versionHeader(exchange.store, version),
    ...(encryption !== undefined && { 'x-amz-server-side-encryption': encryption }),
  };
}

/**
 * Demands what writing an object needs: tags and `If-Match` each need a permission of their own. What starts a
 * multipart upload creates no object yet; policies that demand conditions of a write tell them apart by a key.
 */
export function demandWrite(
  exchange: Exchange,
  arn: string,
  tags: Tags,
  condition: WriteCondition,
  creates = true,
): void {
  demand(exchange, 's3:PutObject', arn, {
    ...tagContext('Request', tags),
    's3:ObjectCreationOperation': String(creates),
  });
  if (tags.length > 0) demand(exchange, 's3:PutObjectTagging', arn, tagContext('Request', tags));
  if (condition.ifMatch !== undefined) demand(exchange, 's3:GetObject', arn);
}

export async function putObject(exchange: Exchange, target: Target): Promise<Answer> {
  const { bucket, key, arn } = target;
  const { request, identity, store, occasion } = exchange;
  const tags = parseTagHeader(request.header('x-amz-tagging') ?? '');
  const condition = writeCondition(request);
  demandWrite(exchange, arn, tags, condition);
  const description = describe(request);
  demandChecksum(exchange);
  const lock = newLock(exchange, target);
  const body = openBody(request, identity.payload);
  // Checked again when the object is written. A writer that has lost already need not send its body.
  store.check(bucket, key, condition);

  const stored = await store.bodies.receive(body.chunks());
  const { md5, checksum } = body.result();
  const version = await store.put(
    { bucket, key, etag: md5, description, checksum, tags, body: stored, lock },
    condition,
    occasion,
    'PutObject',
  );
  return {
    status: 200,
    headers: {
      ...writtenHeaders(exchange, version),
      [checksumHeader(checksum.algorithm)]: checksum.value,
      'x-amz-checksum-type': checksum.type,
    },
  };
}
