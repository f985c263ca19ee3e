import { STATUS_CODES } from 'node:http';
import { toJsonSchema, toJsonSchemaDefs } from '@valibot/to-json-schema';
import { SCHEMAS, type SchemaName } from '../contract/answers.ts';
import { ROUND } from '../limits.ts';
import { type Route, refusalsOf } from './route.ts';

// OpenAPI 3.1 speaks this dialect. What JSON Schema cannot say (no control characters, say) is left out.
const DIALECT = { target: 'draft-2020-12', errorMode: 'ignore' } as const;

const named = (name: SchemaName) => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: object) => ({ 'application/json': { schema } });

/** Parameters in paths. */
const PATH = {
  audit: named('AuditId'),
  study: named('StudyId'),
  round: named('RoundId'),
  slot: { type: 'integer', minimum: 1, maximum: ROUND.slots },
  seq: { type: 'string', pattern: '^\\d{5}$' },
};

/** What API Gateway itself refuses, in its own form, before or after the API has been asked. */
const GATEWAY: Record<number, string> = {
  413: 'The request is larger than 6 MB.',
  429: 'Too many requests. Try again in some seconds.',
  500: 'The API failed without an answer.',
  503: 'The API gave no answer within 30 seconds. Try again in some seconds.',
};

/** A refusal of the API, of API Gateway, or of either, told apart by the content type. */
const refusal = (ours: string | undefined, gateways: string | undefined) => ({
  description: [ours, gateways && `From API Gateway: ${gateways}`].filter(Boolean).join(' '),
  content: {
    ...(ours ? { 'application/problem+json': { schema: named('Problem') } } : {}),
    ...(gateways ? json(named('GatewayRefusal')) : {}),
  },
});

/** Query parameters and headers: their schemas read texts, the description has what they mean. */
const parameters = (place: 'query' | 'header', fields: Route['query']) =>
  Object.entries(fields).map(([name, field]) => {
    const {
      $schema: _dialect,
      description,
      ...schema
    } = toJsonSchema(field, { ...DIALECT, typeMode: 'output' });
    return { name, in: place, ...(description ? { description } : {}), schema };
  });

function operation(name: string, route: Route) {
  const { summary, scope, query, headers, body, status, answer, location } = route;
  const refusals = refusalsOf(name, route);
  const gateways = Object.keys(GATEWAY).filter((code) => body || code !== '413');
  const statuses = new Set([...Object.keys(refusals), ...gateways].map(Number));
  return {
    summary,
    security: scope ? [{ [scope === 'rate' ? 'rater' : 'bearer']: [scope] }] : [],
    parameters: [
      ...Object.entries(PATH)
        .filter(([parameter]) => name.includes(`{${parameter}}`))
        .map(([parameter, schema]) => ({ ...{ name: parameter, in: 'path', required: true }, schema })),
      ...parameters('query', query),
      ...parameters('header', headers),
    ],
    ...(body ? { requestBody: { required: true, content: json(named(body)) } } : {}),
    responses: {
      [status]: {
        description: STATUS_CODES[status],
        ...(location
          ? { headers: { Location: { description: location, required: true, schema: { type: 'string' } } } }
          : {}),
        ...(answer ? { content: json(named(answer)) } : {}),
      },
      ...Object.fromEntries([...statuses].map((code) => [code, refusal(refusals[code], GATEWAY[code])])),
    },
  };
}

/** The OpenAPI description of the API, made from its routes and from the schemas of what they take and answer. */
export function openApi(routes: Record<string, Route>) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, route] of Object.entries(routes)) {
    const [method = '', path = ''] = name.split(' ');
    paths[path] = { ...paths[path], [method.toLowerCase()]: operation(name, route) };
  }
  return {
    openapi: '3.1.0' as const,
    info: {
      title: 'WeAudit image pipeline',
      version: '1',
      description:
        'Request the same images from many models, and keep every answer. A refusal of this API is `application/problem+json` (RFC 9457). API Gateway stands before it and refuses by itself what is too large, too often or too slow, and paths that are not listed here (404): its refusals are `application/json` with one member, `message`. Answers may have more members in later versions.',
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description:
            'An API token. Its scope is `read`, or `audit`, which also starts, cancels and deletes audits.',
        },
        rater: {
          type: 'http',
          scheme: 'bearer',
          description: "A rater's token: it opens one slot of one rating round, and nothing else.",
        },
      },
      schemas: toJsonSchemaDefs(SCHEMAS, {
        ...DIALECT,
        overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
      }),
    },
  };
}
