/** Moments in the life of an audit at which somebody ends it. */
export const MOMENTS = {
  'when its plan is written': /^api#\d+ PutObject images:audits\/<a>\/audit\.json/,
  'when its first prediction is requested': / create <a>\//,
  'when its last prediction is bound': / PutObject images:audits\/<a>\/dispatched\/<last>/,
  'when its first record of a failure is written': / PutObject images:audits\/<a>\/failed\//,
  'when its first result is written': / PutObject images:audits\/<a>\/results\//,
  'when its table is written': / PutObject images:audits\/<a>\/manifest\.csv/,
  'when its manifest is written': / PutObject images:audits\/<a>\/manifest\.json/,
  'when its closing begins': /^reconcile#\d+ HeadObject backup:audits\/<a>\/audit\.json/,
  'when its leases are deleted': /^reconcile#\d+ DeleteObjects images:leases\/<a>/,
  'when it is closed': /^reconcile#\d+ DeleteObjects images:open\/<a>/,
} as const;
export type Moment = keyof typeof MOMENTS;

/** What becomes of pictures that somebody uploads, as shares of them. */
export interface Uploading {
  /** Their file is no whole image. */
  broken: number;
  /** Another file is sent first. */
  wrong: number;
  /** Sent twice at once. */
  doubled: number;
  /** Sent with a header that makes browsers show something else. */
  encoded: number;
  /** Never sent. */
  withheld: number;
  /** After each, it rests for up to so many milliseconds. */
  rests: number;
}

/** One audit that somebody runs, and what they do to it later; times in milliseconds since the world began. */
export interface Order {
  at: number;
  model?: string;
  prompts: number;
  samples: number;
  /** Each prompt goes to one model alone: the first to `model`, the second to this one, and so on. Not with `factors`. */
  other?: string;
  retention?: 'short' | 'standard' | 'keep';
  /** Images of each cell; as many as the model makes by itself if undefined. */
  outputs?: number;
  /** The prompts come from a template with two factors: their number has to be even. */
  factors?: boolean;
  /** It is an import: a picture for each cell, which somebody uploads. Not with `other`, `outputs` or `factors`. */
  import?: Uploading;
  cancelAt?: number;
  deleteAt?: number;
  /** It is canceled or deleted so many milliseconds after a moment of its own. */
  ends?: {
    how: 'cancel' | 'delete';
    when: Moment;
    after: number;
    /** A service that mostly fails for a minute then. */
    without?: string | undefined;
  };
  /** Milliseconds until a request that failed is sent again. */
  patience?: number;
  /** The first request has no Idempotency-Key: if its answer is lost, there may be two audits. */
  withoutKey?: boolean;
  /** The same request comes again, so long after it was accepted. */
  repeatsAfter?: number;
  /** DELETE comes again, so long after the first. */
  deletesAgainAfter?: number;
  /** First the model's name is written wrong. */
  mistakesModel?: boolean;
  /** Asks for the status every so many milliseconds. */
  watchesEvery?: number;
}

/** What a spreadsheet would run, and what a table has to quote. */
const WHO = ['=1+1', 'a "quoted", person,\nin two lines'];
const numbers = (count: number) => Array.from({ length: count }, (_, i) => `number ${i}`);

/** The only model of the stand-in for Replicate, unless a world has others. */
export const MODEL = 'simulated/model';
export const OTHER_MODEL = 'simulated/other';

/** The model that a prompt goes to. */
export const modelOf = ({ model = MODEL, other }: Order, prompt: number): string =>
  other !== undefined && prompt % 2 === 1 ? other : model;

/** What is asked for, as the request has it. */
export function wordsOf(order: Order) {
  const { model = MODEL, other, prompts, factors } = order;
  if (factors)
    return {
      template: 'a portrait of {who} {n}',
      factors: { who: WHO, n: numbers(prompts / 2) },
      models: [model],
    };
  const texts = promptsOf(order);
  if (other === undefined) return { prompts: texts, models: [model] };
  // A row for each, and every third one twice.
  const rows = texts.flatMap((text, i) => {
    const row = { text, factors: { place: String(i) }, model: modelOf(order, i) };
    return i % 3 === 0 ? [row, row] : [row];
  });
  return { prompts: rows };
}

/** The prompt of each pair, in its order. */
export const promptsOf = ({ prompts, factors }: Pick<Order, 'prompts' | 'factors'>): string[] =>
  factors
    ? WHO.flatMap((who) => numbers(prompts / 2).map((name) => `a portrait of ${who} ${name}`))
    : numbers(prompts).map((name) => `a portrait of person ${name}`);
