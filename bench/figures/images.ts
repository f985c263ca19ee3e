import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { bundleDecoder, CODECS_WASM, DECODER } from '../../build/decoder.ts';
import { createDecoder } from '../../lib/images/decode/decoder.ts';
import { PRICES } from '../prices.ts';
import { type Benchmark, round } from '../report.ts';
import { median } from '../statistics.ts';
import { MB_A_PROCESSOR, S3_CALL_MS } from './cost.ts';

const ROUNDS = 9;
const SIDES = { '1 MP': 1_024, '4 MP': 2_048 };
const FORMATS: Record<string, (picture: Sharp) => Sharp> = {
  PNG: (picture) => picture.png(),
  JPEG: (picture) => picture.jpeg({ quality: 90 }),
  WebP: (picture) => picture.webp({ quality: 90 }),
  AVIF: (picture) => picture.avif({ effort: 2 }),
  GIF: (picture) => picture.gif({ effort: 1 }),
};
/** What models return: half PNG, a quarter JPEG, a quarter WebP. */
const SHARES: Record<string, number> = { PNG: 0.5, JPEG: 0.25, WebP: 0.25 };
/** The function has one processor. */
const MEGABYTES = MB_A_PROCESSOR;
/** Result, image, tombstone twice, rendition, tags, record: one after another, for a cell of one image. */
const S3_CALLS = 7;
/** What a function gets from S3 in a second, in MB. */
const S3_MB_A_SECOND = 80;
/** What tag takes today of a picture: five calls in sequence with 256 MB. */
const TODAY = ((5 * S3_CALL_MS) / 1_000) * (256 / 1_024) * PRICES.gbSecond;
const BUDGET = 0.015;

/** Something like a photograph: soft shapes under a little noise, about 1.5 bytes a pixel as PNG. */
async function picture(side: number): Promise<Sharp> {
  const noise = (sigma: number) => ({ type: 'gaussian', mean: 128, sigma }) as const;
  const shapes = await sharp({
    create: { width: side, height: side, channels: 3, background: '#888', noise: noise(90) },
  })
    .blur(side / 40)
    .normalize()
    .png()
    .toBuffer();
  const grain = await sharp({
    create: { width: side, height: side, channels: 3, background: '#888', noise: noise(14) },
  })
    .png()
    .toBuffer();
  const raw = await sharp(shapes)
    .composite([{ input: grain, blend: 'soft-light' }])
    .raw()
    .toBuffer({ resolveWithObject: true });
  return sharp(raw.data, { raw: raw.info });
}

const KB = (bytes: number) => round(bytes / 1_000);

/** What looking at an image takes, and what it costs. */
export const images: Benchmark = {
  name: 'images',
  figure: 8,
  title: 'Decoding an image and making its rendition, in the sandbox',
  async run(progress) {
    const folder = await mkdtemp(path.join(tmpdir(), 'decoder-'));
    try {
      await bundleDecoder(folder);
      const files = await Promise.all(
        [DECODER, CODECS_WASM].map((file) => readFile(path.join(folder, file))),
      );
      const [program = 0, codecs = 0] = files.map((file) => gzipSync(file, { level: 9 }).length);
      const rows: (string | number)[][] = [];
      const warmMs: Record<string, Record<string, { ms: number; megabytes: number }>> = {};
      const first: number[] = [];
      for (const [size, side] of Object.entries(SIDES)) {
        const source = await picture(side);
        warmMs[size] = {};
        for (const [format, encode] of Object.entries(FORMATS)) {
          progress(`${format}, ${size}`);
          const bytes = await encode(source.clone()).toBuffer();
          const decoder = createDecoder(folder);
          try {
            const cold = await decoder.look(bytes);
            const warm = [];
            for (let n = 0; n < ROUNDS; n += 1) warm.push((await decoder.look(bytes)).processorMs);
            const last = await decoder.look(bytes);
            if (last.verdict !== 'ok') throw new Error(`${format}, ${size}: ${last.reason}`);
            first.push(cold.processorMs - median(warm));
            warmMs[size][format] = { ms: median(warm), megabytes: bytes.length / 1e6 };
            rows.push([
              format,
              size,
              KB(bytes.length),
              cold.processorMs,
              median(warm),
              last.peakMemoryMb,
              KB(last.rendition?.length ?? 0),
            ]);
          } finally {
            decoder.close();
          }
        }
      }
      const costOf = (size: string) => {
        const entries = Object.entries(SHARES).map(([format, share]) => ({
          share,
          ...warmMs[size]![format]!,
        }));
        const mean = (of: (entry: { ms: number; megabytes: number }) => number) =>
          entries.reduce((sum, entry) => sum + entry.share * of(entry), 0);
        const ms =
          mean(({ ms }) => ms) +
          S3_CALLS * S3_CALL_MS +
          (1_000 * mean(({ megabytes }) => megabytes)) / S3_MB_A_SECOND;
        const time = (ms / 1_000) * (MEGABYTES / 1_024) * PRICES.gbSecond;
        // A PUT of the rendition and two looks at the tombstone; one GET of the image takes the place of two.
        const calls = PRICES.write + PRICES.read;
        return { ms, more: 1_000 * (time + calls - TODAY) };
      };
      const costs = Object.keys(SIDES).map((size) => ({ size, ...costOf(size) }));
      return {
        sections: [
          {
            heading: `Processor time: the first image of a process, and the median of ${ROUNDS} more`,
            columns: ['format', 'size', 'kB', 'first, ms', 'warm, ms', 'peak memory, MB', 'rendition, kB'],
            rows,
          },
          {
            heading: 'Cost more than judging by head and trailer: half PNG, a quarter JPEG, a quarter WebP',
            columns: ['size', 'time of an image, ms', '$ per 1,000 images more'],
            rows: costs.map(({ size, ms, more }) => [size, round(ms), more.toFixed(4)]),
          },
          {
            heading: 'What is shipped for it, zipped, in kB',
            columns: ['file', 'kB'],
            rows: [
              [DECODER, KB(program)],
              [CODECS_WASM, KB(codecs)],
            ],
          },
        ],
        budgets: [
          {
            what: '$ per 1,000 images of 1 MP more',
            value: round(costs.find(({ size }) => size === '1 MP')?.more ?? Number.NaN, 4),
            most: BUDGET,
          },
        ],
        notes: [
          `Calculated with ${MEGABYTES} MB (one processor as fast as this one), ${S3_CALLS} calls of S3 of ${S3_CALL_MS} ms and ${S3_MB_A_SECOND} MB/s, in sequence, one image a cell.`,
          `Beside it: the first image of a process takes ${round(median(first))} ms more, and starting it some 130 ms, once for each environment of the function.`,
        ],
      };
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};
