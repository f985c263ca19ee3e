import { countedAs } from './contract/counted.ts';
import type { Judgement } from './records/judgement.ts';
import { isStored, type Result } from './records/result.ts';

/** One value to be measured, with the unit that CloudWatch knows. */
export interface Measurement {
  name: string;
  unit: 'Count' | 'Bytes' | 'Seconds';
  value: number;
}

/** Publishes measurements of one model. */
export type Publish = (model: string, measurements: Measurement[]) => void;

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
    { name: 'Filtered', unit: 'Count', value: result.filtered ?? 0 },
  ];
  // An imported picture is no prediction: nobody requested it, and none that failed says anything of a model.
  if (result.source !== 'imported')
    measurements.push(
      { name: 'Finished', unit: 'Count', value: 1 },
      { name: 'Refused', unit: 'Count', value: result.status === 'refused' ? 1 : 0 },
      { name: 'Failed', unit: 'Count', value: result.status === 'failed' ? 1 : 0 },
      { name: 'Canceled', unit: 'Count', value: result.status === 'canceled' ? 1 : 0 },
    );
  const timeToImage = stored.length > 0 ? secondsBetween(result.askedAt, result.storedAt) : undefined;
  if (timeToImage !== undefined)
    measurements.push({ name: 'TimeToImage', unit: 'Seconds', value: timeToImage });
  const predictTime = result.prediction?.metrics?.predict_time;
  if (typeof predictTime === 'number')
    measurements.push({ name: 'PredictTime', unit: 'Seconds', value: predictTime });
  return measurements.filter(({ value }) => value > 0);
}

/** What is known of images only when they are judged: which of them are no pictures. Nothing is said of zeros. */
export function measurementsOfImages(judgements: Judgement[]): Measurement[] {
  const named = judgements.map(({ status, decoded }) => countedAs(status, decoded?.blank));
  const measurements: Measurement[] = [
    { name: 'Blank', unit: 'Count', value: named.filter((name) => name === 'blank').length },
    { name: 'Quarantined', unit: 'Count', value: named.filter((name) => name === 'quarantined').length },
  ];
  return measurements.filter(({ value }) => value > 0);
}
