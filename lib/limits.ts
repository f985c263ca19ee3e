/**
 * Limits and classes that several sides must agree on: the API, its description, the command line, the page, the
 * deployment. This file imports nothing, so that each of them can import it.
 */

/** Limits of a design: the body of `POST /api/audits`. Lengths are in characters. */
export const DESIGN = {
  nameLength: 200,
  prompts: 1_000,
  /** Entries of `prompts`, before equal ones are merged. */
  rows: 10_000,
  promptLength: 2_000,
  factors: 20,
  valuesPerFactor: 1_000,
  valueLength: 200,
  models: 20,
  samples: 1_000,
  /** Pairs of prompt and model × samples. */
  predictions: 10_000,
  /** The largest seed: 32 bits. */
  seed: 0xffffffff,
  /** Inputs of all models or of one, as JSON. */
  inputLength: 10_000,
  /** Secrets that the inputs of a design name. */
  secrets: 20,
  /** Dollars that an audit may be allowed to cost. */
  maxCost: 100_000,
  /** A file of a design, in bytes: reading one takes up to ten times its size of memory. */
  fileBytes: 50_000_000,
  /** The whole body, in bytes. Lambda takes 6 MB with everything around it. */
  bodyBytes: 5_000_000,
} as const;

/** A study, which is a list of audits under one name. */
export const STUDY = {
  /** Audits that it can have: reading it takes three HEADs for each. */
  audits: 100,
} as const;

/** Limits of an import, beside those of a design. */
export const IMPORT = {
  /** Characters of the name of the model that made the pictures. */
  modelLength: 200,
  /** Most addresses in one answer. */
  addresses: 100,
} as const;

/** A rating round. Lengths are in characters. */
export const ROUND = {
  audits: 20,
  /** Cells of all its audits together: their results are read at once. */
  cells: 20_000,
  /** Pictures that are rated. */
  items: 10_000,
  ratings: 50,
  slots: 200,
  /** Pictures that each rater sees twice. */
  repeats: 200,
  practice: 20,
  contrasts: 5,
  questions: 20,
  /** Pictures × ratings × questions: the snapshot of 300,000 takes 120 MB of memory and has 8 MB. */
  labels: 600_000,
  /** Of a question. */
  answers: 30,
  /** Names of questions and answers. */
  idLength: 40,
  titleLength: 200,
  /** Of a question, an answer, a definition. */
  textLength: 2_000,
  /** Consent, notice, exclusions. */
  longTextLength: 10_000,
  /** Answers that a rater sends at once. */
  batch: 50,
  /** Batches that a rater can send: their number has five digits. */
  batches: 100_000,
  /** Pictures in one answer to a rater. */
  page: 100,
} as const;

/** An audit's id: a ULID over the time that is left until ULIDs end, so that newer audits sort first. */
export const AUDIT_ID = /^[0-9a-hjkmnp-tv-z]{26}$/;

/** One page of a list. */
export const PAGE = {
  /** Most entries that can be requested. */
  most: 100,
  /** Audits that come if no number is requested. */
  audits: 20,
  /** Characters of an audit's name in a list: metadata of an object holds 2 kB in all. */
  nameLength: 80,
} as const;

/** Characters of the header `Idempotency-Key`. */
export const IDEMPOTENCY_KEY_LENGTH = 255;

/** Name of a factor (letters with their marks, which Hindi and Thai write as vowels), `{job}` in a template, a column of a table; a pattern in the syntax of regular expressions with the flag `u`. */
export const FACTOR_NAME = '[\\p{L}\\p{M}\\p{N}_-]{1,40}';

/** `owner/name`, or `owner/name:version` with a version of 64 hexadecimal digits. */
export const MODEL_NAME =
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\/[A-Za-z0-9][A-Za-z0-9._-]{0,127}(?::[0-9A-Fa-f]{64})?$/;

/** How long an audit is kept. The stack has the days of the first two; the third never expires. */
export const RETENTIONS = ['short', 'standard', 'keep'] as const;
export type Retention = (typeof RETENTIONS)[number];

/** Most bytes of an image that is stored, and of one that is decoded. */
export const IMAGE_BYTES = 50 * 1024 * 1024;

export type SizeClass = 'small' | 'medium' | 'large';

/** `small` up to 512 × 512 pixels, `medium` up to 1024 × 1024, else `large`. */
export function sizeClass({ width, height }: { width: number; height: number }): SizeClass {
  const pixels = width * height;
  return pixels <= 512 ** 2 ? 'small' : pixels <= 1024 ** 2 ? 'medium' : 'large';
}
