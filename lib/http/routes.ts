import * as v from 'valibot';
import { acceptAudit } from '../audits/accept.ts';
import { cancelAudit, deleteAudit } from '../audits/end.ts';
import { acceptImport, uploadAddresses } from '../audits/import.ts';
import { auditStatus, listAudits, listPredictions, requirePlan } from '../audits/read.ts';
import { parseDesign, parseStudyRequest } from '../audits/request.ts';
import { addToStudy, deleteStudy, describeStudy, listStudies, removeFromStudy } from '../audits/studies.ts';
import { Refusal } from '../errors.ts';
import { DESIGN, IDEMPOTENCY_KEY_LENGTH, IMPORT, PAGE } from '../limits.ts';
import { readBudget } from '../money/budget.ts';
import { AUDIT_ID, CELL_NAME, manifestKey, STUDY_ID } from '../records/keys.ts';
import { shownPlan } from '../records/plan.ts';
import { type Route, route } from './route.ts';

const limit = (ordinary: number, most: number = PAGE.most) => {
  const range = `must be a whole number from 1 to ${most}`;
  return v.pipe(
    v.string(),
    v.regex(/^\d{1,6}$/, range),
    v.transform(Number),
    v.number(),
    v.integer(),
    v.minValue(1, range),
    v.maxValue(most, range),
    v.metadata({ default: ordinary, description: 'Entries in the page.' }),
  );
};
/** Where a page of cells begins. */
const cell = v.pipe(
  v.string(),
  v.regex(CELL_NAME, 'must be the five-digit number of a cell'),
  v.metadata({ default: '00000', description: 'The five-digit number of the first cell.' }),
);
const idempotency = {
  'idempotency-key': v.pipe(
    v.string(),
    v.regex(
      new RegExp(`^[ -~]{1,${IDEMPOTENCY_KEY_LENGTH}}$`),
      `must have 1 to ${IDEMPOTENCY_KEY_LENGTH} printable ASCII characters`,
    ),
    v.description('The same key with the same body starts no second audit.'),
  ),
};

/** A plan never changes; a browser may keep it. */
const IMMUTABLE = { 'cache-control': 'private, max-age=3600, immutable' };

const TOO_MANY_CHANGES = {
  503: 'Too many others change the study, and nothing was changed. Try again after `Retry-After` seconds.',
};

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
      413: `The body has more than ${DESIGN.bodyBytes} bytes.`,
      422: 'The design is not right, a model does not take it, Replicate does not know a model, or the Idempotency-Key was used for another body.',
      502: 'Replicate refused to describe a model.',
      503: 'Replicate could not be reached, or too many audits are being started, and nothing was started. Try again after `Retry-After` seconds.',
    },
    handle: async (deps, { caller, id, body, headers }) => {
      const accepted = await acceptAudit(deps, parseDesign(body), {
        caller: caller.name,
        request: id,
        idempotencyKey: headers['idempotency-key'],
        body,
      });
      const url = `/api/audits/${accepted.id}`;
      return { body: { ...accepted, url }, headers: { location: url } };
    },
  }),

  'GET /api/audits': route({
    summary: 'Audits, newest first.',
    scope: 'read',
    query: {
      cursor: v.pipe(v.string(), v.regex(AUDIT_ID, 'must be what an earlier answer gave as "cursor"')),
      limit: limit(PAGE.audits),
    },
    status: 200,
    answer: 'AuditPage',
    handle: async (deps, { query }) => ({ body: await listAudits(deps, query) }),
  }),

  'GET /api/audits/{audit}': route({
    summary: 'The status of an audit: counts of its predictions, and why it waits.',
    scope: 'read',
    status: 200,
    answer: 'AuditStatus',
    handle: async (deps, { audit }) => ({ body: await auditStatus(deps, audit) }),
  }),

  'GET /api/audits/{audit}/plan': route({
    summary:
      'What was accepted: prompts, models with their versions, pairs, samples, inputs, seed. It never changes.',
    scope: 'read',
    status: 200,
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
    query: {
      cursor: cell,
      limit: limit(PAGE.most),
    },
    status: 200,
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
    status: 200,
    answer: 'StudyEntry',
    refusals: {
      404: 'One of the audits does not exist.',
      409: 'The study has no room for these audits.',
      413: `The body has more than ${DESIGN.bodyBytes} bytes.`,
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
    query: {
      cursor: v.pipe(v.string(), v.regex(STUDY_ID, 'must be what an earlier answer gave as "cursor"')),
      limit: limit(PAGE.most),
    },
    status: 200,
    answer: 'StudyPage',
    handle: async ({ store }, { query }) => ({ body: await listStudies(store, query) }),
  }),

  'GET /api/studies/{study}': route({
    summary: 'A study with its audits, as the list of audits shows them.',
    scope: 'read',
    status: 200,
    answer: 'Study',
    handle: async ({ store }, { study }) => ({ body: await describeStudy(store, study) }),
  }),

  'DELETE /api/studies/{study}/audits/{audit}': route({
    summary: 'Take an audit out of a study. The audit is kept.',
    scope: 'audit',
    status: 200,
    answer: 'StudyEntry',
    refusals: TOO_MANY_CHANGES,
    handle: async (deps, { study, audit }) => ({ body: await removeFromStudy(deps, study, audit) }),
  }),

  'DELETE /api/studies/{study}': route({
    summary: 'Delete a study. Its audits are kept.',
    scope: 'audit',
    status: 200,
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
      413: `The body has more than ${DESIGN.bodyBytes} bytes.`,
      422: 'The import is not right, or the Idempotency-Key was used for another body.',
    },
    handle: async (deps, { caller, id, body, headers }) => {
      const accepted = await acceptImport(deps, body, {
        caller: caller.name,
        request: id,
        idempotencyKey: headers['idempotency-key'],
        body,
      });
      const url = `/api/audits/${accepted.id}`;
      return { body: { ...accepted, url }, headers: { location: url } };
    },
  }),

  'POST /api/imports/{audit}/addresses': route({
    summary:
      'Addresses to which the missing pictures of an import are sent by PUT. Each takes the announced file alone, once.',
    scope: 'audit',
    query: { cursor: cell, limit: limit(IMPORT.addresses, IMPORT.addresses) },
    status: 200,
    answer: 'AddressPage',
    refusals: { 409: 'The audit is no import, or was canceled.' },
    handle: async (deps, { audit, query }) => ({ body: await uploadAddresses(deps, audit, query) }),
  }),

  'GET /api/budget': route({
    summary: 'What this month’s audits may cost, have reserved and have spent, and the known prices.',
    scope: 'read',
    status: 200,
    answer: 'Budget',
    handle: async (deps) => ({ body: await readBudget(deps) }),
  }),

  'GET /api/models': route({
    summary: 'Models that the page offers, and for how many days each retention keeps an audit.',
    scope: 'read',
    status: 200,
    answer: 'Models',
    handle: async ({ models, retentionDays }) => ({ body: { models, retentionDays } }),
  }),

  'GET /api/openapi.json': route({
    summary: 'This description.',
    scope: undefined,
    status: 200,
    answer: 'Description',
    handle: async () => {
      // The only route that needs it: a start of the function is quicker without.
      const { openApi } = await import('./openapi.ts');
      return { body: openApi(ROUTES), headers: { 'cache-control': 'public, max-age=300' } };
    },
  }),
};
