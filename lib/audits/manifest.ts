import { stringify } from 'csv-stringify/sync';
import type { ImageCounts } from '../contract/answers.ts';
import { countImages } from '../contract/counted.ts';
import { fileName } from '../image-file.ts';
import { wordsFor } from '../images/verdict.ts';
import type { ObjectStore, TemporaryFile, Time, WithTemporaryFile } from '../ports.ts';
import { type Range, rangesOf } from '../records/blocks.ts';
import { type Judgement, listJudgements } from '../records/judgement.ts';
import { manifestKey } from '../records/keys.ts';
import { pairOf } from '../records/pairs.ts';
import { cellAt, isImported, type Plan, shownPlan } from '../records/plan.ts';
import { isStored, type StoredImage } from '../records/result.ts';
import { readResult, readSummaries } from '../records/summary.ts';
import { resultFacts, seenOf } from './read.ts';
import { factorNames } from './rows.ts';

const UPLOAD_MS = 120_000;

export interface ManifestDeps {
  images: ObjectStore;
  withTemporaryFile: WithTemporaryFile;
  time: Time;
}

/**
 * Writes the manifest of an audit whose cells have all ended: every cell with what was asked and what came, as
 * JSON, and one row an image (a cell without one has one row too) as CSV. Both are made in temporary files,
 * so that ten thousand cells take no more memory than a hundred. The functions compress them, because a row repeats its prompt and
 * may be one of a million, and the disk of a function has 512 MB. The JSON comes last: it says that all is there.
 * @returns how the cells ended
 */
export async function writeManifest(deps: ManifestDeps, plan: Plan): Promise<Record<string, number>> {
  const counts: Record<string, number> = {
    ...{ succeeded: 0, failed: 0, refused: 0, canceled: 0 },
    // Of images; `images` are those that are stored, whatever was found of them.
    ...{ images: 0, ...countImages([]) },
  };
  const add = (name: string, more: number) => {
    counts[name] = (counts[name] ?? 0) + more;
  };
  const markEqual = equalityMarker(plan);
  await deps.withTemporaryFile(async (json) =>
    deps.withTemporaryFile(async (csv) => {
      await json.append(
        `{"audit":${JSON.stringify(shownPlan(plan))},"createdAt":"${deps.time.now().toISOString()}","cells":[`,
      );
      const factors = factorNames(plan.prompts);
      await csv.append(BYTE_ORDER_MARK + csvLine(csvHeader(plan, factors)));
      for (const range of rangesOf(plan)) {
        const cells = await readCells(deps, plan, range);
        for (const cell of cells) {
          markEqual(cell);
          add(cell.status, 1);
          add('images', cell.images.length - lostOf(cell));
          for (const [name, count] of Object.entries(imageCounts(cell))) add(name, count);
        }
        const text = cells.map((cell) => JSON.stringify(cell)).join(',\n');
        await json.append(`${range.from === 0 ? '\n' : ',\n'}${text}`);
        await csv.append(
          cells
            .flatMap((cell) => csvRows(plan, factors, cell))
            .map(csvLine)
            .join(''),
        );
      }
      await json.append('\n]}\n');
      const tags = { retention: plan.retention };
      const metadata = Object.fromEntries(
        Object.entries(counts).map(([name, count]) => [name, String(count)]),
      );
      await upload(deps, manifestKey(plan.id, 'csv'), csv, { contentType: 'text/csv; charset=utf-8', tags });
      await upload(deps, manifestKey(plan.id, 'json'), json, {
        contentType: 'application/json',
        tags,
        metadata,
      });
    }),
  );
  return counts;
}

type ManifestCell = Awaited<ReturnType<typeof readCells>>[number];

const lostOf = ({ images }: ManifestCell) => images.filter((image) => !('key' in image)).length;

/** A cell's images by the names under which they are counted. */
const imageCounts = (cell: ManifestCell): ImageCounts =>
  countImages([
    { ...cell, images: cell.images.map((image) => ('key' in image ? image : { status: 'lost' })) },
  ]);

/**
 * Says of each image which earlier one of the same prompt and model has the same bytes (`sameAs`): a model that returns
 * one file for several seeds ignores them. To be called for all cells in their order.
 */
function equalityMarker(plan: Plan): (cell: ManifestCell) => void {
  let column: number | undefined;
  let first = new Map<string, string>();
  return ({ n, images }) => {
    const next = pairOf(plan, n).pair;
    if (next !== column) first = new Map();
    column = next;
    for (const image of images) {
      if (!('key' in image)) continue;
      const same = first.get(image.sha256);
      if (same) image.sameAs = same;
      else first.set(image.sha256, image.key);
    }
  };
}

async function readCells({ images }: ManifestDeps, plan: Plan, { from, to }: Range) {
  const [summed, judgements] = await Promise.all([
    readSummaries(images, plan, { from, to }),
    listJudgements(images, plan.id, from, to),
  ]);
  const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  return Promise.all(
    numbers.map(async (n) => {
      const result = summed.get(n) ?? (await readResult(images, plan.id, n));
      const { prompt, model, sample } = cellAt(plan, n);
      return {
        n,
        prompt: prompt.text,
        factors: prompt.factors ?? {},
        model: model.model,
        version: model.version ?? 'undisclosed',
        sample,
        ...resultFacts(result),
        ...(result.reading ? { reading: result.reading } : {}),
        input: result.sent.input,
        images: result.images.map((image) => {
          if (!isStored(image)) return image;
          const found = judgements.get(n)?.get(image.index);
          const file = found?.status === 'ok' && `images/${fileName(n, image.index, image.contentType)}`;
          return { ...image, ...(found && judged(found)), ...(file ? { file } : {}) } as ManifestImage;
        }),
      };
    }),
  );
}

/** An image that is stored; what was found of it is absent if it was never judged. `file` is its path in a download. */
type ManifestImage = StoredImage & Partial<ReturnType<typeof judged>> & { file?: string; sameAs?: string };

function judged(found: Judgement) {
  const { status, format, decoded } = found;
  const reason = wordsFor(format, decoded?.reason);
  return { ...seenOf(found), status, ...(reason ? { reason } : {}) };
}

const CELL_COLUMNS = [
  'n',
  'prompt',
  'model',
  'version',
  'sample',
  'seed',
  'seedSource',
  'status',
  'error',
] as const;
/** Of each cell, not of each image. `refusal` is the rule that read the error as one. */
const COUNT_COLUMNS = ['refusal', 'asked', 'returned', 'filtered', 'lost', 'quarantined', 'blank'] as const;
const TIME_COLUMNS = ['askedAt', 'completedAt', 'predictTime', 'predictionId'] as const;
/** Columns of an image, and its members that they show. A cell has columns of the names that are prefixed here. */
const IMAGE_COLUMNS = {
  index: 'index',
  key: 'key',
  file: 'file',
  sha256: 'sha256',
  bytes: 'bytes',
  contentType: 'contentType',
  width: 'width',
  height: 'height',
  imageStatus: 'status',
  imageError: 'error',
  imageReason: 'reason',
  imageBlank: 'blank',
  animated: 'animated',
  alpha: 'alpha',
  c2pa: 'c2pa',
  sameAs: 'sameAs',
};

/** Columns of an imported audit alone. */
const importColumns = (plan: Plan): Record<string, string> =>
  isImported(plan) ? { source: 'imported', importedBy: plan.createdBy } : {};

const csvHeader = (plan: Plan, factors: string[]) => [
  ...CELL_COLUMNS,
  ...COUNT_COLUMNS,
  ...factors.map((name) => `factor:${name}`),
  ...TIME_COLUMNS,
  ...Object.keys(importColumns(plan)),
  ...Object.keys(IMAGE_COLUMNS),
];

function csvRows(plan: Plan, factors: string[], cell: ManifestCell): unknown[][] {
  const facts: Partial<Record<string, unknown>> = {
    ...cell,
    ...imageCounts(cell),
    // Nobody knows how many of an import its model has dropped.
    ...(isImported(plan) ? { filtered: undefined } : {}),
    refusal: cell.reading?.refusal?.family,
    error: guarded(cell.error),
  };
  const start = [
    ...CELL_COLUMNS.map((name) => facts[name]),
    ...COUNT_COLUMNS.map((name) => facts[name]),
    // Not every prompt has every factor, and a name may be one that all objects have.
    ...factors.map((name) => (Object.hasOwn(cell.factors, name) ? cell.factors[name] : undefined)),
    ...TIME_COLUMNS.map((name) => facts[name]),
    ...Object.values(importColumns(plan)),
  ];
  // As many fields as any other row: strict readers of CSV refuse a short one.
  const images = cell.images.length > 0 ? cell.images : [{}];
  return images.map((image) => {
    const of = image as Partial<Record<string, unknown>>;
    return [
      ...start,
      ...Object.values(IMAGE_COLUMNS).map((member) =>
        member === 'error' ? guarded(of[member]) : of[member],
      ),
    ];
  });
}

/** Without it Excel takes UTF-8 for the encoding of the reader's country. */
const BYTE_ORDER_MARK = '\ufeff';
const csvLine = (row: unknown[]): string => stringify([row]);

const LIKE_A_FORMULA = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/;
/** The words of others that begin like a formula, in quotes, as in JSON: a spreadsheet would run them. What was requested is never changed. */
const guarded = (words: unknown): unknown =>
  typeof words === 'string' && LIKE_A_FORMULA.test(words) ? JSON.stringify(words) : words;

async function upload(
  { images, time }: ManifestDeps,
  key: string,
  file: TemporaryFile,
  about: Parameters<ObjectStore['create']>[2],
) {
  await images.createFromStream(key, file.content(), file.bytes, about ?? {}, time.timeout(UPLOAD_MS));
}
