import pLimit from 'p-limit';
import type { S3Store } from '../../lib/aws/objects.ts';
import { DECODER_VERSION } from '../../lib/images/verdict.ts';
import {
  deletedKey,
  imageOfRendition,
  parseImageKey,
  renditionOf,
  resultKey,
  resultsPrefix,
} from '../../lib/records/keys.ts';
import { readRound } from '../../lib/records/round.ts';
import { keptBeside, keptOfRound, roundsOfAudit } from '../../lib/rounds/kept.ts';
import type { Progress } from '../progress.ts';
import type { Cloud } from './cloud.ts';
import { type Condition, inspect, retentionDays } from './inspect.ts';
import { readJudged } from './judging.ts';
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

/**
 * What is wrong with what `tag` makes of an image:
 * - `not judged`: its prediction has a result, and `tag` has recorded nothing
 * - `no result`: its prediction has none, although the manifest names the image; `tag` cannot judge it, and it is not shown
 * - `no rendition`: the decoder found it to be ok
 * - `of a quarantined image`, `of a purged image`, `without its image`: a rendition that must not exist
 */
export interface RenditionFinding {
  /** Of the image. */
  image: string;
  state:
    | 'not judged'
    | 'no result'
    | 'no rendition'
    | 'of a quarantined image'
    | 'of a purged image'
    | 'without its image';
}

export interface Findings {
  images: ImageFinding[];
  records: RecordFinding[];
  /** How many renditions there are. */
  renditions: number;
  faults: RenditionFinding[];
  /** Images that were judged without a decoder, or by an older one. No fault: `weaudit rejudge` has them judged again. */
  older: number;
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
  const keys = [...recordKeys(manifest.audit), ...(await roundKeys(cloud, manifest.audit))];
  const records = await Promise.all(keys.map((key) => limit(() => compareRecord(cloud, key))));
  return { images: found, records, ...(await checkRenditions(images, manifest.audit, found)) };
}

/** What is evidence of the rounds of an audit, as either bucket has it. */
async function roundKeys({ images, backup }: Cloud, audit: string): Promise<string[]> {
  const rounds = new Set([...(await roundsOfAudit(images, audit)), ...(await roundsOfAudit(backup, audit))]);
  const keys = new Set<string>();
  for (const round of rounds) {
    const plan = (await readRound(images, round)) ?? (await readRound(backup, round));
    const tombstones = [round, ...(plan?.audits ?? [])].map(deletedKey);
    // What was deleted on purpose, alone or with one of its audits, is not missing.
    if ((await Promise.all(tombstones.map((key) => images.exists(key)))).some(Boolean)) continue;
    for (const store of [images, backup]) {
      for await (const key of keptOfRound(store, round)) keys.add(key);
      for (const key of await keptBeside(store, round)) keys.add(key);
    }
  }
  return [...keys];
}

/** Compares the manifest's images with what `tag` made of them, by LISTs. */
async function checkRenditions(
  store: S3Store,
  audit: string,
  images: readonly ImageFinding[],
): Promise<Pick<Findings, 'renditions' | 'faults' | 'older'>> {
  const { judgements, renditions } = await readJudged(store, audit, 0, Number.POSITIVE_INFINITY);
  const finished = new Set<string>();
  for await (const { key } of store.list(resultsPrefix(audit))) finished.add(key);
  const faults: RenditionFinding[] = [];
  const unnamed = new Set(renditions);
  let older = 0;
  for (const { key, bucket } of images) {
    const { cell, index } = parseImageKey(key)!;
    const hasRendition = unnamed.delete(renditionOf(key));
    const judgement = judgements.get(cell)?.get(index);
    const fault = (state: RenditionFinding['state']) => faults.push({ image: key, state });
    if (bucket === 'purged') {
      if (hasRendition) fault('of a purged image');
    } else if (bucket !== 'intact' && bucket !== 'quarantined') {
      // It has to be restored first, or has expired: a rendition that was made later does so later.
    } else if (!finished.has(resultKey(audit, cell))) fault('no result');
    else if (!judgement) fault('not judged');
    else {
      if ((judgement.decoded?.version ?? 0) < DECODER_VERSION) older++;
      if (judgement.status === 'quarantined' && hasRendition) fault('of a quarantined image');
      if (judgement.status === 'ok' && judgement.decoded && !hasRendition) fault('no rendition');
    }
  }
  for (const key of unnamed) {
    const image = imageOfRendition(key);
    if (!(await store.exists(image))) faults.push({ image, state: 'without its image' });
  }
  return { renditions: renditions.size, faults, older };
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
