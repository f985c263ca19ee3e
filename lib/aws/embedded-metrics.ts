import { Metrics } from '@aws-lambda-powertools/metrics';
import type { Publish } from '../metrics.ts';

/** Publishes measurements as log lines in the embedded metric format, which CloudWatch counts. */
export function embeddedMetrics(): Publish {
  const metrics = new Metrics();
  return (model, measurements) => {
    metrics.addDimension('model', model);
    for (const { name, unit, value } of measurements) metrics.addMetric(name, unit, value);
    metrics.publishStoredMetrics();
  };
}
