import { setTimeout } from 'node:timers/promises';
import type { CellStatus, ImageCounts, Prediction } from '../lib/contract/answers.ts';
import { countedAs, countImages, type Equal, equalInWords, equalOf } from '../lib/contract/counted.ts';
import { statusWord } from '../lib/contract/counts-in-words.ts';
import type { ApiClient } from './api-client.ts';
import { oneLine, table } from './output.ts';

/** Images are judged within moments of being stored. The summary waits no longer than this. */
const JUDGED_WITHIN_MS = 30_000;
const PAUSE_MS = 500;
const MAX_ROWS = 50;
const MAX_REASONS = 10;

/** What became of one prompt with one model. */
interface Outcomes {
  /** Predictions by status. */
  statuses: Partial<Record<CellStatus, number>>;
  equal?: Equal | undefined;
}

/** A summary of an audit. It grows with the number of prompts, not of cells. */
export interface Results {
  models: string[];
  /** By prompt, then by model. */
  outcomes: Map<string, Map<string, Outcomes>>;
  images: ImageCounts & { pending: number; bytes: number };
  /** The errors of failed and refused predictions, and how often each occurred. */
  reasons: Map<string, number>;
  /** Where the images are in S3; undefined if none has an address. */
  place: string | undefined;
}

/** Reads all predictions of audits, and again while images are pending. */
export async function readResults(client: ApiClient, audits: readonly string[]): Promise<Results> {
  const until = Date.now() + JUDGED_WITHIN_MS;
  for (;;) {
    const results = await sumUp(predictionsOf(client, audits));
    if (results.images.pending === 0 || Date.now() > until) return results;
    await setTimeout(PAUSE_MS);
  }
}

async function* predictionsOf(client: ApiClient, audits: readonly string[]): AsyncGenerator<Prediction> {
  for (const audit of audits) yield* client.predictions(audit);
}

export async function sumUp(predictions: AsyncIterable<Prediction>): Promise<Results> {
  const results: Results = {
    models: [],
    outcomes: new Map(),
    images: { ...countImages([]), pending: 0, bytes: 0 },
    reasons: new Map(),
    place: undefined,
  };
  // Samples of one prompt and one model follow each other.
  let outcomes: Outcomes = { statuses: {} };
  let samples: Prediction[] = [];
  const endSamples = () => {
    outcomes.equal = equalOf(samples);
    samples = [];
  };
  for await (const prediction of predictions) {
    const { prompt, model, status, error, filtered = 0, images } = prediction;
    if (!results.models.includes(model)) results.models.push(model);
    const row = results.outcomes.get(prompt) ?? new Map<string, Outcomes>();
    results.outcomes.set(prompt, row);
    if (row.get(model) !== outcomes) {
      endSamples();
      outcomes = row.get(model) ?? { statuses: {} };
      row.set(model, outcomes);
    }
    samples.push(prediction);
    results.images.filtered += filtered;
    outcomes.statuses[status] = (outcomes.statuses[status] ?? 0) + 1;
    if (error) {
      const reason = `${status}: ${oneLine(error, 160)}`;
      results.reasons.set(reason, (results.reasons.get(reason) ?? 0) + 1);
    }
    for (const image of images) {
      results.images[countedAs(image.status, image.blank)]++;
      results.images.bytes += image.bytes ?? 0;
      if (image.url && image.key) results.place ??= placeOf(image.url, image.key);
    }
  }
  endSamples();
  return results;
}

/**
 * The folder of an audit's images, `s3://bucket/images/<audit>/`, read from the signed address of one image in path
 * style or virtual-hosted style; undefined for any other address.
 */
export function placeOf(address: string, key: string): string | undefined {
  const { hostname, pathname } = new URL(address);
  const folder = key.split('/').slice(0, 2).join('/');
  const decoded = decodeURIComponent(pathname).slice(1);
  const bucket =
    decoded === key
      ? hostname.split('.s3.')[0]
      : decoded.endsWith(`/${key}`)
        ? decoded.slice(0, -key.length - 1)
        : undefined;
  return bucket && `s3://${bucket}/${folder}/`;
}

/** `10 succeeded; 7 of 10 are the same file` */
function describe({ statuses, equal }: Outcomes): string {
  const words = Object.entries(statuses).map(
    ([status, number]) => `${number} ${statusWord(status as CellStatus)}`,
  );
  return [words.join(', '), ...(equal ? [equalInWords(equal)] : [])].join('; ');
}

/** A table with a row for each prompt and a column for each model, and the errors below it. */
export function resultsTable({ models, outcomes, reasons }: Results): string {
  const rows = [...outcomes].slice(0, MAX_ROWS);
  const drawn = table(
    ['prompt', ...models],
    rows.map(([prompt, row]) => [
      oneLine(prompt, 50),
      ...models.map((model) => {
        const outcomes = row.get(model);
        return outcomes ? describe(outcomes) : 'not asked';
      }),
    ]),
  );
  const more = outcomes.size > MAX_ROWS ? [`… and ${outcomes.size - MAX_ROWS} more prompts`] : [];
  const why = [...reasons].slice(0, MAX_REASONS).map(([reason, number]) => `${number} × ${reason}`);
  return [drawn, ...more, ...(why.length > 0 ? ['', ...why] : [])].join('\n');
}
