import { toJsonSchema } from '@valibot/to-json-schema';
import { AuditRequest } from '../audits/request.ts';
import type { ApiRoute } from './route.ts';

const SUMMARIES: Record<string, string> = {
  'POST /api/audits':
    'Ask for an audit: prompts × models × samples. Send an Idempotency-Key to be able to repeat the request.',
  'GET /api/audits': 'Audits, newest first.',
  'GET /api/audits/{audit}': 'How an audit stands: counts by status, and why it waits.',
  'GET /api/audits/{audit}/plan':
    'What was accepted: prompts, models with their versions, samples, inputs, seed. It never changes.',
  'GET /api/audits/{audit}/predictions':
    'A page of cells with their images. The cursor is the number of the first cell.',
  'GET /api/audits/{audit}/manifest': 'Redirects to the manifest as JSON or CSV, once it is written.',
  'POST /api/audits/{audit}/cancel': 'Stop asking, cancel what runs, keep what is there.',
  'DELETE /api/audits/{audit}': 'Delete an audit. The backup keeps its copies.',
  'GET /api/models': 'Models that the page offers, and for how many days each retention keeps an audit.',
  'GET /api/openapi.json': 'This description.',
};

const problem = {
  description: 'Refused; detail says what to change (RFC 9457).',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

function operation({ method, path, scope, query }: ApiRoute) {
  const name = `${method} ${path}`;
  const parameters = [
    ...(path.includes('{audit}')
      ? [{ name: 'audit', in: 'path', required: true, schema: { type: 'string' } }]
      : []),
    ...query.map((parameter) => ({ name: parameter, in: 'query', schema: { type: 'string' } })),
    ...(name === 'POST /api/audits'
      ? [{ name: 'Idempotency-Key', in: 'header', schema: { type: 'string', maxLength: 255 } }]
      : []),
  ];
  return {
    summary: SUMMARIES[name],
    ...(scope ? { security: [{ bearer: [scope] }] } : { security: [] }),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(name === 'POST /api/audits'
      ? {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: { $ref: '#/components/schemas/AuditRequest' } } },
          },
        }
      : {}),
    responses: { default: problem, ...success(name) },
  };
}

const success = (name: string) =>
  name.endsWith('/manifest')
    ? { '303': { description: 'Where the manifest is.' } }
    : {
        [/^(POST|DELETE)/.test(name) ? '202' : '200']: {
          description: 'Done.',
          content: { 'application/json': {} },
        },
      };

/** The OpenAPI description of the API, made from its routes and from the schema that checks requests. */
export function openApi(routes: ApiRoute[]) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    paths[route.path]![route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'WeAudit image pipeline',
      version: '1',
      description: 'Ask many image models the same things, and keep every answer.',
    },
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: {
        // Checks that JSON Schema cannot express (no control characters, no planned inputs) are left out.
        AuditRequest: toJsonSchema(AuditRequest, { errorMode: 'ignore' }),
        Problem: {
          type: 'object',
          required: ['type', 'title', 'status', 'detail'],
          properties: {
            type: { type: 'string' },
            title: { type: 'string' },
            status: { type: 'integer' },
            detail: { type: 'string' },
          },
        },
      },
    },
  };
}
