import type { ObjectStore } from '../ports.ts';
import type { Range } from '../records/blocks.ts';
import { judgementsByCell } from '../records/judgement.ts';
import { imagesPrefix, markersPrefix, parseImageKey, resultKey } from '../records/keys.ts';
import { listCells } from '../records/progress.ts';
import { isStored, type Result } from '../records/result.ts';

export interface UnsafeDeps {
  images: ObjectStore;
  backup: ObjectStore;
}

/** Images of one cell that lack their judgement or their copy. */
export interface Unsafe {
  cell: number;
  /** When the last of them was stored. */
  since: Date;
  /** Whether any of them lacks its judgement. */
  unjudged: boolean;
  /** The keys of those that lack their copy. */
  uncopied: string[];
}

/** A model mostly makes up to four images. */
const IMAGES_A_CELL = 4;

/** What is not judged or not copied, cell by cell: by three LISTs that go along beside each other. */
export async function* unsafeByCell(
  { images, backup }: UnsafeDeps,
  range: Range,
  { isImported }: { isImported: boolean },
): AsyncGenerator<Unsafe> {
  const { audit, from, to } = range;
  const empty = isImported ? await cellsWithoutPicture(images, range) : new Set();
  const prefix = imagesPrefix(audit);
  const judgements = judgementsByCell(images, audit, from, to);
  const copies = listCells(backup, prefix, range, IMAGES_A_CELL);
  const originals = listCells(images, prefix, range, IMAGES_A_CELL);
  let [original, judged, copy] = await Promise.all([originals.next(), judgements.next(), copies.next()]);
  let open: Unsafe | undefined;
  for (; !original.done; original = await originals.next()) {
    const { key, cell, bytes, modified } = original.value;
    const index = parseImageKey(key)?.index;
    if (index === undefined || empty.has(cell)) continue;
    while (!judged.done && judged.value.cell < cell) judged = await judgements.next();
    while (!copy.done && copy.value.key < key) copy = await copies.next();
    const isJudged = !judged.done && judged.value.cell === cell && judged.value.found.has(index);
    const isCopied = !copy.done && copy.value.key === key && copy.value.bytes === bytes;
    if (isJudged && isCopied) continue;
    if (open && open.cell !== cell) {
      yield open;
      open = undefined;
    }
    open ??= { cell, since: modified, unjudged: false, uncopied: [] };
    if (modified > open.since) open.since = modified;
    open.unjudged ||= !isJudged;
    if (!isCopied) open.uncopied.push(key);
  }
  if (open) yield open;
}

/**
 * Cells of an import whose results name no picture. What is there all the same came too late, or with a header that changes what
 * browsers show: it stays pending, and nothing waits for it.
 */
async function cellsWithoutPicture(images: ObjectStore, range: Range): Promise<Set<number>> {
  const marked = new Set<number>();
  for await (const { cell } of listCells(images, markersPrefix(range.audit), range)) marked.add(cell);
  const results = await Promise.all(
    // A marker is written before its result.
    [...marked].map((cell) => images.readJson<Result>(resultKey(range.audit, cell))),
  );
  return new Set(
    results.flatMap((read) => (read && !read.value.images.some(isStored) ? read.value.cell : [])),
  );
}
