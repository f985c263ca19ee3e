import type { APIGatewayProxyEventV2, Context } from 'aws-lambda';
import * as v from 'valibot';
import { describeIssue } from '../contract/request.ts';
import { Refusal } from '../errors.ts';
import type { Log, SecretReader, Time } from '../ports.ts';
import { bodyOf } from './body.ts';
import { compressed } from './compress.ts';
import { type HttpResponse, jsonResponse, problemResponse } from './problem.ts';
import type { Route, RouteDeps } from './route.ts';
import { ROUTES } from './routes.ts';
import { type ApiScope, authorize, bearerOf, type Caller } from './tokens.ts';

export interface ServeDeps extends RouteDeps {
  /** The API tokens, as the parameter holds them. */
  tokens: SecretReader;
  time: Time;
  log: Log;
}

/** Who sends a request to a route without a scope, or to one for raters, whose tokens are not those of the API. */
const ANYBODY: Caller = { name: '', scope: 'read' };

/** Answers a request. API Gateway has found its route and names it by the route key. */
export async function serve(
  deps: ServeDeps,
  event: APIGatewayProxyEventV2,
  { awsRequestId }: Pick<Context, 'awsRequestId'>,
): Promise<HttpResponse> {
  try {
    return compressed(await answer(deps, event, awsRequestId), event.headers['accept-encoding']);
  } catch (error) {
    if (error instanceof Refusal) return problemResponse(error);
    deps.log.error(`${event.routeKey} failed`, { error });
    return problemResponse(
      new Refusal(
        500,
        `The request failed on our side. Try again. If it persists, give an operator this request ID: ${awsRequestId}`,
      ),
    );
  }
}

async function answer(deps: ServeDeps, event: APIGatewayProxyEventV2, id: string): Promise<HttpResponse> {
  const name = event.routeKey;
  const route = Object.hasOwn(ROUTES, name) ? ROUTES[name] : undefined;
  if (!route)
    throw new Refusal(404, `There is no ${name}. GET /api/openapi.json lists the routes that there are.`);
  const { audit = '', study = '', round = '', slot = '', seq = '' } = event.pathParameters ?? {};
  if (audit) deps.log.appendKeys({ audit: audit.slice(0, 40) });
  if (study) deps.log.appendKeys({ study: study.slice(0, 40) });
  if (round) deps.log.appendKeys({ round: round.slice(0, 40) });
  const { authorization } = event.headers;
  const caller =
    route.scope && route.scope !== 'rate' ? await authenticate(deps, authorization, route.scope) : ANYBODY;
  const { body, headers } = await route.handle(deps, {
    caller,
    id,
    ...{ audit, study, round, slot, seq },
    token: route.scope === 'rate' ? bearerOf(authorization) : '',
    query: queryOf(name, route, event.queryStringParameters ?? {}),
    headers: checked(route.headers, event.headers, (issue) => `The header ${describeIssue(issue)}.`),
    body: bodyOf(event),
  });
  return jsonResponse(route.status, body, headers);
}

/** The cached list may lack a token that was made a moment ago, or be broken and repaired: it is read again. */
async function authenticate(
  { tokens, time }: ServeDeps,
  header: string | undefined,
  scope: ApiScope,
): Promise<Caller> {
  try {
    return authorize(header, await tokens(), scope, time.now());
  } catch (error) {
    if (!header || (error instanceof Refusal && error.status !== 401)) throw error;
    return authorize(header, await tokens({ refresh: true }), scope, time.now());
  }
}

function queryOf(name: string, { query }: Route, given: Record<string, string | undefined>) {
  const unknown = Object.keys(given).find((parameter) => !Object.hasOwn(query, parameter));
  const known = Object.keys(query);
  if (unknown !== undefined)
    throw new Refusal(
      400,
      `Unknown query parameter \`${unknown.slice(0, 40)}\` for ${name}. ${known.length > 0 ? `Known: ${known.join(', ')}.` : 'It takes none.'}`,
    );
  return checked(query, given, (issue) => `The query parameter ${describeIssue(issue)}.`);
}

/** The values of texts that a route knows; others are left out. */
function checked(
  fields: Route['query'],
  given: Record<string, string | undefined>,
  refusal: (issue: v.BaseIssue<unknown>) => string,
): Record<string, string | number> {
  const present = Object.entries(fields).filter(([name]) => given[name] !== undefined);
  const parsed = v.safeParse(v.object(Object.fromEntries(present)), given);
  if (!parsed.success) throw new Refusal(400, refusal(parsed.issues[0]));
  return parsed.output;
}
