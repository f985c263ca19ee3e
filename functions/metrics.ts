import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { S3Client } from '@aws-sdk/client-s3';
import middy from '@middy/core';
import { ObjectStore } from '../lib/aws/objects.ts';
import { keyOf } from '../lib/aws/s3-event.ts';
import { measurementsOf, modelDimension } from '../lib/metrics.ts';
import type { Result } from '../lib/records/result.ts';
import { listSetting, setting } from '../lib/settings.ts';

const logger = new Logger();
const metrics = new Metrics();
const models = listSetting(process.env, 'METRICS_MODELS');
const store = new ObjectStore(new S3Client({}), setting(process.env, 'IMAGES_BUCKET'));

/** A result was created: measure it. EventBridge may deliver it twice, so figures are close, not exact. */
export const handler = middy().handler(async (event: unknown) => {
  const key = keyOf(event, store.bucket);
  const record = await store.readJson<Result>(key);
  if (!record) {
    logger.info('the result is gone: its audit was deleted', { key });
    return { key, measured: 0 };
  }
  const measurements = measurementsOf(record.value);
  metrics.addDimension('model', modelDimension(record.value.model, models));
  for (const { name, unit, value } of measurements) metrics.addMetric(name, unit, value);
  metrics.publishStoredMetrics();
  return { key, measured: measurements.length };
});
