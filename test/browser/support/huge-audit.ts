import type { Page } from 'playwright-core';
import type { StoredImage } from './page-cloud.ts';

/**
 * Shows a page an audit that would take minutes to run. The answers of the API are made here; the images are stored
 * ones, repeated.
 */
export async function pretendHugeAudit(
  page: Page,
  { id, samples, jobs, images }: { id: string; samples: number; jobs: number; images: StoredImage[] },
): Promise<void> {
  const prompts = Array.from({ length: jobs }, (_, i) => ({
    text: `a photo of worker ${i}`,
    factors: { job: `worker ${i}` },
  }));
  const model = { model: 'simulated/portrait', version: null, input: {}, inputs: null, seed: 'unknown' };
  const cells = jobs * samples;
  const about = {
    id,
    name: 'Huge',
    createdAt: '2026-01-01T00:00:00.000Z',
    createdBy: 'tests',
    retention: 'short',
  };
  const plan = { ...about, seed: 1, samples, prompts, models: [model], input: {}, cells };
  const counts = { waiting: 0, running: 0, succeeded: cells, failed: 0, refused: 0, canceled: 0 };
  const status = { ...about, predictions: cells, state: 'finished', counts, manifest: true };
  const prediction = (n: number) => ({
    n,
    prompt: prompts[Math.floor(n / samples)]!.text,
    factors: prompts[Math.floor(n / samples)]!.factors,
    model: model.model,
    version: 'undisclosed',
    sample: n % samples,
    seed: 1,
    seedSource: 'unknown',
    status: 'succeeded',
    asked: 1,
    returned: 1,
    filtered: 0,
    images: [{ ...images[n % images.length], index: 0, status: 'ok' }],
  });
  await page.route(`**/api/audits/${id}**`, (route) => {
    const url = new URL(route.request().url());
    if (url.pathname.endsWith('/plan')) return route.fulfill({ json: plan });
    if (!url.pathname.endsWith('/predictions')) return route.fulfill({ json: status });
    const from = Number(url.searchParams.get('cursor'));
    const to = Math.min(cells, from + Number(url.searchParams.get('limit')));
    const numbers = Array.from({ length: to - from }, (_, i) => from + i);
    return route.fulfill({ json: { predictions: numbers.map(prediction) } });
  });
}
