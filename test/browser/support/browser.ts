import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const PLACES = process.env.CHROMIUM_PATH
  ? [process.env.CHROMIUM_PATH]
  : ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Where this machine has a Chromium, or where CHROMIUM_PATH says; undefined if there is none. */
export const chromiumPath = (): string | undefined => PLACES.find((place) => existsSync(place));

/** A browser that talks to nobody but the page. */
export const launch = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });

/** What went on in a page that should not have. */
export interface Watched {
  page: Page;
  /** Errors on the console and uncaught ones. */
  errors: string[];
  /** Requests to anywhere but the page's origin, other than for signed objects. */
  foreign: string[];
  /** Signed objects that were asked for, by path. */
  signed: string[];
}

const isSigned = (url: URL) => url.searchParams.has('X-Amz-Signature');

/** Opens a page whose console and requests are watched. */
export async function openPage(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions & { token?: string; imagesShown?: boolean } = {},
): Promise<Watched> {
  const { token = 'local', imagesShown = true, ...rest } = options;
  const context = await browser.newContext({ baseURL: origin, ...rest });
  await context.addInitScript(
    `if (!sessionStorage.getItem('prepared')) {
       sessionStorage.setItem('prepared', 'yes');
       ${token ? `sessionStorage.setItem('weaudit-token', ${JSON.stringify(token)});` : ''}
       ${imagesShown ? `sessionStorage.setItem('weaudit-images-shown', 'yes');` : ''}
     }
     globalThis.longTasks = [];
     new PerformanceObserver((list) => globalThis.longTasks.push(...list.getEntries().map((entry) => Math.round(entry.duration))))
       .observe({ type: 'longtask', buffered: true });`,
  );
  const page = await context.newPage();
  // It ends a wait that would never end; a busy machine does not decide what a test says.
  page.setDefaultTimeout(180_000);
  const watched: Watched = { page, errors: [], foreign: [], signed: [] };
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') watched.errors.push(message.text());
  });
  page.on('pageerror', (error) => watched.errors.push(String(error.stack)));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol === 'blob:' || url.protocol === 'data:' || url.origin === origin) return;
    if (isSigned(url)) watched.signed.push(url.pathname);
    else watched.foreign.push(request.url());
  });
  return watched;
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * What axe finds that is serious or critical, one line each.
 * @param rules only these; all of them unless told
 */
export async function seriousProblems(page: Page, rules?: string[]): Promise<string[]> {
  if (!(await page.evaluate('"axe" in globalThis'))) await page.evaluate(AXE);
  const options = { resultTypes: ['violations'], ...(rules ? { runOnly: rules } : {}) };
  return page.evaluate(
    `axe.run(document, ${JSON.stringify(options)}).then(({ violations }) => violations
       .filter(({ impact }) => impact === 'serious' || impact === 'critical')
       .map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(({ target, failureSummary }) => target + ' ' + failureSummary).join(' | ')))`,
  );
}
