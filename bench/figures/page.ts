import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import sharp from 'sharp';
import { chromiumPath, launch } from '../../build/chromium.ts';
import { bundleDecoder } from '../../build/decoder.ts';
import { buildSite } from '../../build/web.ts';
import { createDecoder } from '../../lib/images/decode/decoder.ts';
import { isImage, type Pair, type Scene, servePage } from '../page-scene.ts';
import { type Benchmark, round } from '../report.ts';
import { interleave, median } from '../statistics.ts';

const ROUNDS = 3;
/** Distinct pictures; every image has an address of its own. */
const PICTURES = 10;
/** Gives PNG files of 2 MB. */
const SIDE = 850;
/** Much longer than a run takes; what does not end by then never does. */
const LIMIT_MS = 300_000;
const SAMPLE_MS = 200;

const SCENES: Record<string, Scene & { more: string; options: BrowserContextOptions; mostMb: number }> = {
  'wall of 100': {
    prompts: [{ text: 'a photo of a nurse' }],
    samples: 100,
    more: '&wall=0.0',
    options: { viewport: { width: 1280, height: 800 } },
    mostMb: 2,
  },
  'grid of 400 on a phone': {
    prompts: [1, 2, 3, 4, 5].flatMap((x) =>
      [1, 2, 3, 4, 5].map((y) => ({ text: `photo ${x} ${y}`, factors: { x: `x${x}`, y: `y${y}` } })),
    ),
    samples: 16,
    more: '',
    options: {
      ...{ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
    },
    mostMb: 1,
  },
};
const WAYS = ['renditions', 'scaled in the browser', 'originals as they are'] as const;

/**
 * A picture with as much detail in its rendition as those of the simulated models, so about 15 kB: noise of many
 * sizes, the finer the fainter, under grain that makes the file large.
 */
async function picture(): Promise<Buffer> {
  const sum = new Float32Array(SIDE * SIDE * 3);
  for (let cells = 4, strength = 0.8; cells <= 256; cells *= 2, strength *= 0.52) {
    const noise = Uint8Array.from({ length: cells * cells * 3 }, () => Math.random() * 256);
    const large = await sharp(noise, { raw: { width: cells, height: cells, channels: 3 } })
      .resize(SIDE, SIDE, { kernel: 'cubic' })
      .raw()
      .toBuffer();
    for (let i = 0; i < sum.length; i++) sum[i]! += (large[i]! - 128) * strength;
  }
  const pixels = Uint8ClampedArray.from(sum, (value) => 128 + value + (Math.random() - 0.5) * 12);
  return sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .png()
    .toBuffer();
}

async function makePairs(): Promise<Required<Pair>[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'decoder-'));
  await bundleDecoder(folder);
  const decoder = createDecoder(folder);
  try {
    const pairs = [];
    for (let i = 0; i < PICTURES; i++) {
      const original = await picture();
      const { rendition } = await decoder.look(original);
      if (!rendition) throw new Error('The decoder made no rendition of a picture.');
      pairs.push({ original, rendition: Buffer.from(rendition) });
    }
    return pairs;
  } finally {
    decoder.close();
    await rm(folder, { recursive: true });
  }
}

/** Memory of all processes of a browser, in MB, what they share counted once; undefined where there is no /proc. */
async function memoryOf(browser: Browser): Promise<number | undefined> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const sizes = processInfo.map(async ({ id }) => {
    const text = await readFile(`/proc/${id}/smaps_rollup`, 'utf8').catch(() => '');
    return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) / 1024;
  });
  const sum = (await Promise.all(sizes)).reduce((a, b) => a + b, 0);
  return sum || undefined;
}

/** Resolves to the milliseconds from the start of the page until each image in sight has loaded. */
const LAST_TILE = `new Promise((resolve) => {
  const look = () => {
    const frame = document.querySelector('.tiles, .grid')?.getBoundingClientRect();
    const tiles = [...document.querySelectorAll('.tile')].filter((tile) => {
      const { top, left, bottom, right } = tile.getBoundingClientRect();
      return bottom > frame.top && top < Math.min(frame.bottom, innerHeight) && right > frame.left && left < frame.right;
    });
    if (tiles.length > 1 && tiles.every((tile) => tile.querySelector('img')?.complete))
      requestAnimationFrame(() => resolve({ ms: performance.now(), tiles: tiles.length }));
    else requestAnimationFrame(look);
  };
  look();
})`;

interface Run {
  imageBytes: number;
  /** The page's script and style, and the answers of the API. */
  otherBytes: number;
  ms: number;
  tiles: number;
  memoryMb: number | undefined;
}

/** Opens a page in a browser of its own, so that nothing is in a cache. */
async function runPage(executable: string, address: string, options: BrowserContextOptions): Promise<Run> {
  const browser = await launch(executable);
  try {
    const context = await browser.newContext(options);
    await context.addInitScript(
      `sessionStorage.setItem('weaudit-token', 'bench'); sessionStorage.setItem('weaudit-images-shown', 'yes');`,
    );
    const page = await context.newPage();
    page.setDefaultTimeout(LIMIT_MS);
    const network = await context.newCDPSession(page);
    await network.send('Network.enable');
    const images = new Set<string>();
    let imageBytes = 0;
    let otherBytes = 0;
    network.on('Network.requestWillBeSent', ({ requestId, request }) => {
      if (isImage(request.url)) images.add(requestId);
    });
    network.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      if (images.has(requestId)) imageBytes += encodedDataLength;
      else otherBytes += encodedDataLength;
    });
    let most: number | undefined;
    let over = false;
    const watch = (async () => {
      while (!over) {
        const now = await memoryOf(browser);
        if (now !== undefined) most = Math.max(most ?? 0, now);
        await wait(SAMPLE_MS);
      }
    })();
    await page.goto(address);
    await page.locator('.tile').first().waitFor();
    const { ms, tiles } = await page.evaluate<{ ms: number; tiles: number }>(LAST_TILE);
    // What is fetched without being in sight counts too.
    await page.waitForLoadState('networkidle');
    over = true;
    await watch;
    return { imageBytes, otherBytes, ms, tiles, memoryMb: most };
  } finally {
    await browser.close();
  }
}

/** What a browser fetches to show tiles, beside how it was before there were renditions. */
export const page: Benchmark = {
  name: 'page',
  figure: 9,
  title: 'Pictures of 2 MB on the page, before anybody scrolls',
  async run(progress) {
    const executable = chromiumPath();
    if (!executable)
      throw new Error(
        'This figure needs a Chromium. Install one (apt install chromium-headless-shell), or set CHROMIUM_PATH.',
      );
    const folder = await mkdtemp(path.join(tmpdir(), 'page-'));
    try {
      progress('making pictures');
      const pairs = await makePairs();
      const older = pairs.map(({ original }) => ({ original, rendition: undefined }));
      const [now, before] = [path.join(folder, 'now'), path.join(folder, 'before')];
      await buildSite(now);
      await buildSite(before, [
        {
          name: 'browser-renditions',
          setup(builder) {
            const replacement = path.resolve(import.meta.dirname, '../ways/browser-renditions.js');
            builder.onResolve({ filter: /\/images\/(use-image|in-sight)\.ts$/ }, () => ({
              path: replacement,
            }));
          },
        },
      ]);
      const cases = Object.keys(SCENES).flatMap((scene) => WAYS.map((way) => `${scene}: ${way}`));
      const results = await interleave(cases, ROUNDS, async (name, n) => {
        progress(`round ${n + 1} of ${ROUNDS}: ${name}`);
        const [scene = '', way = ''] = name.split(': ');
        const { more, options, ...audit } = SCENES[scene]!;
        const server = await servePage(
          way === 'scaled in the browser' ? before : now,
          audit,
          way === 'originals as they are' ? older : pairs,
        );
        try {
          return await runPage(executable, server.address(more), options);
        } finally {
          await server.close();
        }
      });
      const of = (name: string, value: (run: Run) => number) => median(results[name]!.map(value));
      const megabytes = (name: string) => of(name, ({ imageBytes }) => imageBytes / 1e6);
      const size = (file: (pair: Required<Pair>) => Buffer | undefined) =>
        round(median(pairs.map((pair) => file(pair)!.length)) / 1_000, 1);
      return {
        sections: Object.keys(SCENES).map((scene) => {
          const first = `${scene}: ${WAYS[1]}`;
          return {
            heading: `${scene}, ${of(`${scene}: ${WAYS[0]}`, ({ tiles }) => tiles)} of them in sight; medians of ${ROUNDS} interleaved runs`,
            columns: [
              'way',
              'images, MB',
              '÷ scaled in the browser',
              'the rest, MB',
              'last tile, ms',
              '÷',
              'memory of the browser, MB',
            ],
            rows: WAYS.map((way) => {
              const name = `${scene}: ${way}`;
              return [
                way,
                round(megabytes(name), 2),
                round(megabytes(name) / megabytes(first), 3),
                round(
                  of(name, ({ otherBytes }) => otherBytes / 1e6),
                  2,
                ),
                round(of(name, ({ ms }) => ms)),
                round(of(name, ({ ms }) => ms) / of(first, ({ ms }) => ms), 3),
                round(of(name, ({ memoryMb }) => memoryMb ?? Number.NaN)),
              ];
            }),
          };
        }),
        budgets: Object.entries(SCENES).map(([scene, { mostMb }]) => ({
          what: `${scene}, MB in all`,
          value: round(
            of(`${scene}: ${WAYS[0]}`, ({ imageBytes, otherBytes }) => (imageBytes + otherBytes) / 1e6),
            2,
          ),
          most: mostMb,
        })),
        notes: [
          `A picture has ${size(({ original }) => original)} kB, its rendition ${size(({ rendition }) => rendition)} kB.`,
          'The rest: script, style, and the answers of the API, compressed.',
          'On loopback: on a slower line the ratio of the times comes closer to that of the bytes.',
          'Memory: the most that all processes of the browser had at once, what they share counted once.',
        ],
      };
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};
