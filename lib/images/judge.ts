import { parseImageKey } from '../storage/keys.ts';
import type { ObjectStore } from '../storage/objects.ts';
import { isWhole, measure, sniffFormat } from './formats.ts';
import { type Judgement, judgementKey } from './judgement.ts';

/** Enough for the header of every format, behind a camera's EXIF data too. */
const HEAD_BYTES = 128 * 1024;
const TAIL_BYTES = 64;
/** An image that claims more is no picture but an attack on whoever decodes it. */
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

/** `small` up to 512 × 512 pixels, `medium` up to 1024 × 1024, else `large`. */
export function sizeClass({ width, height }: Judgement): 'small' | 'medium' | 'large' {
  const pixels = width * height;
  return pixels <= 512 ** 2 ? 'small' : pixels <= 1024 ** 2 ? 'medium' : 'large';
}

/**
 * Judges a stored image, merges what was found into its tags, and records it. Running it again changes nothing.
 * @returns undefined where there is no such image any more
 */
export async function judgeImage(store: ObjectStore, key: string): Promise<Judgement | undefined> {
  const image = parseImageKey(key);
  if (!image) return undefined;
  const [start, tags] = await Promise.all([
    store.readRange(key, `bytes=0-${HEAD_BYTES - 1}`),
    store.tags(key),
  ]);
  if (!start || !tags) return undefined;
  const { bytes: head, total } = start;
  const tail =
    total > head.length
      ? (await store.readRange(key, `bytes=-${TAIL_BYTES}`))?.bytes
      : head.subarray(-TAIL_BYTES);
  if (!tail) return undefined;
  const found = judge(head, tail, total);
  const merged = { ...tags, status: found.status, format: found.format, size: sizeClass(found) };
  if (!(await store.setTags(key, merged))) return undefined;
  await store.create(judgementKey(image.audit, image.cell, image.index, found), '', {
    tags: tags.retention ? { retention: tags.retention } : {},
  });
  return found;
}
