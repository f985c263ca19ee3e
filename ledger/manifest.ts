import { isDeepStrictEqual } from 'node:util';
import { parse } from 'csv-parse/sync';
import type { AuditFacts, Prediction } from './facts.ts';

// biome-ignore lint/suspicious/noExplicitAny: records are read as they are, not as the pipeline declares them
type Json = any;

type Facts = Pick<AuditFacts, 'audit' | 'cells' | 'images'>;

const nameOf = (cell: number) => String(cell).padStart(5, '0');

/**
 * What the manifest should say and does not, cell by cell: in JSON what the plan, the results and Replicate say, in CSV
 * the same.
 * @param made predictions by their IDs
 */
export function* differences(
  { audit, cells, images }: Facts,
  made: ReadonlyMap<string, Prediction>,
): Iterable<{ key: string; what: string }> {
  const key = `audits/${audit}/manifest.json`;
  const plan = images.get(`audits/${audit}/audit.json`)?.json;
  const listed: Json[] | undefined = images.get(key)?.json.cells;
  if (!listed || !plan) return;
  if (listed.length !== cells) yield { key, what: `has ${listed.length} of ${cells} cells` };
  for (let n = 0; n < cells; n++) {
    const about = `audits/${audit}/results/${nameOf(n)}.json`;
    const result = images.get(about)?.json;
    if (!result) continue;
    const status = (image: string | undefined) => images.get(image ?? '')?.tags.status;
    const expected = {
      ...planned(plan, n),
      ...ended(result, made.get(result.prediction?.id)),
      images: result.images.map((image: Json) => imageFacts({ ...image, status: status(image.key) })),
    };
    // The manifest keeps the status that an image had before it was purged.
    const isPurged = ({ key = '' }: Json) => images.has(key.replace(/^images/, 'purged'));
    const said = {
      ...listed[n],
      images: listed[n]?.images.map((image: Json) =>
        imageFacts(isPurged(image) ? { ...image, status: undefined } : image),
      ),
    };
    for (const [name, value] of Object.entries(expected))
      if (!isDeepStrictEqual(said[name], value))
        yield { key: about, what: `${name}: the manifest says ${short(said[name])}, not ${short(value)}` };
  }
  yield* inTable(`audits/${audit}/manifest.csv`, images.get(`audits/${audit}/manifest.csv`)?.text, listed);
}

const short = (value: unknown) => JSON.stringify(value)?.slice(0, 150);

/** Cells are numbered by prompts, then models, then samples; or by the pairs that a plan has. */
function planned({ prompts, models, samples, pairs }: Json, n: number) {
  const k = Math.floor(n / samples);
  const [prompt, model] = pairs?.[k] ?? [Math.floor(k / models.length), k % models.length];
  const { text, factors = {} } = prompts[prompt];
  return { n, prompt: text, factors, model: models[model].model, sample: n % samples };
}

function ended(result: Json, prediction: Prediction | undefined) {
  const { status, error, seed, seedSource, reading } = result;
  // Of a picture that somebody had nobody knows what was requested.
  const { asked, returned, filtered } = result.source === 'imported' ? ({} as Json) : result;
  return {
    ...{ status, error, seed, seedSource, asked, returned, filtered, reading },
    predictionId: prediction?.id,
    completedAt: result.prediction?.completedAt ?? undefined,
    predictTime: result.prediction?.metrics?.predict_time,
    askedAt: result.askedAt ?? undefined,
    input: prediction?.input ?? result.sent.input,
  };
}

const imageFacts = ({ index, key, sha256, bytes, contentType, error, status }: Json) => ({
  ...{ index, key, sha256, bytes, contentType, error, status },
});

/** A row for each image, and one for a cell without any. */
function* inTable(key: string, text = '', cells: Json[]): Iterable<{ key: string; what: string }> {
  let rows: Record<string, string>[];
  try {
    rows = parse(text, { columns: true, bom: true });
  } catch (error) {
    return yield { key, what: `is no CSV: ${(error as Error).message}` };
  }
  const expected = cells.flatMap((cell) => (cell.images.length > 0 ? cell.images : [{}]).map(rowOf(cell)));
  if (rows.length !== expected.length)
    return yield { key, what: `has ${rows.length} of ${expected.length} rows` };
  for (const [place, row] of expected.entries())
    for (const [name, value] of Object.entries(row)) {
      const said = rows[place]?.[name];
      if (said !== (name === 'error' || name === 'imageError' ? inQuotes(value) : String(value ?? '')))
        yield { key, what: `row ${place + 1}, ${name}: ${short(said)}, not ${short(value)}` };
    }
}

const rowOf = (cell: Json) => (image: Json) => ({
  ...Object.fromEntries(
    ['n', 'prompt', 'model', 'version', 'sample', 'seed', 'seedSource', 'status', 'error', 'asked']
      .concat('returned', 'filtered', 'askedAt', 'completedAt', 'predictTime', 'predictionId')
      .map((name) => [name, cell[name]]),
  ),
  ...Object.fromEntries(Object.entries(cell.factors).map(([name, value]) => [`factor:${name}`, value])),
  refusal: cell.reading?.refusal?.family,
  lost: cell.images.filter((one: Json) => !one.key).length,
  quarantined: cell.images.filter((one: Json) => one.status === 'quarantined').length,
  ...Object.fromEntries(
    ['index', 'key', 'sha256', 'bytes', 'contentType', 'width', 'height'].map((name) => [name, image[name]]),
  ),
  imageStatus: image.status,
  imageError: image.error,
});

/** Words of others that a spreadsheet would take for a formula are a string of JSON. */
const inQuotes = (value: unknown) =>
  typeof value === 'string' && '=+-@＝＋－＠'.includes(value.trim()[0] ?? ' ')
    ? JSON.stringify(value)
    : String(value ?? '');
