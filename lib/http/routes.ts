import { acceptAudit } from '../audits/accept.ts';
import { cancelAudit, deleteAudit } from '../audits/end.ts';
import { auditStatus, listAudits, listPredictions, requirePlan } from '../audits/read.ts';
import { parseDesign } from '../audits/request.ts';
import { Refusal } from '../errors.ts';
import { manifestKey } from '../records/keys.ts';
import { openApi } from './openapi.ts';
import { jsonResponse } from './problem.ts';
import type { ApiRoute } from './route.ts';

/** A plan never changes; a browser may keep it. */
const IMMUTABLE = { 'cache-control': 'private, max-age=3600, immutable' };

/** Every route of the HTTP API. serverless.yml declares the same ones, which a test holds against this list. */
export const ROUTES: ApiRoute[] = [
  {
    method: 'POST',
    path: '/api/audits',
    scope: 'audit',
    query: [],
    handle: async (deps, { caller, id, body, headers }) => {
      const accepted = await acceptAudit(deps, parseDesign(body), {
        caller: caller?.name ?? '',
        request: id,
        idempotencyKey: headers['idempotency-key'],
        body,
      });
      const url = `/api/audits/${accepted.id}`;
      return jsonResponse(202, { ...accepted, url }, { location: url, 'cache-control': 'no-store' });
    },
  },
  {
    method: 'GET',
    path: '/api/audits',
    scope: 'read',
    query: ['cursor', 'limit'],
    handle: async (deps, { query }) => jsonResponse(200, await listAudits(deps, query)),
  },
  {
    method: 'GET',
    path: '/api/audits/{audit}',
    scope: 'read',
    query: [],
    handle: async (deps, { audit }) => jsonResponse(200, await auditStatus(deps, audit)),
  },
  {
    method: 'GET',
    path: '/api/audits/{audit}/plan',
    scope: 'read',
    query: [],
    handle: async (deps, { audit }) => {
      const { request: _request, ...plan } = await requirePlan(deps, audit);
      return jsonResponse(200, plan, IMMUTABLE);
    },
  },
  {
    method: 'GET',
    path: '/api/audits/{audit}/predictions',
    scope: 'read',
    query: ['cursor', 'limit'],
    handle: async (deps, { audit, query }) => jsonResponse(200, await listPredictions(deps, audit, query)),
  },
  {
    method: 'GET',
    path: '/api/audits/{audit}/manifest',
    scope: 'read',
    query: ['format'],
    handle: async (deps, { audit, query: { format = 'json' } }) => {
      if (format !== 'json' && format !== 'csv') throw new Refusal(400, '"format" must be json or csv.');
      await requirePlan(deps, audit);
      const key = manifestKey(audit, format);
      if (!(await deps.store.exists(key)))
        throw new Refusal(
          409,
          'The manifest is written some minutes after the last prediction has ended and its images are backed up. Ask again later.',
          { headers: { 'retry-after': '60' } },
        );
      return {
        statusCode: 303,
        headers: { location: await deps.presign(key), 'cache-control': 'no-store' },
        body: '',
      };
    },
  },
  {
    method: 'POST',
    path: '/api/audits/{audit}/cancel',
    scope: 'audit',
    query: [],
    handle: async (deps, { audit, caller }) => {
      await cancelAudit(deps, audit, caller?.name ?? '');
      return jsonResponse(202, { id: audit, state: 'canceling' });
    },
  },
  {
    method: 'DELETE',
    path: '/api/audits/{audit}',
    scope: 'audit',
    query: [],
    handle: async (deps, { audit, caller }) => {
      await deleteAudit(deps, audit, caller?.name ?? '');
      return jsonResponse(202, { id: audit, state: 'deleting' });
    },
  },
  {
    method: 'GET',
    path: '/api/models',
    scope: 'read',
    query: [],
    handle: async ({ models, retentionDays }) => jsonResponse(200, { models, retentionDays }),
  },
  {
    method: 'GET',
    path: '/api/openapi.json',
    scope: undefined,
    query: [],
    handle: async () => jsonResponse(200, openApi(ROUTES), { 'cache-control': 'public, max-age=300' }),
  },
];
