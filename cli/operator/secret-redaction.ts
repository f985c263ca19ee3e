import { GetObjectRetentionCommand, GetObjectTaggingCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import type { S3Store } from '../../lib/aws/objects.ts';
import type { Time } from '../../lib/ports.ts';
import { deletedKey, markerKey, parseResultKey, redactedKey } from '../../lib/records/keys.ts';
import { markerName, type Result } from '../../lib/records/result.ts';
import { count, oneLine, table } from '../output.ts';
import type { Cloud } from './cloud.ts';
import { type Holding, readVersion, type SearchedAudit } from './secret-search.ts';
import { destroyAllowed } from './versions.ts';

const MAX_ROWS = 100;

/** Says that an operator removed secrets from records of an audit: `redacted/<a>.json`. */
interface RedactionRecord {
  /** ISO 8601, of the first run. */
  at: string;
  /** Keys of the records that were rewritten. */
  records: string[];
}

/** A version that could not be destroyed. */
export interface KeptVersion {
  bucket: string;
  key: string;
  versionId: string;
  /** Until when a lock protects it, ISO 8601; absent if the reason is another one, such as a missing permission. */
  until?: string;
}

export interface Redacted {
  audit: string;
  /** Records that were rewritten, in both buckets. */
  rewritten: number;
  /** Versions that were destroyed. */
  destroyed: number;
  kept: KeptVersion[];
}

/**
 * Rewrites the records of an audit that hold secrets, and destroys the versions that held them. The backup comes first, so
 * that a copy of a rewritten record finds its like there. The buckets take a record only where none is, so each is behind a
 * delete marker for a moment. If the command dies then, `redacted/<a>.json` tells the next run that the marker is ours.
 */
export async function redactAudit(
  { images, backup }: Pick<Cloud, 'images' | 'backup'>,
  found: SearchedAudit,
  time: Time,
  onVersions: (count: number) => void = () => {},
): Promise<Redacted> {
  const { audit, holdings } = found;
  const before = (await images.readJson<RedactionRecord>(redactedKey(audit)))?.value;
  const current = holdings.filter(({ isLatest }) => isLatest).map(({ key }) => key);
  const record: RedactionRecord = {
    at: before?.at ?? time.now().toISOString(),
    records: [...new Set([...(before?.records ?? []), ...current])].sort(),
  };
  await images.replaceJson(redactedKey(audit), record);
  const isDeleted = await images.exists(deletedKey(audit));
  const isHidden = ({ key, isNewest }: Holding) =>
    isNewest && !isDeleted && (before?.records.includes(key) ?? false);
  const done: Redacted = { audit, rewritten: 0, destroyed: 0, kept: [] };
  for (const versions of inOrder(holdings, [backup, images])) {
    const [{ store, key }] = versions;
    const newest = versions.find((holding) => holding.isLatest || isHidden(holding));
    if (newest && (await rewrite(newest, found))) done.rewritten++;
    const refused = await destroyAllowed(store, versions);
    done.destroyed += versions.length - refused.length;
    for (const { versionId } of refused)
      done.kept.push({ bucket: store.bucket, key, versionId, ...(await lockOf(store, key, versionId)) });
    onVersions(versions.length);
  }
  return done;
}

/** Versions by record. The plan is the last: by it the next run knows what to look for in the others. */
function inOrder(holdings: readonly Holding[], stores: readonly S3Store[]): [Holding, ...Holding[]][] {
  const isPlan = ({ key }: Holding) => key.endsWith('/audit.json');
  return [false, true].flatMap((plans) =>
    stores.flatMap((store) => {
      const here = holdings.filter((holding) => holding.store === store && isPlan(holding) === plans);
      const records = Map.groupBy(here, ({ key }) => key);
      return [...records.values()] as [Holding, ...Holding[]][];
    }),
  );
}

/** Creates a record without its secrets. @returns false if another run was quicker */
async function rewrite(holding: Holding, { clean }: SearchedAudit): Promise<boolean> {
  const { store, key, versionId, isLatest } = holding;
  const content = await readVersion(holding);
  if (content === undefined) return false;
  const body = clean(key, content);
  const version = { Bucket: store.bucket, Key: key, VersionId: versionId };
  const { ETag, ContentType, ContentDisposition, Metadata } = await store.client.send(
    new HeadObjectCommand(version),
  );
  const { TagSet = [] } = await store.client.send(new GetObjectTaggingCommand(version));
  const tags = Object.fromEntries(TagSet.map(({ Key, Value }) => [Key!, Value ?? '']));
  const cell = parseResultKey(key);
  // It names the size of the result: without one that does, the result would not count as it did.
  const marker = cell && markerName(JSON.parse(body) as Result, Buffer.byteLength(body));
  if (cell && marker) await store.create(markerKey(cell.audit, cell.cell, marker), '', { tags });
  if (isLatest) await store.deleteIf(key, ETag ?? '');
  return store.create(key, body, {
    ...(ContentType ? { contentType: ContentType } : {}),
    ...(ContentDisposition ? { contentDisposition: ContentDisposition } : {}),
    ...(Metadata ? { metadata: Metadata } : {}),
    tags,
  });
}

/** Until when a lock protects a version, if one does. */
async function lockOf(store: S3Store, key: string, versionId: string): Promise<{ until?: string }> {
  try {
    const { Retention } = await store.client.send(
      new GetObjectRetentionCommand({ Bucket: store.bucket, Key: key, VersionId: versionId }),
    );
    return Retention?.RetainUntilDate ? { until: Retention.RetainUntilDate.toISOString() } : {};
  } catch {
    // Not locked, or nobody may say: then it is the permission that is missing.
    return {};
  }
}

/** What was found of one audit, in a line. Values are never shown. */
export function describeFound({ audit, inputs, isOpen, holdings }: SearchedAudit): string {
  const records = new Set(holdings.map(({ key }) => key)).size;
  const names = inputs.length > 0 ? ` (inputs: ${inputs.map((name) => oneLine(name, 64)).join(', ')})` : '';
  return `${audit}: ${count(holdings.length, 'version')} of ${count(records, 'record')} hold secrets${names}${isOpen ? '. It is not finished: cancel it, or wait' : ''}`;
}

/** What was done, and what a lock keeps from it. */
export function describeRedacted(all: readonly Redacted[]): string {
  const sum = (of: (one: Redacted) => number) => all.reduce((total, one) => total + of(one), 0);
  const kept = all.flatMap((one) => one.kept);
  const rows = kept
    .slice(0, MAX_ROWS)
    .map(({ bucket, key, until }) => [key, bucket, until ? `locked until ${until}` : 'not allowed']);
  return [
    `${count(
      sum((one) => one.rewritten),
      'record',
    )} rewritten without secrets, ${count(
      sum((one) => one.destroyed),
      'version',
    )} destroyed.`,
    ...(kept.length > 0
      ? [
          `${count(kept.length, 'version')} could not be destroyed and still ${kept.length === 1 ? 'holds' : 'hold'} secrets. Run the same command again with s3:BypassGovernanceRetention, or after the lock has ended:`,
          table(['record', 'bucket', 'why'], rows),
        ]
      : []),
    ...(kept.length > MAX_ROWS ? [`… and ${kept.length - MAX_ROWS} more; --json lists all`] : []),
    'Revoke the keys in any case: downloads, logs and people may have them.',
  ].join('\n');
}
