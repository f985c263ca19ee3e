import type { ObjectStore } from '../../lib/ports.ts';
import { isAuditId, parseImageKey } from '../../lib/records/keys.ts';

/** The tombstone of a purge: what was removed, its hashes and the reason. */
export interface PurgeRecord {
  /** The image, or the audit. */
  what: string;
  reason: string;
  /** ISO 8601. */
  at: string;
  images: { key: string; sha256: string[] }[];
}

export const purgedPrefix = (audit: string) => `purged/${audit}/`;
/** `purged/<a>/<n>/<i>` for an image, `purged/<a>/audit` for a whole audit. */
export const purgeKey = (target: PurgeTarget): string =>
  target.image === undefined
    ? `${purgedPrefix(target.audit)}audit`
    : `${purgedPrefix(target.audit)}${target.image}`;

/** What to purge: an audit, or one image of it (`<n>/<i>`). */
export interface PurgeTarget {
  audit: string;
  image?: string;
}

/** Parses the id of an audit, or the key of an image with or without `s3://bucket/`. Undefined for anything else. */
export function parsePurgeTarget(text: string): PurgeTarget | undefined {
  if (isAuditId(text)) return { audit: text };
  const image = parseImageKey(text.replace(/^s3:\/\/[^/]+\//, ''));
  if (!image) return undefined;
  const [, , n, i] = text.replace(/^s3:\/\/[^/]+\//, '').split('/');
  return { audit: image.audit, image: `${n}/${i}` };
}

/** The tombstones of an audit: by image key, and that of the whole audit if it was purged. */
export async function readPurged(
  images: ObjectStore,
  audit: string,
): Promise<{ keys: Map<string, PurgeRecord>; whole: PurgeRecord | undefined }> {
  const keys = new Map<string, PurgeRecord>();
  let whole: PurgeRecord | undefined;
  for await (const { key } of images.list(purgedPrefix(audit))) {
    const record = (await images.readJson<PurgeRecord>(key))?.value;
    if (!record) continue;
    if (key === purgeKey({ audit })) whole = record;
    for (const image of record.images) keys.set(image.key, record);
  }
  return { keys, whole };
}
