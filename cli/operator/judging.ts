import type { ObjectStore, Time } from '../../lib/ports.ts';
import {
  everyJudgement,
  holding,
  type Judgement,
  type Judgements,
  listJudgements,
} from '../../lib/records/judgement.ts';
import {
  cellName,
  cellRenditionsPrefix,
  imageOfRendition,
  imagesPrefix,
  parseImageKey,
  renditionKey,
  renditionsPrefix,
} from '../../lib/records/keys.ts';
import { requestJudgement } from '../../lib/records/result.ts';
import { systemTime } from '../../lib/system.ts';

/** Images of one cell that `tag` is to judge. */
export interface CellToJudge {
  cell: number;
  indexes: readonly number[];
}

export interface Judging {
  /** Whether `tag` is done with an image that was judged so. */
  isDone: (judgement: Judgement | undefined, hasRendition: boolean) => boolean;
  /** Called with each cell when all of its images are done, and with what holds of them. */
  onDone?: (cell: CellToJudge, found: Judgements) => void;
  time?: Time;
}

/** Cells that are judged at once. A new account has ten concurrent functions, and webhook and dispatch need some of them. */
const AT_ONCE = 8;
const POLL_MS = 1_000;
/** `tag` may need its time for a cell, and Lambda repeats an event that failed after one minute and after two more. */
export const PATIENCE_MINUTES = 5;

/** What to do when `tag` does not answer. @param meaning what it means, as sentences @param stage the flag that chooses it */
export const explainSilence = (meaning: string, stage: string): string =>
  `tag has judged nothing for ${PATIENCE_MINUTES} minutes. ${meaning} See whether its events failed: npx weaudit redrive tag --list ${stage}. Its log says more. Then run the same command again; it continues.`;

/** What an image is judged to be by the decoder: of this version at least, and with its rendition if it is shown. */
export const isDecoded = (judgement: Judgement | undefined, hasRendition: boolean, version = 0): boolean => {
  if (!judgement?.decoded) return false;
  if (judgement.decoded.reason === 'purged') return true;
  return judgement.decoded.version >= version && (judgement.status === 'quarantined' || hasRendition);
};

/** What `tag` left of some cells, or of all: judgements by cell, and the keys of renditions. By LISTs alone. */
export async function readJudged(images: ObjectStore, audit: string, from: number, to: number) {
  const judgements = await listJudgements(images, audit, from, to);
  const renditions = new Set<string>();
  for await (const { cell, index } of listCells(images, renditionsPrefix(audit), from, to))
    renditions.add(renditionKey(audit, cell, index));
  return { judgements, renditions };
}

/** Images or renditions of some cells, in the order of their keys. */
async function* listCells(images: ObjectStore, prefix: string, from: number, to: number) {
  for await (const { key } of images.list(prefix, `${prefix}${cellName(from)}`, to - from + 2)) {
    const image = parseImageKey(imageOfRendition(key));
    if (!image) continue;
    if (image.cell > to) return;
    yield image;
  }
}

/** The indexes of the stored images of some cells, by cell. */
export async function listImages(images: ObjectStore, audit: string, from: number, to: number) {
  const found = new Map<number, number[]>();
  for await (const { cell, index } of listCells(images, imagesPrefix(audit), from, to))
    found.set(cell, [...(found.get(cell) ?? []), index]);
  return found;
}

/**
 * Has `tag` judge cells, some at a time, and waits until it has. Nothing else decodes: these bytes are not trusted.
 * @returns the cells that were waited for when `tag` had not answered for `PATIENCE_MINUTES`: then the rest was not begun.
 * And the cells whose prediction has no result: `tag` judges them when it has one.
 */
export async function judgeCells(
  images: ObjectStore,
  audit: string,
  cells: AsyncIterable<CellToJudge> | Iterable<CellToJudge>,
  { isDone, onDone, time = systemTime }: Judging,
): Promise<{ unanswered: CellToJudge[]; unfinished: CellToJudge[] }> {
  const open = new Map<number, CellToJudge & { seen: number }>();
  const source = (async function* () {
    yield* cells;
  })();
  let answeredAt = time.monotonic();
  let isMore = true;
  const unfinished: CellToJudge[] = [];
  for (;;) {
    while (isMore && open.size < AT_ONCE) {
      const { done, value: next } = await source.next();
      if (done) isMore = false;
      else if (await requestJudgement(images, audit, next.cell)) open.set(next.cell, { ...next, seen: 0 });
      else unfinished.push(next);
    }
    if (open.size === 0) return { unanswered: [], unfinished };
    await time.sleep(POLL_MS);
    const read = [...open.values()].map(async (cell) => [cell, await readCell(images, audit, cell)] as const);
    for (const [cell, { said, renditions }] of await Promise.all(read)) {
      // A cell of many images gets a record for every eight of them.
      const seen = [...said.values()].flat().length + renditions.size;
      if (seen > cell.seen) answeredAt = time.monotonic();
      cell.seen = seen;
      const isAnswered = cell.indexes.every((index) =>
        said.get(index)?.some((judgement) => isDone(judgement, renditions.has(index))),
      );
      if (!isAnswered) continue;
      open.delete(cell.cell);
      onDone?.(cell, new Map([...said].map(([index, all]) => [index, all.reduce(holding)])));
    }
    if (time.monotonic() - answeredAt > PATIENCE_MINUTES * 60_000) {
      await source.return();
      return { unanswered: [...open.values()], unfinished };
    }
  }
}

/**
 * What `tag` left of one cell: all judgements, because an older one may hold against the answer, and the indexes of
 * renditions. These are read only if all images have a judgement.
 */
async function readCell(images: ObjectStore, audit: string, { cell, indexes }: CellToJudge) {
  const said = await everyJudgement(images, audit, cell);
  const renditions = new Set<number>();
  if (indexes.every((index) => said.has(index)))
    for await (const { key } of images.list(cellRenditionsPrefix(audit, cell)))
      renditions.add(Number(parseImageKey(imageOfRendition(key))?.index));
  return { said, renditions };
}
