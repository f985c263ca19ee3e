import { CopyObjectCommand } from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import type { S3Store } from '../../lib/aws/objects.ts';
import type { Time } from '../../lib/ports.ts';
import { imageKey, itemKey, itemsPrefix, parseImageKey, renditionOf } from '../../lib/records/keys.ts';
import { readRound } from '../../lib/records/round.ts';
import { copyItem } from '../../lib/rounds/create.ts';
import { roundsOfAudit } from '../../lib/rounds/kept.ts';
import { systemTime } from '../../lib/system.ts';
import type { Progress } from '../progress.ts';
import type { Cloud } from './cloud.ts';
import { explainAwsError, isConflict } from './faults.ts';
import { hashObject } from './inspect.ts';
import { replaceJudgement } from './judgement.ts';
import { type CellToJudge, isDecoded, judgeCells, PATIENCE_MINUTES } from './judging.ts';
import { type Findings, type ImageFinding, isOk, type RecordFinding } from './verify.ts';
import { destroyVersions, versionsOf } from './versions.ts';

/** What was done to restore one object. */
export interface Restored {
  key: string;
  /** The bucket that needed it. */
  where: 'bucket' | 'backup';
  outcome: 'restored' | 'no intact copy' | 'not judged' | 'no result' | 'failed';
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
 * behind a delete marker. Then `tag` judges what came back and makes missing renditions.
 */
export async function restoreAudit(
  cloud: Cloud,
  audit: string,
  findings: Findings,
  progress: Progress,
  time: Time = systemTime,
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
  const restored = [...restoredRecords, ...restoredImages.flat()];
  const judged = await judgeRestored(cloud.images, audit, findings, restored, progress, time);
  return [...restored, ...judged, ...(await restoreItems(cloud.images, audit))];
}

/** Has `tag` judge the images that came back or were never judged, and make the renditions that are missing. */
async function judgeRestored(
  images: S3Store,
  audit: string,
  { faults }: Findings,
  restored: readonly Restored[],
  progress: Progress,
  time: Time,
): Promise<Restored[]> {
  const came = restored.filter(({ where, outcome }) => where === 'bucket' && outcome === 'restored');
  const keys = new Set(came.map(({ key }) => key));
  const done: Restored[] = [];
  const missing = new Set<string>();
  for (const { image, state } of faults)
    if (state === 'not judged' || state === 'no rendition') {
      keys.add(image);
      if (state === 'no rendition') missing.add(image);
    } else if (state === 'of a quarantined image') {
      const key = renditionOf(image);
      await destroyVersions(images, await versionsOf(images, key));
      done.push({ key, where: 'bucket', outcome: 'restored', detail: 'destroyed: its image is quarantined' });
    }
  const cells = new Map<number, number[]>();
  for (const image of [...keys].flatMap((key) => parseImageKey(key) ?? []))
    cells.set(image.cell, [...(cells.get(image.cell) ?? []), image.index]);
  if (cells.size === 0) return done;
  const row = progress.row('judged', cells.size);
  let judged = 0;
  const onDone = ({ cell, indexes }: CellToJudge) => {
    row.update(++judged);
    for (const index of indexes) {
      const key = imageKey(audit, cell, index);
      if (missing.has(key))
        done.push({ key: renditionOf(key), where: 'bucket', outcome: 'restored', detail: 'made by tag' });
      else if (!came.some((one) => one.key === key))
        done.push({ key, where: 'bucket', outcome: 'restored', detail: 'judged by tag' });
    }
  };
  const toJudge = [...cells].map(([cell, indexes]) => ({ cell, indexes }));
  const { unanswered, unfinished } = await judgeCells(images, audit, toJudge, {
    isDone: isDecoded,
    onDone,
    time,
  });
  const leave = (left: readonly CellToJudge[], outcome: Restored['outcome'], detail: string) => {
    for (const { cell, indexes } of left)
      for (const index of indexes)
        done.push({ key: imageKey(audit, cell, index), where: 'bucket', outcome, detail });
  };
  leave(unanswered, 'not judged', `tag gave no answer within ${PATIENCE_MINUTES} minutes`);
  leave(unfinished, 'no result', 'not judged: its prediction has no result');
  return done;
}

/** Makes the pictures of rounds again from renditions, as far as these are there: they are no evidence, and not backed up. */
async function restoreItems(images: S3Store, audit: string): Promise<Restored[]> {
  const done: Restored[] = [];
  for (const round of await roundsOfAudit(images, audit)) {
    const plan = await readRound(images, round);
    const there = new Set<string>();
    for await (const { key } of images.list(itemsPrefix(round))) there.add(key);
    for (const { image, opaque } of [...(plan?.practice ?? []), ...(plan?.items ?? [])]) {
      const key = itemKey(round, opaque);
      // Of a purged image there is no rendition.
      if (!there.has(key) && (await copyItem(images, plan!, { image, opaque })))
        done.push({ key, where: 'bucket', outcome: 'restored', detail: 'copied from its rendition' });
    }
  }
  return done;
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
  // If the command dies between these calls, the image is missing or not judged: the next run continues.
  if (where === 'bucket') await forget(to, key);
  // A quarantined image can be copied, but not read here.
  if (((await copy(source, to, key)) ?? (await hashObject(to, key))) !== sha256)
    throw new Error('the copy does not have the expected SHA-256');
  return {
    key,
    where,
    outcome: 'restored',
    detail: `from ${source.store.bucket}, version ${source.versionId}`,
  };
}

/** Removes what `tag` made of the damaged bytes. */
async function forget(images: S3Store, key: string): Promise<void> {
  await replaceJudgement(images, key, undefined);
  await destroyVersions(images, await versionsOf(images, renditionOf(key)));
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
 * @returns the SHA-256 in hex of what S3 wrote; undefined if it wrote nothing or does not say
 */
async function copy({ store, versionId }: Source, to: S3Store, key: string): Promise<string | undefined> {
  const path = `${store.bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
  const copying = to.client.send(
    new CopyObjectCommand({
      Bucket: to.bucket,
      Key: key,
      CopySource: `${path}?versionId=${encodeURIComponent(versionId)}`,
      IfNoneMatch: '*',
    }),
  );
  const copied = await copying.catch((error: unknown) => {
    if (!isConflict(error)) throw error;
  });
  const sha256 = copied?.CopyObjectResult?.ChecksumSHA256;
  return sha256 && Buffer.from(sha256, 'base64').toString('hex');
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
