import { createHash } from 'node:crypto';
import {
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListObjectVersionsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import type { Objects } from '../../ledger/facts.ts';

const PARALLEL = 16;
/** What belongs to no audit: the same answer for the same request of an auditor, and what a model has in flight. */
const OF_NO_AUDIT = /^(idempotency\/[0-9a-f]{64}|flow\/[0-9a-f]{40}\.json)$/;

/**
 * Reads everything that a bucket holds of audits.
 * @param onRead called with the key of each object that was read
 */
export async function readBucket(
  s3: S3Client,
  Bucket: string,
  onRead: (key: string) => void = () => {},
): Promise<Objects> {
  const limit = pLimit(PARALLEL);
  const listed = [...(await listBucket(s3, Bucket))].filter(([key]) => !OF_NO_AUDIT.test(key));
  return new Map(
    await Promise.all(
      listed.map(([key, about]) =>
        limit(async () => {
          const object = await readObject(s3, Bucket, key);
          onRead(key);
          return [key, { ...about, ...object }] as const;
        }),
      ),
    ),
  );
}

async function listBucket(s3: S3Client, Bucket: string) {
  const versions = new Map<string, number>();
  const current = new Map<string, number>();
  let KeyMarker: string | undefined;
  let VersionIdMarker: string | undefined;
  do {
    const page = await s3.send(new ListObjectVersionsCommand({ Bucket, KeyMarker, VersionIdMarker }));
    for (const { Key = '', IsLatest, LastModified } of page.Versions ?? []) {
      versions.set(Key, (versions.get(Key) ?? 0) + 1);
      if (IsLatest) current.set(Key, LastModified?.getTime() ?? 0);
    }
    KeyMarker = page.IsTruncated ? page.NextKeyMarker : undefined;
    VersionIdMarker = page.NextVersionIdMarker;
  } while (KeyMarker !== undefined);
  return new Map(
    [...current].map(([key, modified]) => [key, { modified, versions: versions.get(key) ?? 0 }]),
  );
}

/** The bytes are hashed as they come; only records are kept. */
async function readObject(s3: S3Client, Bucket: string, Key: string) {
  const [{ Body, Metadata = {} }, { TagSet = [] }] = await Promise.all([
    s3.send(new GetObjectCommand({ Bucket, Key })),
    s3.send(new GetObjectTaggingCommand({ Bucket, Key })),
  ]);
  const hash = createHash('sha256');
  const isRecord = Key.endsWith('.json');
  const isTable = Key.endsWith('.csv');
  const kept: Uint8Array[] = [];
  for await (const piece of Body as AsyncIterable<Uint8Array>) {
    hash.update(piece);
    if (isRecord || isTable) kept.push(piece);
  }
  const text = Buffer.concat(kept).toString();
  return {
    sha256: hash.digest('hex'),
    tags: Object.fromEntries(TagSet.map(({ Key: name, Value }) => [name, Value ?? ''])),
    metadata: Metadata,
    ...(isRecord && { json: JSON.parse(text) }),
    ...(isTable && { text }),
  };
}
