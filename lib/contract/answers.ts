/**
 * What the HTTP API answers; `request.ts` has what it takes, `lib/http/routes.ts` which route answers what. From these
 * schemas come the OpenAPI description and the types of the functions that answer, of the command line and of the
 * page. Tests hold every answer to them. In production answers are not checked, and this file is only loaded for the
 * description: import its types.
 */
import * as v from 'valibot';
import { type FormatName, NAMES } from '../images/verdict.ts';
import { PAGE, RETENTIONS } from '../limits.ts';
import { CELL_NAME, STUDY_ID } from '../records/keys.ts';
import { ImportRequest } from './import-request.ts';
import { AuditId, count, createdBy, cursor, described, instant, matching, optional } from './parts.ts';
import { PriceEntry } from './price-entry.ts';
import { AuditRequest, StudyRequest } from './request.ts';
import {
  ClearRequest,
  Codebook,
  Label,
  LabelsRequest,
  RaterRequest,
  ReportRequest,
  RoundRequest,
} from './round-request.ts';
import {
  AcceptedRound,
  Cleared,
  ClosedRound,
  DeletingRound,
  ForgottenNames,
  Hidden,
  RatePage,
  RaterLink,
  Round,
  RoundEntry,
  RoundId,
  RoundPage,
  RoundPlanAnswer,
  StoredLabels,
  Withdrawn,
} from './rounds.ts';

const inputs = v.record(v.string(), v.unknown());
const retention = v.picklist(RETENTIONS);
const factors = v.record(v.string(), v.string());

const Counts = v.object({
  waiting: described(count, 'Not requested from Replicate yet.'),
  running: count,
  succeeded: count,
  failed: count,
  refused: described(count, 'Refused by a safety filter: a finding, not a failure.'),
  canceled: count,
});
export type Counts = v.InferOutput<typeof Counts>;

const ImageCounts = v.object({
  ok: described(
    count,
    'Images that are shown, without blank ones. Images that are not judged yet are not counted. Until the manifest is written, `ok`, `blank` and `quarantined` may include images that no result names, such as those of a delivery that another one was quicker than.',
  ),
  blank: described(count, 'Images of one even area, which some models return instead of refusing.'),
  quarantined: described(count, 'Not valid images: stored, and not shown.'),
  lost: described(count, 'Outputs that could not be stored.'),
  filtered: described(count, "Images that the models' own safety filters dropped."),
});
export type ImageCounts = v.InferOutput<typeof ImageCounts>;
const source = optional(
  v.literal('imported'),
  'The pictures were uploaded by `createdBy`. Absent: they were requested from models.',
);
/** Absent for an audit that finished before images were counted so: that is not zero. */
const images = v.exactOptional(ImageCounts);

const Waiting = v.object({
  why: v.picklist(['rate limit', 'credit', 'token', 'secret']),
  detail: described(v.string(), "Replicate's words, or what an operator has to do."),
  at: instant,
  until: described(instant, 'The next attempt.'),
});
export type Waiting = v.InferOutput<typeof Waiting>;

const identity = {
  id: AuditId,
  name: v.string(),
  createdAt: instant,
  createdBy,
};

const AcceptedAudit = v.object({
  id: AuditId,
  predictions: count,
  merged: optional(
    v.pipe(v.number(), v.integer(), v.minValue(1)),
    'Prompts that were left out, because the request had them before. Absent if there were none.',
  ),
  url: v.string(),
});
export type AcceptedAudit = v.InferOutput<typeof AcceptedAudit>;

const AuditEntry = v.object({
  ...identity,
  name: described(v.string(), `At most ${PAGE.nameLength} characters; the audit itself has all of them.`),
  predictions: count,
  finished: described(v.boolean(), 'The manifest is written.'),
  counts: optional(Counts, 'Of a finished audit.'),
  images,
  source,
});
export type AuditEntry = v.InferOutput<typeof AuditEntry>;

const AuditPage = v.object({
  audits: v.array(AuditEntry),
  cursor: cursor(AuditId),
});
export type AuditPage = v.InferOutput<typeof AuditPage>;

const StudyId = described(
  matching(STUDY_ID),
  'It follows from the name of the study, which therefore never changes.',
);
const study = {
  id: StudyId,
  name: v.string(),
  createdAt: instant,
  createdBy,
};
const StudyEntry = v.object({
  ...study,
  audits: described(
    v.array(AuditId),
    'In the order in which they were added. Some may have been deleted since, or have expired.',
  ),
});
export type StudyEntry = v.InferOutput<typeof StudyEntry>;

const StudyPage = v.object({
  studies: described(v.array(StudyEntry), 'In no order that means anything.'),
  cursor: cursor(StudyId),
});
export type StudyPage = v.InferOutput<typeof StudyPage>;

const Study = v.object({
  ...study,
  audits: described(v.array(AuditEntry), 'Those that exist, in the order in which they were added.'),
});
export type Study = v.InferOutput<typeof Study>;

const dollars = v.pipe(v.number(), v.minValue(0));
const Cost = v.object({
  reserved: described(dollars, 'What its open cells may still cost, in dollars.'),
  spent: described(dollars, 'What its ended blocks of cells have cost, in dollars.'),
});
export type Cost = v.InferOutput<typeof Cost>;

const AuditStatus = v.object({
  ...identity,
  retention,
  predictions: count,
  state: v.picklist(['running', 'finished', 'canceling', 'canceled']),
  counts: Counts,
  images,
  waiting: v.exactOptional(Waiting),
  manifest: described(v.boolean(), 'The manifest is written.'),
  cost: optional(Cost, 'Absent where no price was known.'),
  source,
});
export type AuditStatus = v.InferOutput<typeof AuditStatus>;

const PlannedModel = v.object({
  model: v.string(),
  version: described(v.nullable(v.string()), 'Null for official models, which have no versions.'),
  input: inputs,
  inputs: described(
    v.nullable(v.array(v.string())),
    'Names of the inputs that the version knows; null where Replicate does not say.',
  ),
  seed: v.picklist(['supported', 'unsupported', 'unknown']),
  secrets: optional(
    v.array(v.string()),
    'Names of inputs that are keys or passwords, which audits do not send. Absent if there are none.',
  ),
  price: optional(
    v.variant('unit', [
      v.object({ unit: v.picklist(['image', 'prediction']), micros: count }),
      v.object({ unit: v.literal('second'), micros: count, seconds: count }),
      v.object({ unit: v.literal('free') }),
    ]),
    'As it was known when the audit was accepted, in millionths of a dollar. By the second: a prediction that runs for longer than `seconds` is canceled.',
  ),
});
export type PlannedModel = v.InferOutput<typeof PlannedModel>;

const Prompt = v.object({ text: v.string(), factors: v.exactOptional(factors) });
export type Prompt = v.InferOutput<typeof Prompt>;

const Plan = v.object({
  version: optional(
    v.literal(2),
    '2: each prompt has seeds of its own, apart from `groups`. Absent: all prompts share them.',
  ),
  ...identity,
  retention,
  source,
  seed: optional(count, 'Absent of an import, whose seeds nobody knows.'),
  seeds: optional(
    v.object({ least: v.pipe(v.number(), v.integer()), most: v.pipe(v.number(), v.integer()) }),
    'From which seeds those of the samples were drawn. Absent if all models take every seed of 31 bits.',
  ),
  samples: count,
  prompts: v.array(Prompt),
  models: v.array(PlannedModel),
  pairs: optional(
    v.array(v.tuple([count, count])),
    'Places of a prompt and of a model that it goes to. Absent if every prompt goes to every model, in the order of prompts, then models.',
  ),
  compare: optional(
    v.array(v.string()),
    'Factors that are contrasted: prompts that differ in these alone share seeds.',
  ),
  groups: optional(
    v.array(count),
    'For each prompt, the place of the first one with the same seeds. Absent without `compare`.',
  ),
  reference: optional(v.string(), 'A factor whose values are numbers to hold results against.'),
  input: inputs,
  cells: described(
    count,
    'Pairs of prompt and model × samples: cell n is of pair floor(n / samples), sample n % samples.',
  ),
  counts: optional(
    v.array(count),
    'Of an import whose prompts have different numbers of pictures: how many each has. Only these are cells, and `samples` is the most.',
  ),
  maxCost: optional(dollars, 'Dollars that the request allowed at most.'),
});
export type Plan = v.InferOutput<typeof Plan>;

/** An image in the bucket. */
const stored = {
  index: count,
  key: v.string(),
  sha256: matching(/^[0-9a-f]{64}$/),
  bytes: count,
  contentType: v.string(),
};
/** What was seen when the image was decoded. Absent for images that were judged before there was a decoder. */
const seen = {
  format: v.picklist(Object.keys(NAMES) as FormatName[]),
  width: described(count, 'As a browser shows the image; 0 if unknown.'),
  height: count,
  animated: v.exactOptional(v.boolean()),
  alpha: optional(v.boolean(), 'A part of it is transparent.'),
  c2pa: optional(v.boolean(), 'It carries a C2PA manifest. Nothing is said about its validity.'),
  blank: optional(v.boolean(), 'It is one even area, dark or bright.'),
};
const PredictionImage = v.variant('status', [
  v.object({ ...stored, status: v.literal('pending') }),
  v.object({
    ...stored,
    ...seen,
    status: v.literal('ok'),
    url: v.pipe(v.string(), v.url(), v.description('Presigned. The same for an hour, valid for more.')),
    rendition: optional(
      v.pipe(v.string(), v.url()),
      'Presigned, too: a WebP of at most 512 pixels. Absent for images that were judged before there was a decoder.',
    ),
  }),
  v.object({
    ...stored,
    ...seen,
    status: v.literal('quarantined'),
    reason: optional(v.string(), 'Such as "truncated" or "not an image: HTML".'),
  }),
  v.object({
    index: count,
    status: v.literal('lost'),
    error: described(v.string(), 'Why the output could not be stored.'),
  }),
]);

const planned = {
  n: described(count, "The cell's number."),
  prompt: v.string(),
  factors: v.exactOptional(factors),
  model: v.string(),
  source,
  version: described(v.string(), '`undisclosed` where Replicate hides it, and of imported pictures.'),
  sample: count,
  seed: described(
    v.nullable(v.union([count, matching(/^\d{16,40}$/)])),
    'A string of digits if a number would not hold it exactly. `null` if the model takes none, or its log names one that cannot be read.',
  ),
  seedSource: described(
    v.picklist(['sent', 'log', 'unsupported', 'unknown']),
    'Where the seed is from. `log`: the model used another, which its log names. `unknown`: the model may have ignored it, or its log names one that cannot be read, or the picture was imported.',
  ),
};
const Prediction = v.variant('status', [
  v.object({ ...planned, status: v.picklist(['waiting', 'running']), images: v.array(PredictionImage) }),
  v.object({
    ...planned,
    status: v.picklist(['succeeded', 'failed', 'refused', 'canceled']),
    error: v.exactOptional(v.string()),
    asked: optional(count, 'Images that were requested. Absent of an import, as are the next two.'),
    returned: optional(count, 'Outputs that came back.'),
    filtered: optional(count, "Images that the model's own safety filter dropped."),
    askedAt: v.exactOptional(v.string()),
    predictionId: v.exactOptional(v.string()),
    completedAt: optional(v.string(), "By Replicate's clock."),
    predictTime: optional(v.number(), 'Seconds.'),
    images: v.array(PredictionImage),
  }),
]);
const PredictionPage = v.object({
  predictions: v.array(Prediction),
  cursor: cursor(matching(CELL_NAME)),
});
const AddressPage = v.object({
  addresses: described(
    v.array(
      v.object({
        n: described(count, "The cell's number."),
        url: v.pipe(v.string(), v.url(), v.description('For one PUT. It lives for some minutes.')),
        headers: described(
          v.record(v.string(), v.string()),
          'All of them must be sent, as they are. S3 refuses any other file.',
        ),
      }),
    ),
    'Of pictures that are missing. 412 from S3 means that the picture is there.',
  ),
  cursor: cursor(matching(CELL_NAME)),
});
export type AddressPage = v.InferOutput<typeof AddressPage>;
const days = v.pipe(v.number(), v.integer(), v.minValue(1));
const Models = v.object({
  scope: described(v.picklist(['read', 'audit']), 'What the token of this request allows.'),
  models: v.array(v.string()),
  retentionDays: described(
    v.object({ short: days, standard: days }),
    'For how many days an audit is kept. `keep` never expires.',
  ),
});
export type Models = v.InferOutput<typeof Models>;

const Budget = v.object({
  month: matching(/^\d{4}-\d{2}$/),
  turnsAt: described(instant, 'When the month is over.'),
  monthly: described(v.nullable(dollars), 'Dollars that the audits of a month may cost. `null`: no limit.'),
  reserved: described(dollars, 'What open cells may still cost.'),
  spent: dollars,
  left: described(v.nullable(dollars), '`null`: no limit.'),
  prices: described(
    v.record(v.string(), PriceEntry),
    'Known prices by model, in dollars. Models of the stand-in (`simulated/…`) are free.',
  ),
  pricesAsOf: v.pipe(v.string(), v.isoDate()),
});
export type Budget = v.InferOutput<typeof Budget>;

const Canceling = v.object({ id: AuditId, state: v.literal('canceling') });
const Deleting = v.object({ id: AuditId, state: v.literal('deleting') });

const DeletedStudy = v.object({ id: StudyId, state: v.literal('deleted') });

const Description = v.looseObject({ openapi: v.literal('3.1.0') });

/** A refusal of this API: problem details (RFC 9457), `application/problem+json`. */
const Problem = v.object({
  type: v.literal('about:blank'),
  title: v.string(),
  status: v.pipe(v.number(), v.integer(), v.minValue(400), v.maxValue(599)),
  detail: v.pipe(v.string(), v.minLength(1), v.description('What is wrong and what to change.')),
  errors: optional(v.array(v.string()), 'What to change, one by one.'),
  fields: optional(
    v.array(v.string()),
    'Of a 422: the members of the body that `errors`, or the detail, are about, in their order.',
  ),
  needed: optional(dollars, 'Of a 402: what the audit may cost, in dollars.'),
  left: optional(dollars, "Of a 402: what is left of the month's budget."),
  turnsAt: optional(instant, 'Of a 402: when the next month begins.'),
  stored: optional(
    v.array(v.string()),
    'Of a 409 to a batch of answers: the ids of the answers that are stored under its number.',
  ),
  nextSeq: optional(count, 'Of a 409 to a batch of answers: the next number.'),
  closed: optional(v.boolean(), 'Of a 409: the round is closed for good.'),
});
export type Problem = v.InferOutput<typeof Problem>;

/** A refusal of API Gateway, which stands before the API and has a form of its own: `application/json`. */
const GatewayRefusal = v.object({ message: v.string() });
export type GatewayRefusal = v.InferOutput<typeof GatewayRefusal>;

/** Schemas by the names that the description gives them. */
export const SCHEMAS = {
  AuditId,
  AuditRequest,
  ImportRequest,
  AcceptedAudit,
  AddressPage,
  AuditEntry,
  AuditPage,
  AuditStatus,
  StudyId,
  StudyRequest,
  StudyEntry,
  StudyPage,
  Study,
  Budget,
  Counts,
  ImageCounts,
  Waiting,
  Plan,
  PlannedModel,
  Prompt,
  Prediction,
  PredictionImage,
  PredictionPage,
  Models,
  Canceling,
  Deleting,
  DeletedStudy,
  RoundId,
  Codebook,
  RoundRequest,
  AcceptedRound,
  RoundEntry,
  RoundPage,
  Round,
  RoundPlan: RoundPlanAnswer,
  RaterRequest,
  RaterLink,
  Withdrawn,
  ForgottenNames,
  ClosedRound,
  DeletingRound,
  RatePage,
  Label,
  LabelsRequest,
  StoredLabels,
  ReportRequest,
  Hidden,
  ClearRequest,
  Cleared,
  Description,
  Problem,
  GatewayRefusal,
};

export type { AcceptedRound, RaterLink, Round, RoundEntry, RoundPage } from './rounds.ts';
export type SchemaName = keyof typeof SCHEMAS;
/** A schema's type to the letter: what a function that answers must return. */
export type Exact<Name extends SchemaName> = v.InferOutput<(typeof SCHEMAS)[Name]>;

type Keys<Union> = Union extends unknown ? keyof Union : never;
type MemberOf<Union, Key> = Union extends unknown ? (Key extends keyof Union ? Union[Key] : never) : never;
/** A union as clients read it: what all of its members have, and the rest as optional. */
type Flat<Union> = Pick<Union, keyof Union> & {
  [Key in Exclude<Keys<Union>, keyof Union>]?: MemberOf<Union, Key>;
};
export type PredictionImage = Flat<Exact<'PredictionImage'>>;
export type Prediction = Omit<Flat<Exact<'Prediction'>>, 'images'> & { images: PredictionImage[] };
export type PredictionPage = Omit<Exact<'PredictionPage'>, 'predictions'> & { predictions: Prediction[] };
export type CellStatus = Prediction['status'];
