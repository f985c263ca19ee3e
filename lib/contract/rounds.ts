/** What the routes of rating rounds answer; `round-request.ts` has what they take. Part of `answers.ts`. */
import * as v from 'valibot';
import { AUDIT_ID, RETENTIONS } from '../limits.ts';
import { AuditId, count, createdBy, cursor, described, instant, matching, optional } from './parts.ts';
import { Codebook, contrast, given } from './round-request.ts';

export const RoundId = described(matching(AUDIT_ID), 'Of the same form as the id of an audit.');
const opaque = matching(/^[0-9a-f]{32}$/);
const url = v.pipe(v.string(), v.url(), v.description('Presigned: a WebP of at most 512 pixels.'));
const rater = described(matching(/^\d{1,3}\.\d{1,6}$/), '`3.1` is the first rater of slot 3.');

export const AcceptedRound = v.object({
  id: RoundId,
  state: described(
    v.picklist(['copying', 'open']),
    '`copying`: not all pictures are copied yet. Send the same request again with the same Idempotency-Key until it is `open`.',
  ),
  items: described(count, 'Pictures that are rated.'),
  copied: count,
  url: v.string(),
});
export type AcceptedRound = v.InferOutput<typeof AcceptedRound>;

const identity = {
  id: RoundId,
  name: v.string(),
  createdAt: instant,
  createdBy,
  state: described(
    v.picklist(['copying', 'open', 'closed']),
    '`copying`: the request that makes it has to be repeated, or the round deleted.',
  ),
  items: described(count, 'Pictures that are rated.'),
  ratings: count,
  slots: count,
};
export const RoundEntry = v.object(identity);
export type RoundEntry = v.InferOutput<typeof RoundEntry>;
export const RoundPage = v.object({
  rounds: v.array(RoundEntry),
  cursor: cursor(RoundId),
});
export type RoundPage = v.InferOutput<typeof RoundPage>;

const progress = {
  pseudonym: v.string(),
  name: optional(v.string(), 'Absent if none was given, or it was deleted.'),
  since: described(instant, 'When the slot was given to this rater.'),
  agreedAt: optional(
    instant,
    "When the rater agreed to `consent`, by the rater's clock. Absent before the first answer.",
  ),
  answered: described(count, 'Pictures with an answer; a second showing counts as another one.'),
  skipped: described(count, 'How many of these the rater skipped at least once.'),
  withdrawn: v.boolean(),
};
export const Round = v.object({
  ...identity,
  audits: v.array(AuditId),
  progress: described(
    v.array(
      v.object({
        slot: count,
        total: described(count, 'Pictures in the list of the slot, second showings counted again.'),
        raters: described(
          v.array(v.object({ rater, ...progress })),
          'Who has had the slot, the last one now. Empty: nobody yet.',
        ),
      }),
    ),
    'By slot, in their order. It says nothing of what was answered.',
  ),
  reported: described(
    v.array(v.string()),
    'Images (`<audit>/<cell>/<index>`) that are hidden: reported by a rater, or purged.',
  ),
  closedAt: v.exactOptional(instant),
  snapshot: described(v.boolean(), 'The snapshot is written.'),
});
export type Round = v.InferOutput<typeof Round>;

const RoundPlan = v.object({
  version: v.literal(1),
  id: RoundId,
  name: v.string(),
  createdAt: instant,
  createdBy: v.string(),
  retention: described(v.picklist(RETENTIONS), 'The shortest of its audits.'),
  audits: v.array(AuditId),
  codebook: described(
    v.string(),
    'SHA-256 of the codebook as canonical JSON: its members in the order of their names.',
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
  images: described(
    v.array(v.string()),
    '`<audit>/<cell>/<index>` of the rated pictures, by their places in the snapshot.',
  ),
});
export type RoundPlanAnswer = v.InferOutput<typeof RoundPlanAnswer>;

export const RaterLink = v.object({
  slot: count,
  generation: described(count, '1 for the first rater of the slot.'),
  pseudonym: v.string(),
  token: described(v.string(), 'Shown this once. It opens this slot of this round alone.'),
  url: described(v.string(), 'The page for the rater, below the address of the site.'),
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
  total: described(count, 'Pictures in the list of this rater, second showings counted again.'),
  items: described(
    v.array(
      v.object({
        place: described(count, 'In the list of this rater, from 0.'),
        id: opaque,
        showing,
        url,
      }),
    ),
    'Without pictures that are hidden, or that an earlier rater of this slot has done.',
  ),
  cursor: cursor(count),
  answered: described(
    v.array(v.object({ item: opaque, question: v.string(), answer: given, showing })),
    "The rater's own last answers about the pictures of this page.",
  ),
  nextSeq: described(count, 'The number of the next batch of answers.'),
  closed: described(v.boolean(), 'The round takes no answers any more, and shows no pictures.'),
});
export type RatePage = v.InferOutput<typeof RatePage>;
export const Cleared = v.object({ image: v.string(), state: v.literal('shown') });
export const StoredLabels = v.object({ seq: count, stored: described(count, 'Answers.') });
export type StoredLabels = v.InferOutput<typeof StoredLabels>;
export const Hidden = v.object({ item: opaque, state: v.literal('hidden') });

/** The schema of the object that `GET /api/rounds/{round}/snapshot` leads to: the labels that count. */
export const Snapshot = v.object({
  round: RoundId,
  closedAt: instant,
  codebook: v.string(),
  labels: described(
    v.array(v.tuple([count, count, rater, given, showing])),
    'Place of the picture in `images`, place of the question in the codebook, rater, answer, showing. In this order.',
  ),
  reported: described(v.array(count), 'Places of pictures that are hidden. Their labels are kept.'),
  late: described(count, 'Batches of answers that came after the snapshot was due. They do not count.'),
  withdrawn: described(
    v.array(rater),
    'Raters who withdrew before the snapshot. Their labels are not in it.',
  ),
});
export type Snapshot = v.InferOutput<typeof Snapshot>;
