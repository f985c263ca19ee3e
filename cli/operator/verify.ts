import pLimit from 'p-limit';
import type { S3Store } from '../../lib/aws/objects.ts';
import type { Progress } from '../progress.ts';
import type { Cloud } from './cloud.ts';
import { type Condition, inspect, retentionDays } from './inspect.ts';
import { type ManifestFacts, type NamedImage, recordKeys } from './manifest.ts';
import { readPurged } from './purged.ts';
import { hashRecord } from './records.ts';

export interface ImageFinding extends NamedImage {
  bucket: Condition;
  backup: Condition;
  /** The reason of a purge. */
  reason?: string;
}

/** A record that should be identical in the images bucket and in the backup. */
export interface RecordFinding {
  key: string;
  state: 'identical' | 'different' | 'missing in the bucket' | 'missing in the backup' | 'missing';
}

export interface Findings {
  images: ImageFinding[];
  records: RecordFinding[];
}

/** Images read at a time. */
const PARALLEL = 8;
const DAY_MS = 86_400_000;

const OK_IN_BUCKET: Condition[] = ['intact', 'purged', 'expired', 'quarantined'];
/** Whether an image needs no repair. A quarantined image cannot be read here, so its copy has to be intact. */
export const isOk = ({ bucket, backup }: ImageFinding): boolean =>
  OK_IN_BUCKET.includes(bucket) && (backup === 'intact' || backup === 'purged' || backup === 'expired');

/** Reads every image of a manifest from both buckets and compares its SHA-256. */
export async function verifyAudit(
  cloud: Cloud,
  manifest: ManifestFacts,
  progress: Progress,
): Promise<Findings> {
  const { images, backup } = cloud;
  const { keys: purged } = await readPurged(images, manifest.audit);
  const expired = {
    bucket: await hasExpired(images, manifest),
    backup: await hasExpired(backup, manifest),
  };
  const row = progress.row('verified', manifest.images.length);
  let done = 0;
  let damaged = 0;
  const limit = pLimit(PARALLEL);
  const check = async (image: NamedImage): Promise<ImageFinding> => {
    const record = purged.get(image.key);
    const [inBucket, inBackup] = record
      ? (['purged', 'purged'] as const)
      : await Promise.all([
          inspect(images, image.key, image.sha256),
          inspect(backup, image.key, image.sha256),
        ]);
    const finding: ImageFinding = {
      ...image,
      bucket: inBucket === 'missing' && expired.bucket ? 'expired' : inBucket,
      backup: inBackup === 'missing' && expired.backup ? 'expired' : inBackup,
      ...(record ? { reason: record.reason } : {}),
    };
    if (!isOk(finding)) damaged++;
    row.update(++done, damaged > 0 ? `(${damaged} damaged or missing)` : '');
    return finding;
  };
  const found = await Promise.all(manifest.images.map((image) => limit(check, image)));
  const records = await Promise.all(recordKeys(manifest.audit).map((key) => compareRecord(cloud, key)));
  return { images: found, records };
}

async function hasExpired(store: S3Store, { retention, createdAt }: ManifestFacts): Promise<boolean> {
  const days = await retentionDays(store, retention);
  return days !== undefined && Date.now() - Date.parse(createdAt) > days * DAY_MS;
}

async function compareRecord({ images, backup }: Cloud, key: string): Promise<RecordFinding> {
  const [original, copy] = await Promise.all([hashRecord(images, key), hashRecord(backup, key)]);
  if (original === undefined && copy === undefined) return { key, state: 'missing' };
  if (original === undefined) return { key, state: 'missing in the bucket' };
  if (copy === undefined) return { key, state: 'missing in the backup' };
  return { key, state: original === copy ? 'identical' : 'different' };
}
