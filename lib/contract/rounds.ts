/** What the routes of rating rounds answer; `round-request.ts` has what they take. Part of `answers.ts`. */
import * as v from 'valibot';
import { AUDIT_ID, RETENTIONS } from '../limits.ts';
import { Codebook, contrast, given } from './round-request.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const instant = v.pipe(v.string(), v.isoTimestamp());
const AuditId = v.pipe(v.string(), v.regex(AUDIT_ID));
export const RoundId = v.pipe(
  v.string(),
  v.regex(AUDIT_ID),
  v.description('Of the same form as the id of an audit.'),
);
const opaque = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));
const url = v.pipe(v.string(), v.url(), v.description('Presigned: a WebP of at most 512 pixels.'));
const rater = v.pipe(
  v.string(),
  v.regex(/^\d{1,3}\.\d{1,6}$/),
  v.description('`3.1` is the first rater of slot 3.'),
);

export const AcceptedRound = v.object({
  id: RoundId,
  state: v.pipe(
    v.picklist(['copying', 'open']),
    v.description(
      '`copying`: not all pictures are copied yet. Send the same request again with the same Idempotency-Key until it is `open`.',
    ),
  ),
  items: v.pipe(count, v.description('Pictures that are rated.')),
  copied: count,
  url: v.string(),
});
export type AcceptedRound = v.InferOutput<typeof AcceptedRound>;

const identity = {
  id: RoundId,
  name: v.string(),
  createdAt: instant,
  createdBy: v.pipe(v.string(), v.description('Name of the API token.')),
  state: v.pipe(
    v.picklist(['copying', 'open', 'closed']),
    v.description('`copying`: the request that makes it has to be repeated, or the round deleted.'),
  ),
  items: v.pipe(count, v.description('Pictures that are rated.')),
  ratings: count,
  slots: count,
};
export const RoundEntry = v.object(identity);
export type RoundEntry = v.InferOutput<typeof RoundEntry>;
export const RoundPage = v.object({
  rounds: v.array(RoundEntry),
  cursor: v.exactOptional(v.pipe(RoundId, v.description('Where the next page begins. Absent on the last.'))),
});
export type RoundPage = v.InferOutput<typeof RoundPage>;

const progress = {
  pseudonym: v.string(),
  name: v.exactOptional(v.pipe(v.string(), v.description('Absent if none was given, or it was deleted.'))),
  since: v.pipe(instant, v.description('When the slot was given to this rater.')),
  agreedAt: v.exactOptional(
    v.pipe(
      instant,
      v.description(
        "When the rater agreed to `consent`, by the rater's clock. Absent before the first answer.",
      ),
    ),
  ),
  answered: v.pipe(count, v.description('Pictures with an answer; a second showing counts as another one.')),
  skipped: v.pipe(count, v.description('How many of these the rater skipped at least once.')),
  withdrawn: v.boolean(),
};
export const Round = v.object({
  ...identity,
  audits: v.array(AuditId),
  progress: v.pipe(
    v.array(
      v.object({
        slot: count,
        total: v.pipe(
          count,
          v.description('Pictures in the list of the slot, second showings counted again.'),
        ),
        raters: v.pipe(
          v.array(v.object({ rater, ...progress })),
          v.description('Who has had the slot, the last one now. Empty: nobody yet.'),
        ),
      }),
    ),
    v.description('By slot, in their order. It says nothing of what was answered.'),
  ),
  reported: v.pipe(
    v.array(v.string()),
    v.description('Images (`<audit>/<cell>/<index>`) that are hidden: reported by a rater, or purged.'),
  ),
  closedAt: v.exactOptional(instant),
  snapshot: v.pipe(v.boolean(), v.description('The snapshot is written.')),
});
export type Round = v.InferOutput<typeof Round>;

const RoundPlan = v.object({
  version: v.literal(1),
  id: RoundId,
  name: v.string(),
  createdAt: instant,
  createdBy: v.string(),
  retention: v.pipe(v.picklist(RETENTIONS), v.description('The shortest of its audits.')),
  audits: v.array(AuditId),
  codebook: v.pipe(
    v.string(),
    v.description('SHA-256 of the codebook as canonical JSON: its members in the order of their names.'),
  ),
  seed: count,
  pictures: v.union([v.literal('all'), count]),
  ratings: count,
  repeats: count,
  slots: count,
  consent: v.string(),
  notice: v.string(),
  contrasts: v.array(contrast),
  exclusions: v.string(),
});
export const RoundPlanAnswer = v.object({
  plan: RoundPlan,
  codebook: Codebook,
  images: v.pipe(
    v.array(v.string()),
    v.description('`<audit>/<cell>/<index>` of the rated pictures, by their places in the snapshot.'),
  ),
});
export type RoundPlanAnswer = v.InferOutput<typeof RoundPlanAnswer>;

export const RaterLink = v.object({
  slot: count,
  generation: v.pipe(count, v.description('1 for the first rater of the slot.')),
  pseudonym: v.string(),
  token: v.pipe(v.string(), v.description('Shown this once. It opens this slot of this round alone.')),
  url: v.pipe(v.string(), v.description('The page for the rater, below the address of the site.')),
});
export type RaterLink = v.InferOutput<typeof RaterLink>;
export const Withdrawn = v.object({ rater, state: v.literal('withdrawn') });
export const ForgottenNames = v.object({ id: RoundId, names: v.literal(0) });
export const ClosedRound = v.object({
  id: RoundId,
  state: v.literal('closed'),
  closedAt: instant,
});
export const DeletingRound = v.object({ id: RoundId, state: v.literal('deleting') });

const showing = v.union([v.literal(1), v.literal(2)]);
export const RatePage = v.object({
  consent: v.string(),
  notice: v.string(),
  codebook: Codebook,
  practice: v.array(v.object({ url, text: v.string(), answers: v.record(v.string(), given) })),
  total: v.pipe(count, v.description('Pictures in the list of this rater, second showings counted again.')),
  items: v.pipe(
    v.array(
      v.object({
        place: v.pipe(count, v.description('In the list of this rater, from 0.')),
        id: opaque,
        showing,
        url,
      }),
    ),
    v.description('Without pictures that are hidden, or that an earlier rater of this slot has done.'),
  ),
  cursor: v.exactOptional(v.pipe(count, v.description('Where the next page begins. Absent on the last.'))),
  answered: v.pipe(
    v.array(v.object({ item: opaque, question: v.string(), answer: given, showing })),
    v.description("The rater's own last answers about the pictures of this page."),
  ),
  nextSeq: v.pipe(count, v.description('The number of the next batch of answers.')),
  closed: v.pipe(v.boolean(), v.description('The round takes no answers any more, and shows no pictures.')),
});
export type RatePage = v.InferOutput<typeof RatePage>;
export const Cleared = v.object({ image: v.string(), state: v.literal('shown') });
export const StoredLabels = v.object({ seq: count, stored: v.pipe(count, v.description('Answers.')) });
export type StoredLabels = v.InferOutput<typeof StoredLabels>;
export const Hidden = v.object({ item: opaque, state: v.literal('hidden') });

/** The schema of the object that `GET /api/rounds/{round}/snapshot` leads to: the labels that count. */
export const Snapshot = v.object({
  round: RoundId,
  closedAt: instant,
  codebook: v.string(),
  labels: v.pipe(
    v.array(v.tuple([count, count, rater, given, showing])),
    v.description(
      'Place of the picture in `images`, place of the question in the codebook, rater, answer, showing. In this order.',
    ),
  ),
  reported: v.pipe(
    v.array(count),
    v.description('Places of pictures that are hidden. Their labels are kept.'),
  ),
  late: v.pipe(
    count,
    v.description('Batches of answers that came after the snapshot was due. They do not count.'),
  ),
  withdrawn: v.pipe(
    v.array(rater),
    v.description('Raters who withdrew before the snapshot. Their labels are not in it.'),
  ),
});
export type Snapshot = v.InferOutput<typeof Snapshot>;
