import { readdirSync, readFileSync } from 'node:fs';
import { crc32, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { createDecoder, type Decoder, LIMITS } from '../../lib/images/decode/decoder.ts';
import type { Looked } from '../../lib/images/decode/looked.ts';
import { wordsFor } from '../../lib/images/verdict.ts';
import { preparedDecoder } from '../support/decoder.ts';

/** As deployed, but for the processor's time: an image that takes two seconds takes twenty too. */
const limits = { ...LIMITS, processorMs: 2_000 };
/** The codecs' memory, and 400 MB for Node, the codecs' code, the image itself and what is made of its text. */
const MOST_MEMORY_MB = limits.memoryBytes / 2 ** 20 + 400;

const MEGABYTE = 2 ** 20;
const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

function chunk(type: string, data: Buffer): Buffer {
  const framed = Buffer.alloc(data.length + 12);
  framed.writeUInt32BE(data.length);
  framed.write(type, 4, 'latin1');
  data.copy(framed, 8);
  framed.writeUInt32BE(crc32(framed.subarray(4, -4)), data.length + 8);
  return framed;
}

/** A gray PNG that says to be of some size, with any data in it. */
function png(width: number, height: number, data: Buffer, ...before: Buffer[]): Buffer {
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0]);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    ...before,
    chunk('IDAT', deflateSync(data)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const svg = (content: string, attributes = 'width="100" height="100"', prolog = '') =>
  Buffer.from(`${prolog}<svg xmlns="http://www.w3.org/2000/svg" ${attributes}>${content}</svg>`);
const flat = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: '#876' }, limitInputPixels: false });
const small = () => flat(64, 64);
const zeros = (bytes: number) => Buffer.alloc(bytes);
/** Compressed a thousandfold. */
const bomb = (megabytes: number) => deflateSync(zeros(megabytes * MEGABYTE));
const text = 'a\0\0';

/** Patched where a JPEG states its size. */
async function giantJpeg(): Promise<Buffer> {
  const bytes = await small().jpeg().toBuffer();
  const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]));
  bytes.writeUInt16BE(65_500, frame + 5);
  bytes.writeUInt16BE(65_500, frame + 7);
  return bytes;
}

async function giantGif(): Promise<Buffer> {
  const bytes = await small().gif().toBuffer();
  bytes.writeUInt16LE(65_535, 6);
  bytes.writeUInt16LE(65_535, 8);
  return bytes;
}

/** Its header says 64 pixels a side; what is coded has more. */
async function lyingAvif(): Promise<Buffer> {
  const bytes = await flat(4_000, 4_000).avif({ effort: 0 }).toBuffer();
  const size = bytes.indexOf('ispe', 0, 'latin1');
  bytes.writeUInt32BE(64, size + 8);
  bytes.writeUInt32BE(64, size + 12);
  return bytes;
}

const ENTITIES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'];
const LAUGHS = ENTITIES.map((name, at) =>
  at === 0 ? '<!ENTITY a "lol">' : `<!ENTITY ${name} "${`&${ENTITIES[at - 1]};`.repeat(10)}">`,
).join('');
const USES = Array.from(
  { length: 30 },
  (_, at) => `<g id="g${at + 1}">${`<use href="#g${at}"/>`.repeat(10)}</g>`,
).join('');

/** Peak memory of this process's children, in MB, from Linux; 0 elsewhere. */
function childrenPeakMb(): number {
  if (process.platform !== 'linux') return 0;
  const tasks = readdirSync('/proc/self/task');
  const children = tasks.flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'latin1').split(' ').filter(Boolean),
  );
  return Math.max(
    0,
    ...children.map((pid) => {
      try {
        return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;
      } catch {
        return 0;
      }
    }),
  );
}

let decoder: Decoder;
beforeAll(async () => {
  decoder = createDecoder(await preparedDecoder(), limits);
});
afterAll(() => decoder.close());

async function look(image: Uint8Array | AsyncIterable<Uint8Array>): Promise<Looked> {
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, childrenPeakMb());
  }, 20);
  try {
    const looked = await decoder.look(image);
    expect(Math.max(peak, looked.peakMemoryMb)).toBeLessThan(MOST_MEMORY_MB);
    return looked;
  } finally {
    clearInterval(watch);
  }
}

/** The sandbox works as before. */
afterEach(async () => {
  expect(await decoder.look(await small().png().toBuffer())).toMatchObject({ verdict: 'ok', width: 64 });
});

describe('a hostile image is quarantined, and costs nothing but itself', () => {
  test.each<[string, string, () => Buffer | Promise<Buffer>]>([
    ['a PNG of 30,000 × 30,000', 'too many pixels', () => png(30_000, 30_000, zeros(1_000))],
    ['a JPEG of 65,500 × 65,500', 'too many pixels', giantJpeg],
    ['a GIF of 65,535 × 65,535', 'too many pixels', giantGif],
    [
      'a WebP of 16,383 × 16,383',
      'too many pixels',
      () => flat(16_383, 16_383).webp({ lossless: true }).toBuffer(),
    ],
    [
      'an AVIF of 64 megapixels',
      'took too much memory to decode',
      () => flat(8_000, 8_000).avif({ effort: 0 }).toBuffer(),
    ],
    [
      'an SVG of a million pixels a side',
      'too many pixels',
      () => svg('', 'width="1000000" height="1000000"'),
    ],
    ['an SVG without end', 'too many pixels', () => svg('', 'width="1e300" height="1e300"')],
    ['an SVG of no area', 'damaged', () => svg('', 'width="0" height="100"')],
    [
      'entities that multiply',
      'damaged',
      () => svg('<text>&j;</text>', undefined, `<!DOCTYPE svg [${LAUGHS}]>`),
    ],
    [
      'an entity of a file',
      'damaged',
      () => svg('<text>&a;</text>', undefined, '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
    ],
    ['an SVG of more text than any picture needs', 'too large a file', () => svg(' '.repeat(17 * MEGABYTE))],
    ['50 MB of zeros', 'not an image', () => zeros(50 * MEGABYTE)],
    ['50 MB of opening brackets', 'not an image: JSON', () => Buffer.alloc(50 * MEGABYTE, '[')],
    ['50 MB of opening tags', 'not an image: XML', () => Buffer.alloc(50 * MEGABYTE, '<')],
    [
      '50 MB of markers in a JPEG',
      'truncated',
      () => Buffer.concat([Buffer.from('ffd8ff', 'hex'), Buffer.alloc(49 * MEGABYTE, 0xff)]),
    ],
    [
      '50 MB of empty boxes in an AVIF',
      'damaged',
      () =>
        Buffer.concat([
          Buffer.from('0000001066747970617669660000000000000000', 'hex').subarray(0, 16),
          Buffer.alloc(49 * MEGABYTE).fill(Buffer.from('0000000866726565', 'hex')),
        ]),
    ],
    ['a file over the limit', 'too large a file', () => zeros(limits.bytes + 1)],
  ])('%s', async (_, words, make) => {
    const looked = await look(await make());
    expect(wordsFor(looked.format, looked.reason)).toBe(words);
    expect(looked.verdict).toBe('quarantined');
  });

  test('a stream without end: it is not read further than the limit', async () => {
    let read = 0;
    async function* endless() {
      for (;;) {
        read += MEGABYTE;
        yield zeros(MEGABYTE);
      }
    }
    expect((await look(endless())).reason).toBe('too-large');
    expect(read).toBeLessThanOrEqual(limits.bytes + MEGABYTE);
  });

  test.each<[string, () => Buffer]>([
    [
      'text of one entity a hundred thousand times',
      () =>
        svg(
          `<text>${'&a;'.repeat(100_000)}</text>`,
          undefined,
          `<!DOCTYPE svg [<!ENTITY a "${'x'.repeat(100_000)}">]>`,
        ),
    ],
    [
      'elements that are nested a hundred thousand deep',
      () => svg('<g>'.repeat(100_000) + '</g>'.repeat(100_000)),
    ],
    [
      'a blur over a huge area',
      () =>
        svg(
          '<filter id="f" x="-1000" y="-1000" width="9999999" height="9999999"><feGaussianBlur stdDeviation="5000"/><feMorphology radius="1000"/></filter><rect filter="url(#f)" width="90" height="90"/>',
        ),
    ],
    [
      'two thousand layers of noise',
      () =>
        svg(
          `<filter id="f">${'<feTurbulence baseFrequency="0.9" numOctaves="1000"/>'.repeat(2_000)}</filter><rect filter="url(#f)" width="90" height="90"/>`,
        ),
    ],
    [
      'a picture inside that is a bomb',
      () =>
        svg(
          `<image width="100" height="100" href="data:image/png;base64,${png(20_000, 20_000, zeros(400 * MEGABYTE)).toString('base64')}"/>`,
        ),
    ],
  ])('an SVG with %s', async (_, make) => {
    const looked = await look(make());
    expect(looked).toMatchObject({ verdict: 'quarantined', format: 'svg' });
    expect(['too-slow', 'too-much-memory', 'crashed', 'damaged']).toContain(looked.reason);
  });
});

describe('a hostile image that is an image all the same is shown, and nothing in it is followed', () => {
  test('metadata that unpack to gigabytes are not unpacked', async () => {
    const compressed = Buffer.concat([Buffer.from(text, 'latin1'), bomb(1_000)]);
    for (const type of ['zTXt', 'iCCP'])
      expect(await look(png(8, 8, zeros(72), chunk(type, compressed)))).toMatchObject({ verdict: 'ok' });
  });

  test('data behind the last pixel are not unpacked', async () => {
    expect((await look(png(8, 8, zeros(1_000 * MEGABYTE)))).verdict).toBe('ok');
  });

  test.each<[string, () => Buffer | Promise<Buffer>]>([
    ['a JPEG', () => flat(10_000, 10_000).jpeg({ progressive: true }).toBuffer()],
    ['a WebP', () => flat(10_000, 10_000).webp().toBuffer()],
    ['a PNG', () => png(10_000, 10_000, zeros(10_001 * 10_000))],
  ])('%s of as many pixels as are allowed fits into the memory', async (_, make) => {
    expect(await look(await make())).toMatchObject({ verdict: 'ok', width: 10_000, height: 10_000 });
  });

  test('an AVIF whose header lies about its size does not get more memory', async () => {
    const looked = await look(await lyingAvif());
    expect([looked.width, looked.height]).toEqual([64, 64]);
  });

  test('an SVG runs no script', async () => {
    const content = '<script>for (;;);</script><rect width="50" height="50" fill="red" onload="for (;;);"/>';
    expect(await look(svg(content))).toMatchObject({ verdict: 'ok', blank: false });
  });

  test('an SVG loads no file and no address', async () => {
    const file = `${import.meta.dirname}/../../docs/images/wall.webp`;
    const content = [`file://${file}`, file, 'http://127.0.0.1:9/x.png']
      .map((href) => `<image width="100" height="100" href="${href}"/>`)
      .join('');
    expect(await look(svg(content))).toMatchObject({ verdict: 'ok', blank: true });
  });

  test('an SVG that refers to itself, or to a billion copies, ends', async () => {
    expect((await look(svg('<g id="a"><use href="#a"/></g>'))).format).toBe('svg');
    const copies = `<defs><g id="g0"><rect width="1" height="1"/></g>${USES}</defs><use href="#g30"/>`;
    expect((await look(svg(copies))).verdict).toBe('quarantined');
  });
});

describe('bytes that anybody may have changed', () => {
  test('get a verdict, whatever they are', async () => {
    const made = await Promise.all([
      small().png().toBuffer(),
      small().jpeg().toBuffer(),
      small().webp().toBuffer(),
      small().gif().toBuffer(),
      small().avif({ effort: 0 }).toBuffer(),
      Promise.resolve(svg('<rect width="9" height="9"/>')),
    ]);
    const changed = fc
      .tuple(fc.constantFrom(...made), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 12 }), fc.nat())
      .map(([bytes, changes, cut]) => {
        const copy = Buffer.from(bytes);
        for (const [at, value] of changes) copy[at % copy.length] = value;
        return cut % 3 === 0 ? copy.subarray(0, cut % copy.length) : copy;
      });
    await fc.assert(
      fc.asyncProperty(changed, async (bytes) => {
        const { verdict, rendition } = await look(bytes);
        expect(verdict === 'ok').toBe(rendition !== undefined);
      }),
      { numRuns: 300 },
    );
  });

  test('get a verdict, if they are no image at all', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        expect((await look(bytes)).verdict).toBe('quarantined');
      }),
      { numRuns: 300 },
    );
  });
});
