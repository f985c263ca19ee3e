import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { describeInBrowser, launch, openPage } from './support/browser.ts';
import { pretendHugeAudit } from './support/huge-audit.ts';
import { traceMainThreads } from './support/main-thread.ts';
import { withPageCloud } from './support/page-cloud.ts';

/** The most processor time that a task of the page may use, so that the page always responds. */
const MOST_MS = 100;

describeInBrowser('the page', (executable) => {
  const local = withPageCloud();
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch(executable);
  });
  afterAll(() => browser?.close());

  test('2,000 images scroll by, and no task of the page uses 100 ms of the processor', async () => {
    const audit = await local.start({
      prompts: ['a photo of a doctor'],
      models: ['simulated/portrait'],
      samples: 10,
    });
    await local.finished(audit);
    const { page, errors } = await openPage(browser, local.origin);
    await pretendHugeAudit(page, { id: audit, jobs: 200, samples: 10, images: await local.imagesOf(audit) });
    await page.goto(`/audit.html?id=${audit}&rows=f:job&columns=sample&size=s`);
    await page.locator('.tile img').first().waitFor();
    const end = await traceMainThreads(browser);
    // Half a screen a frame, from the first row to the last.
    await page.evaluate(`new Promise((done) => {
      const grid = document.querySelector('.grid');
      const step = () => {
        grid.scrollTop += grid.clientHeight / 2;
        if (grid.scrollTop + grid.clientHeight >= grid.scrollHeight - 1) done();
        else requestAnimationFrame(step);
      };
      requestAnimationFrame(step);
    })`);
    await page.getByRole('gridcell', { name: 'worker 199, 1', exact: true }).locator('img').waitFor();
    const longest = await end();
    console.log(`2,000 images: the longest task used ${longest.toFixed(1)} ms of processor time.`);
    expect(longest).toBeLessThan(MOST_MS);
    expect(errors).toEqual([]);
    await page.context().close();
  });
});
