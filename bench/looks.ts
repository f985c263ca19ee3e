import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { bundleDecoder, CODECS_WASM, DECODER } from '../build/decoder.ts';
import { createDecoder } from '../lib/images/decode/decoder.ts';
import { median } from './statistics.ts';

export const ROUNDS = 9;
export const SIDES = { '1 MP': 1_024, '4 MP': 2_048 };
export type Size = keyof typeof SIDES;
const FORMATS: Record<string, (picture: Sharp) => Sharp> = {
  PNG: (picture) => picture.png(),
  JPEG: (picture) => picture.jpeg({ quality: 90 }),
  WebP: (picture) => picture.webp({ quality: 90 }),
  AVIF: (picture) => picture.avif({ effort: 2 }),
  GIF: (picture) => picture.gif({ effort: 1 }),
};
/** What models return: half PNG, a quarter JPEG, a quarter WebP. */
const SHARES: Record<string, number> = { PNG: 0.5, JPEG: 0.25, WebP: 0.25 };

/** What the decoder takes for an image of one format and size. Times are the processor's, in ms. */
export interface Look {
  format: string;
  size: Size;
  bytes: number;
  /** Of the first image of a process. */
  firstMs: number;
  warmMs: number;
  peakMemoryMb: number;
  renditionBytes: number;
}

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

/** Looks at images of all formats and sizes in the decoder as it is shipped. @returns sizes of its files in bytes, zipped, too */
export async function measureLooks(progress: (text: string) => void) {
  const folder = await mkdtemp(path.join(tmpdir(), 'decoder-'));
  try {
    await bundleDecoder(folder);
    const zipped: [file: string, bytes: number][] = [];
    for (const file of [DECODER, CODECS_WASM])
      zipped.push([file, gzipSync(await readFile(path.join(folder, file)), { level: 9 }).length]);
    const looks: Look[] = [];
    for (const size of Object.keys(SIDES) as Size[]) {
      const source = await picture(SIDES[size]);
      for (const [format, encode] of Object.entries(FORMATS)) {
        progress(`${format}, ${size}`);
        looks.push({ format, size, ...(await look(folder, await encode(source.clone()).toBuffer())) });
      }
    }
    return { looks, zipped };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function look(folder: string, bytes: Buffer): Promise<Omit<Look, 'format' | 'size'>> {
  const decoder = createDecoder(folder);
  try {
    const first = await decoder.look(bytes);
    const warm: number[] = [];
    for (let n = 0; n < ROUNDS; n += 1) warm.push((await decoder.look(bytes)).processorMs);
    const last = await decoder.look(bytes);
    if (last.verdict !== 'ok') throw new Error(`an image of ${bytes.length} bytes: ${last.reason}`);
    return {
      bytes: bytes.length,
      firstMs: first.processorMs,
      warmMs: median(warm),
      peakMemoryMb: last.peakMemoryMb,
      renditionBytes: last.rendition?.length ?? 0,
    };
  } finally {
    decoder.close();
  }
}

/** Processor time and bytes of an image of this size, as models return their formats. */
export function meanLook(looks: readonly Look[], size: Size): { ms: number; megabytes: number } {
  const mean = (of: (look: Look) => number) =>
    looks
      .filter((look) => look.size === size)
      .reduce((sum, look) => sum + (SHARES[look.format] ?? 0) * of(look), 0);
  return { ms: mean(({ warmMs }) => warmMs), megabytes: mean(({ bytes }) => bytes / 1e6) };
}
