import { CopyObjectCommand } from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import type { S3Store } from '../../lib/aws/objects.ts';
import { parseImageKey } from '../../lib/records/keys.ts';
import type { Progress } from '../progress.ts';
import type { Cloud } from './cloud.ts';
import { explainAwsError, isConflict } from './faults.ts';
import { hashObject } from './inspect.ts';
import { replaceJudgement } from './judgement.ts';
import { isDecoded, judgeCells } from './judging.ts';
import { type Findings, type ImageFinding, isOk, type RecordFinding } from './verify.ts';
import { versionsOf } from './versions.ts';

/** What was done to restore one object. */
export interface Restored {
  key: string;
  /** The bucket that needed it. */
  where: 'bucket' | 'backup';
  outcome: 'restored' | 'no intact copy' | 'failed';
  /** Where the intact bytes came from, or why it failed. */
  detail: string;
}

const PARALLEL = 4;

interface Source {
  store: S3Store;
  versionId: string;
}

/**
 * Restores missing and damaged objects: into the images bucket from the backup, into the backup from the images bucket,
 * from an older version if the newest is damaged too. Nothing is overwritten: a damaged object becomes an old version
 * behind a delete marker.
 */
export async function restoreAudit(
  cloud: Cloud,
  findings: Findings,
  progress: Progress,
): Promise<Restored[]> {
  const broken = findings.images.filter((finding) => !isOk(finding));
  const records = findings.records.filter(({ state }) => state.startsWith('missing in'));
  const row = progress.row('restored', broken.length + records.length);
  let done = 0;
  const limit = pLimit(PARALLEL);
  // Records first: the images are found by the manifest.
  const restoredRecords = await Promise.all(
    records.map((record) =>
      limit(async () => {
        const restored = await attempt(
          record.key,
          record.state === 'missing in the bucket' ? 'bucket' : 'backup',
          () => restoreRecord(cloud, record),
        );
        row.update(++done);
        return restored;
      }),
    ),
  );
  const restoredImages = await Promise.all(
    byCell(broken).map((findings) =>
      limit(async () => {
        const restored: Restored[][] = [];
        for (const finding of findings) {
          restored.push(await restoreImage(cloud, finding));
          row.update(++done);
        }
        return restored.flat();
      }),
    ),
  );
  return [...restoredRecords, ...restoredImages.flat()];
}

/** Groups images by cell. Those of one cell share a record of judgements and are restored one by one. */
function byCell(findings: ImageFinding[]): ImageFinding[][] {
  const cells = new Map<string, ImageFinding[]>();
  for (const finding of findings) {
    const cell = finding.key.slice(0, finding.key.lastIndexOf('/'));
    cells.set(cell, [...(cells.get(cell) ?? []), finding]);
  }
  return [...cells.values()];
}

async function attempt(
  key: string,
  where: Restored['where'],
  restore: () => Promise<Restored>,
): Promise<Restored> {
  try {
    return await restore();
  } catch (error) {
    return { key, where, outcome: 'failed', detail: (explainAwsError(error) ?? (error as Error)).message };
  }
}

async function restoreImage({ images, backup }: Cloud, finding: ImageFinding): Promise<Restored[]> {
  const { key } = finding;
  const restored: Restored[] = [];
  const needs = (condition: string) => condition === 'missing' || condition === 'damaged';
  if (needs(finding.bucket))
    restored.push(await attempt(key, 'bucket', () => bringBack(images, finding, [backup, images], 'bucket')));
  if (needs(finding.backup))
    restored.push(await attempt(key, 'backup', () => bringBack(backup, finding, [images, backup], 'backup')));
  return restored;
}

async function bringBack(
  to: S3Store,
  finding: ImageFinding,
  stores: S3Store[],
  where: Restored['where'],
): Promise<Restored> {
  const { key, sha256 } = finding;
  const source = await findIntact(stores, key, sha256);
  if (!source)
    return {
      key,
      where,
      outcome: 'no intact copy',
      detail: 'no version in either bucket has these bytes',
    };
  if (finding[where] === 'damaged') await to.delete([key]);
  await copy(source, to, key);
  if (where === 'bucket') await judgeAgain(to, key);
  if ((await hashObject(to, key)) !== sha256) throw new Error('the copy does not have the expected SHA-256');
  return {
    key,
    where,
    outcome: 'restored',
    detail: `from ${source.store.bucket}, version ${source.versionId}`,
  };
}

/** Removes any judgement of the damaged bytes, and waits until `tag` has judged the restored ones. */
async function judgeAgain(images: S3Store, key: string): Promise<void> {
  const image = parseImageKey(key);
  if (!image) return;
  await replaceJudgement(images, key, undefined);
  const cell = { cell: image.cell, indexes: [image.index] };
  await judgeCells(images, image.audit, [cell], {
    isDone: (found, hasRendition) => isDecoded(found, hasRendition),
  });
}

/** The newest version with the expected bytes. Every version is read and hashed. */
async function findIntact(stores: S3Store[], key: string, sha256: string): Promise<Source | undefined> {
  for (const store of stores)
    for (const { versionId } of await versionsOf(store, key))
      if ((await hashObject(store, key, versionId).catch(() => undefined)) === sha256)
        return { store, versionId };
  return undefined;
}

/**
 * Copies inside S3, with metadata and tags. The bucket's policy requires `If-None-Match`, which succeeds behind a delete
 * marker. If the pipeline copied first, its copy is kept; the caller checks the bytes in any case.
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

/** There is no hash of a record, so a missing one is restored, but one that differs is not. */
async function restoreRecord({ images, backup }: Cloud, { key, state }: RecordFinding): Promise<Restored> {
  const [from, to, where] =
    state === 'missing in the bucket'
      ? ([backup, images, 'bucket'] as const)
      : ([images, backup, 'backup'] as const);
  const [newest] = await versionsOf(from, key);
  if (!newest) return { key, where, outcome: 'no intact copy', detail: 'no copy in either bucket' };
  await copy({ store: from, versionId: newest.versionId }, to, key);
  return { key, where, outcome: 'restored', detail: `from ${from.bucket}` };
}
