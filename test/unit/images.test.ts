import { describe, expect, test } from '@jest/globals';
import { createCanvas } from '@napi-rs/canvas';
import fc from 'fast-check';
import {
  contentTypeOf,
  dispositionOf,
  extensionOf,
  SNIFF_BYTES,
  sniffFormat,
} from '../../lib/images/formats.ts';
import { MAX_OUTPUTS, outputsOf } from '../../lib/images/outputs.ts';
import {
  addJudgements,
  type Decoded,
  type Judgement,
  type Judgements,
  judgementKeys,
  PURGED,
  parseJudgementKey,
} from '../../lib/records/judgement.ts';
import { imageKey, parseImageKey, resultKey } from '../../lib/records/keys.ts';

const AUDIT = '7ybqs5nmqw8wp542h53xej6x3e';

async function image(format: 'png' | 'jpeg' | 'webp' | 'avif' | 'gif'): Promise<Buffer> {
  const canvas = createCanvas(48, 32);
  canvas.getContext('2d').fillRect(1, 1, 20, 20);
  return canvas.encode(format as 'png');
}

describe('what is stored', () => {
  test.each(['png', 'jpeg', 'webp', 'avif', 'gif'] as const)(
    'as a %s encoder made it has the content type of that format',
    async (format) => {
      const found = sniffFormat((await image(format)).subarray(0, SNIFF_BYTES));
      expect([found, contentTypeOf(found), dispositionOf(found)]).toEqual([
        format,
        `image/${format}`,
        'inline',
      ]);
    },
  );

  test.each([
    ['alone', '<svg xmlns="http://www.w3.org/2000/svg"/>'],
    ['behind a byte order mark', '\ufeff<svg xmlns="http://www.w3.org/2000/svg"/>'],
    [
      'behind a declaration, comments and a document type',
      '<?xml version="1.0"?>\n<!-- made by a model --><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x"><svg xmlns="http://www.w3.org/2000/svg"/>',
    ],
    ['with a script', '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'],
  ])('is an SVG, which an address that is opened saves instead of running it: %s', (_where, text) => {
    const found = sniffFormat(Buffer.from(text).subarray(0, SNIFF_BYTES));
    expect([found, contentTypeOf(found), extensionOf(found), dispositionOf(found)]).toEqual([
      'svg',
      'image/svg+xml',
      'svg',
      'attachment',
    ]);
  });

  test.each([
    ['a page', '<!doctype html><script>alert(1)</script>'],
    ['a page with a drawing in it', '<!doctype html><svg xmlns="http://www.w3.org/2000/svg"/>'],
    ['another drawing language', '<svg xmlns="urn:other"/>'],
    ['nothing', ''],
  ])('is plain bytes to a browser if it is %s', (_name, text) => {
    const found = sniffFormat(Buffer.from(text));
    expect([found, contentTypeOf(found)]).toEqual([undefined, 'application/octet-stream']);
  });

  test('of any bytes at all is named without an error', () => {
    const starts = [
      '89504e470d0a1a0a',
      'ffd8ff',
      '52494646',
      '474946383961',
      '0000001c6674797061',
      '3c737667',
      '',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 300 }), (start, rest) => {
        sniffFormat(Buffer.concat([Buffer.from(start, 'hex'), rest]));
      }),
    );
  });
});

describe('outputs', () => {
  test.each([
    ['a list', ['https://a/1', 'https://a/2'], ['https://a/1', 'https://a/2']],
    ['one address', 'https://a/1', ['https://a/1']],
    [
      'an object',
      { image: 'https://a/1', more: ['https://a/2'], seed: 5, caption: 'a cat' },
      ['https://a/1', 'https://a/2'],
    ],
    ['a data: URI', 'data:image/png;base64,AAAA', ['data:image/png;base64,AAAA']],
    ['null', null, []],
    ['words', 'a cat on a mat', []],
    [
      'captions that look like addresses',
      ['Prompt:a cat', 'https://a/1', 'Ratio: 16:9', 'data: none'],
      ['https://a/1'],
    ],
    ['an address between blanks', ' https://a/1\n', ['https://a/1']],
    ['lists in objects in lists', [{ pages: [[{ url: 'https://a/1' }]] }], ['https://a/1']],
  ])('of the shape of %s are found in order', (_name, output, addresses) => {
    expect(outputsOf({ output }).addresses).toEqual(addresses);
  });

  test('of ten thousand are bounded, and counted', () => {
    const { addresses, returned } = outputsOf({
      output: Array.from({ length: 10_000 }, (_, i) => `https://a/${i}`),
    });
    expect({ kept: addresses.length, returned }).toEqual({ kept: MAX_OUTPUTS, returned: 10_000 });
  });

  test('keep what is said beside the addresses, within bounds', () => {
    const output = { images: ['https://a/1'], seed: 5, caption: 'a cat', safe: [true, null], mask: '' };
    expect(outputsOf({ output }).said).toEqual({ seed: 5, caption: 'a cat', safe: [true] });
    expect(outputsOf({ output: ['https://a/1', 'https://a/2'] })).not.toHaveProperty('said');
    expect(outputsOf({ output: 'a'.repeat(10_000) }).said).toHaveLength(1_000);
  });

  test('of any JSON are looked through without an error', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (output) =>
        expect(outputsOf({ output }).returned).toBeGreaterThanOrEqual(0),
      ),
    );
  });
});

describe('keys', () => {
  const cell = fc.integer({ min: 0, max: 9_999 });

  test('of images lead back to what they name', () => {
    fc.assert(
      fc.property(cell, fc.nat({ max: 99 }), (n, index) => {
        expect(parseImageKey(imageKey(AUDIT, n, index))).toEqual({ audit: AUDIT, cell: n, index });
      }),
    );
  });

  test.each([
    'images/../00000/0',
    `images/${AUDIT}/0/0`,
    `images/${AUDIT}/00000/0/x`,
    `audits/${AUDIT}/audit.json`,
  ])('%s is no image', (key) => {
    expect(parseImageKey(key)).toBeUndefined();
  });

  const bare: fc.Arbitrary<Judgement> = fc.record({
    status: fc.constantFrom('ok', 'quarantined'),
    format: fc.constantFrom('png', 'jpeg', 'svg', 'mp3', 'unknown'),
    width: fc.nat({ max: 2 ** 32 }),
    height: fc.nat({ max: 2 ** 32 }),
  });
  const decoded: fc.Arbitrary<Decoded> = fc.record(
    {
      version: fc.nat({ max: 99 }),
      reason: fc.constantFrom('truncated', 'not-an-image', 'too-much-memory', 'purged'),
      animated: fc.boolean(),
      alpha: fc.boolean(),
      c2pa: fc.boolean(),
      blank: fc.boolean(),
    },
    { requiredKeys: ['version', 'animated', 'alpha', 'c2pa', 'blank'] },
  );
  const judgement: fc.Arbitrary<Judgement> = fc
    .tuple(bare, fc.option(decoded, { nil: undefined }))
    .map(([found, decoded]) => (decoded ? { ...found, decoded } : found));
  const judgements = fc
    .uniqueArray(fc.tuple(fc.nat({ max: MAX_OUTPUTS - 1 }), judgement), {
      maxLength: MAX_OUTPUTS,
      selector: ([index]) => index,
    })
    .map((found): Judgements => new Map(found));
  const read = (keys: string[]) => {
    const known: Judgements = new Map();
    for (const key of keys) addJudgements(known, parseJudgementKey(AUDIT, key)!.found);
    return known;
  };

  test('of judgements lead back to every image of the cell, whatever order it was judged in', () => {
    fc.assert(
      fc.property(cell, judgements, (n, found) => {
        const keys = judgementKeys(AUDIT, n, found);
        for (const key of keys) expect(parseJudgementKey(AUDIT, key)?.cell).toBe(n);
        expect(read(keys)).toEqual(found);
        expect(judgementKeys(AUDIT, n, new Map([...found].reverse()))).toEqual(keys);
      }),
    );
  });

  test('of judgements tell of eight images at most, and fit into the 1,024 bytes that S3 takes', () => {
    const longest: Judgement = {
      status: 'quarantined',
      format: 'unknown',
      width: 2 ** 32,
      height: 2 ** 32,
      decoded: {
        version: 99,
        reason: 'too-much-memory',
        animated: true,
        alpha: true,
        c2pa: true,
        blank: true,
      },
    };
    const found: Judgements = new Map(Array.from({ length: MAX_OUTPUTS }, (_, index) => [index, longest]));
    const keys = judgementKeys(AUDIT, 9_999, found);
    expect(keys).toHaveLength(Math.ceil(MAX_OUTPUTS / 8));
    expect(Math.max(...keys.map((key) => Buffer.byteLength(key)))).toBeLessThanOrEqual(630);
    expect(Math.max(...keys.map((key) => parseJudgementKey(AUDIT, key)!.found.size))).toBe(8);
    expect(keys.every((key) => /^[\w!.*'()/-]+$/.test(key))).toBe(true);
  });

  test('of a record do not depend on images that have another', () => {
    fc.assert(
      fc.property(cell, judgements, fc.nat({ max: MAX_OUTPUTS - 1 }), (n, found, gone) => {
        const without = new Map([...found].filter(([index]) => index !== gone));
        const others = (keys: string[]) =>
          keys.filter((key) =>
            [...parseJudgementKey(AUDIT, key)!.found.keys()].every((index) => index >> 3 !== gone >> 3),
          );
        expect(others(judgementKeys(AUDIT, n, without))).toEqual(others(judgementKeys(AUDIT, n, found)));
      }),
    );
  });

  test('of judgements that disagree show the image in no order', () => {
    const one = { format: 'png', width: 8, height: 8 } as const;
    const keys = (['ok', 'quarantined'] as const).flatMap((status) =>
      judgementKeys(AUDIT, 3, new Map([[1, { status, ...one }]])),
    );
    for (const order of [keys, keys.toReversed()]) expect(read(order).get(1)?.status).toBe('quarantined');
  });

  const seen = { version: 1, animated: false, alpha: false, c2pa: false, blank: false };
  const shown: Judgement = { status: 'ok', format: 'jpeg', width: 8, height: 8 };
  const hidden: Judgement = { ...shown, status: 'quarantined' };
  test.each<[string, Judgement, Judgement]>([
    ['a decoder knows better than none', { ...shown, decoded: seen }, hidden],
    [
      'a newer decoder knows better than an older one',
      { ...shown, decoded: { ...seen, version: 2 } },
      { ...hidden, decoded: { ...seen, reason: 'damaged' } },
    ],
    [
      'what was decoded holds against what depends on the machine',
      { ...shown, decoded: seen },
      { ...hidden, decoded: { ...seen, reason: 'too-slow' } },
    ],
    [
      'what an older decoder found holds against what depends on the machine',
      { ...shown, decoded: seen },
      { ...hidden, decoded: { ...seen, version: 9, reason: 'crashed' } },
    ],
    [
      'what depends on the machine holds against no decoder at all',
      { ...hidden, decoded: { ...seen, reason: 'too-much-memory' } },
      shown,
    ],
    ['a purge holds for good', PURGED, { ...shown, decoded: { ...seen, version: 9 } }],
  ])('of judgements that disagree: %s', (_rule, holds, other) => {
    const keys = [holds, other].flatMap((judgement) => judgementKeys(AUDIT, 3, new Map([[1, judgement]])));
    for (const order of [keys, keys.toReversed()]) expect(read(order).get(1)).toEqual(holds);
  });

  test.each([
    `audits/${AUDIT}/judged/00003/`,
    `audits/${AUDIT}/judged/00003/1.ok.png.8x8.a`,
    `audits/${AUDIT}/judged/00003/1.ok.png.8x8.a.why.d1`,
    `audits/${AUDIT}/judged/00003/1.ok.toString.8x8`,
    `audits/${AUDIT}/judged/00003/1.ok.png.8x8_`,
    `audits/${AUDIT}/judged/00003/1.ok.png.8x8_2.fine.png.8x8`,
    `audits/${AUDIT}/judged/00003/1.ok.png.8x8/2.ok.png.8x8`,
    `audits/${AUDIT}/judged/3/1.ok.png.8x8`,
    `audits/${AUDIT}/results/00003.json`,
  ])('%s records no judgement', (key) => {
    expect(parseJudgementKey(AUDIT, key)).toBeUndefined();
  });

  test('sort by number as text', () => {
    fc.assert(
      fc.property(cell, cell, (a, b) =>
        expect(Math.sign(a - b)).toBe(resultKey(AUDIT, a) < resultKey(AUDIT, b) ? -1 : a === b ? 0 : 1),
      ),
    );
  });
});
