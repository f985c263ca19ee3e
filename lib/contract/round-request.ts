import * as v from 'valibot';
import { DESIGN, ROUND } from '../limits.ts';
import { described, matching, optional } from './parts.ts';
import { auditId, list, object, text, wholeNumber } from './request.ts';

/** What the routes of rating rounds take; `rounds.ts` has what they answer. */

const id = matching(
  new RegExp(`^[a-z0-9][a-z0-9-]{0,${ROUND.idLength - 1}}$`),
  `must have 1 to ${ROUND.idLength} letters a to z, digits or -`,
);
const opaque = matching(/^[0-9a-f]{32}$/, 'must be the id of a picture: 32 hexadecimal digits');
const image = matching(
  /^[0-9a-hjkmnp-tv-z]{26}\/\d{5}\/\d{1,6}$/,
  'must be <audit>/<cell>/<index> of an image',
);

const question = v.strictObject({
  id,
  text: text(ROUND.textLength),
  definition: v.exactOptional(text(ROUND.textLength)),
  kind: described(
    v.picklist(['one', 'any', 'scale'], 'must be one, any or scale'),
    '`one`: exactly one answer. `any`: one or more. `scale`: exactly one, and the answers are in order.',
  ),
  gate: optional(
    v.strictObject({
      question: id,
      answers: v.pipe(list(id, ROUND.answers, 'answers'), v.minLength(1, 'must name an answer')),
    }),
    'The question is shown only after one of these answers to an earlier question. Else it is not applicable, which is not the same as "cannot tell".',
  ),
  answers: v.pipe(
    list(
      v.strictObject({
        id,
        text: text(ROUND.textLength),
        definition: v.exactOptional(text(ROUND.textLength)),
        key: described(
          matching(/^[a-z0-9]$/, 'must be one of a to z or 0 to 9'),
          'The key that gives this answer.',
        ),
      }),
      ROUND.answers,
      'answers',
    ),
    v.minLength(2, 'must have at least two answers'),
  ),
});

export const Codebook = v.strictObject({
  title: text(ROUND.titleLength),
  questions: v.pipe(
    list(question, ROUND.questions, 'questions'),
    v.minLength(1, 'must have at least one question'),
    v.description('"Cannot tell" and "skip" are offered with every question, and are not listed.'),
  ),
});
export type Codebook = v.InferOutput<typeof Codebook>;
export type Question = Codebook['questions'][number];

/** What a rater answered: the id of an answer, a list of them for a question of the kind `any`, or one of the two that all have. */
export const given = v.union(
  [id, v.pipe(list(id, ROUND.answers, 'answers'), v.minLength(1, 'must have at least one answer'))],
  'must be the id of an answer, or a list of them',
);
export type Given = v.InferOutput<typeof given>;

const value = text(DESIGN.valueLength);
const sides = { one: value, other: value };
const between = v.union(
  [v.strictObject({ factor: value, ...sides }), v.strictObject({ model: v.literal(true), ...sides })],
  'must be {"factor": …, "one": …, "other": …} or {"model": true, "one": …, "other": …}',
);
export const contrast = v.strictObject({ question: id, answer: id, between });
export type Contrast = v.InferOutput<typeof contrast>;

/** The body of `POST /api/rounds`. */
export const RoundRequest = v.strictObject({
  name: text(DESIGN.nameLength),
  audits: v.pipe(
    list(auditId, ROUND.audits, 'audits'),
    v.minLength(1, 'must name at least one audit'),
    v.description('All of them must be finished.'),
  ),
  codebook: Codebook,
  pictures: optional(
    v.union(
      [v.literal('all'), wholeNumber(1, DESIGN.samples)],
      'must be "all", or a whole number of pictures',
    ),
    'How many pictures of each pair of prompt and model are rated. They follow from the seed, and are of the same samples for all pairs as far as these have pictures. Default: all.',
  ),
  ratings: optional(wholeNumber(1, ROUND.ratings), 'By how many raters each picture is rated. Default: 3.'),
  slots: optional(
    wholeNumber(1, ROUND.slots),
    'How many raters work at once. Default: as many as `ratings`, which is the least.',
  ),
  repeats: optional(
    wholeNumber(0, ROUND.repeats),
    'How many pictures each rater sees twice, to measure how consistent a rater is. Default: 0.',
  ),
  seed: v.exactOptional(wholeNumber(0, DESIGN.seed)),
  consent: described(text(ROUND.longTextLength), 'What raters agree to: purpose, contact, pay, hours.'),
  notice: optional(text(ROUND.longTextLength), 'What raters are warned of before the first picture.'),
  practice: optional(
    list(
      v.strictObject({
        image,
        text: described(text(ROUND.textLength), 'Why the answers are what they are.'),
        answers: v.pipe(
          object('must be an object, such as {"persons": "one"}'),
          v.record(v.string(), given),
          v.maxEntries(ROUND.questions, `must have at most ${ROUND.questions} answers`),
        ),
      }),
      ROUND.practice,
      'pictures',
    ),
    'Pictures with their right answers, shown before the first. They are not rated.',
  ),
  contrasts: optional(
    list(contrast, ROUND.contrasts, 'contrasts'),
    'What is primary, named before the first label. Everything else is exploratory.',
  ),
  exclusions: optional(
    text(ROUND.longTextLength),
    'Which labels or raters will not count, and why: decided before the first label.',
  ),
});
export type RoundRequest = v.InferOutput<typeof RoundRequest>;

/** The body of `POST /api/rounds/{round}/raters`. */
export const RaterRequest = v.strictObject({
  slot: wholeNumber(1, ROUND.slots),
  pseudonym: optional(text(DESIGN.nameLength), 'Stored with every label. Default: that of the slot.'),
  name: optional(
    text(ROUND.textLength),
    'Name of the rater, or a note. Apart from the labels, in no backup, and can be deleted.',
  ),
});
export type RaterRequest = v.InferOutput<typeof RaterRequest>;

const instant = v.pipe(
  v.string(),
  v.maxLength(30, 'must be a time such as 2026-01-31T12:00:00.000Z'),
  v.isoTimestamp('must be a time such as 2026-01-31T12:00:00.000Z'),
);
const showing = v.union([v.literal(1), v.literal(2)], 'must be 1 or 2');
/** One answer of a rater to one question about one picture. */
export const Label = v.strictObject({
  id: described(
    matching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'must be a UUID in lower case'),
    'Made by the client: tells a repeated request from another one.',
  ),
  item: opaque,
  question: id,
  answer: given,
  showing: described(showing, '2 for the second time that the rater sees a picture.'),
  at: described(instant, "When it was given, by the rater's clock. It is stored, and decides nothing."),
});
export type Label = v.InferOutput<typeof Label>;

/** What a rater has agreed to. */
export const Consent = v.strictObject({
  sha256: described(
    matching(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits'),
    'Of the text that the rater was shown, `consent` of `GET /api/rate`, as UTF-8.',
  ),
  at: described(instant, "When the rater agreed, by the rater's clock."),
});

export type Consent = v.InferOutput<typeof Consent>;

/** The body of `PUT /api/rate/labels/{seq}`. */
export const LabelsRequest = v.strictObject({
  consent: optional(Consent, 'Stored with the answers: evidence that they were given with consent.'),
  answers: v.pipe(
    list(Label, ROUND.batch, 'answers'),
    v.minLength(1, 'must have at least one answer'),
    v.description(
      'In the order in which they were given. Of two about the same picture, question and showing the later one counts.',
    ),
  ),
});
export type LabelsRequest = v.InferOutput<typeof LabelsRequest>;

/** The body of `POST /api/rate/reports`. */
export const ReportRequest = v.strictObject({ item: opaque });
export type ReportRequest = v.InferOutput<typeof ReportRequest>;

/** The body of `POST /api/rounds/{round}/cleared`. */
export const ClearRequest = v.strictObject({ image });
