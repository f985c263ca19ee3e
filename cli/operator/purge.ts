import { setTimeout } from 'node:timers/promises';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { writeTombstone } from '../../lib/audits/end.ts';
import type { S3Store } from '../../lib/aws/objects.ts';
import { listVersions, type ObjectVersion } from '../../lib/aws/versions.ts';
import { Books } from '../../lib/money/settle.ts';
import type { CellQueue } from '../../lib/ports.ts';
import { rangesOf } from '../../lib/records/blocks.ts';
import { PURGED } from '../../lib/records/judgement.ts';
import {
  auditPrefix,
  cellName,
  deletedKey,
  imageOfRendition,
  imagesPrefix,
  itemKey,
  leasesPrefix,
  parseImageKey,
  ROUNDS_PREFIX,
  renditionOf,
  renditionsPrefix,
  reportedKey,
  resultKey,
  roundPrefix,
} from '../../lib/records/keys.ts';
import { type Plan, readPlan } from '../../lib/records/plan.ts';
import { readProgress } from '../../lib/records/progress.ts';
import type { Result } from '../../lib/records/result.ts';
import { isStored } from '../../lib/records/result.ts';
import { opaqueName, type RoundPlan, readDraft, readRound } from '../../lib/records/round.ts';
import { roundsOfAudit } from '../../lib/rounds/kept.ts';
import { systemChance, systemTime } from '../../lib/system.ts';
import { CommandError, EXIT } from '../exit.ts';
import type { Progress } from '../progress.ts';
import type { Cloud } from './cloud.ts';
import { isForbidden, isMissing } from './faults.ts';
import { hashObject } from './inspect.ts';
import { replaceJudgement } from './judgement.ts';
import { type PurgeRecord, type PurgeTarget, purgeKey, readPurged } from './purged.ts';
import { destroyVersions } from './versions.ts';

/** Everything that exists of a target. */
export interface PurgePlan {
  target: PurgeTarget;
  images: PurgeRecord['images'];
  renditions: number;
  /** Versions and delete markers, by bucket. */
  versions: { bucket: number; backup: number };
  /** Predictions that may still be running. */
  running: number;
  /** The tombstone of an earlier purge of the same target. */
  before: PurgeRecord | undefined;
}

export interface Purged {
  versions: { bucket: number; backup: number };
  images: number;
  renditions: number;
  /** Predictions that are not canceled yet. Their records are kept, and the command has to be run again. */
  running: number;
}

const PARALLEL = 8;
const IDLE_WITHIN_MS = 60_000;
/** Replicate cancels a prediction after thirty minutes itself (`Cancel-After`). */
const PREDICTION_LIVES_MS = 31 * 60_000;

/** Versions in memory at a time. */
const BATCH = 1_000;

const hexOf = (base64: string) => Buffer.from(base64, 'base64').toString('hex');

/** Finds everything that exists of a target; deletes nothing. @throws {CommandError} if nothing exists */
export async function findPurge(cloud: Cloud, target: PurgeTarget, progress: Progress): Promise<PurgePlan> {
  const { images, backup } = cloud;
  const { audit } = target;
  const plan = await readPlan(images, audit);
  const { whole, keys } = await readPurged(images, audit);
  const before = target.image === undefined ? whole : keys.get(imageKeyOf(target));
  const hashes = new Map<string, Set<string>>();
  const renditions = new Set<string>();
  const found = { bucket: 0, backup: 0 };
  const row = progress.row('found', 0);
  const limit = pLimit(PARALLEL);
  for (const [name, store] of [
    ['bucket', images],
    ['backup', backup],
  ] as const) {
    const visit = async ({ key, versionId, isMarker }: ObjectVersion) => {
      found[name]++;
      row.update(found.bucket + found.backup);
      if (isRendition(key)) renditions.add(key);
      if (isMarker || !parseImageKey(key)) return;
      const sha256 = await checksum(store, key, versionId);
      if (sha256) hashes.set(key, (hashes.get(key) ?? new Set()).add(sha256));
      else if (!hashes.has(key)) hashes.set(key, new Set());
    };
    let batch: ObjectVersion[] = [];
    const visitAll = async () => {
      await Promise.all(batch.map((version) => limit(visit, version)));
      batch = [];
    };
    for await (const version of versionsUnder(cloud, store, target))
      if (batch.push(version) === BATCH) await visitAll();
    await visitAll();
  }
  if (found.bucket + found.backup === 0 && !before)
    throw new CommandError(
      EXIT.refused,
      `Nothing of ${describeTarget(target)} exists in ${images.bucket} or ${backup.bucket}. Check the id or key.`,
    );
  if (target.image !== undefined) await addResultHash(images, target, hashes);
  return {
    target,
    images: [...hashes].map(([key, set]) => ({ key, sha256: [...set] })),
    renditions: renditions.size,
    versions: found,
    running: plan && target.image === undefined ? await countRunning(images, plan, new Date()) : 0,
    before,
  };
}

/**
 * Removes a target with its renditions from both buckets, including old versions. The tombstones are written first: a run of
 * `tag` that is at work destroys the rendition that it made, and if the command dies, they record what was to be removed,
 * and the command can be run again.
 */
export async function carryOutPurge(
  cloud: Cloud,
  plan: PurgePlan,
  reason: string,
  progress: Progress,
): Promise<Purged> {
  const { images, backup } = cloud;
  const { target } = plan;
  let running = 0;
  const record: PurgeRecord = {
    what: describeTarget(target),
    reason: plan.before?.reason ?? reason,
    at: plan.before?.at ?? new Date().toISOString(),
    images: mergeImages(plan.before?.images ?? [], plan.images),
  };
  await images.replaceJson(purgeKey(target), record);
  if (target.image !== undefined) {
    await replaceJudgement(images, imageKeyOf(target), PURGED);
    await purgeFromRounds(images, target);
  } else {
    for (const round of await roundsOf(cloud, target.audit))
      await writeTombstone({ store: images, time: systemTime }, round, 'operator');
    // Every writer checks the tombstone of a deletion, also one that comes when the plan is long gone.
    await writeTombstone({ store: images, time: systemTime }, target.audit, 'operator');
    const polls = await cloud.queue('polls');
    const audit = await readPlan(images, target.audit);
    if (audit) await polls.send(rangesOf(audit));
    if (plan.running > 0 && !(await becomesIdle(polls))) running = plan.running;
    if (audit && running === 0) await keepCost(images, audit);
  }
  const row = progress.row('purged', plan.versions.bucket + plan.versions.backup);
  const done = { bucket: 0, backup: 0 };
  const renditions = new Set<string>();
  for (const [name, store] of [
    ['bucket', images],
    ['backup', backup],
  ] as const) {
    let batch: ObjectVersion[] = [];
    const destroy = async () => {
      await destroyVersions(store, batch);
      done[name] += batch.length;
      row.update(done.bucket + done.backup);
      batch = [];
    };
    for await (const version of versionsUnder(cloud, store, target)) {
      // poll cancels predictions by their bindings, so records are kept until it has.
      const isRecord =
        !parseImageKey(imageOfRendition(version.key)) && !version.key.startsWith(ROUNDS_PREFIX);
      if (running > 0 && name === 'bucket' && isRecord) continue;
      if (isRendition(version.key)) renditions.add(version.key);
      if (batch.push(version) === BATCH) await destroy();
    }
    await destroy();
  }
  return { versions: done, images: record.images.length, renditions: renditions.size, running };
}

/** The rounds of an audit, as either bucket has them. */
const roundsOf = async ({ images, backup }: Pick<Cloud, 'images' | 'backup'>, audit: string) =>
  new Set([...(await roundsOfAudit(images, audit)), ...(await roundsOfAudit(backup, audit))]);

/**
 * Hides an image in the rounds of its audit and destroys its copies. An empty object takes the place of each, which nobody may
 * read: a request that is copying the image at this moment finds the place taken.
 */
async function purgeFromRounds(images: S3Store, { audit, image }: PurgeTarget): Promise<void> {
  for (const round of await roundsOfAudit(images, audit)) {
    const plan = (await readRound(images, round)) ?? (await readDraft(images, round));
    if (!plan) continue;
    const opaque = opaqueOf(plan, `${audit}/${image}`);
    if (opaque === undefined) continue;
    const tags = { retention: plan.retention };
    await images.create(reportedKey(round, opaque, 'purged'), '', { tags });
    const key = itemKey(round, opaque);
    do await images.destroy(key);
    while (!(await images.create(key, '', { tags: { ...tags, status: 'purged' } })));
  }
}

/** The name of an image in a round; undefined if the round does not show it. */
const opaqueOf = ({ secret, items, practice }: RoundPlan, image: string): string | undefined =>
  [...items, ...practice].some((item) => item.image === image) ? opaqueName(secret, image) : undefined;

/** The records that say what an audit has cost are about to go; the ledger of its month keeps the amount. */
async function keepCost(store: S3Store, plan: Plan): Promise<void> {
  const books = new Books({ store, time: systemTime, chance: systemChance });
  await books.open();
  await books.finish(plan);
}

export const describeTarget = ({ audit, image }: PurgeTarget) =>
  image === undefined ? `audit ${audit}` : `image images/${audit}/${image}`;
const isRendition = (key: string) =>
  parseImageKey(key) === undefined && parseImageKey(imageOfRendition(key)) !== undefined;
const imageKeyOf = ({ audit, image }: PurgeTarget) => `${imagesPrefix(audit)}${image}`;

async function* versionsUnder(
  cloud: Cloud,
  store: S3Store,
  target: PurgeTarget,
): AsyncGenerator<ObjectVersion> {
  if (target.image !== undefined) {
    const image = imageKeyOf(target);
    for (const key of [image, renditionOf(image)])
      for await (const version of listVersions(store, key)) if (version.key === key) yield version;
    return;
  }
  // Before the references by which they are found.
  for (const round of await roundsOf(cloud, target.audit)) yield* listVersions(store, roundPrefix(round));
  for (const prefixOf of [imagesPrefix, renditionsPrefix, auditPrefix, leasesPrefix])
    yield* listVersions(store, prefixOf(target.audit));
}

/** The SHA-256 of a version in hex, from S3 or from its bytes; undefined if it is quarantined or missing. */
async function checksum(store: S3Store, key: string, versionId: string): Promise<string | undefined> {
  try {
    const { ChecksumSHA256 } = await store.client.send(
      new HeadObjectCommand({
        Bucket: store.bucket,
        Key: key,
        VersionId: versionId,
        ChecksumMode: 'ENABLED',
      }),
    );
    return ChecksumSHA256 ? hexOf(ChecksumSHA256) : await hashObject(store, key, versionId);
  } catch (error) {
    if (isForbidden(error) || isMissing(error)) return undefined;
    throw error;
  }
}

/** Adds the SHA-256 that the result records. @throws {CommandError} without a result: the cell would store its image again */
async function addResultHash(
  images: S3Store,
  target: PurgeTarget,
  hashes: Map<string, Set<string>>,
): Promise<void> {
  const key = imageKeyOf(target);
  const { audit, cell } = parseImageKey(key)!;
  const result = (await images.readJson<Result>(resultKey(audit, cell)))?.value;
  if (!result && (await readPlan(images, audit)))
    throw new CommandError(
      EXIT.refused,
      `Prediction ${cellName(cell)} of audit ${audit} is not finished and would store the image again. Cancel the audit first: npx weaudit cancel ${audit}`,
    );
  const image = result?.images.filter(isStored).find((stored) => stored.key === key);
  if (image) hashes.set(key, (hashes.get(key) ?? new Set()).add(image.sha256));
}

/** Waits until nothing is due: poll has then canceled the predictions. @returns false after a minute */
async function becomesIdle(queue: CellQueue): Promise<boolean> {
  for (const until = Date.now() + IDLE_WITHIN_MS; ; await setTimeout(1_000)) {
    if (await queue.isIdle()) return true;
    if (Date.now() > until) return false;
  }
}

/** Predictions without a result; none once a deletion is older than a prediction can run. */
async function countRunning(images: S3Store, { id, cells }: Plan, now: Date): Promise<number> {
  const deleted = await images.head(deletedKey(id));
  if (deleted && now.getTime() - deleted.modified.getTime() > PREDICTION_LIVES_MS) return 0;
  const progress = await readProgress(images, { audit: id, from: 0, to: cells - 1 });
  return [...progress.values()].filter(({ boundAt, ended }) => boundAt && !ended).length;
}

function mergeImages(before: PurgeRecord['images'], now: PurgeRecord['images']): PurgeRecord['images'] {
  const merged = new Map(before.map(({ key, sha256 }) => [key, new Set(sha256)]));
  for (const { key, sha256 } of now) merged.set(key, new Set([...(merged.get(key) ?? []), ...sha256]));
  return [...merged].map(([key, set]) => ({ key, sha256: [...set] }));
}
