import { isStored, type Result } from './records/result.ts';

/** One value to be measured, with the unit that CloudWatch knows. */
export interface Measurement {
  name: string;
  unit: 'Count' | 'Bytes' | 'Seconds';
  value: number;
}

/** Models that are not configured share one name: each dimension value is a metric that is paid for. */
export const modelDimension = (model: string, configured: string[]): string =>
  configured.includes(model) ? model : 'other';

const secondsBetween = (from: string | null | undefined, to: string): number | undefined => {
  const seconds = (Date.parse(to) - Date.parse(from ?? '')) / 1_000;
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
};

/** What a cell's result tells: images and bytes, how it ended, and how long it took. Nothing is said of zeros. */
export function measurementsOf(result: Result): Measurement[] {
  const stored = result.images.filter(isStored);
  const measurements: Measurement[] = [
    { name: 'Images', unit: 'Count', value: stored.length },
    { name: 'Bytes', unit: 'Bytes', value: stored.reduce((sum, { bytes }) => sum + bytes, 0) },
    { name: 'Lost', unit: 'Count', value: result.images.length - stored.length },
    { name: 'Finished', unit: 'Count', value: 1 },
    { name: 'Refused', unit: 'Count', value: result.status === 'refused' ? 1 : 0 },
    { name: 'Failed', unit: 'Count', value: result.status === 'failed' ? 1 : 0 },
    { name: 'Canceled', unit: 'Count', value: result.status === 'canceled' ? 1 : 0 },
  ];
  const timeToImage = stored.length > 0 ? secondsBetween(result.askedAt, result.storedAt) : undefined;
  if (timeToImage !== undefined)
    measurements.push({ name: 'TimeToImage', unit: 'Seconds', value: timeToImage });
  const predictTime = result.prediction?.metrics?.predict_time;
  if (typeof predictTime === 'number')
    measurements.push({ name: 'PredictTime', unit: 'Seconds', value: predictTime });
  return measurements.filter(({ value }) => value > 0);
}
