import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { S3Client } from '@aws-sdk/client-s3';
import middy from '@middy/core';
import { embeddedMetrics } from '../lib/aws/embedded-metrics.ts';
import { S3Store } from '../lib/aws/objects.ts';
import { createMetrics } from '../lib/handlers/metrics.ts';
import { setting } from '../lib/settings.ts';

const { env } = process;
const log = new Logger();
const store = new S3Store(new S3Client({}), setting(env, 'IMAGES_BUCKET'));

export const handler = middy(createMetrics({ store, log, publish: embeddedMetrics() }, env)).use(
  injectLambdaContext(log),
);
