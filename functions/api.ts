import { Logger } from '@aws-lambda-powertools/logger';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import httpRouter from '@middy/http-router';
import type { APIGatewayProxyEventV2, Context } from 'aws-lambda';
import { cellQueue } from '../lib/aws/cell-queue.ts';
import { S3Store } from '../lib/aws/objects.ts';
import { parameterReader } from '../lib/aws/parameter.ts';
import { presigner, recordReader } from '../lib/aws/signed-gets.ts';
import { Refusal } from '../lib/errors.ts';
import { type HttpResponse, problemResponse } from '../lib/http/problem.ts';
import type { ApiRoute } from '../lib/http/route.ts';
import { ROUTES } from '../lib/http/routes.ts';
import { authorize, type Caller, type Scope } from '../lib/http/tokens.ts';
import { planReader } from '../lib/records/plan.ts';
import { replicateClient } from '../lib/replicate/client.ts';
import { secretReader } from '../lib/secrets.ts';
import { listSetting, numberSetting, setting } from '../lib/settings.ts';
import { systemChance, systemTime } from '../lib/system.ts';

const logger = new Logger();
const s3 = new S3Client({});
const endpoint = process.env.AWS_ENDPOINT_URL;
const secret = (name: string) =>
  secretReader(parameterReader(s3, endpoint, setting(process.env, name)), systemTime);
const tokens = secret('API_TOKENS_PARAMETER');
const replicateToken = secret('REPLICATE_TOKEN_PARAMETER');
const store = new S3Store(s3, setting(process.env, 'IMAGES_BUCKET'));
const deps = {
  store,
  queue: cellQueue(new SQSClient({}), setting(process.env, 'QUEUE_URL')),
  replicate: replicateClient(setting(process.env, 'REPLICATE_API_URL'), replicateToken),
  readPlan: planReader(store),
  presign: presigner(store),
  readRecord: recordReader(store),
  models: listSetting(process.env, 'METRICS_MODELS'),
  retentionDays: {
    short: numberSetting(process.env, 'SHORT_DAYS'),
    standard: numberSetting(process.env, 'STANDARD_DAYS'),
  },
  time: systemTime,
  chance: systemChance,
  onUnsent: (audit: string, error: Error) =>
    logger.error('an audit was accepted, and its messages are left to reconcile', { audit, error }),
};

async function answer(
  route: ApiRoute,
  event: APIGatewayProxyEventV2,
  context: Context,
): Promise<HttpResponse> {
  const audit = event.pathParameters?.audit ?? '';
  if (audit) logger.appendKeys({ audit: audit.slice(0, 40) });
  const caller = route.scope && (await authenticate(event.headers.authorization, route.scope));
  const query = event.queryStringParameters ?? {};
  const unknown = Object.keys(query).find((name) => !route.query.includes(name));
  if (unknown !== undefined)
    throw new Refusal(400, `"${unknown.slice(0, 40)}" is no query parameter of ${route.path}.`);
  const body = event.isBase64Encoded
    ? Buffer.from(event.body ?? '', 'base64').toString()
    : (event.body ?? '');
  return route.handle(deps, { caller, id: context.awsRequestId, audit, query, headers: event.headers, body });
}

/** A token that was made a moment ago may not be in the cached list yet: it is read anew before a refusal. */
async function authenticate(header: string | undefined, scope: Scope): Promise<Caller> {
  try {
    return authorize(header, await tokens(), scope, systemTime.now());
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 401 || !header) throw error;
    return authorize(header, await tokens({ refresh: true }), scope, systemTime.now());
  }
}

async function respond(
  route: ApiRoute,
  event: APIGatewayProxyEventV2,
  context: Context,
): Promise<HttpResponse> {
  logger.resetKeys();
  try {
    return await answer(route, event, context);
  } catch (error) {
    if (error instanceof Refusal) return problemResponse(error);
    logger.error(`${route.method} ${route.path} failed`, { error: error as Error });
    return problemResponse(
      new Refusal(
        500,
        `Something failed on our side. Try again; if it stays, tell an operator this id: ${context.awsRequestId}`,
      ),
    );
  }
}

/** The HTTP API. */
export const handler = middy<APIGatewayProxyEventV2, HttpResponse>().handler(
  httpRouter<APIGatewayProxyEventV2, HttpResponse>({
    routes: ROUTES.map((route) => ({
      method: route.method,
      path: route.path,
      handler: (event: APIGatewayProxyEventV2, context: Context) => respond(route, event, context),
    })),
    notFoundResponse: ({ method, path }) =>
      problemResponse(
        new Refusal(404, `There is no ${method} ${path}. GET /api/openapi.json lists what there is.`),
      ),
  }) as never,
);
