import { crc32 } from 'node:zlib';
import { createCanvas, GlobalFonts, loadImage } from '@napi-rs/canvas';
import { shapeIn } from '../../../test/support/shape-in.ts';
import { Draw } from '../draw.ts';
import { findModel, MODELS } from '../models.ts';
import { fileBytes } from '../outputs.ts';
import { type Picture, renderPicture, wrapText } from '../picture.ts';

const nurse: Picture = {
  motif: 'orbs',
  width: 256,
  height: 256,
  format: 'webp',
  model: 'simulated/flash',
  prompt: 'a photo of a nurse in Zürich',
  seed: 7,
  index: 0,
};

const sniff = (bytes: Buffer): string => {
  if (bytes.subarray(0, 8).equals(Buffer.from('89504e470d0a1a0a', 'hex'))) return 'png';
  if (bytes.subarray(0, 3).equals(Buffer.from('ffd8ff', 'hex'))) return 'jpeg';
  if (bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP') return 'webp';
  return 'unknown';
};

/** Red, green, blue and alpha of every pixel of a part of an image. */
const pixels = async (bytes: Buffer, x: number, y: number, width: number, height: number) => {
  const image = await loadImage(bytes);
  const canvas = createCanvas(image.width, image.height);
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas.getContext('2d').getImageData(x, y, width, height).data;
};

/** Share of the pixels that differ clearly. */
const difference = (one: Uint8ClampedArray, other: Uint8ClampedArray): number => {
  let differing = 0;
  for (let i = 0; i < one.length; i += 4) {
    const distance =
      Math.abs(one[i]! - other[i]!) +
      Math.abs(one[i + 1]! - other[i + 1]!) +
      Math.abs(one[i + 2]! - other[i + 2]!);
    if (distance > 48) differing += 1;
  }
  return differing / (one.length / 4);
};

describe('pictures', () => {
  it('are the same bytes for the same prompt, model and seed', async () => {
    const first = await renderPicture(nurse);
    await renderPicture({ ...nurse, seed: 8 });
    expect((await renderPicture(nurse)).equals(first)).toBe(true);
  });

  it.each([
    ['prompt', { prompt: 'a photo of a pilot in Zürich' }],
    ['model', { model: 'simulated/other' }],
    ['seed', { seed: 8 }],
    ['position in the batch', { index: 1 }],
  ])('look different when only the %s differs', async (_what, change) => {
    const area = [0, 0, 256, 128] as const;
    const one = await pixels(await renderPicture(nurse), ...area);
    const other = await pixels(await renderPicture({ ...nurse, ...change }), ...area);
    expect(difference(one, other)).toBeGreaterThan(0.3);
  });

  it.each(['png', 'jpeg', 'webp'] as const)('are real %s files of the size asked for', async (format) => {
    const bytes = await renderPicture({ ...nurse, format, width: 384, height: 256 });
    expect(sniff(bytes)).toBe(format);
    expect(await loadImage(bytes)).toMatchObject({ width: 384, height: 256 });
  });

  it('show the prompt in letters from the package, not in boxes or not at all', async () => {
    await renderPicture(nurse);
    expect(GlobalFonts.has('Simulated latin')).toBe(true);
    const caption = [0, 176, 256, 80] as const;
    const plain = { ...nurse, format: 'png' as const };
    // Letters are white; the accent must be drawn too.
    const white = (data: Uint8ClampedArray): number =>
      data.filter((value, i) => i % 4 === 0 && value > 240).length;
    const shown = white(await pixels(await renderPicture(plain), ...caption));
    const empty = white(await pixels(await renderPicture({ ...plain, prompt: '' }), ...caption));
    expect(shown).toBeGreaterThan(empty + 150);
    const accents = await pixels(await renderPicture({ ...plain, prompt: 'ä' }), ...caption);
    const bare = await pixels(await renderPicture({ ...plain, prompt: 'a' }), ...caption);
    expect(accents).not.toEqual(bare);
  });

  it.each([
    ['nothing', ''],
    ['scripts without a font and emoji', '日本語のポートレート 🎨👩🏽‍🚀 عربي'],
    ['a word wider than the picture', 'x'.repeat(5000)],
    ['half a character', 'broken \ud83d surrogate'],
    ['very much', 'a portrait of somebody, '.repeat(400)],
  ])('are drawn for a prompt of %s', async (_what, prompt) => {
    expect(sniff(await renderPicture({ ...nurse, prompt }))).toBe('webp');
  });

  it('show a shape in their pixels, and tell it nowhere else', async () => {
    const shapes = findModel('simulated/shapes')!;
    const runs = Array.from({ length: 60 }, (_, seed) => shapes.run({ prompt: 'a thing', seed }, 0));
    const drawn = runs.flatMap((run) => (run.end === 'succeeded' ? [run] : []));
    const motifs = new Set(drawn.map(({ files }) => files[0]!.picture.motif));
    expect(motifs).toEqual(new Set(['circle', 'square']));
    for (const { files, logs, output } of drawn) {
      const { picture, ...told } = files[0]!;
      const bytes = await renderPicture(picture);
      expect(await shapeIn(bytes)).toBe(picture.motif);
      const said = JSON.stringify([told, logs, output(['address']), picture.prompt, picture.model]);
      expect(said + bytes.toString('latin1')).not.toMatch(/circle|square/iu);
    }
  });

  it('wrap at spaces, break what is too wide, and end in an ellipsis when there is more', () => {
    const measure = (text: string): number => text.length;
    expect(wrapText('one two three', 7, 5, measure)).toEqual(['one two', 'three']);
    expect(wrapText('abcdefghij k', 4, 5, measure)).toEqual(['abcd', 'efgh', 'ij k']);
    expect(wrapText('one two three four', 7, 2, measure)).toEqual(['one two', 'three…']);
    expect(wrapText('one two three four', 5, 2, measure)).toEqual(['one', 'two…']);
    expect(wrapText('', 5, 2, measure)).toEqual([]);
  });

  it('come as large files that are still images, of exactly the size asked for', async () => {
    const poster = MODELS.find(({ name }) => name === 'poster');
    const run = poster?.run({ prompt: 'a wall', megabytes: 3 }, 1);
    if (run?.end !== 'succeeded') throw new Error('the poster model makes files');
    const { size, bytes } = await fileBytes(run.files[0]!);
    const pieces: Buffer[] = [];
    for await (const piece of bytes()) pieces.push(piece);
    const whole = Buffer.concat(pieces);
    expect(size).toBe(3 * 1024 * 1024);
    expect(whole.length).toBe(size);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(256 * 1024);
    expect(await loadImage(whole)).toMatchObject({ width: 512, height: 640 });
    const filler = whole.indexOf('siMu');
    const end = filler + 4 + whole.readUInt32BE(filler - 4);
    expect(whole.readUInt32BE(end)).toBe(crc32(whole.subarray(filler, end)));
    expect(end + 16).toBe(whole.length);
    expect(whole.toString('latin1', whole.length - 8, whole.length - 4)).toBe('IEND');
  });
});

describe('draws', () => {
  it('repeat for the same words and spread over their range', () => {
    const [one, same, other] = [new Draw('a', 1), new Draw('a', 1), new Draw('a', 2)];
    const numbers = Array.from({ length: 1000 }, () => one.unit());
    expect(numbers).toEqual(Array.from({ length: 1000 }, () => same.unit()));
    expect(numbers).not.toEqual(Array.from({ length: 1000 }, () => other.unit()));
    const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
    expect(mean).toBeGreaterThan(0.45);
    expect(mean).toBeLessThan(0.55);
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...numbers)).toBeLessThan(1);
  });
});
