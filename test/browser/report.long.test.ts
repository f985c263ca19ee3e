import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { reportFiles } from '../../lib/findings/report/report.ts';
import { shapeRound } from '../support/shape-round.ts';
import { drawThumbnails } from '../support/thumbnails.ts';
import { describeInBrowser, launch, openPage, seriousProblems } from './support/browser.ts';

/** A report, opened from a folder without a network. */
describeInBrowser('a report', (executable) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'weaudit-report-'));
  let browser: Browser;
  beforeAll(async () => {
    const input = shapeRound({ samples: 12 });
    const files = await reportFiles({ ...input, thumbnails: drawThumbnails(input), script: '' });
    for (const [name, text] of files) writeFileSync(path.join(folder, name), text);
    browser = await launch(executable);
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const open = (width: number, options = {}) =>
    openPage(browser, 'null', { viewport: { width, height: 900 }, ...options }).then(async (watched) => {
      await watched.page.context().setOffline(true);
      await watched.page.goto(pathToFileURL(path.join(folder, 'report.html')).href);
      return watched;
    });

  test.each([
    ['a wide screen', 1280, 'light'],
    ['a phone', 390, 'light'],
    ['a phone in the dark', 390, 'dark'],
  ] as const)(
    'opens offline on %s: every picture shown, nothing cut off, readable',
    async (_name, width, scheme) => {
      const { page, errors } = await open(width, { colorScheme: scheme });
      expect(
        await page.evaluate(
          `[...document.images].filter((image) => !image.complete || image.naturalWidth === 0).length`,
        ),
      ).toBe(0);
      expect(await page.evaluate(`document.images.length`)).toBeGreaterThan(100);
      expect(await page.evaluate(`document.documentElement.scrollWidth - innerWidth`)).toBeLessThanOrEqual(0);
      expect(await seriousProblems(page)).toEqual([]);
      expect(errors).toEqual([]);
      await page.context().close();
    },
  );

  test('is made by a browser with the same bytes as by the command line', async () => {
    const { outputFiles } = await build({
      stdin: {
        contents: `import { reportFiles } from './lib/findings/report/report.ts';
          import { shapeRound } from './test/support/shape-round.ts';
          globalThis.made = reportFiles({ ...shapeRound({ samples: 12 }), thumbnails: new Map(), script: '' }).then((files) => [...files]);`,
        resolveDir: path.resolve(import.meta.dirname, '../..'),
        loader: 'ts',
      },
      ...({ bundle: true, write: false, format: 'iife', platform: 'browser' } as const),
    });
    const { page, errors } = await open(1280);
    await page.evaluate(outputFiles[0]!.text);
    const made = await page.evaluate<[string, string][]>('globalThis.made');
    const here = reportFiles({ ...shapeRound({ samples: 12 }), thumbnails: new Map(), script: '' });
    expect(made).toEqual([...(await here)]);
    expect(errors).toEqual([]);
    await page.context().close();
  });

  test('runs no script, even one that is written into it', async () => {
    const { page } = await open(1280);
    await page.evaluate(
      `document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = true' }))`,
    );
    expect(await page.evaluate(`window.ran`)).toBeUndefined();
    await page.context().close();
  });

  test('is printed on paper: all of it, in light colors', async () => {
    const { page } = await open(1280, { colorScheme: 'dark' });
    await page.emulateMedia({ media: 'print' });
    const pdf = await page.pdf({ format: 'A4' });
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
    expect(await page.evaluate(`getComputedStyle(document.querySelector('h1')).color`)).toBe(
      'rgb(27, 27, 31)',
    );
    await page.context().close();
  });
});
