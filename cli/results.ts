import { setTimeout } from 'node:timers/promises';
import type { ApiClient, Prediction, PredictionStatus } from './api-client.ts';
import { oneLine, table } from './output.ts';

/** Images are judged a moment after they are stored; longer than this nobody waits for it. */
const JUDGED_WITHIN_MS = 30_000;
const PAUSE_MS = 500;
const MAX_ROWS = 50;
const MAX_REASONS = 10;

/** How the predictions of one prompt and one model ended. */
type Outcomes = Partial<Record<PredictionStatus, number>>;

/** What came of an audit, summed up while its pages pass by: ten thousand cells take no more room than their prompts. */
export interface Results {
  models: string[];
  /** By prompt, then by model. */
  outcomes: Map<string, Map<string, Outcomes>>;
  images: { ok: number; quarantined: number; lost: number; pending: number; bytes: number };
  /** Why predictions failed or were refused, and how often. */
  reasons: Map<string, number>;
  /** Where the images are in S3, if any of them can be seen. */
  place: string | undefined;
}

/** Reads every page of an audit, again as long as images have not been judged. */
export async function readResults(client: ApiClient, audit: string): Promise<Results> {
  const until = Date.now() + JUDGED_WITHIN_MS;
  for (;;) {
    const results = await sumUp(client.predictions(audit));
    if (results.images.pending === 0 || Date.now() > until) return results;
    await setTimeout(PAUSE_MS);
  }
}

export async function sumUp(predictions: AsyncIterable<Prediction>): Promise<Results> {
  const results: Results = {
    models: [],
    outcomes: new Map(),
    images: { ok: 0, quarantined: 0, lost: 0, pending: 0, bytes: 0 },
    reasons: new Map(),
    place: undefined,
  };
  for await (const { prompt, model, status, error, images } of predictions) {
    if (!results.models.includes(model)) results.models.push(model);
    const row = results.outcomes.get(prompt) ?? new Map<string, Outcomes>();
    results.outcomes.set(prompt, row);
    const outcomes = row.get(model) ?? {};
    row.set(model, outcomes);
    outcomes[status] = (outcomes[status] ?? 0) + 1;
    if (error) {
      const reason = `${status}: ${oneLine(error, 160)}`;
      results.reasons.set(reason, (results.reasons.get(reason) ?? 0) + 1);
    }
    for (const image of images) {
      const kind = image.status as 'ok' | 'quarantined' | 'lost' | 'pending';
      if (kind in results.images) results.images[kind]++;
      results.images.bytes += image.bytes ?? 0;
      if (image.url && image.key) results.place ??= placeOf(image.url, image.key);
    }
  }
  return results;
}

/** `s3://bucket/images/<audit>/`, as the signed address of one image tells it, whichever style it has. */
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

const describe = (outcomes: Outcomes | undefined): string =>
  Object.entries(outcomes ?? {})
    .map(([status, number]) => `${number} ${status}`)
    .join(', ');

/** A row a prompt, a column a model, and below it why some did not succeed. */
export function resultsTable({ models, outcomes, reasons }: Results): string {
  const rows = [...outcomes].slice(0, MAX_ROWS);
  const drawn = table(
    ['prompt', ...models],
    rows.map(([prompt, row]) => [oneLine(prompt, 50), ...models.map((model) => describe(row.get(model)))]),
  );
  const more = outcomes.size > MAX_ROWS ? [`… and ${outcomes.size - MAX_ROWS} more prompts`] : [];
  const why = [...reasons].slice(0, MAX_REASONS).map(([reason, number]) => `${number} × ${reason}`);
  return [drawn, ...more, ...(why.length > 0 ? ['', ...why] : [])].join('\n');
}
