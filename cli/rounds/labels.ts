import { join } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import pLimit from 'p-limit';
import type { Given } from '../../lib/contract/round-request.ts';
import { type Entry, entryOf } from '../../lib/download/entries.ts';
import { type FindingsInput, imageOf, materialOf } from '../../lib/findings/facts.ts';
import { ratingsOf, sheetsOf, variablesOf, verdictOf } from '../../lib/findings/ratings.ts';
import { writeLines } from '../download/download.ts';
import { fetchFile } from '../download/image-file.ts';
import { metadataLines } from '../download/image-folder.ts';
import { createFolder } from '../exit.ts';
import type { Progress } from '../progress.ts';
import type { Located, RoundFacts } from './read.ts';

/** One label with the picture that it is about. */
export interface LabelRow {
  audit: string;
  cell: number;
  index: number;
  sha256: string | null;
  prompt: string;
  factors: Record<string, string>;
  model: string;
  sample: number;
  /** As text: some have more digits than a number holds. */
  seed: string | null;
  seedSource: string;
  /** `3.1` is the first rater of slot 3. */
  rater: string;
  showing: 1 | 2;
  question: string;
  answer: Given;
}

/** All labels that count, in the order of pictures, questions and raters. */
export function labelRows({ input, located }: RoundFacts): LabelRow[] {
  const { codebook, images, snapshot } = input;
  return snapshot.labels.flatMap(([item, question, rater, answer, showing]) => {
    const [audit = '', cell, index] = images[item]!.split('/');
    const found = located.get(images[item]!);
    if (!found) return [];
    const { prompt, factors = {}, model, sample, seed, seedSource } = found.prediction;
    return {
      ...{ audit, cell: Number(cell), index: Number(index) },
      sha256: ('sha256' in found.image && found.image.sha256) || null,
      ...{ prompt, factors, model, sample, seed: seed === null ? null : String(seed), seedSource },
      ...{ rater, showing, question: codebook.questions[question]!.id, answer },
    };
  });
}

/** With a byte order mark, as all CSV here: without it Excel takes UTF-8 for the encoding of the reader's country. */
export function labelsAsCsv(rows: readonly LabelRow[]): string {
  const factors = [...new Set(rows.flatMap((row) => Object.keys(row.factors)))];
  const head = [
    ...['audit', 'cell', 'index', 'sha256', 'prompt', ...factors.map((name) => `factor:${name}`)],
    ...['model', 'sample', 'seed', 'seedSource', 'rater', 'showing', 'question', 'answer'],
  ];
  return `\ufeff${stringify([
    head,
    ...rows.map((row) => [
      ...[row.audit, row.cell, row.index, row.sha256, row.prompt],
      ...factors.map((name) => (Object.hasOwn(row.factors, name) ? row.factors[name] : '')),
      ...[row.model, row.sample, row.seed, row.seedSource, row.rater, row.showing, row.question],
      [row.answer].flat().join(' '),
    ]),
  ])}`;
}

export const labelsAsJsonLines = (rows: readonly LabelRow[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** What raters said of a picture, as columns of a data set: the majority of each question, and each rating. */
export function labelColumns(input: FindingsInput): (item: number) => Record<string, unknown> {
  const { codebook, snapshot } = input;
  const sheets = sheetsOf(codebook, snapshot);
  const variables = variablesOf(codebook).map((variable) => ({
    variable,
    name: `${variable.question.id}${variable.answer === undefined ? '' : `_${variable.answer}`}`,
    ratings: ratingsOf(variable, codebook, sheets),
  }));
  return (item) =>
    Object.fromEntries(
      variables.flatMap(({ variable, name, ratings }) => {
        const given = ratings.get(item) ?? [];
        const most = variable.codes.find((_, code) => verdictOf(variable, given, code).kind === 'with');
        return [
          // Of one type in every line: the loader takes the types from the first.
          [`majority_${name}`, most ?? null],
          [`ratings_${name}`, given.map(({ code }) => variable.codes[code])],
        ];
      }),
    );
}

export interface ImageFolder {
  folder: string;
  images: number;
  failed: { file: string; error: string }[];
}

const FOLDER = 'train';

/**
 * Downloads the rated pictures with `metadata.jsonl`, for the `imagefolder` loader of Hugging Face `datasets`. Reported pictures are
 * left out. Intact files are not fetched again.
 */
export async function writeImageFolder(
  { input, located }: RoundFacts,
  folder: string,
  parallel: number,
  progress: Progress,
): Promise<ImageFolder> {
  const { images, snapshot } = input;
  const hidden = new Set(snapshot.reported);
  const itemAt = new Map(images.flatMap((image, item) => (hidden.has(item) ? [] : [[image, item]])));
  const entries = entriesOf(images, located, itemAt);
  const row = progress.row('images', itemAt.size);
  const limit = pLimit(parallel);
  const failed: ImageFolder['failed'] = [];
  let done = 0;
  await createFolder(join(folder, FOLDER));
  await Promise.all(
    entries.flatMap((entry) =>
      entry.images.map((image) =>
        limit(async () => {
          const { image: stored } = located.get(imageOf(entry.audit, entry.n, image.index))!;
          try {
            if (stored.status !== 'ok' || !stored.url) throw new Error('the image is no longer available');
            const { url, sha256 = '', bytes = 0 } = stored;
            await fetchFile(url, join(folder, image.file!), { sha256, bytes });
          } catch (error) {
            failed.push({
              file: image.file ?? imageOf(entry.audit, entry.n, image.index),
              error: (error as Error).message,
            });
            image.file = undefined;
          }
          row.update(++done);
        }),
      ),
    ),
  );
  const columns = labelColumns(input);
  const { factors, reference } = materialOf(input);
  const lines = metadataLines(
    entries,
    reference === undefined ? factors : [...factors, reference],
    (entry, image) => ({
      audit: entry.audit,
      ...columns(itemAt.get(imageOf(entry.audit, entry.n, image.index))!),
    }),
  );
  await writeLines(join(folder, FOLDER, 'metadata.jsonl'), lines);
  return { folder, images: itemAt.size - failed.length, failed };
}

/** Predictions with those of their images that are rated, each audit in a folder of its own. */
function entriesOf(
  images: readonly string[],
  located: ReadonlyMap<string, Located>,
  itemAt: ReadonlyMap<unknown, unknown>,
): (Entry & { audit: string })[] {
  const entries = new Map<string, Entry & { audit: string }>();
  for (const name of images) {
    const found = located.get(name);
    if (!found || !itemAt.has(name)) continue;
    const { audit, prediction } = found;
    const key = `${audit}/${prediction.n}`;
    if (entries.has(key)) continue;
    const entry = { ...entryOf(prediction, `${FOLDER}/${audit}`), audit };
    entries.set(key, {
      ...entry,
      images: entry.images.filter(({ index }) => itemAt.has(imageOf(audit, prediction.n, index))),
    });
  }
  return [...entries.values()].sort(
    (one, other) => (one.audit < other.audit ? -1 : one.audit > other.audit ? 1 : 0) || one.n - other.n,
  );
}
