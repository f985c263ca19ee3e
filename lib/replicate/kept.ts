import { outputsOf } from '../images/outputs.ts';
import { jsonOf } from '../json.ts';
import type { Redact } from './fingerprints.ts';
import type { Prediction } from './prediction.ts';
import { TELLING } from './reading/telling.ts';

/** What a result keeps of an ended prediction, which Replicate deletes: everything that a reading may need. */
export interface KeptPrediction {
  id: string;
  version: string | null;
  status: string;
  createdAt: string | null;
  startedAt: string | null;
  completedAt: string | null;
  input: Record<string, unknown> | null;
  logs: string | null;
  metrics: Record<string, unknown> | null;
  /** The model's own words. Absent in older results, which have them as their `error`. */
  error?: string | null;
  /** The output without the addresses of files: a caption, a seed. */
  said?: unknown;
  /** Replicate had removed output, logs and input. */
  dataRemoved?: true;
}

const MAX_LOGS = 8_000;
const MAX_ERROR = 2_000;
/** Characters of a member, as JSON, that are kept. */
const MAX_MEMBER = 20_000;
const MAX_SAID = 4_000;
const MAX_LINE = 300;
const MAX_LINES = 2_000;

/** The error of a prediction, of a long one the beginning and end. Undefined if it has none. */
function errorOf({ error }: Prediction, redact: Redact): string | undefined {
  if (error === null || error === undefined || error === '') return undefined;
  const words = typeof error === 'string' ? error : (jsonOf(error) ?? 'an error nested too deep to be shown');
  const text = redact(words);
  return text.length <= MAX_ERROR ? text : beginningAndEnd(text, MAX_ERROR, []);
}

/** A prediction without secrets in what a model can say. */
export const redactPrediction = <P extends Prediction>(prediction: P, redact: Redact): P => ({
  ...prediction,
  input: redact(prediction.input),
  output: redact(prediction.output),
  error: redact(prediction.error),
  logs: redact(prediction.logs),
  metrics: redact(prediction.metrics),
});

/** @param redact removes secret inputs, and their values from what the model says */
export function keepPrediction(prediction: Prediction, redact: Redact = (value) => value): KeptPrediction {
  const { logs, metrics, input } = prediction;
  const { said } = outputsOf(prediction);
  return {
    id: prediction.id,
    version: prediction.version ?? null,
    status: prediction.status,
    createdAt: prediction.created_at ?? null,
    startedAt: prediction.started_at ?? null,
    completedAt: prediction.completed_at ?? null,
    input: bounded(redact(input), MAX_MEMBER),
    logs: logs ? boundedLogs(redact(logs)) : null,
    metrics: bounded(metrics, MAX_MEMBER),
    error: errorOf(prediction, redact) ?? null,
    ...(said === undefined ? {} : { said: bounded(redact(said), MAX_SAID) }),
    ...(prediction.data_removed ? { dataRemoved: true } : {}),
  };
}

/** Null for a value that is too large or nested too deep. */
const bounded = <T>(value: T | null | undefined, most: number): T | null =>
  value && (jsonOf(value)?.length ?? Number.POSITIVE_INFINITY) <= most ? value : null;

/** The beginning and end of a log, and between them the lines about seeds and filters, each once. */
function boundedLogs(logs: string): string {
  if (logs.length <= MAX_LOGS) return logs;
  const telling = new Set<string>();
  let room = MAX_LINES;
  for (const line of logs
    .slice(MAX_LOGS / 2, -MAX_LOGS / 2)
    .split(/[\r\n]+/)
    .slice(1, -1)) {
    if (line.length > MAX_LINE || line.length > room || telling.has(line) || !TELLING.test(line)) continue;
    telling.add(line);
    room -= line.length;
  }
  return beginningAndEnd(logs, MAX_LOGS, [...telling]);
}

/**
 * Cuts a text so that the rest cannot be misread: not within a word or a number, and at the end not within a line,
 * because its beginning may be a label for a prompt.
 */
function beginningAndEnd(text: string, most: number, between: string[]): string {
  const beginning = text.slice(0, most / 2).replace(/[\p{L}\p{N}]*$/u, '');
  const end = text.slice(-most / 2).replace(/^[^\n]{0,2000}\n|^[\p{L}\p{N}]*/u, '');
  const left = text.length - beginning.length - end.length;
  return [beginning, `… ${left} characters left out …`, ...between, end].join('\n');
}
