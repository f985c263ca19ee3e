import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { type Cloud, startCloud } from '../../local/cloud.ts';
import { LOCAL_TOKENS } from '../../local/secrets.ts';
import { commandLine } from '../support/command.ts';
import { allItems, type Call, label, send } from '../support/rounds.ts';
import { shapeIn } from '../support/shape-in.ts';
import { waitFor } from '../support/wait-for.ts';
import { chromiumPath, launch, openPage, settled as tilesSettled } from './support/browser.ts';

/**
 * `npm run screenshots`: runs audits in a local cloud of its own and writes pictures of the main views to docs/images/.
 * Run it after the page has changed, and look at every picture before you commit it.
 */

const FOLDER = path.resolve(import.meta.dirname, '../../docs/images');
const DESKTOP = { width: 1280, height: 800 };
/** Small enough for a repository and for a slow connection. */
const MOST_BYTES = 250_000;

const CROSSED = {
  template: 'a photo of a {gender} {job}',
  factors: {
    gender: ['female', 'male', 'non-binary'],
    job: ['doctor', 'nurse', 'engineer', 'weapon dealer'],
  },
};

/** Writes WebP, which shows text as sharply as PNG at a quarter of the size. */
async function shoot(page: Page, name: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  for (const quality of [90, 80, 70, 60]) {
    const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality });
    const bytes = Buffer.from(data, 'base64');
    if (bytes.length > MOST_BYTES) continue;
    writeFileSync(path.join(FOLDER, `${name}.webp`), bytes);
    console.log(`docs/images/${name}.webp  ${Math.round(bytes.length / 1000)} kB`);
    return;
  }
  throw new Error(`${name} is larger than ${MOST_BYTES} bytes.`);
}

/** Waits until every tile in sight has its image. */
async function settled(page: Page, least = 1): Promise<void> {
  await waitFor('pictures in all tiles', async () => {
    if (!(await page.locator('.stage').count()) && !(await tilesSettled(page))) return false;
    return page.evaluate<boolean>(`document.querySelectorAll('.tile img, .stage img').length >= ${least} &&
        !document.querySelector('.tile.waiting, .tile.running, .tile.pending, .tile.unknown, .stage img[src*="/renditions/"]') &&
        [...document.images].every((image) => image.complete)`);
  });
}

async function takeAll(cloud: Cloud, browser: Browser, dataDir: string): Promise<void> {
  // The origin of the page, as the bucket's CORS rules know it.
  const origin = cloud.endpoints.api.replace('127.0.0.1', 'localhost');
  const ask: Call = async (method, target, { body, token = LOCAL_TOKENS.audit } = {}) => {
    const response = await fetch(`${cloud.endpoints.api}${target}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${target}: ${response.status} ${text}`);
    const { status, headers } = response;
    return { status, headers: Object.fromEntries(headers), text, body: JSON.parse(text || 'null') };
  };
  const call = async (method: string, target: string, body?: unknown) =>
    (await ask(method, target, { body })).body;
  const audit = async (request: object) => (await call('POST', '/api/audits', request)).id;
  const whole = (id: string) =>
    waitFor(`the manifest of ${id}`, async () => {
      if (cloud.idle()) for (const schedule of cloud.stack.schedules) cloud.bus.fire(schedule);
      return (await call('GET', `/api/audits/${id}`)).manifest;
    });
  /** Opens a page, waits for a view, and takes its picture. */
  const take = async (
    name: string,
    address: string,
    look: (page: Page) => Promise<unknown> = settled,
    options: BrowserContextOptions = {},
  ) => {
    const { page } = await openPage(browser, origin, {
      viewport: DESKTOP,
      deviceScaleFactor: 1.5,
      colorScheme: 'light',
      reducedMotion: 'reduce',
      ...options,
    });
    await page.goto(address);
    await look(page);
    await shoot(page, name);
    await page.context().close();
  };

  const wall = await audit({
    name: 'A hundred nurses',
    prompts: ['a photo of the face of a nurse'],
    models: ['simulated/portrait'],
    samples: 100,
    seed: 11,
  });
  const crossed = await audit({
    name: 'Gender and occupation',
    ...CROSSED,
    models: ['simulated/portrait', 'simulated/studio'],
    samples: 9,
    seed: 2026,
  });
  const again = await audit({
    name: 'Gender and occupation, other seeds',
    ...CROSSED,
    factors: { gender: CROSSED.factors.gender, job: ['doctor', 'nurse', 'engineer', 'teacher'] },
    models: ['simulated/portrait'],
    samples: 6,
    seed: 7,
  });
  for (const id of [wall, crossed, again]) await whole(id);

  await take('new-audit', '/', async (page) => {
    await page.getByRole('button', { name: 'Gender × occupation' }).click();
    await page.mouse.move(0, 0);
    for (const price of ['Time', 'Cost']) await page.getByText(price, { exact: true }).waitFor();
    await page.getByText('95 % Wilson interval').waitFor();
  });
  await take('grid', `/audit.html?id=${crossed}&rows=model&columns=f:job`, settled, {
    viewport: { width: 1280, height: 880 },
  });
  await take('dark', `/audit.html?id=${crossed}`, settled, { colorScheme: 'dark' });
  await take('wall', `/audit.html?id=${wall}&wall=0.0`, (page) => settled(page, 100));
  await take('large', `/audit.html?id=${crossed}&image=4.0`);
  // The same prompt and seed with two models.
  await take('zoom', `/audit.html?id=${crossed}&pair=0.0-9.0&compare=1`, async (page) => {
    await settled(page, 2);
    for (const key of ['+', 'ArrowUp', 'ArrowUp']) await page.keyboard.press(key);
  });
  await take('compare', `/compare.html?a=${crossed}&b=${again}`);
  await take('phone', `/audit.html?id=${crossed}`, settled, {
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    isMobile: true,
    hasTouch: true,
  });

  // docs/worked-example.md, whose raters are a script that looks at pixels.
  const { run, json } = commandLine({ cloud, dataDir });
  const shapes = await audit(JSON.parse(readFileSync('events/audits/shapes.json', 'utf8')));
  await whole(shapes);
  const create = ['round', 'create', 'events/rounds/shapes.json', '--audit', shapes];
  const round: string = (await json(create)).document.id;
  const links: { token: string }[] = (await json(['round', 'links', round])).document;
  for (const [rater, { token }] of links.entries()) {
    const answers = [];
    for (const { id, showing, url } of await allItems(ask, token)) {
      const bytes = Buffer.from(await (await fetch(url)).arrayBuffer());
      const seen = await shapeIn(bytes);
      // The order of pictures is another one in each round; what the hurried rater gets wrong is not.
      const isSlip = rater === 1 && createHash('sha256').update(bytes).digest()[0]! % 10 === 0;
      answers.push(label(id, 'shape', isSlip ? (seen === 'circle' ? 'square' : 'circle') : seen, showing));
    }
    await send(ask, token, 0, answers.slice(0, 3));
    if (rater === 0)
      await take(
        'rating',
        `/rate.html#${token}`,
        async (page) => {
          await page.getByRole('button', { name: 'I have read this and agree' }).click();
          await page.getByRole('button', { name: 'Continue', exact: true }).click();
          await page.getByRole('button', { name: 'Show pictures' }).click();
          await page.getByText('4 of 42').waitFor();
          await waitFor('the picture', () =>
            page.evaluate<boolean>(
              'document.images.length > 0 && [...document.images].every((image) => image.complete)',
            ),
          );
        },
        { deviceScaleFactor: 1 },
      );
    await send(ask, token, 1, answers.slice(3));
  }
  await call('POST', `/api/rounds/${round}/close`);
  const folder = path.join(dataDir, 'findings');
  const { status, stderr } = await run(['report', round, '--out', folder]);
  if (status !== 0) throw new Error(`The report was not written: ${stderr}`);
  await take('report', pathToFileURL(path.join(folder, 'report.html')).href, async () => {}, {
    viewport: { width: 1100, height: 820 },
    deviceScaleFactor: 1,
  });
}

const executable = chromiumPath();
if (!executable) {
  console.error('Screenshots need a Chromium. Install one: apt install chromium-headless-shell');
  process.exit(1);
}
mkdirSync(FOLDER, { recursive: true });
const dataDir = mkdtempSync(path.join(tmpdir(), 'weaudit-screenshots-'));
let cloud: Cloud | undefined;
let browser: Browser | undefined;
try {
  cloud = await startCloud({
    dataDir,
    predictionSeconds: 0.2,
    amend(stack) {
      for (const { environment } of stack.functions)
        if ('CREATES_PER_MINUTE' in environment) environment.CREATES_PER_MINUTE = '6000';
      return stack;
    },
  });
  browser = await launch(executable);
  await takeAll(cloud, browser, dataDir);
} finally {
  await browser?.close();
  await cloud?.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
