import { measurementsOf, measurementsOfImages } from '../../lib/metrics.ts';
import type { Judgement } from '../../lib/records/judgement.ts';
import type { Result } from '../../lib/records/result.ts';

const named = (measurements: { name: string; value: number }[]) =>
  Object.fromEntries(measurements.map(({ name, value }) => [name, value]));

test('a result is measured by what it says: lost and filtered images under their own names, zeros not at all', () => {
  const stored = { index: 0, key: 'k', sha256: '', bytes: 5, contentType: 'image/png' };
  const result = {
    ...{
      status: 'succeeded',
      filtered: 2,
      askedAt: '2026-01-01T00:00:00Z',
      storedAt: '2026-01-01T00:00:03Z',
    },
    images: [stored, { index: 1, error: 'too large' }],
  } as Result;
  expect(named(measurementsOf(result))).toEqual({
    ...{ Images: 1, Bytes: 5, Lost: 1, Filtered: 2, Finished: 1, TimeToImage: 3 },
  });
});

test('an imported picture is measured as an image, and not as a prediction that finished or failed', () => {
  const stored = { index: 0, key: 'k', sha256: '', bytes: 5, contentType: 'image/png' };
  const result = {
    source: 'imported',
    status: 'succeeded',
    filtered: 0,
    images: [stored],
  } as unknown as Result;
  expect(named(measurementsOf(result))).toEqual({ Images: 1, Bytes: 5 });
  expect(measurementsOf({ ...result, status: 'failed', images: [] })).toEqual([]);
});

test('a judged image is measured only if it is no picture: blank or quarantined', () => {
  const judgement = (status: Judgement['status'], blank: boolean): Judgement => ({
    ...{ status, format: 'png', width: 1, height: 1 },
    decoded: { version: 1, animated: false, alpha: false, c2pa: false, blank },
  });
  const [ok, blank, bad] = [judgement('ok', false), judgement('ok', true), judgement('quarantined', true)];
  expect(named(measurementsOfImages([ok!, blank!, bad!, blank!]))).toEqual({ Blank: 2, Quarantined: 1 });
  expect(measurementsOfImages([ok!])).toEqual([]);
});
