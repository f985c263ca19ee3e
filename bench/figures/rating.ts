import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import mime from 'mime-types';
import sharp from 'sharp';
import { chromiumPath, launch } from '../../build/chromium.ts';
import { buildSite } from '../../build/web.ts';
import type { RatePage } from '../../lib/contract/rounds.ts';
import { type Benchmark, round } from '../report.ts';
import { median, percentile } from '../statistics.ts';

const PICTURES = 100;
const LATENCY_MS = 50;
const BYTES_PER_SECOND = 5_000_000 / 8;
const PACES_MS = [0, 1_000];
/** Much longer than a run takes. */
const LIMIT_MS = 300_000;

/** A picture of 512 pixels with detail of several sizes, as a WebP like a rendition. */
async function rendition(): Promise<Buffer> {
  const noise = (side: number) => Uint8Array.from({ length: side * side * 3 }, () => Math.random() * 256);
  const layer = (side: number) =>
    sharp(noise(side), { raw: { width: side, height: side, channels: 3 } }).resize(512, 512, {
      kernel: 'cubic',
    });
  const fine = await layer(96).png().toBuffer();
  const base = await layer(8).png().toBuffer();
  return sharp(base)
    .composite([{ input: fine, blend: 'soft-light' }])
    .webp({ quality: 80 })
    .toBuffer();
}

const CODEBOOK: RatePage['codebook'] = {
  title: 'Benchmark',
  questions: [
    {
      ...{ id: 'shape', text: 'Which shape?', kind: 'one' },
      answers: [
        { id: 'round', text: 'A round one', key: '1' },
        { id: 'other', text: 'Another one', key: '2' },
      ],
    },
  ],
};

/** Serves the rating page, a list of pictures, and takes labels. */
async function serve(site: string, pictures: Buffer[]) {
  const server = http.createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://page');
    const json = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (url.pathname.startsWith('/picture/'))
      return response
        .writeHead(200, { 'content-type': 'image/webp', 'cache-control': 'private, max-age=3600' })
        .end(pictures[Number(url.pathname.split('/')[2])]);
    if (url.pathname.startsWith('/api/rate/labels/')) {
      request.resume();
      await once(request, 'end');
      return json(201, { seq: 0, stored: 1 });
    }
    if (url.pathname === '/api/rate') {
      const answer: RatePage = {
        ...{ consent: 'Version 1', notice: '', codebook: CODEBOOK, practice: [], total: PICTURES },
        items: pictures.map((_, place) => ({
          ...{ place, id: String(place).padStart(32, '0'), showing: 1 },
          url: `${origin}/picture/${place}`,
        })),
        ...{ answered: [], nextSeq: 0, closed: false },
      };
      return json(200, answer);
    }
    const file = path.join(site, url.pathname);
    response
      .writeHead(200, { 'content-type': mime.lookup(file) || 'text/html', 'content-encoding': 'gzip' })
      .end(gzipSync(await readFile(file).catch(() => '')));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  return { server, origin };
}

/** Notes the time of each key, and when the next picture, decoded, is drawn. */
const WATCH = `
  globalThis.times = [];
  let pressed;
  addEventListener('keydown', () => { pressed = performance.now(); }, true);
  new MutationObserver((changes) => {
    if (pressed === undefined || !changes.some(({ addedNodes }) => [...addedNodes].some((node) => node.nodeName === 'IMG'))) return;
    const from = pressed;
    pressed = undefined;
    const image = document.querySelector('.frame img');
    image.decode().then(() => requestAnimationFrame(() => times.push(performance.now() - from)));
  }).observe(document, { subtree: true, childList: true });
`;

/** @param pace milliseconds that the rater looks at each picture */
async function rate(executable: string, origin: string, pace: number): Promise<number[]> {
  const browser = await launch(executable);
  try {
    const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
    page.setDefaultTimeout(LIMIT_MS);
    const network = await page.context().newCDPSession(page);
    await network.send('Network.enable');
    await network.send('Network.emulateNetworkConditions', {
      ...{ offline: false, latency: LATENCY_MS },
      ...{ downloadThroughput: BYTES_PER_SECOND, uploadThroughput: BYTES_PER_SECOND },
    });
    await page.addInitScript(WATCH);
    await page.goto(`${origin}/rate.html#token`);
    for (const name of ['I have read this and agree', 'Continue', 'Show pictures'])
      await page.getByRole('button', { name }).click();
    for (let place = 1; place <= PICTURES; place++) {
      await page.getByText(`${place} of ${PICTURES}`, { exact: true }).waitFor();
      await page.locator('.answer:enabled').first().waitFor();
      await page.waitForTimeout(pace);
      await page.keyboard.press('1');
    }
    await page.getByRole('heading', { name: 'Thank you' }).waitFor();
    return await page.evaluate<number[]>('times');
  } finally {
    await browser.close();
  }
}

/** How long a rater waits for the next picture. */
export const rating: Benchmark = {
  name: 'rating',
  figure: 10,
  title: 'From a key to the next picture, decoded, at 50 ms and 5 Mbit/s',
  async run(progress) {
    const executable = chromiumPath();
    if (!executable)
      throw new Error(
        'This figure needs a Chromium. Install one (apt install chromium-headless-shell), or set CHROMIUM_PATH.',
      );
    const site = await mkdtemp(path.join(tmpdir(), 'rating-'));
    progress('making pictures');
    const pictures: Buffer[] = [];
    while (pictures.length < PICTURES) pictures.push(await rendition());
    await buildSite(site);
    const { server, origin } = await serve(site, pictures);
    try {
      const rows: (string | number)[][] = [];
      let worst = 0;
      for (const pace of PACES_MS) {
        progress(`${PICTURES} pictures, ${pace} ms each`);
        const times = await rate(executable, origin, pace);
        if (times.length !== PICTURES - 1) throw new Error(`${times.length} pictures were seen.`);
        const p95 = percentile(times, 0.95);
        if (pace > 0) worst = Math.max(worst, p95);
        rows.push([
          pace === 0 ? 'at once' : `after ${pace / 1000} s`,
          ...[percentile(times, 0.5), p95, Math.max(...times)].map((ms) => round(ms)),
        ]);
      }
      return {
        sections: [
          {
            heading: `${PICTURES} pictures, one key each`,
            columns: ['the key is pressed', 'p50, ms', 'p95, ms', 'longest, ms'],
            rows,
          },
        ],
        budgets: [{ what: 'p95 of a rater who looks for a second, ms', value: round(worst), most: 200 }],
        notes: [
          `A picture has ${round(median(pictures.map(({ length }) => length)) / 1_000, 1)} kB, so that the line brings ${round(BYTES_PER_SECOND / median(pictures.map(({ length }) => length)), 1)} a second.`,
          'At once: as soon as the answer can be given, which no person does; then the line decides.',
        ],
      };
    } finally {
      server.close();
      server.closeAllConnections();
      await rm(site, { recursive: true });
    }
  },
};
