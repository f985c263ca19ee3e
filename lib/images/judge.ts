import { isDeepStrictEqual } from 'node:util';
import { sizeClass } from '../limits.ts';
import type { ObjectStore } from '../ports.ts';
import { type Judgement, type Judgements, judgementKeys } from '../records/judgement.ts';
import { imageKey } from '../records/keys.ts';
import { isWhole, measure, sniffFormat } from './formats.ts';

/** Enough for the header of every format, behind a camera's EXIF data too. */
const HEAD_BYTES = 128 * 1024;
const TAIL_BYTES = 64;
/** Images that are looked at, and held in memory by their heads, at once. */
const PARALLEL = 4;
/** An image that claims more is an attack on programs that decode it. */
const MAX_PIXELS = 100_000_000;

const UNSOUND: Judgement = { status: 'quarantined', format: 'unknown', width: 0, height: 0 };

/**
 * Judges an image by its head and trailer, without decoding it: a known format, a believable size, an end where
 * the format has its end.
 */
export function judge(head: Buffer, tail: Buffer, total: number): Judgement {
  const format = sniffFormat(head);
  if (!format) return UNSOUND;
  const size = measure(format, head);
  const sound =
    size !== undefined &&
    size.width > 0 &&
    size.height > 0 &&
    size.width * size.height <= MAX_PIXELS &&
    isWhole(format, head, tail, total);
  return { status: sound ? 'ok' : 'quarantined', format, width: size?.width ?? 0, height: size?.height ?? 0 };
}

/** What was found of a stored image, and the tags that it has now. */
interface Judged {
  found: Judgement;
  tags: Record<string, string>;
}

/**
 * Judges a stored image and merges what was found into its tags. Running it again changes nothing, and tags that
 * say it already are not written again: that would start the backup again.
 * @returns undefined where there is no such image any more
 */
export async function judgeImage(store: ObjectStore, key: string): Promise<Judged | undefined> {
  const [start, existing] = await Promise.all([
    store.readRange(key, `bytes=0-${HEAD_BYTES - 1}`),
    store.tags(key),
  ]);
  if (!start || !existing) return undefined;
  const { bytes: head, total } = start;
  const tail =
    total > head.length
      ? (await store.readRange(key, `bytes=-${TAIL_BYTES}`))?.bytes
      : head.subarray(-TAIL_BYTES);
  if (!tail) return undefined;
  const found = judge(head, tail, total);
  const tags = { ...existing, status: found.status, format: found.format, size: sizeClass(found) };
  if (!isDeepStrictEqual(tags, existing) && !(await store.setTags(key, tags))) return undefined;
  return { found, tags };
}

/**
 * Judges images of one cell and records what was found, once for all of them. The record comes last: a
 * run that dies before it is repeated, and a run that fails at one image has tagged the others.
 * @param indexes places of the images; one that is gone is left out, and without any there is no record
 */
export async function judgeCell(
  store: ObjectStore,
  audit: string,
  cell: number,
  indexes: readonly number[],
): Promise<Judgements> {
  const judged: (Judged | undefined)[] = [];
  const next = indexes.entries();
  const worker = async () => {
    for (const [place, index] of next) judged[place] = await judgeImage(store, imageKey(audit, cell, index));
  };
  const ends = await Promise.allSettled(Array.from({ length: PARALLEL }, worker));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  const found: Judgements = new Map();
  for (const [place, index] of indexes.entries()) {
    const image = judged[place];
    if (image) found.set(index, image.found);
  }
  const retention = judged.find((image) => image?.tags.retention)?.tags.retention;
  for (const key of judgementKeys(audit, cell, found))
    await store.create(key, '', { tags: retention ? { retention } : {} });
  return found;
}
