import { keyOf } from '../aws/s3-event.ts';
import { type Measurement, measurementsOf, modelDimension } from '../metrics.ts';
import type { Log, ObjectStore } from '../ports.ts';
import type { Result } from '../records/result.ts';
import { type Environment, listSetting } from '../settings.ts';

export interface MetricsPorts {
  store: ObjectStore;
  log: Log;
  publish(model: string, measurements: Measurement[]): void;
}

/** A result was created: measure it. EventBridge may deliver it twice, so figures are close, not exact. */
export function createMetrics({ store, log, publish }: MetricsPorts, env: Environment) {
  const models = listSetting(env, 'METRICS_MODELS');
  return async (event: unknown) => {
    const key = keyOf(event, store.bucket);
    const record = await store.readJson<Result>(key);
    if (!record) {
      log.info('the result is gone: its audit was deleted', { key });
      return { key, measured: 0 };
    }
    const measurements = measurementsOf(record.value);
    publish(modelDimension(record.value.model, models), measurements);
    return { key, measured: measurements.length };
  };
}
