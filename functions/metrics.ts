import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { s3Client } from '../lib/aws/clients.ts';
import { embeddedMetrics } from '../lib/aws/embedded-metrics.ts';
import { S3Store } from '../lib/aws/objects.ts';
import { createMetrics } from '../lib/handlers/metrics.ts';
import { setting } from '../lib/settings.ts';

const { env } = process;
const log = new Logger();
const store = new S3Store(s3Client(), setting(env, 'IMAGES_BUCKET'));

export const handler = middy(createMetrics({ store, log, publish: embeddedMetrics() }, env)).use(
  injectLambdaContext(log),
);
