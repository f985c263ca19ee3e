import { measurementsOf, modelDimension, type Publish } from '../metrics.ts';
import type { Log, ObjectStore } from '../ports.ts';
import { type Environment, listSetting } from '../settings.ts';
import { createdResult } from './created-result.ts';

export interface MetricsPorts {
  store: ObjectStore;
  log: Log;
  publish: Publish;
}

/** A result was created: measure it. EventBridge may deliver it twice, so figures are close, not exact. */
export function createMetrics({ store, log, publish }: MetricsPorts, env: Environment) {
  const models = listSetting(env, 'METRICS_MODELS');
  return async (event: unknown) => {
    const { key, result } = await createdResult({ store, log }, event);
    if (!result) return { key, measured: 0 };
    const measurements = measurementsOf(result);
    publish(modelDimension(result.model, models), measurements);
    return { key, measured: measurements.length };
  };
}
