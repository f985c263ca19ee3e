import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { S3Client } from '@aws-sdk/client-s3';
import middy from '@middy/core';
import { S3Store } from '../lib/aws/objects.ts';
import { createMetrics } from '../lib/handlers/metrics.ts';
import type { Measurement } from '../lib/metrics.ts';
import { setting } from '../lib/settings.ts';

const { env } = process;
const log = new Logger();
const store = new S3Store(new S3Client({}), setting(env, 'IMAGES_BUCKET'));
const metrics = new Metrics();

function publish(model: string, measurements: Measurement[]): void {
  metrics.addDimension('model', model);
  for (const { name, unit, value } of measurements) metrics.addMetric(name, unit, value);
  metrics.publishStoredMetrics();
}

export const handler = middy(createMetrics({ store, log, publish }, env)).use(injectLambdaContext(log));
