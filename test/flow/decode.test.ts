import sharp, { type Color, type Create, type Sharp } from 'sharp';
import { createDecoder, type Decoder } from '../../lib/images/decode/decoder.ts';
import type { Looked } from '../../lib/images/decode/looked.ts';
import { wordsFor } from '../../lib/images/verdict.ts';
import { preparedDecoder, preparedProgram } from '../support/decoder.ts';

const WIDTH = 300;
const HEIGHT = 200;
const PIXELS = WIDTH * HEIGHT;

/** Colors that run from side to side and from top to bottom, so that any turn of the picture shows. */
const COLORS = Buffer.alloc(PIXELS * 3);
for (let at = 0; at < PIXELS; at += 1)
  COLORS.set([((at % WIDTH) * 255) / WIDTH, (Math.floor(at / WIDTH) * 255) / HEIGHT, 90], at * 3);
const picture = (): Sharp => sharp(COLORS, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });
const halfSeen = (): Sharp =>
  picture().joinChannel(
    Buffer.from(Array.from({ length: PIXELS }, (_, at) => (at % WIDTH < WIDTH / 2 ? 0 : 255))),
    { raw: { width: WIDTH, height: HEIGHT, channels: 1 } },
  );
const frames = async () =>
  sharp(await Promise.all([0, 90].map((hue) => picture().modulate({ hue }).png().toBuffer())), {
    join: { animated: true },
  });
const svg = (content: string, attributes = 'width="60" height="40"', prolog = '') =>
  Buffer.from(`${prolog}<svg xmlns="http://www.w3.org/2000/svg" ${attributes}>${content}</svg>`);
const RECTANGLE = '<rect width="30" height="20" fill="teal"/>';

let decoder: Decoder;
beforeAll(async () => {
  decoder = createDecoder(await preparedDecoder());
});
afterAll(() => decoder.close());

const facts = ({ verdict, format, reason, width, height }: Looked) => ({
  verdict,
  format,
  reason,
  width,
  height,
});
const ok = (format: string, width = WIDTH, height = HEIGHT) => ({
  verdict: 'ok',
  format,
  reason: undefined,
  width,
  height,
});

describe('a valid image', () => {
  test.each<[string, string, () => Promise<Buffer>]>([
    ['a PNG', 'png', () => picture().png().toBuffer()],
    ['an interlaced PNG', 'png', () => picture().png({ progressive: true }).toBuffer()],
    ['a PNG with a palette', 'png', () => picture().png({ palette: true }).toBuffer()],
    ['a PNG of 16 bits', 'png', () => picture().toColorspace('rgb16').png().toBuffer()],
    ['a gray PNG', 'png', () => picture().grayscale().png().toBuffer()],
    ['a JPEG', 'jpeg', () => picture().jpeg().toBuffer()],
    ['a progressive JPEG', 'jpeg', () => picture().jpeg({ progressive: true }).toBuffer()],
    ['a JPEG in CMYK', 'jpeg', () => picture().toColorspace('cmyk').jpeg().toBuffer()],
    ['a WebP', 'webp', () => picture().webp().toBuffer()],
    ['a lossless WebP', 'webp', () => picture().webp({ lossless: true }).toBuffer()],
    ['an animated WebP', 'webp', async () => (await frames()).webp().toBuffer()],
    ['a GIF', 'gif', () => picture().gif().toBuffer()],
    ['an animated GIF', 'gif', async () => (await frames()).gif().toBuffer()],
    ['an AVIF', 'avif', () => picture().avif({ effort: 0 }).toBuffer()],
  ])('is ok and measured: %s', async (_, format, make) => {
    expect(facts(await decoder.look(await make()))).toEqual(ok(format));
  });

  test.each([1, 7, 100_000])('stays ok with %d bytes behind its end', async (count) => {
    const behind = Buffer.alloc(count, 'x');
    for (const format of ['png', 'jpeg', 'webp', 'gif', 'avif'] as const) {
      const bytes = Buffer.concat([await picture()[format]().toBuffer(), behind]);
      expect(facts(await decoder.look(bytes))).toEqual(ok(format));
    }
  });

  test('may be a GIF that ends behind a frame, without a trailer or with another file in its place', async () => {
    const bytes = (await picture().gif().toBuffer()).subarray(0, -1);
    expect(facts(await decoder.look(bytes))).toEqual(ok('gif'));
    expect(facts(await decoder.look(Buffer.concat([bytes, bytes])))).toEqual(ok('gif'));
  });

  test('may be a PNG that is cut within its last chunk, which holds nothing', async () => {
    const bytes = await picture().png().toBuffer();
    expect(facts(await decoder.look(bytes.subarray(0, -4)))).toEqual(ok('png'));
  });

  test('stays ok with two megabytes of metadata before its frame header, as signed JPEGs have', async () => {
    const jpeg = await picture().jpeg().toBuffer();
    const segment = Buffer.alloc(65_535, 'x');
    segment.set([0xff, 0xeb, 0xff, 0xfd]);
    const bytes = Buffer.concat([jpeg.subarray(0, 2), ...Array(32).fill(segment), jpeg.subarray(2)]);
    expect(facts(await decoder.look(bytes))).toEqual(ok('jpeg'));
  });

  test('is as large as a browser shows it: JPEG and PNG turned as EXIF says, WebP never', async () => {
    const sizeOf = async (format: 'jpeg' | 'png' | 'webp', orientation: number) => {
      const { width, height } = await decoder.look(
        await picture()[format]().withMetadata({ orientation }).toBuffer(),
      );
      return [width, height];
    };
    for (const format of ['jpeg', 'png'] as const) {
      expect(await sizeOf(format, 3)).toEqual([WIDTH, HEIGHT]);
      expect(await sizeOf(format, 6)).toEqual([HEIGHT, WIDTH]);
    }
    expect(await sizeOf('webp', 6)).toEqual([WIDTH, HEIGHT]);
  });

  test.each([
    ['with sides in pixels', 'width="60" height="40"', 60, 40],
    ['with sides in other units', 'width="2in" height="72pt"', 192, 96],
    ['with a view box alone', 'viewBox="0 0 24 24"', 150, 150],
    ['with a wide view box alone', 'viewBox="0 0 100 20"', 300, 60],
    ['with one side and a view box', 'width="10cm" viewBox="0 0 100 20"', 378, 76],
    ['with more pixels than are ever drawn', 'width="12000" height="12000"', 12_000, 12_000],
    ['with sides in percent', 'width="100%" height="100%" viewBox="0 0 100 20"', 300, 60],
    ['with nothing', '', 300, 150],
  ])('is as large as a browser shows it: an SVG %s', async (_, attributes, width, height) => {
    expect(facts(await decoder.look(svg(RECTANGLE, attributes)))).toEqual(ok('svg', width, height));
  });

  test('is measured in time that grows with its bytes: an SVG whose width is 190,000 digits and no length', async () => {
    const attributes = `viewBox="0 0 60 40" height="40" width="${'1'.repeat(190_000)}!"`;
    expect(facts(await decoder.look(svg(RECTANGLE, attributes)))).toEqual(ok('svg', 60, 40));
  });

  test.each([
    ['a byte order mark', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), svg(RECTANGLE)])],
    [
      'a long comment before its root',
      svg(RECTANGLE, undefined, `<?xml version="1.0"?><!--${'-x'.repeat(5_000)} -->`),
    ],
    [
      'its namespace in an entity',
      Buffer.from(
        `<!DOCTYPE svg [<!ENTITY ns "http://www.w3.org/2000/svg">]><svg xmlns="&ns;" width="60" height="40">${RECTANGLE}</svg>`,
      ),
    ],
    [
      'a prefix for its namespace',
      Buffer.from('<s:svg xmlns:s="http://www.w3.org/2000/svg" width="60" height="40"><s:rect/></s:svg>'),
    ],
    ['UTF-16', Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(svg(RECTANGLE).toString(), 'utf16le')])],
  ])('may be an SVG with %s', async (_, bytes) => {
    expect(facts(await decoder.look(bytes))).toEqual(ok('svg', 60, 40));
  });
});

describe('a rendition', () => {
  const pixelsOf = (rendition: Buffer) => sharp(rendition).raw().toBuffer({ resolveWithObject: true });

  test('is a WebP of at most 512 pixels, of a few kilobytes, and the same bytes each time', async () => {
    const large = await picture().resize(2_048, 1_365).png().toBuffer();
    const [first, second] = [await decoder.look(large), await decoder.look(large)];
    const { format, width, height } = await sharp(first.rendition).metadata();
    expect({ format, width, height }).toEqual({ format: 'webp', width: 512, height: 341 });
    expect(first.rendition?.length).toBeLessThan(20_000);
    expect(second.rendition?.equals(first.rendition!)).toBe(true);
  });

  test('is never larger than its image', async () => {
    const { rendition } = await decoder.look(await picture().png().toBuffer());
    expect(await sharp(rendition).metadata()).toMatchObject({ width: WIDTH, height: HEIGHT });
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'stands upright where EXIF says orientation %d',
    async (orientation) => {
      const bytes = await picture().jpeg({ quality: 100 }).withMetadata({ orientation }).toBuffer();
      const { rendition } = await decoder.look(bytes);
      const [found, expected] = await Promise.all([
        pixelsOf(rendition!),
        sharp(bytes).autoOrient().raw().toBuffer({ resolveWithObject: true }),
      ]);
      expect([found.info.width, found.info.height]).toEqual([expected.info.width, expected.info.height]);
      const off = found.data.reduce((sum, value, at) => sum + Math.abs(value - expected.data[at]!), 0);
      expect(off / found.data.length).toBeLessThan(4);
    },
  );

  test('keeps transparency, and shows the first frame of what moves', async () => {
    const seen = await decoder.look(await halfSeen().png().toBuffer());
    expect(seen.alpha).toBe(true);
    const { data, info } = await pixelsOf(seen.rendition!);
    expect(info.channels).toBe(4);
    expect([data[3], data[(WIDTH - 1) * 4 + 3]]).toEqual([0, 255]);
    const moving = await decoder.look(await (await frames()).webp({ lossless: true }).toBuffer());
    const still = await decoder.look(await picture().webp({ lossless: true }).toBuffer());
    expect(moving.rendition?.equals(still.rendition!)).toBe(true);
  });

  test('keeps the colors of what is half transparent', async () => {
    const background = { r: 174, g: 28, b: 40, alpha: 0.5 };
    const large = sharp({ create: { width: 900, height: 600, channels: 4, background } });
    const { rendition } = await decoder.look(await large.png().toBuffer());
    const { data } = await pixelsOf(rendition!);
    for (const [channel, value] of [174, 28, 40, 128].entries())
      expect(Math.abs(data[channel]! - value)).toBeLessThanOrEqual(6);
  });

  test('has the colors of sRGB, whatever profile the image has', async () => {
    const wide = await picture().withIccProfile('p3').png().toBuffer();
    const [found, expected] = await Promise.all([
      decoder.look(wide).then(({ rendition }) => pixelsOf(rendition!)),
      sharp(wide).toColorspace('srgb').raw().toBuffer(),
    ]);
    const off = found.data.reduce((sum, value, at) => sum + Math.abs(value - expected[at]!), 0);
    expect(off / found.data.length).toBeLessThan(4);
  });
});

describe('a quarantined image', () => {
  const why = async (bytes: Buffer) => {
    const looked = await decoder.look(bytes);
    expect(looked.verdict).toBe('quarantined');
    expect(looked.rendition).toBeUndefined();
    return wordsFor(looked.format, looked.reason);
  };

  test.each(['png', 'jpeg', 'webp', 'gif', 'avif'] as const)('of format %s is truncated', async (format) => {
    const whole = await picture()[format]().toBuffer();
    for (const share of [0.9, 0.5, 0.2])
      expect(await why(whole.subarray(0, Math.floor(whole.length * share)))).toBe('truncated');
    expect(await why(whole.subarray(0, -16))).toBe('truncated');
  });

  test('is an AVIF that ends within any box, in whatever order its boxes are', async () => {
    const whole = await picture().avif({ effort: 0 }).toBuffer();
    const pitm = whole.indexOf('pitm', 0, 'latin1') - 4;
    const behind = pitm + whole.readUInt32BE(pitm);
    const mdat = whole.indexOf('mdat', 0, 'latin1') - 4;
    const last = Buffer.concat([
      ...[whole.subarray(0, pitm), whole.subarray(behind, mdat)],
      ...[whole.subarray(pitm, behind), whole.subarray(mdat)],
    ]);
    expect(facts(await decoder.look(last))).toEqual(ok('avif'));
    for (const cut of [last.subarray(0, mdat - 6), last.subarray(0, mdat - 2), whole.subarray(0, pitm + 8)])
      expect(await why(cut)).toBe('truncated');
  });

  test('fails its checksum', async () => {
    const bytes = await picture().png().toBuffer();
    const middle = Math.floor(bytes.length / 2);
    bytes[middle]! ^= 0x55;
    expect(await why(bytes)).toBe('damaged');
  });

  test.each([
    ['not an image: HTML', '<!DOCTYPE html><html><svg></svg></html>'],
    ['not an image: JSON', '{"detail":"not found"}'],
    ['not an image: XML', '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'],
    ['not an image: text', 'Bad gateway\n'],
    ['not an image: PDF', '%PDF-1.7\n'],
    ['not an image: MP4', '\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41'],
    ['not an image', '\x01\x02\x03\x04\x05'],
    ['empty', ''],
    ['HEIC is not shown', '\0\0\0\x18ftypheic\0\0\0\0mif1heic'],
    ['JPEG XL is not shown', '\xff\x0a\x7f\x7f'],
    ['BMP is not shown', `BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0${'\0'.repeat(30)}`],
    ['TIFF is not shown', 'II*\0\x08\0\0\0'],
  ])('is named: %s', async (words, text) => {
    expect(await why(Buffer.from(text, 'latin1'))).toBe(words);
  });

  test('is a JPEG of a kind that no browser shows: twelve bits, or lossless', async () => {
    for (const [at, value] of [
      [4, 12],
      [1, 0xc3],
    ] as const) {
      const bytes = await picture().jpeg().toBuffer();
      bytes[bytes.indexOf(Buffer.from([0xff, 0xc0])) + at] = value;
      expect(await why(bytes)).toBe('a kind of JPEG that browsers do not show');
    }
  });

  test('has its format and size told, as far as they are known', async () => {
    const bytes = await picture().webp().toBuffer();
    expect(facts(await decoder.look(bytes.subarray(0, -20)))).toEqual({
      verdict: 'quarantined',
      format: 'webp',
      reason: 'truncated',
      width: WIDTH,
      height: HEIGHT,
    });
  });
});

describe('facts beside the verdict', () => {
  const of = async (bytes: Buffer) => decoder.look(bytes);

  test('say what moves', async () => {
    const moving = await frames();
    expect(await of(await moving.clone().gif().toBuffer())).toMatchObject({ animated: true });
    expect(await of(await moving.clone().webp().toBuffer())).toMatchObject({ animated: true });
    expect(await of(await picture().gif().toBuffer())).toMatchObject({ animated: false });
    expect(await of(svg('<rect><animate attributeName="x"/></rect>'))).toMatchObject({ animated: true });
  });

  test('say transparency where something shines through, and not for a channel that is opaque', async () => {
    expect(await of(await halfSeen().webp().toBuffer())).toMatchObject({ alpha: true });
    expect(await of(await picture().ensureAlpha().png().toBuffer())).toMatchObject({ alpha: false });
  });

  test('say that a C2PA manifest is there, in each format that can carry one', async () => {
    const chunk = (type: string) => Buffer.from(`\0\0\0\x04${type}jumb\0\0\0\0`, 'latin1');
    const png = await picture().png().toBuffer();
    const jpeg = await picture().jpeg().toBuffer();
    const webp = Buffer.concat([
      await picture().webp().toBuffer(),
      Buffer.from('C2PA\x04\0\0\0jumb', 'latin1'),
    ]);
    webp.writeUInt32LE(webp.length - 8, 4);
    const gif = await picture().gif().toBuffer();
    const uuid = Buffer.from('00000018757569 64d8fec3d61b0e483c92975828877ec481'.replace(' ', ''), 'hex');
    const app11 = Buffer.from('\xff\xeb\0\x1aJP\0\x01\0\0\0\x01\0\0\0\x10jumbc2pa....', 'latin1');
    const signed: Record<string, Buffer> = {
      png: Buffer.concat([png.subarray(0, 33), chunk('caBX'), png.subarray(33)]),
      jpeg: Buffer.concat([jpeg.subarray(0, 2), app11, jpeg.subarray(2)]),
      webp,
      gif: Buffer.concat([gif.subarray(0, -1), Buffer.from('!\xff\x0bC2PA_GIF\x01\0\0\x01x\0;', 'latin1')]),
      avif: Buffer.concat([await picture().avif({ effort: 0 }).toBuffer(), uuid]),
      svg: svg('<metadata><c2pa:manifest xmlns:c2pa="http://c2pa.org/manifest">x</c2pa:manifest></metadata>'),
    };
    for (const [format, bytes] of Object.entries(signed))
      expect(await of(bytes)).toMatchObject({ format, c2pa: true });
    expect(await of(png)).toMatchObject({ c2pa: false });
  });
});

describe('a blank picture', () => {
  const isBlank = async (image: Sharp) => (await decoder.look(await image.png().toBuffer())).blank;
  const even = (background: Color, more = {}) =>
    sharp({ create: { width: 640, height: 640, channels: 3, background, ...more } as Create });
  /** Shapes no brighter than so many steps of 256, on black. */
  const dark = (brightest: number) =>
    picture()
      .resize(640, 640)
      .linear(brightest / 255, 0);

  test('is one even area, whatever its color', async () => {
    for (const color of ['#000', '#fff', '#7f7f7f', '#c02040']) expect(await isBlank(even(color))).toBe(true);
  });

  test('may have the noise of a lossy format', async () => {
    const noise = { type: 'gaussian', mean: 2, sigma: 1.5 };
    expect(await isBlank(even('#000', { noise }))).toBe(true);
    const { blank } = await decoder.look(await even('#010101').jpeg({ quality: 40 }).toBuffer());
    expect(blank).toBe(true);
  });

  test('is no dark portrait: its shapes differ, however dark they are', async () => {
    for (const brightest of [6, 12, 30]) expect(await isBlank(dark(brightest))).toBe(false);
  });

  test('is no picture with one small thing in it', async () => {
    const dot = { create: { width: 6, height: 6, channels: 3, background: '#fff' } } as const;
    expect(await isBlank(even('#000').composite([{ input: dot, left: 300, top: 300 }]))).toBe(false);
  });

  test('may be transparent all over, whatever colors it hides, and not where only its outline is opaque', async () => {
    const clear = picture().joinChannel(Buffer.alloc(PIXELS), {
      raw: { width: WIDTH, height: HEIGHT, channels: 1 },
    });
    expect(await isBlank(clear)).toBe(true);
    const white = halfSeen().linear([0, 0, 0, 1], [255, 255, 255, 0]);
    expect(await isBlank(white)).toBe(false);
  });

  test('is never said of an SVG with words, which are not drawn', async () => {
    expect((await decoder.look(svg('<text x="5" y="20">words</text>'))).blank).toBe(false);
    expect((await decoder.look(svg(''))).blank).toBe(true);
  });
});

describe('a decoder', () => {
  test('looks at images one after another, and answers each call with its own image', async () => {
    const sizes = [11, 12, 13, 14, 15];
    const images = await Promise.all(sizes.map((size) => picture().resize(size, size).png().toBuffer()));
    const looked = await Promise.all(images.map((image) => decoder.look(image)));
    expect(looked.map(({ width }) => width)).toEqual(sizes);
  });

  test('reads a stream', async () => {
    const bytes = await picture().png().toBuffer();
    async function* chunks() {
      for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000);
    }
    expect(facts(await decoder.look(chunks()))).toEqual(ok('png'));
  });

  test('gives up when its signal aborts, and looks at the next image', async () => {
    const bytes = await picture().png().toBuffer();
    await expect(decoder.look(bytes, AbortSignal.abort())).rejects.toThrow(/abort/i);
    const controller = new AbortController();
    const look = decoder.look(
      await picture().resize(5_000, 5_000).avif({ effort: 0 }).toBuffer(),
      controller.signal,
    );
    controller.abort();
    await expect(look).rejects.toThrow(/abort/i);
    expect(facts(await decoder.look(bytes))).toEqual(ok('png'));
  });

  test('whose process died while it waited judges the next image in a fresh one', async () => {
    const dying = createDecoder(await preparedProgram('dying-decoder.ts'));
    try {
      for (const text of ['one', 'two', 'three'])
        expect(await dying.look(Buffer.from(text))).toMatchObject({ reason: 'not-an-image' });
    } finally {
      dying.close();
    }
  });

  test('that is closed says so', async () => {
    const closed = createDecoder(await preparedDecoder());
    closed.close();
    await expect(closed.look(Buffer.from('x'))).rejects.toThrow('The image decoder is closed.');
  });
});
