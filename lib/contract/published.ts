import * as v from 'valibot';

const sentence = v.pipe(v.string(), v.minLength(1));
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

/**
 * Where the prompts of a published design come from.
 * - `exact`: they are the source's own, in its order. `sha256` is that of the list: each prompt and a line break, in UTF-8.
 *   `recompute` prints it from the source.
 * - `reconstructed`: the source describes them, and no list of them was found. `basis` quotes what it says.
 */
const Origin = v.variant('status', [
  v.strictObject({ status: v.literal('exact'), sha256, recompute: sentence }),
  v.strictObject({ status: v.literal('reconstructed'), basis: sentence }),
]);

/** What a published design says of its source. `weaudit run` and the page do not send it. */
const About = v.strictObject({
  source: v.strictObject({
    citation: sentence,
    url: v.pipe(v.string(), v.url()),
    /** Where the prompts were read. */
    repository: v.optional(v.pipe(v.string(), v.url())),
    commit: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/))),
    path: v.optional(sentence),
    /** When it was read. */
    read: v.pipe(v.string(), v.isoDate()),
  }),
  /** Under which license the source gives its prompts. */
  license: sentence,
  prompts: Origin,
  /** How a run of this design differs from the original. */
  differs: v.pipe(v.array(sentence), v.minLength(1)),
  published: v.strictObject({
    /** What the numbers are and who counted them, or why there are none here. */
    what: sentence,
    values: v.array(v.record(v.string(), v.union([v.string(), v.number()]))),
  }),
});

/** A file under `designs/`: a request without models, and what it says of its source. */
export const PublishedDesign = v.strictObject({
  name: sentence,
  samples: v.number(),
  compare: v.exactOptional(v.array(v.string())),
  reference: v.exactOptional(v.string()),
  prompts: v.array(v.strictObject({ text: v.string(), factors: v.record(v.string(), v.string()) })),
  about: About,
});
export type PublishedDesign = v.InferOutput<typeof PublishedDesign>;

/** A line of `/designs/index.json`, from which the page offers published designs. */
export interface PublishedEntry {
  /** Name of the file, at `/designs/<file>`. */
  file: string;
  /** Name of the audits it makes. */
  name: string;
  prompts: number;
  samples: number;
  exact: boolean;
  citation: string;
  url: string;
  license: string;
}
