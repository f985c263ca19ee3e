import { jest } from '@jest/globals';
import { createCanvas } from '@napi-rs/canvas';
import type { Context } from 'aws-lambda';
import { listVersions } from '../../lib/aws/versions.ts';
import { createTag } from '../../lib/handlers/tag.ts';
import { BackupMismatch, backUp } from '../../lib/images/backup.ts';
import { createDecoder, type Decoder } from '../../lib/images/decode/decoder.ts';
import { judgeCell } from '../../lib/images/judge.ts';
import { wordsFor } from '../../lib/images/verdict.ts';
import type { LookAtImage, ObjectStore } from '../../lib/ports.ts';
import { listJudgements } from '../../lib/records/judgement.ts';
import { deletedKey, imageKey, purgedKey, renditionKey, resultKey } from '../../lib/records/keys.ts';
import { looked } from '../../sim/look.ts';
import { preparedDecoder } from '../support/decoder.ts';
import { png } from '../support/images.ts';
import { waitFor } from '../support/wait-for.ts';
import { atEveryCall, beginAgain, eachWorld, FAULTS, type World, world } from './world.ts';

const AUDIT = '7zzzzzzzzzzzzzzzzzzzzzzzzz';
const KEY = imageKey(AUDIT, 7, 0);
const TAGS = { status: 'pending', retention: 'short' };

eachWorld();

const CELL = 7;
const SILENT = { info() {}, warn() {}, error() {}, appendKeys() {}, resetKeys() {} };
const imageAt = (index: number) => imageKey(AUDIT, CELL, index);
const renditionAt = (index: number) => renditionKey(AUDIT, CELL, index);
/** Parts of records. */
const valid = (index: number, width: number, height: number) => `${index}.ok.png.${width}x${height}.-.-.d1`;
const unknown = (index: number) => `${index}.quarantined.unknown.0x0.-.not-an-image.d1`;
const put = (bytes: Buffer | string, in_ = world, index = 0) =>
  in_.truth.images.create(imageAt(index), bytes, { tags: TAGS });
const judged = (in_ = world) => in_.keys(`audits/${AUDIT}/judged/`);
const record = (names: string) => `audits/${AUDIT}/judged/00007/${names}`;
const judge = (indexes: number[] = [0], in_ = world) =>
  judgeCell(in_.judgeDeps, { audit: AUDIT, n: CELL, indexes });

/** Its header claims what would be 900 million pixels. */
function bomb(): Buffer {
  const bytes = Buffer.from(png(1, 1));
  bytes.writeUInt32BE(30_000, 16);
  bytes.writeUInt32BE(30_000, 20);
  return bytes;
}

describe('judging the images of a cell', () => {
  it.each(FAULTS)(
    'leaves four tags on each, one record, and one rendition of the valid one when, at any call, %s',
    async (fault) => {
      const calls = await atEveryCall(fault, {
        prepare: async (world) => {
          await put(png(40, 30), world);
          await put('no picture', world, 1);
        },
        act: (world) => judge([0, 1], world),
        recover: async (world) => {
          await judge([0, 1], world);
        },
        check: async (world) => {
          expect(await world.truth.images.tags(imageAt(0))).toEqual({
            status: 'ok',
            format: 'png',
            size: 'small',
            retention: 'short',
          });
          expect(await world.truth.images.tags(imageAt(1))).toMatchObject({ status: 'quarantined' });
          const [key] = await judged(world);
          expect(await judged(world)).toEqual([record(`${valid(0, 40, 30)}_${unknown(1)}`)]);
          expect(await world.truth.images.tags(key!)).toEqual({ retention: 'short' });
          expect(await world.rewritten(`audits/${AUDIT}/`)).toEqual([]);
          expect(await world.versions('renditions/')).toEqual([renditionAt(0)]);
          expect(await world.truth.images.tags(renditionAt(0))).toEqual({ status: 'ok', retention: 'short' });
        },
      });
      expect(calls).toBeGreaterThanOrEqual(16);
    },
  );

  it('twice at once leaves one record and one rendition of each', async () => {
    for (const index of [0, 1, 2, 3]) await put(png(4, 4 + index), world, index);
    await Promise.all([judge([0, 1, 2, 3]), judge([0, 1, 2, 3])]);
    expect(await judged()).toEqual([record([0, 1, 2, 3].map((i) => valid(i, 4, 4 + i)).join('_'))]);
    expect(await world.versions('renditions/')).toEqual([0, 1, 2, 3].map(renditionAt));
    expect(await world.rewritten(`audits/${AUDIT}/`)).toEqual([]);
  });

  it('leaves one record when another run ends while the first image is being read', async () => {
    for (const index of [0, 1]) await put(png(4, 4), world, index);
    const readRange = world.images.readRange.bind(world.images);
    let isFirst = true;
    world.images.readRange = async (key, range) => {
      if (isFirst) {
        isFirst = false;
        await judgeCell(
          { ...world.judgeDeps, store: world.truth.images },
          { audit: AUDIT, n: CELL, indexes: [0, 1] },
        );
      }
      return readRange(key, range);
    };
    await judge([0, 1]);
    expect(await judged()).toEqual([record(`${valid(0, 4, 4)}_${valid(1, 4, 4)}`)]);
  });

  it('writes no record while one cannot be judged, judges the others, and sets only their tags once', async () => {
    for (const index of [0, 1, 2]) await put(png(4, 4), world, index);
    const setTags = world.images.setTags.bind(world.images);
    const written: string[] = [];
    let isAway = true;
    world.images.setTags = async (key, tags) => {
      if (isAway && key === imageAt(1)) throw new Error('S3 is away');
      written.push(key);
      return setTags(key, tags);
    };
    await expect(judge([0, 1, 2])).rejects.toThrow('S3 is away');
    expect(await judged()).toEqual([]);
    expect(written).toEqual([imageAt(0), imageAt(2)]);
    isAway = false;
    await judge([0, 1, 2]);
    expect(written).toEqual([imageAt(0), imageAt(2), imageAt(1)]);
    expect(await judged()).toEqual([record([0, 1, 2].map((i) => valid(i, 4, 4)).join('_'))]);
  });

  it('leaves out the one of four that is gone', async () => {
    for (const index of [0, 1, 3]) await put(png(4, 4), world, index);
    expect([...(await judge([0, 1, 2, 3])).keys()]).toEqual([0, 1, 3]);
    expect(await judged()).toEqual([record([0, 1, 3].map((i) => valid(i, 4, 4)).join('_'))]);
  });

  it('records up to eight by their index in one key, and readers merge all keys', async () => {
    const indexes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    for (const index of indexes) await put(png(1, 1 + index), world, index);
    await judge(indexes);
    const keys = await judged();
    expect(keys.map((key) => key.split('_').length)).toEqual([8, 2]);
    expect(keys[1]).toBe(record(`${valid(8, 1, 9)}_${valid(9, 1, 10)}`));
    const read = await listJudgements(world.images, AUDIT, CELL, CELL);
    expect([...read.get(CELL)!].map(([index, { height }]) => [index, height])).toEqual(
      indexes.map((index) => [index, index + 1]),
    );
  });

  it('records eight as soon as they are judged, and a run that was stopped is continued behind them', async () => {
    const indexes = Array.from({ length: 10 }, (_, index) => index);
    for (const index of indexes) await put(png(1, 1 + index), world, index);
    const stop = new AbortController();
    const seen: number[] = [];
    const look: LookAtImage = async (image) => {
      const found = looked(image);
      seen.push(found.height);
      if (seen.length === 9) stop.abort(new Error('the time is up'));
      return found;
    };
    const cell = { audit: AUDIT, n: CELL, indexes };
    await expect(judgeCell({ store: world.images, look }, cell, stop.signal)).rejects.toThrow(
      'the time is up',
    );
    expect((await judged()).map((key) => key.split('_').length)).toEqual([8]);
    await judgeCell({ store: world.images, look }, cell);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 10]);
    expect((await judged()).map((key) => key.split('_').length)).toEqual([8, 2]);
  });

  it('holds one image beside the one that is looked at, however many there are', async () => {
    const indexes = Array.from({ length: 12 }, (_, index) => index);
    for (const index of indexes) await put(png(1, 1), world, index);
    const readRange = world.images.readRange.bind(world.images);
    let [held, most, left] = [0, 0, indexes.length];
    world.images.readRange = async (key, range) => {
      most = Math.max(most, ++held);
      left--;
      return readRange(key, range);
    };
    const look: LookAtImage = async (image) => {
      // Of each eight the last has none beside it.
      await waitFor('the next is read', () => held === 2 || left === 4 || left === 0);
      held--;
      return looked(image);
    };
    await judgeCell({ store: world.images, look }, { audit: AUDIT, n: CELL, indexes });
    expect(most).toBe(2);
  });

  it('keeps tags that others have given it', async () => {
    await put(png(4, 4));
    await world.images.setTags(KEY, { ...TAGS, project: 'jobs' });
    await judge();
    expect(await world.truth.images.tags(KEY)).toMatchObject({ project: 'jobs', status: 'ok' });
  });

  it.each([[[]], [[0]], [[0, 1, 2, 3, 4, 5]]])(
    'without any left (of %j) leaves no record',
    async (indexes) => {
      expect((await judge(indexes)).size).toBe(0);
      expect(await world.keys('')).toEqual([]);
    },
  );

  it('again looks at nothing that is recorded, unless its rendition is missing', async () => {
    await put(png(4, 4));
    await put('no picture', world, 1);
    await judge([0, 1]);
    const look = jest.fn<LookAtImage>(async (image) => looked(image));
    const again = () => judgeCell({ store: world.images, look }, { audit: AUDIT, n: CELL, indexes: [0, 1] });
    expect([...(await again()).values()].map(({ status }) => status)).toEqual(['ok', 'quarantined']);
    expect(look).not.toHaveBeenCalled();
    await world.images.destroy(renditionAt(0));
    await again();
    expect(look).toHaveBeenCalledTimes(1);
    expect(await world.versions('renditions/')).toEqual([renditionAt(0)]);
    expect(await judged()).toHaveLength(1);
  });

  it('again looks at what an older decoder, or none, has judged, and the new judgement holds', async () => {
    await put(png(4, 4));
    await put(png(4, 4), world, 1);
    const tags = { status: 'quarantined', format: 'png', size: 'small', retention: 'short' };
    for (const index of [0, 1]) await world.images.setTags(imageAt(index), tags);
    await world.images.create(record('0.quarantined.png.4x4_1.quarantined.png.4x4.-.too-slow.d0'), '');
    await judge([0, 1]);
    const found = (await listJudgements(world.images, AUDIT, CELL, CELL)).get(CELL)!;
    expect([...found.values()].map(({ status }) => status)).toEqual(['ok', 'ok']);
    expect(await world.truth.images.tags(KEY)).toEqual({ ...tags, status: 'ok' });
    expect(await world.versions('renditions/')).toEqual([0, 1].map(renditionAt));
  });

  it('again looks at no image that took too long and is recorded: a delivery continues behind a hundred of them', async () => {
    const indexes = Array.from({ length: 10 }, (_, index) => index);
    for (const index of indexes) await put(png(4, 4 + index), world, index);
    const seen: number[] = [];
    const slow = (most: number): Promise<unknown> => {
      const stop = new AbortController();
      const look: LookAtImage = async (image) => {
        const { rendition, ...found } = looked(image);
        seen.push(found.height - 4);
        if (seen.length === most) stop.abort(new Error('the time is up'));
        return { ...found, verdict: 'quarantined', reason: 'too-slow' };
      };
      return judgeCell({ store: world.images, look }, { audit: AUDIT, n: CELL, indexes }, stop.signal);
    };
    await expect(slow(9)).rejects.toThrow('the time is up');
    await slow(99);
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9]);
    expect((await judged()).map((key) => key.split('_').length)).toEqual([8, 2]);
  });

  describe('twice at once with different findings', () => {
    const slow: LookAtImage = async (image) => {
      const { rendition, ...found } = looked(image);
      return { ...found, verdict: 'quarantined', reason: 'too-slow' };
    };
    const run = (store: ObjectStore, look: LookAtImage) =>
      judgeCell({ store, look }, { audit: AUDIT, n: CELL, indexes: [0] });
    const fine: LookAtImage = async (image) => looked(image);

    it.each<[string, (other: (look: LookAtImage) => Promise<unknown>, store: World['images']) => void]>([
      [
        'tags it',
        (other, store) => {
          const { setTags } = store;
          store.setTags = async (key, tags) => {
            store.setTags = setTags;
            await other(fine);
            return setTags.call(store, key, tags);
          };
        },
      ],
      [
        'destroys its rendition',
        (other, store) => {
          const { destroy } = store;
          store.destroy = async (key) => {
            store.destroy = destroy;
            await other(fine);
            return destroy.call(store, key);
          };
        },
      ],
      [
        'records it',
        (other, store) => {
          const { create } = store;
          store.create = async (key, body, upload) => {
            store.create = create;
            await other(fine);
            return create.call(store, key, body, upload);
          };
        },
      ],
    ])(
      'leaves an image that is shown with its rendition, if another run ends before the slow one %s',
      async (_step, interrupt) => {
        await put(png(4, 4));
        interrupt((look) => run(world.truth.images, look), world.images);
        // A run that fails is delivered again.
        await run(world.images, slow).catch(() => run(world.images, fine));
        await consistent();
      },
    );

    it('leaves an image that is shown with its rendition, if the slow run ends before the other one records it', async () => {
      await put(png(4, 4));
      const { create } = world.images;
      world.images.create = async (key, body, upload) => {
        if (key.startsWith('audits/')) await run(world.truth.images, slow);
        return create.call(world.images, key, body, upload);
      };
      await expect(run(world.images, fine)).rejects.toThrow('different things');
      world.images.create = create;
      await run(world.images, fine);
      await consistent();
    });

    async function consistent(): Promise<void> {
      const holds = (await listJudgements(world.images, AUDIT, CELL, CELL)).get(CELL)?.get(0);
      expect(holds?.status).toBe('ok');
      expect(await world.truth.images.tags(KEY)).toMatchObject({ status: 'ok' });
      expect(await world.keys('renditions/')).toEqual([renditionAt(0)]);
    }
  });

  it('counts what is no picture once, whatever comes again or at the same time', async () => {
    await put(png(4, 4));
    await put('no picture', world, 1);
    await put(png(5, 5), world, 2);
    const result = {
      audit: AUDIT,
      cell: CELL,
      model: 'a/b',
      images: [0, 1, 2].map((index) => ({ index, key: imageAt(index) })),
    };
    await world.truth.images.createJson(resultKey(AUDIT, CELL), result);
    const look: LookAtImage = async (image) => ({ ...looked(image), blank: looked(image).width === 5 });
    const published: unknown[] = [];
    const publish = (...of: unknown[]) => void published.push(of);
    const tag = createTag(
      { ...world.judgeDeps, look, publish, time: world.time, log: SILENT },
      { METRICS_MODELS: 'a/b' },
    );
    const detail = { bucket: { name: 'images' }, object: { key: resultKey(AUDIT, CELL) } };
    const context = { getRemainingTimeInMillis: () => 900_000 } as Context;
    const event = (type: string) => tag({ 'detail-type': type, detail }, context);
    await Promise.all([event('Object Created'), event('Object Created')]);
    await event('Object Tags Added');
    expect(published).toEqual([
      [
        'a/b',
        [
          { name: 'Blank', unit: 'Count', value: 1 },
          { name: 'Quarantined', unit: 'Count', value: 1 },
        ],
      ],
    ]);
  });

  it('again by a busy machine hides nothing that was valid', async () => {
    await put(png(4, 4));
    await judge();
    await world.images.destroy(renditionAt(0));
    const look: LookAtImage = async (image) => {
      const { rendition, ...found } = looked(image);
      return { ...found, verdict: 'quarantined', reason: 'too-slow' };
    };
    const again = judgeCell({ store: world.images, look }, { audit: AUDIT, n: CELL, indexes: [0] });
    // Its rendition is still missing.
    await expect(again).rejects.toThrow('The next delivery');
    expect(await world.truth.images.tags(KEY)).toMatchObject({ status: 'ok' });
    const found = (await listJudgements(world.images, AUDIT, CELL, CELL)).get(CELL)!;
    expect(found.get(0)).toMatchObject({ status: 'ok' });
  });

  it('again by a newer decoder that condemns an image destroys its rendition', async () => {
    await put(png(4, 4));
    await judge();
    await world.truth.images.delete(await judged());
    await world.images.create(record('0.ok.png.4x4.-.-.d0'), '');
    const look: LookAtImage = async (image) => {
      const { rendition, ...found } = looked(image);
      return { ...found, verdict: 'quarantined', reason: 'damaged' };
    };
    await judgeCell({ store: world.images, look }, { audit: AUDIT, n: CELL, indexes: [0] });
    expect(await world.truth.images.tags(KEY)).toMatchObject({ status: 'quarantined' });
    expect(await world.versions('renditions/')).toEqual([]);
  });
});

describe('an image that is deleted while it is judged', () => {
  const DELETIONS: [string, string][] = [
    ['a deletion of its audit', deletedKey(AUDIT)],
    ['a purge of the image', purgedKey(AUDIT, CELL, 0)],
  ];
  /** What the commands do: the tombstone first, then the image and its rendition, all versions of them. */
  async function end(tombstone: string, in_ = world): Promise<void> {
    const { images } = in_.truth;
    await images.create(tombstone, '');
    for (const key of [KEY, renditionAt(0)]) await images.destroy(key);
  }

  it.each(DELETIONS)('by %s before is not looked at', async (_by, tombstone) => {
    await put(png(4, 4));
    await world.truth.images.create(tombstone, '');
    const look = jest.fn<LookAtImage>(async (image) => looked(image));
    await judgeCell({ store: world.images, look }, { audit: AUDIT, n: CELL, indexes: [0] });
    expect(look).not.toHaveBeenCalled();
    expect(await judged()).toEqual([]);
  });

  it.each(DELETIONS)('by %s at any moment leaves no version of a rendition', async (_by, tombstone) => {
    for (const verb of ['exists', 'tags', 'readRange', 'create', 'setTags'] as const)
      for (const isBefore of [true, false]) {
        await beginAgain();
        await put(png(4, 4));
        const call = world.images[verb].bind(world.images) as (...rest: unknown[]) => Promise<unknown>;
        let isEnded = false;
        Object.assign(world.images, {
          [verb]: async (...rest: unknown[]) => {
            const isFirst = !isEnded;
            isEnded = true;
            if (isFirst && isBefore) await end(tombstone);
            const answer = await call(...rest);
            if (isFirst && !isBefore) await end(tombstone);
            return answer;
          },
        });
        await judge();
        expect(isEnded).toBe(true);
        expect({ verb, isBefore, left: await world.versions('renditions/') }).toEqual({
          verb,
          isBefore,
          left: [],
        });
      }
  });

  it('by a purge, and hidden by a sweep of reconcile meanwhile, leaves no bytes of a rendition', async () => {
    await put(png(4, 4));
    const { create } = world.images;
    world.images.create = async (key, body, upload) => {
      await end(deletedKey(AUDIT));
      const isNew = await create.call(world.images, key, body, upload);
      await world.truth.images.delete([key]);
      return isNew;
    };
    await judge();
    const left: string[] = [];
    for await (const { key, isMarker } of listVersions(world.truth.images, 'renditions/'))
      if (!isMarker) left.push(key);
    expect(left).toEqual([]);
  });

  it.each(FAULTS)(
    'by a purge, after a run in which, at any call, %s, has no rendition once the event was delivered again',
    async (fault) => {
      const calls = await atEveryCall(fault, {
        prepare: async (world) => {
          await put(png(4, 4), world);
        },
        act: (world) => judge([0], world),
        recover: async (world) => {
          await end(purgedKey(AUDIT, CELL, 0), world);
          // The late one had seen no tombstone.
          await world.truth.images.create(renditionAt(0), 'late');
          await judge([0], world);
        },
        check: async (world) => {
          expect(await world.versions('renditions/')).toEqual([]);
        },
      });
      expect(calls).toBeGreaterThanOrEqual(8);
    },
  );
});

describe('the decoder judges', () => {
  let decoder: Decoder;
  beforeAll(async () => {
    decoder = createDecoder(await preparedDecoder());
  });
  afterAll(() => decoder.close());
  const decode = async (indexes = [0]) =>
    judgeCell({ store: world.images, look: decoder.look }, { audit: AUDIT, n: CELL, indexes });

  it.each<[string, Buffer | string, string | undefined]>([
    ['HTML', '<!doctype html><script>fetch("//evil.example")</script>', 'not an image: HTML'],
    ['nothing', '', 'empty'],
    ['one byte', 'x', 'not an image: text'],
    ['a truncated PNG', png(400, 300).subarray(0, -20), 'truncated'],
    ['a PNG of 30,000 × 30,000', bomb(), 'too many pixels'],
  ])(
    '%s: quarantined with its reason, keeps its bytes, and is so every time',
    async (_what, bytes, words) => {
      await put(bytes);
      await decode();
      const { status, format, decoded } = (await decode()).get(0)!;
      expect([status, wordsFor(format, decoded?.reason)]).toEqual(['quarantined', words]);
      expect(await world.truth.images.tags(KEY)).toMatchObject({ status: 'quarantined' });
      expect(await judged()).toHaveLength(1);
      expect((await world.truth.images.head(KEY))?.bytes).toBe(Buffer.byteLength(bytes));
      expect(await world.keys('renditions/')).toEqual([]);
    },
  );

  it('a JPEG with a C2PA manifest and bytes behind its end: valid, and it has a rendition', async () => {
    const jpeg = await createCanvas(48, 32).encode('jpeg');
    const manifest = Buffer.from('\xff\xeb\0\x1aJP\0\x01\0\0\0\x01\0\0\0\x10jumbc2pa....', 'latin1');
    await put(Buffer.concat([jpeg.subarray(0, 2), manifest, jpeg.subarray(2), Buffer.alloc(200, 'behind')]));
    expect((await decode()).get(0)).toMatchObject({ status: 'ok', format: 'jpeg', decoded: { c2pa: true } });
    expect((await world.truth.images.head(renditionAt(0)))?.contentType).toBe('image/webp');
  });

  it('an SVG with a script: valid, because the script does not run', async () => {
    await put(
      '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><rect width="9" height="9"/></svg>',
    );
    expect((await decode()).get(0)).toMatchObject({ status: 'ok', format: 'svg', width: 300, height: 150 });
  });
});

describe('backing up', () => {
  it.each(FAULTS)(
    'leaves one copy, equal in bytes, checksum and tags, when, at any call, %s',
    async (fault) => {
      const calls = await atEveryCall(fault, {
        prepare: async (world) => {
          await put(png(4, 4), world);
        },
        act: (world) => backUp(world.images, world.backup, KEY),
        recover: async (world) => {
          expect(['copied', 'kept']).toContain(await backUp(world.images, world.backup, KEY));
        },
        check: async (world) => {
          const [source, copy] = await Promise.all([
            world.truth.images.head(KEY),
            world.truth.backup.head(KEY),
          ]);
          expect(copy).toMatchObject({ bytes: source!.bytes, sha256: source!.sha256, etag: source!.etag });
          expect(await world.hash(KEY, world.truth.backup)).toBe(source!.sha256);
          expect(await world.truth.backup.tags(KEY)).toEqual(TAGS);
        },
      });
      expect(calls).toBeGreaterThanOrEqual(2);
    },
  );

  it('asks nothing about a copy whose SHA-256 came with it', async () => {
    await put(png(4, 4));
    world.backup.head = () => Promise.reject(new Error('asked for nothing'));
    expect(await backUp(world.images, world.backup, KEY)).toBe('copied');
  });

  it('proves a copy that S3 answered without its SHA-256 by asking for it', async () => {
    await put(png(4, 4));
    const createCopy = world.backup.createCopy.bind(world.backup);
    world.backup.createCopy = async (source, key) => {
      const copy = await createCopy(source, key);
      return copy.outcome === 'copied' ? { ...copy, sha256: undefined } : copy;
    };
    expect(await backUp(world.images, world.backup, KEY)).toBe('copied');
    const { head } = world.backup;
    world.backup.head = async (key) => ({ ...(await head.call(world.backup, key))!, sha256: undefined });
    await world.truth.backup.delete([KEY]);
    await expect(backUp(world.images, world.backup, KEY)).rejects.toThrow(BackupMismatch);
  });

  it('that came out another than its original is refused', async () => {
    await put(png(4, 4));
    const createCopy = world.backup.createCopy.bind(world.backup);
    world.backup.createCopy = async (source, key) => {
      await createCopy(source, key);
      return { outcome: 'copied', sha256: '0'.repeat(64) };
    };
    await expect(backUp(world.images, world.backup, KEY)).rejects.toThrow(BackupMismatch);
  });

  it('brings the tags of a copy into step after the image was judged', async () => {
    await put(png(4, 4));
    await backUp(world.images, world.backup, KEY);
    await judge();
    expect(await backUp(world.images, world.backup, KEY)).toBe('kept');
    expect(await world.truth.backup.tags(KEY)).toEqual(await world.truth.images.tags(KEY));
  });

  it('twice at once makes one copy', async () => {
    await put(png(4, 4));
    const outcomes = await Promise.all([1, 2].map(() => backUp(world.images, world.backup, KEY)));
    expect(outcomes.sort()).toEqual(['copied', 'kept']);
  });

  it('of other bytes under the same key is refused, and overwrites nothing', async () => {
    await put('the original');
    await world.truth.backup.create(KEY, 'an impostor');
    await expect(backUp(world.images, world.backup, KEY)).rejects.toThrow(BackupMismatch);
    expect((await world.truth.backup.head(KEY))?.bytes).toBe(11);
  });

  it('of what is gone by then is no fault, and a copy outlives its original', async () => {
    expect(await backUp(world.images, world.backup, KEY)).toBe('gone');
    await put('the original');
    await backUp(world.images, world.backup, KEY);
    await world.images.delete([KEY]);
    expect(await backUp(world.images, world.backup, KEY)).toBe('gone');
    expect(await world.truth.backup.exists(KEY)).toBe(true);
  });

  it('of a record proves its SHA-256 as well', async () => {
    await world.images.createJson('audits/x/audit.json', { prompt: 'ä' });
    expect(await backUp(world.images, world.backup, 'audits/x/audit.json')).toBe('copied');
    expect((await world.truth.backup.head('audits/x/audit.json'))?.sha256).toMatch(/^[0-9a-f]{64}$/);
  });
});
