import { readFileSync } from 'node:fs';
import { predictionResult } from '../../lib/cells/derive.ts';
import { withOutput } from '../../lib/images/open-output.ts';
import { outputsOf } from '../../lib/images/outputs.ts';
import { cellAt, type Plan } from '../../lib/records/plan.ts';
import { isStored, type Result, type ResultImage } from '../../lib/records/result.ts';
import { parsePrediction } from '../../lib/replicate/prediction.ts';
import type { Seed } from '../../lib/replicate/reading/seeds.ts';

/** What a model said, and what a person who reads it would record. */
export interface AnswerCase {
  /** Of a refusal the name of the rule; else what the case is about. */
  family: string;
  /** Where such a text is from. */
  source: string;
  prompt?: string;
  input?: Record<string, unknown>;
  /** Whether the model takes a seed. */
  model?: 'supported' | 'unsupported' | 'unknown';
  error?: string;
  logs?: string;
  output?: unknown;
  /** Read wrongly as yet, and known to be. */
  missed?: true;
  expect: {
    status: string;
    images?: number;
    filtered?: number;
    /** `plan` for the one that was sent. */
    seed?: Seed | 'plan' | null;
    seedSource?: string;
  };
}

export const KINDS = [
  'refusals',
  'faults',
  'counts',
  'seeds',
  'outputs',
  'unseen',
  'models',
  'wordings',
] as const;
export type Kind = (typeof KINDS)[number];

export const casesOf = (kind: Kind): AnswerCase[] =>
  JSON.parse(readFileSync(new URL(`../fixtures/answers/${kind}.json`, import.meta.url), 'utf8'));

export const planOf = ({ prompt, input, model }: AnswerCase): Plan => ({
  ...{ id: 'audit', name: '', createdAt: '', createdBy: '', request: '', retention: 'short' },
  prompts: [{ text: prompt ?? 'a portrait of a surgeon at work' }],
  models: [{ model: 'some/model', version: null, input: {}, inputs: null, seed: model ?? 'supported' }],
  ...{ seed: 7, samples: 1, cells: 1 },
  input: input ?? {},
});

/** The result that a cell gets when its prediction ends with such an answer. Addresses are not fetched. */
export async function resultOf(given: AnswerCase): Promise<Result> {
  const plan = planOf(given);
  const planned = cellAt(plan, 0);
  const prediction = parsePrediction({
    id: 'prediction',
    status: given.error === undefined ? 'succeeded' : 'failed',
    input: { ...plan.input, prompt: planned.prompt.text },
    output: given.output ?? null,
    error: given.error ?? null,
    logs: given.logs?.replaceAll('@SEED', String(planned.seed)) ?? '',
  });
  const { addresses, returned } =
    prediction.status === 'succeeded' ? outputsOf(prediction) : { addresses: [], returned: 0 };
  const images = await Promise.all(addresses.map(imageOf));
  const binding = {
    ...{ predictionId: 'prediction', attempt: 1, askedAt: '2026-01-01T00:00:00.000Z' },
  } as Parameters<typeof predictionResult>[0]['binding'];
  return predictionResult({ plan, n: 0, prediction, binding }, { returned, images }, new Date(0));
}

async function imageOf(address: string, index: number): Promise<ResultImage> {
  const stored = {
    index,
    key: `images/audit/00000/${index}`,
    sha256: '',
    bytes: 1,
    contentType: 'image/gif',
  };
  if (/^https:/.test(address)) return stored;
  const options = {
    origins: [],
    maxBytes: 1_000_000,
    signal: new AbortController().signal,
    fetchOutput: () => Promise.reject(new Error('addresses are not fetched here')),
  };
  return withOutput(address, options, async ({ bytes }) => ({ ...stored, bytes })).catch((error: Error) => ({
    index,
    error: error.message,
  }));
}

/** All that a case may speak of, as a result has it. */
export const valuesOf = (given: AnswerCase, result: Result): Required<AnswerCase['expect']> => ({
  status: result.status,
  images: result.images.filter(isStored).length,
  filtered: result.filtered,
  seed: result.seed === cellAt(planOf(given), 0).seed ? 'plan' : result.seed,
  seedSource: result.seedSource,
});

/** What a case speaks of, as its result has it. */
export async function readingOf(given: AnswerCase): Promise<AnswerCase['expect']> {
  const values = valuesOf(given, await resultOf(given));
  return Object.fromEntries(
    Object.keys(given.expect).map((name) => [name, values[name as keyof typeof values]]),
  ) as AnswerCase['expect'];
}
