import { CopyObjectCommand } from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import type { S3Store } from '../../lib/aws/objects.ts';
import { judgeImage } from '../../lib/images/judge.ts';
import type { Progress } from '../progress.ts';
import type { Cloud } from './cloud.ts';
import { explainAwsError, isConflict } from './faults.ts';
import { hashObject } from './inspect.ts';
import { replaceJudgement } from './judgement.ts';
import { type Findings, type ImageFinding, isWell, type RecordFinding } from './verify.ts';
import { versionsOf } from './versions.ts';

/** What was done about one object. */
export interface Mended {
  key: string;
  /** Which of the two was mended. */
  where: 'bucket' | 'backup';
  outcome: 'restored' | 'no sound copy' | 'failed';
  /** Where the sound bytes came from, or why it failed. */
  detail: string;
}

const PARALLEL = 4;

interface Source {
  store: S3Store;
  versionId: string;
}

/**
 * Brings what is missing or damaged back: into the bucket from the backup (from an older version of either where
 * the newest is damaged too), into the backup from the bucket. Nothing is overwritten: what is damaged becomes an
 * old version, behind a delete marker.
 */
export async function restoreAudit(cloud: Cloud, findings: Findings, progress: Progress): Promise<Mended[]> {
  const broken = findings.images.filter((finding) => !isWell(finding));
  const records = findings.records.filter(({ state }) => state.startsWith('missing in'));
  const row = progress.row('restored', broken.length + records.length);
  let done = 0;
  const limit = pLimit(PARALLEL);
  // Records first: without its manifest nobody finds the images.
  const mendedRecords = await Promise.all(
    records.map((record) =>
      limit(async () => {
        const mended = await attempt(
          record.key,
          record.state === 'missing in the bucket' ? 'bucket' : 'backup',
          () => mendRecord(cloud, record),
        );
        row.update(++done);
        return mended;
      }),
    ),
  );
  const mendedImages = await Promise.all(
    byCell(broken).map((findings) =>
      limit(async () => {
        const mended: Mended[][] = [];
        for (const finding of findings) {
          mended.push(await mendImage(cloud, finding));
          row.update(++done);
        }
        return mended.flat();
      }),
    ),
  );
  return [...mendedRecords, ...mendedImages.flat()];
}

/** Images of one cell are mended one after the other: they share the record of their judgements. */
function byCell(findings: ImageFinding[]): ImageFinding[][] {
  const cells = new Map<string, ImageFinding[]>();
  for (const finding of findings) {
    const cell = finding.key.slice(0, finding.key.lastIndexOf('/'));
    cells.set(cell, [...(cells.get(cell) ?? []), finding]);
  }
  return [...cells.values()];
}

async function attempt(key: string, where: Mended['where'], mend: () => Promise<Mended>): Promise<Mended> {
  try {
    return await mend();
  } catch (error) {
    return { key, where, outcome: 'failed', detail: (explainAwsError(error) ?? (error as Error)).message };
  }
}

async function mendImage({ images, backup }: Cloud, finding: ImageFinding): Promise<Mended[]> {
  const { key } = finding;
  const mended: Mended[] = [];
  const needs = (condition: string) => condition === 'missing' || condition === 'damaged';
  if (needs(finding.bucket))
    mended.push(await attempt(key, 'bucket', () => bringBack(images, finding, [backup, images], 'bucket')));
  if (needs(finding.backup))
    mended.push(await attempt(key, 'backup', () => bringBack(backup, finding, [images, backup], 'backup')));
  return mended;
}

async function bringBack(
  to: S3Store,
  finding: ImageFinding,
  stores: S3Store[],
  where: Mended['where'],
): Promise<Mended> {
  const { key, sha256 } = finding;
  const source = await findSound(stores, key, sha256);
  if (!source)
    return {
      key,
      where,
      outcome: 'no sound copy',
      detail: 'no version in the bucket or the backup has these bytes',
    };
  if (finding[where] === 'damaged') await to.delete([key]);
  await copy(source, to, key);
  if (where === 'bucket') await judgeAnew(to, key);
  if ((await hashObject(to, key)) !== sha256) throw new Error('the copy is not what it was copied from');
  return {
    key,
    where,
    outcome: 'restored',
    detail: `from ${source.store.bucket}, version ${source.versionId}`,
  };
}

/** What was damaged may have been judged as it was; the judgement of what it is again is the only one that holds. */
async function judgeAnew(images: S3Store, key: string): Promise<void> {
  const judged = await judgeImage(images, key);
  if (judged) await replaceJudgement(images, key, judged.found);
}

/** The first version, newest first, whose bytes are the right ones. Only reading them tells. */
async function findSound(stores: S3Store[], key: string, sha256: string): Promise<Source | undefined> {
  for (const store of stores)
    for (const { versionId } of await versionsOf(store, key))
      if ((await hashObject(store, key, versionId).catch(() => undefined)) === sha256)
        return { store, versionId };
  return undefined;
}

/**
 * Inside S3, with metadata and tags. `If-None-Match` succeeds behind a delete marker, and the bucket demands it.
 * Where the pipeline was quicker its copy stands; the caller looks at the bytes in any case.
 */
async function copy({ store, versionId }: Source, to: S3Store, key: string): Promise<void> {
  const path = `${store.bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
  const copying = to.client.send(
    new CopyObjectCommand({
      Bucket: to.bucket,
      Key: key,
      CopySource: `${path}?versionId=${encodeURIComponent(versionId)}`,
      IfNoneMatch: '*',
    }),
  );
  await copying.catch((error: unknown) => {
    if (!isConflict(error)) throw error;
  });
}

/** No hash says what a record should be: only one that is missing is brought back, never one that differs. */
async function mendRecord({ images, backup }: Cloud, { key, state }: RecordFinding): Promise<Mended> {
  const [from, to, where] =
    state === 'missing in the bucket'
      ? ([backup, images, 'bucket'] as const)
      : ([images, backup, 'backup'] as const);
  const [newest] = await versionsOf(from, key);
  if (!newest) return { key, where, outcome: 'no sound copy', detail: 'there is no other' };
  await copy({ store: from, versionId: newest.versionId }, to, key);
  return { key, where, outcome: 'restored', detail: `from ${from.bucket}` };
}
