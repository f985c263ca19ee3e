import type { ObjectStore } from '../../lib/ports.ts';
import { isAuditId, parseImageKey } from '../../lib/records/keys.ts';

/** What is left of something that must not exist: that it was, what it hashed to, and why it is gone. */
export interface PurgeRecord {
  /** The image, or the audit whose images these were. */
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

/** What is to be purged: an audit, or one image of it (`<n>/<i>`). */
export interface PurgeTarget {
  audit: string;
  image?: string;
}

/** An audit's id, or an image's key, or `s3://bucket/` and an image's key. Undefined for anything else. */
export function parsePurgeTarget(text: string): PurgeTarget | undefined {
  if (isAuditId(text)) return { audit: text };
  const image = parseImageKey(text.replace(/^s3:\/\/[^/]+\//, ''));
  if (!image) return undefined;
  const [, , n, i] = text.replace(/^s3:\/\/[^/]+\//, '').split('/');
  return { audit: image.audit, image: `${n}/${i}` };
}

/** What was purged of an audit: image keys, and the record of the whole where it was purged. */
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
