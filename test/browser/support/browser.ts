import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { chromiumPath, launch } from '../../../build/chromium.ts';
import { within } from '../../support/wait-for.ts';

export { chromiumPath, launch } from '../../../build/chromium.ts';

/** Declares tests that need a browser. Without a Chromium they are skipped, and the run says so. */
export function describeInBrowser(name: string, tests: (executable: string) => void): void {
  const executable = chromiumPath();
  if (executable !== undefined) return void describe(name, () => tests(executable));
  console.warn(
    'The browser tests are skipped: there is no Chromium. Install one: apt install chromium-headless-shell',
  );
  test.skip(`${name}: needs a Chromium`, () => {});
}

/** A page, and what it did that is checked afterwards. */
export interface Watched {
  page: Page;
  /** Errors on the console and uncaught ones. */
  errors: string[];
  /** Requests to other servers, apart from signed objects. */
  foreign: string[];
}

export interface OpenOptions extends BrowserContextOptions {
  /** The API token that is signed in; none if empty. */
  token?: string;
  /** Whether the notice before the first images was answered. */
  imagesShown?: boolean;
}

/** Opens a page whose console and requests are watched. */
export async function openPage(
  browser: Browser,
  origin: string,
  options: OpenOptions = {},
): Promise<Watched> {
  const { token = 'local', imagesShown = true, ...rest } = options;
  const context = await browser.newContext({ baseURL: origin, locale: 'en-GB', ...rest });
  await context.addInitScript(
    `if (!sessionStorage.getItem('prepared')) {
       sessionStorage.setItem('prepared', 'yes');
       ${token ? `sessionStorage.setItem('weaudit-token', ${JSON.stringify(token)});` : ''}
       ${imagesShown ? `sessionStorage.setItem('weaudit-images-shown', 'yes');` : ''}
     }`,
  );
  const page = await context.newPage();
  // It ends a wait that would never end; a busy machine does not decide what a test says.
  page.setDefaultTimeout(180_000);
  const watched: Watched = { page, errors: [], foreign: [] };
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') watched.errors.push(message.text());
  });
  page.on('pageerror', (error) => watched.errors.push(String(error.stack)));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol === 'blob:' || url.protocol === 'data:' || url.origin === origin) return;
    if (!url.searchParams.has('X-Amz-Signature')) watched.foreign.push(request.url());
  });
  return watched;
}

/** Opens a page. `expected`: errors on the console that the test causes. */
export type Open = (origin: string, options?: OpenOptions & { expected?: RegExp }) => Promise<Watched>;

/**
 * Launches a browser for the tests of a `describe`. After each test its pages are closed, and it fails if one of them
 * logged an error or sent a request to another server.
 */
export function withBrowser(executable: string): Open {
  let browser: Browser;
  let opened: (Watched & { expected: RegExp | undefined })[] = [];
  beforeAll(async () => {
    browser = await launch(executable);
  });
  afterAll(() => browser?.close());
  afterEach(async () => {
    const all = opened;
    opened = [];
    await within('the pages to close', Promise.all(browser.contexts().map((context) => context.close())));
    for (const { errors, foreign, expected } of all)
      expect({ errors: errors.filter((error) => !expected?.test(error)), foreign }).toEqual({
        errors: [],
        foreign: [],
      });
  });
  return async (origin, { expected, ...options } = {}) => {
    const watched = await openPage(browser, origin, options);
    opened.push({ ...watched, expected });
    return watched;
  };
}

/** Whether each image tile in sight has its image. Tiles out of sight load theirs when a person scrolls to them. */
export const settled = (page: Page): Promise<boolean> =>
  page.evaluate<boolean>(
    `document.querySelector('.tile') !== null && !document.querySelector('.tile.unknown') && [...document.querySelectorAll('.tile.image')].every((tile) => {
       const { top, left, bottom, right } = tile.getBoundingClientRect();
       const frame = tile.closest('.grid, .tiles, .aligned')?.getBoundingClientRect();
       const out = !frame || bottom < frame.top || top > Math.min(frame.bottom, innerHeight) || right < frame.left || left > frame.right;
       return out || tile.querySelector('img');
     })`,
  );

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * The serious and critical findings of axe, one line each.
 * @param rules only these rules; all of them by default
 */
export async function seriousProblems(page: Page, rules?: string[]): Promise<string[]> {
  if (!(await page.evaluate('"axe" in globalThis'))) await page.evaluate(AXE);
  const options = { resultTypes: ['violations'], ...(rules ? { runOnly: rules } : {}) };
  const found = page.evaluate<string[]>(
    `axe.run(document, ${JSON.stringify(options)}).then(({ violations }) => violations
       .filter(({ impact }) => impact === 'serious' || impact === 'critical')
       .map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(({ target, failureSummary }) => target + ' ' + failureSummary).join(' | ')))`,
  );
  return within(`axe on ${page.url()}`, found);
}
