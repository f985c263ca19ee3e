import { Logger } from '@aws-lambda-powertools/logger';
import { S3Client } from '@aws-sdk/client-s3';
import middy from '@middy/core';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { ObjectStore, STREAMING } from '../lib/aws/objects.ts';
import { tuneHeapForStreams } from '../lib/aws/stream-memory.ts';
import { receiveWebhook } from '../lib/cells/receive.ts';
import { Refusal } from '../lib/errors.ts';
import { type HttpResponse, jsonResponse, problemResponse } from '../lib/http/problem.ts';
import { planReader } from '../lib/records/plan.ts';
import { secretReader } from '../lib/secrets.ts';
import { listSetting, numberSetting, setting } from '../lib/settings.ts';

/** Replicate wants an answer within a few seconds; what takes longer is finished by the queue. */
const TIME_MS = 10_000;

const logger = new Logger();
const s3 = new S3Client(STREAMING);
const store = new ObjectStore(s3, setting(process.env, 'IMAGES_BUCKET'));
const deps = {
  store,
  readPlan: planReader(store),
  secrets: secretReader(s3, process.env.AWS_ENDPOINT_URL, setting(process.env, 'WEBHOOK_SECRETS_PARAMETER')),
  origins: listSetting(process.env, 'OUTPUT_ORIGINS'),
  maxImageBytes: numberSetting(process.env, 'MAX_IMAGE_BYTES'),
  now: () => new Date(),
};

tuneHeapForStreams();

/** Replicate says that a prediction has ended: store what it made. 2xx only when all of it is durable. */
export const handler = middy<APIGatewayProxyEventV2, HttpResponse>().handler(async (event) => {
  const { audit = '', cell = '' } = event.pathParameters ?? {};
  logger.resetKeys();
  logger.appendKeys({ audit: audit.slice(0, 40), cell: cell.slice(0, 10) });
  const body = event.isBase64Encoded
    ? Buffer.from(event.body ?? '', 'base64').toString()
    : (event.body ?? '');
  try {
    const outcome = await receiveWebhook(
      deps,
      { audit, cell },
      { headers: event.headers, body },
      AbortSignal.timeout(TIME_MS),
    );
    if (outcome !== 'stored' && outcome !== 'already') logger.warn(`webhook: ${outcome}`);
    return jsonResponse(200, { outcome });
  } catch (error) {
    if (error instanceof Refusal) {
      logger.warn('webhook refused', { status: error.status, reason: error.message });
      return problemResponse(error);
    }
    logger.error('webhook not finished; Replicate or the queue tries again', { error: error as Error });
    return problemResponse(new Refusal(503, 'Not everything is stored yet. Send it again.'));
  }
});
