import * as v from 'valibot';
import { type Accepted, acceptAudit, type Origin } from '../audits/accept.ts';
import { cancelAudit, deleteAudit } from '../audits/end.ts';
import { acceptImport, uploadAddresses } from '../audits/import.ts';
import { auditStatus, listAudits, listPredictions, requirePlan } from '../audits/read.ts';
import { parseDesign, parseStudyRequest } from '../audits/request.ts';
import { addToStudy, deleteStudy, describeStudy, listStudies, removeFromStudy } from '../audits/studies.ts';
import { described, matching } from '../contract/parts.ts';
import { Refusal } from '../errors.ts';
import { AUDIT_ID, IDEMPOTENCY_KEY_LENGTH, IMPORT, PAGE, ROUND } from '../limits.ts';
import { readBudget } from '../money/budget.ts';
import { CELL_NAME, manifestKey, STUDY_ID } from '../records/keys.ts';
import { shownPlan } from '../records/plan.ts';
import { closeRound, snapshotAddress } from '../rounds/close.ts';
import { createRound } from '../rounds/create.ts';
import { ratePage, reportItem, storeLabels } from '../rounds/rate.ts';
import { forgetNames, giveSlot, withdrawRater } from '../rounds/raters.ts';
import { deleteRound, describeRound, listRounds, roundPlan } from '../rounds/read.ts';
import { clearReport } from '../rounds/reports.ts';
import { type Route, type RouteRequest, route } from './route.ts';

/** A whole number, as a query has it. */
const numberFrom = (least: number, most: number, about: { description: string; default?: number }) => {
  const range = `must be a whole number from ${least} to ${most}`;
  return v.pipe(
    matching(/^\d{1,9}$/, range),
    v.transform(Number),
    v.number(),
    v.integer(),
    v.minValue(least, range),
    v.maxValue(most, range),
    v.metadata(about),
  );
};
const limit = (ordinary: number, most: number = PAGE.most) =>
  numberFrom(1, most, { default: ordinary, description: 'Entries in the page.' });
/** Where a page of cells begins. */
const cell = v.pipe(
  matching(CELL_NAME, 'must be the five-digit number of a cell'),
  v.metadata({ default: '00000', description: 'The five-digit number of the first cell.' }),
);
/** The id that an earlier page ended with. */
const cursor = (form: RegExp) => matching(form, 'must be what an earlier answer gave as "cursor"');
const idempotency = {
  'idempotency-key': described(
    matching(
      new RegExp(`^[ -~]{1,${IDEMPOTENCY_KEY_LENGTH}}$`),
      `must have 1 to ${IDEMPOTENCY_KEY_LENGTH} printable ASCII characters`,
    ),
    'The same key with the same body starts no second audit.',
  ),
};
type Idempotent = RouteRequest<Record<never, never>, typeof idempotency>;

/** Who sends a request that is made once under its key. */
const originOf = ({ caller, id, body, headers }: Idempotent): Origin => ({
  ...{ caller: caller.name, request: id, body },
  idempotencyKey: headers['idempotency-key'],
});

/** The answer to a request that started an audit. */
const started = (accepted: Accepted) => {
  const url = `/api/audits/${accepted.id}`;
  return { body: { ...accepted, url }, headers: { location: url } };
};

/** A plan never changes; a browser may keep it. */
const IMMUTABLE = { 'cache-control': 'private, max-age=3600, immutable' };

const TOO_MANY_CHANGES = {
  503: 'Too many others change the study, and nothing was changed. Try again after `Retry-After` seconds.',
};

const COPYING = { 409: 'The pictures of the round are not copied yet.' };
const REPLACED = { 403: 'Another rater has the slot by now, or the rater has withdrawn.' };

const TOO_LARGE = {
  406: 'The answer has more than 6 MB and the request does not accept gzip. Send `Accept-Encoding: gzip`, or request fewer entries.',
};

/**
 * Every route of the HTTP API by its route key, as API Gateway names it. serverless.yml declares the same ones, which a
 * test holds against this table.
 */
export const ROUTES: Record<string, Route> = {
  'POST /api/audits': route({
    summary:
      'Start an audit: prompts × models × samples, or the pairs of prompt and model that its prompts name. Send an Idempotency-Key to be able to repeat the request.',
    scope: 'audit',
    headers: idempotency,
    body: 'AuditRequest',
    status: 202,
    answer: 'AcceptedAudit',
    location: 'The audit.',
    refusals: {
      402: "The audit may cost more than is left of the month's budget.",
      410: 'The audit of this Idempotency-Key was deleted.',
      422: 'The design is not right, a model does not take it, Replicate does not know a model, or the Idempotency-Key was used for another body.',
      502: 'Replicate refused to describe a model.',
      503: 'Replicate could not be reached, or too many audits are being started, and nothing was started. Try again after `Retry-After` seconds.',
    },
    handle: async (deps, request) =>
      started(await acceptAudit(deps, parseDesign(request.body), originOf(request))),
  }),

  'GET /api/audits': route({
    summary: 'Audits, newest first.',
    scope: 'read',
    query: { cursor: cursor(AUDIT_ID), limit: limit(PAGE.audits) },
    answer: 'AuditPage',
    handle: async (deps, { query }) => ({ body: await listAudits(deps, query) }),
  }),

  'GET /api/audits/{audit}': route({
    summary: 'The status of an audit: counts of its predictions, and why it waits.',
    scope: 'read',
    answer: 'AuditStatus',
    handle: async (deps, { audit }) => ({ body: await auditStatus(deps, audit) }),
  }),

  'GET /api/audits/{audit}/plan': route({
    summary:
      'What was accepted: prompts, models with their versions, pairs, samples, inputs, seed. It never changes.',
    scope: 'read',
    answer: 'Plan',
    refusals: TOO_LARGE,
    handle: async (deps, { audit }) => {
      const plan = await requirePlan(deps, audit);
      return { body: shownPlan(plan), headers: IMMUTABLE };
    },
  }),

  'GET /api/audits/{audit}/predictions': route({
    summary: 'A page of predictions with their images, in the order of cells.',
    scope: 'read',
    query: { cursor: cell, limit: limit(PAGE.most) },
    answer: 'PredictionPage',
    refusals: TOO_LARGE,
    handle: async (deps, { audit, query }) => ({ body: await listPredictions(deps, audit, query) }),
  }),

  'GET /api/audits/{audit}/manifest': route({
    summary: 'Redirects to the manifest when it is written.',
    scope: 'read',
    query: {
      format: v.pipe(
        v.picklist(['json', 'csv'], 'must be json or csv'),
        v.metadata({ default: 'json', description: 'JSON has all cells, CSV has one row an image.' }),
      ),
    },
    status: 303,
    answer: undefined,
    location: 'The presigned address of the manifest.',
    refusals: { 409: 'The manifest is not written yet. Try again after `Retry-After` seconds.' },
    handle: async (deps, { audit, query: { format = 'json' } }) => {
      await requirePlan(deps, audit);
      const key = manifestKey(audit, format);
      if (!(await deps.store.exists(key)))
        throw new Refusal(
          409,
          'The manifest is not written yet: that takes some seconds after the last image is backed up. Try again then.',
          { headers: { 'retry-after': '10' } },
        );
      return { body: undefined, headers: { location: await deps.presign(key) } };
    },
  }),

  'POST /api/audits/{audit}/cancel': route({
    summary: 'Skip pending predictions, cancel running ones, keep stored images.',
    scope: 'audit',
    status: 202,
    answer: 'Canceling',
    refusals: { 409: 'The audit is finished.' },
    handle: async (deps, { audit, caller }) => {
      await cancelAudit(deps, audit, caller.name);
      return { body: { id: audit, state: 'canceling' as const } };
    },
  }),

  'DELETE /api/audits/{audit}': route({
    summary: 'Delete an audit. The backup keeps its copies.',
    scope: 'audit',
    status: 202,
    answer: 'Deleting',
    handle: async (deps, { audit, caller }) => {
      await deleteAudit(deps, audit, caller.name);
      return { body: { id: audit, state: 'deleting' as const } };
    },
  }),

  'POST /api/studies': route({
    summary: 'Create a study, or add audits to the study that has this name. It can be repeated.',
    scope: 'audit',
    body: 'StudyRequest',
    answer: 'StudyEntry',
    refusals: {
      404: 'One of the audits does not exist.',
      409: 'The study has no room for these audits.',
      422: 'The name or the ids of audits are not right.',
      ...TOO_MANY_CHANGES,
    },
    handle: async (deps, { caller, body }) => ({
      body: await addToStudy(deps, parseStudyRequest(body), caller.name),
    }),
  }),

  'GET /api/studies': route({
    summary: 'Studies with the ids of their audits.',
    scope: 'read',
    query: { cursor: cursor(STUDY_ID), limit: limit(PAGE.most) },
    answer: 'StudyPage',
    handle: async ({ store }, { query }) => ({ body: await listStudies(store, query) }),
  }),

  'GET /api/studies/{study}': route({
    summary: 'A study with its audits, as the list of audits shows them.',
    scope: 'read',
    answer: 'Study',
    handle: async ({ store }, { study }) => ({ body: await describeStudy(store, study) }),
  }),

  'DELETE /api/studies/{study}/audits/{audit}': route({
    summary: 'Take an audit out of a study. The audit is kept.',
    scope: 'audit',
    answer: 'StudyEntry',
    refusals: TOO_MANY_CHANGES,
    handle: async (deps, { study, audit }) => ({ body: await removeFromStudy(deps, study, audit) }),
  }),

  'DELETE /api/studies/{study}': route({
    summary: 'Delete a study. Its audits are kept.',
    scope: 'audit',
    answer: 'DeletedStudy',
    refusals: TOO_MANY_CHANGES,
    handle: async (deps, { study, caller }) => {
      await deleteStudy(deps, study, caller.name);
      return { body: { id: study, state: 'deleted' as const } };
    },
  }),

  'POST /api/imports': route({
    summary:
      'Start an import: an audit of pictures that you have. Upload them afterwards to the addresses that the next route gives.',
    scope: 'audit',
    headers: idempotency,
    body: 'ImportRequest',
    status: 202,
    answer: 'AcceptedAudit',
    location: 'The audit.',
    refusals: {
      410: 'The audit of this Idempotency-Key was deleted.',
      422: 'The import is not right, or the Idempotency-Key was used for another body.',
    },
    handle: async (deps, request) => started(await acceptImport(deps, request.body, originOf(request))),
  }),

  'POST /api/imports/{audit}/addresses': route({
    summary:
      'Addresses to which the missing pictures of an import are sent by PUT. Each takes the announced file alone, once.',
    scope: 'audit',
    query: { cursor: cell, limit: limit(IMPORT.addresses, IMPORT.addresses) },
    answer: 'AddressPage',
    refusals: { 409: 'The audit is no import, or was canceled.' },
    handle: async (deps, { audit, query }) => ({ body: await uploadAddresses(deps, audit, query) }),
  }),

  'POST /api/rounds': route({
    summary:
      'Make a rating round: people answer questions about pictures of finished audits. Repeat the request with the same Idempotency-Key until its state is `open`.',
    scope: 'audit',
    headers: idempotency,
    body: 'RoundRequest',
    status: 202,
    answer: 'AcceptedRound',
    location: 'The round.',
    refusals: {
      404: 'One of the audits does not exist.',
      409: 'One of the audits is not finished, or there is no picture to rate.',
      410: 'The round of this Idempotency-Key was deleted, or one of its audits.',
      422: 'The round is not right, or the Idempotency-Key was used for another body.',
    },
    handle: async (deps, request) => {
      const body = await createRound(deps, originOf(request));
      return { body, headers: { location: body.url } };
    },
  }),

  'GET /api/rounds': route({
    summary: 'Rating rounds, newest first.',
    scope: 'read',
    query: {
      cursor: cursor(AUDIT_ID),
      limit: limit(PAGE.audits),
      audit: described(
        matching(AUDIT_ID, 'must be the id of an audit'),
        'Only rounds that show pictures of this audit.',
      ),
    },
    answer: 'RoundPage',
    handle: async ({ store }, { query }) => ({ body: await listRounds(store, query) }),
  }),

  'GET /api/rounds/{round}': route({
    summary: 'A rating round and how far its raters are. It says nothing of what they answered.',
    scope: 'read',
    answer: 'Round',
    refusals: COPYING,
    handle: async (deps, { round }) => ({ body: await describeRound(deps, round) }),
  }),

  'GET /api/rounds/{round}/plan': route({
    summary: 'What was decided before the first label, the codebook, and the rated images. It never changes.',
    scope: 'read',
    answer: 'RoundPlan',
    refusals: COPYING,
    handle: async (deps, { round }) => ({ body: await roundPlan(deps, round), headers: IMMUTABLE }),
  }),

  'DELETE /api/rounds/{round}': route({
    summary: 'Delete a rating round with its labels. The backup keeps its copies.',
    scope: 'audit',
    status: 202,
    answer: 'DeletingRound',
    handle: async (deps, { round, caller }) => {
      await deleteRound(deps, round, caller.name);
      return { body: { id: round, state: 'deleting' as const } };
    },
  }),

  'POST /api/rounds/{round}/raters': route({
    summary: 'Give a slot to a rater, who replaces the one before. The answer shows the token this once.',
    scope: 'audit',
    body: 'RaterRequest',
    answer: 'RaterLink',
    refusals: {
      409: 'The round is closed or not ready, or another request gave the slot to a rater at the same moment.',
      422: 'The round has no such slot, or the request is not right.',
    },
    handle: async (deps, { round, body, caller }) => ({
      body: await giveSlot(deps, round, body, caller.name),
    }),
  }),

  'DELETE /api/rounds/{round}/raters/{slot}': route({
    summary: 'Withdraw a rater: the labels do not count, the token opens nothing, the name is forgotten.',
    scope: 'audit',
    query: {
      generation: numberFrom(1, 999_999, {
        description: 'That of an earlier rater of the slot. Default: the last one.',
      }),
    },
    answer: 'Withdrawn',
    refusals: { 404: 'There is no such round, or no such rater.', ...COPYING },
    handle: async (deps, { round, slot, query }) => {
      const rater = await withdrawRater(deps, round, slot, query.generation);
      return { body: { rater, state: 'withdrawn' as const } };
    },
  }),

  'DELETE /api/rounds/{round}/people': route({
    summary: 'Forget the names of all raters. Their labels stay, under their pseudonyms.',
    scope: 'audit',
    answer: 'ForgottenNames',
    refusals: COPYING,
    handle: async (deps, { round }) => {
      await forgetNames(deps, round);
      return { body: { id: round, names: 0 as const } };
    },
  }),

  'POST /api/rounds/{round}/cleared': route({
    summary: 'Show raters a picture again that one of them reported. Later reports of it hide nothing.',
    scope: 'audit',
    body: 'ClearRequest',
    answer: 'Cleared',
    refusals: {
      409: 'The round is closed or not ready, or the picture was purged.',
      422: 'No rater has reported this picture.',
    },
    handle: async (deps, { round, body, caller }) => ({
      body: await clearReport(deps, round, body, caller.name),
    }),
  }),

  'POST /api/rounds/{round}/close': route({
    summary: 'Close a rating round for good. A minute later its labels can be counted.',
    scope: 'audit',
    answer: 'ClosedRound',
    refusals: COPYING,
    handle: async (deps, { round, caller }) => ({
      body: { id: round, state: 'closed' as const, closedAt: await closeRound(deps, round, caller.name) },
    }),
  }),

  'GET /api/rounds/{round}/snapshot': route({
    summary: 'Redirects to the labels that count, from which alone numbers are calculated.',
    scope: 'read',
    status: 303,
    answer: undefined,
    location: 'The presigned address of the snapshot, which is JSON.',
    refusals: {
      409: 'The round is not closed, or its snapshot is not written yet. Try again after `Retry-After` seconds, if the answer has it.',
    },
    handle: async (deps, { round }) => ({
      body: undefined,
      headers: { location: await snapshotAddress(deps, round) },
    }),
  }),

  'GET /api/rate': route({
    summary: 'What a rater is shown: consent, notice, codebook, and a page of pictures.',
    scope: 'rate',
    query: {
      cursor: numberFrom(0, ROUND.items + ROUND.repeats, {
        description: 'The place in the list at which the page begins.',
      }),
      limit: limit(ROUND.page, ROUND.page),
    },
    answer: 'RatePage',
    refusals: REPLACED,
    handle: async (deps, { token, query }) => ({ body: await ratePage(deps, token, query) }),
  }),

  'PUT /api/rate/labels/{seq}': route({
    summary: 'Store a batch of answers under its number, once.',
    scope: 'rate',
    body: 'LabelsRequest',
    status: 201,
    answer: 'StoredLabels',
    refusals: {
      ...REPLACED,
      409: 'Answers are stored under this number (`stored` has their ids), the batch before is missing, or the round is closed (`closed`).',
      422: 'An answer is not right, or about a picture that is not in the list.',
    },
    handle: async (deps, { token, seq, body }) => ({ body: await storeLabels(deps, token, seq, body) }),
  }),

  'POST /api/rate/reports': route({
    summary:
      'Report a picture: it is hidden for everyone, unless an auditor has cleared an earlier report of it.',
    scope: 'rate',
    body: 'ReportRequest',
    answer: 'Hidden',
    refusals: {
      ...REPLACED,
      409: 'The round is closed.',
      422: 'The picture is not in the list of this rater.',
    },
    handle: async (deps, { token, body }) => ({ body: await reportItem(deps, token, body) }),
  }),

  'GET /api/budget': route({
    summary: 'What this month’s audits may cost, have reserved and have spent, and the known prices.',
    scope: 'read',
    answer: 'Budget',
    handle: async (deps) => ({ body: await readBudget(deps) }),
  }),

  'GET /api/models': route({
    summary:
      'Models that the page offers, for how many days each retention keeps an audit, and what the token allows.',
    scope: 'read',
    answer: 'Models',
    handle: async ({ models, retentionDays }, { caller }) => ({
      body: { scope: caller.scope, models, retentionDays },
    }),
  }),

  'GET /api/openapi.json': route({
    summary: 'This description.',
    scope: undefined,
    answer: 'Description',
    handle: async () => {
      // The only route that needs it: a start of the function is quicker without.
      const { openApi } = await import('./openapi.ts');
      return { body: openApi(ROUTES), headers: { 'cache-control': 'public, max-age=300' } };
    },
  }),
};
