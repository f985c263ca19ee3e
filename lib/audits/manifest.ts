import { stringify } from 'csv-stringify/sync';
import { wordsFor } from '../images/verdict.ts';
import type { ObjectStore, RecordReader, TemporaryFile, Time, WithTemporaryFile } from '../ports.ts';
import { listJudgements } from '../records/judgement.ts';
import { manifestKey, resultKey } from '../records/keys.ts';
import { cellAt, type Plan } from '../records/plan.ts';
import { isStored, type Result } from '../records/result.ts';
import { resultFacts, seenOf } from './read.ts';

/** Results read at a time: enough to keep S3 busy, few enough to hold in memory. */
const CHUNK = 100;
const UPLOAD_MS = 120_000;

export interface ManifestDeps {
  images: ObjectStore;
  readRecord: RecordReader;
  withTemporaryFile: WithTemporaryFile;
  time: Time;
}

/**
 * Writes the manifest of an audit whose cells have all ended: every cell with what was asked and what came, as
 * JSON, and one row an image (a cell without one has one row too) as CSV. Both are made in temporary files,
 * so that ten thousand cells take no more memory than a hundred. The JSON comes last: it says that all is there.
 * @returns how the cells ended
 */
export async function writeManifest(deps: ManifestDeps, plan: Plan): Promise<Record<string, number>> {
  const counts: Record<string, number> = { succeeded: 0, failed: 0, refused: 0, canceled: 0, images: 0 };
  const { request: _request, ...audit } = plan;
  await deps.withTemporaryFile(async (json) =>
    deps.withTemporaryFile(async (csv) => {
      await json.append(
        `{"audit":${JSON.stringify(audit)},"createdAt":"${deps.time.now().toISOString()}","cells":[`,
      );
      await csv.append(csvLine(csvHeader(plan)));
      for (let from = 0; from < plan.cells; from += CHUNK) {
        const cells = await readCells(deps, plan, from, Math.min(plan.cells, from + CHUNK) - 1);
        for (const cell of cells) {
          counts[cell.status] = (counts[cell.status] ?? 0) + 1;
          counts.images = (counts.images ?? 0) + cell.images.filter((image) => 'key' in image).length;
        }
        const text = cells.map((cell) => JSON.stringify(cell)).join(',\n');
        await json.append(`${from === 0 ? '\n' : ',\n'}${text}`);
        await csv.append(
          cells
            .flatMap((cell) => csvRows(plan, cell))
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

async function readCells({ images, readRecord }: ManifestDeps, plan: Plan, from: number, to: number) {
  const judgements = await listJudgements(images, plan.id, from, to);
  const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  return Promise.all(
    numbers.map(async (n) => {
      const result = await readRecord<Result>(resultKey(plan.id, n));
      if (!result)
        throw new Error(`cell ${n} of audit ${plan.id} had a result a moment ago and has none now`);
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
          const found = isStored(image) ? judgements.get(n)?.get(image.index) : undefined;
          if (!found) return image;
          const { status, format, decoded } = found;
          const reason = wordsFor(format, decoded?.reason);
          return { ...image, ...seenOf(found), status, ...(reason ? { reason } : {}) };
        }),
      };
    }),
  );
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
const COUNT_COLUMNS = ['refusal', 'asked', 'returned', 'filtered', 'lost', 'quarantined'] as const;
const TIME_COLUMNS = ['askedAt', 'completedAt', 'predictTime', 'predictionId'] as const;
const IMAGE_COLUMNS = [
  'index',
  'key',
  'sha256',
  'bytes',
  'contentType',
  'width',
  'height',
  'imageStatus',
  'imageError',
];

const factorNames = (plan: Plan) => Object.keys(plan.prompts[0]?.factors ?? {});

const csvHeader = (plan: Plan) => [
  ...CELL_COLUMNS,
  ...COUNT_COLUMNS,
  ...factorNames(plan).map((name) => `factor:${name}`),
  ...TIME_COLUMNS,
  ...IMAGE_COLUMNS,
];

function csvRows(plan: Plan, cell: ManifestCell): unknown[][] {
  const facts: Partial<Record<string, unknown>> = {
    ...cell,
    refusal: cell.reading?.refusal?.family,
    lost: cell.images.filter((image) => !('key' in image)).length,
    quarantined: cell.images.filter((image) => 'status' in image && image.status === 'quarantined').length,
  };
  const start = [
    ...CELL_COLUMNS.map((name) => facts[name]),
    ...COUNT_COLUMNS.map((name) => facts[name]),
    ...factorNames(plan).map((name) => cell.factors[name]),
    ...TIME_COLUMNS.map((name) => facts[name]),
  ];
  // As many fields as any other row: strict readers of CSV refuse a short one.
  if (cell.images.length === 0) return [[...start, ...IMAGE_COLUMNS.map(() => undefined)]];
  return cell.images.map((image) => {
    const of = image as Partial<Record<string, unknown>>;
    return [
      ...start,
      of.index,
      of.key,
      of.sha256,
      of.bytes,
      of.contentType,
      of.width,
      of.height,
      of.status,
      of.error,
    ];
  });
}

/** A prompt that starts like a formula must not become one in a spreadsheet. */
const csvLine = (row: unknown[]): string => stringify([row], { escape_formulas: true });

async function upload(
  { images, time }: ManifestDeps,
  key: string,
  file: TemporaryFile,
  about: Parameters<ObjectStore['create']>[2],
) {
  await images.createFromStream(key, file.content(), file.bytes, about ?? {}, time.timeout(UPLOAD_MS));
}
