import { BackupMismatch, backUp } from '../../lib/images/backup.ts';
import { judgeCell } from '../../lib/images/judge.ts';
import { listJudgements } from '../../lib/records/judgement.ts';
import { imageKey } from '../../lib/records/keys.ts';
import { png } from '../support/images.ts';
import { atEveryCall, FAULTS, FlowCloud, type World } from './world.ts';

const AUDIT = '7zzzzzzzzzzzzzzzzzzzzzzzzz';
const KEY = imageKey(AUDIT, 7, 0);
const TAGS = { status: 'pending', retention: 'short' };

let cloud: FlowCloud;
let world: World;
beforeAll(async () => {
  cloud = await FlowCloud.open();
});
beforeEach(async () => {
  world = await cloud.world();
});
afterAll(() => cloud.close());

const CELL = 7;
const imageAt = (index: number) => imageKey(AUDIT, CELL, index);
const put = (bytes: Buffer | string, in_ = world, index = 0) =>
  in_.truth.images.create(imageAt(index), bytes, { tags: TAGS });
const judged = (in_ = world) => in_.keys(`audits/${AUDIT}/judged/`);
const record = (names: string) => `audits/${AUDIT}/judged/00007/${names}`;
const judge = (indexes: number[] = [0], in_ = world) => judgeCell(in_.images, AUDIT, CELL, indexes);

describe('judging the images of a cell', () => {
  it.each(FAULTS)('leaves four tags on each and one record when, at any call, %s', async (fault) => {
    const calls = await atEveryCall(cloud, fault, {
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
        expect(await judged(world)).toEqual([record('0.ok.png.40x30_1.quarantined.unknown.0x0')]);
        expect(await world.truth.images.tags(key!)).toEqual({ retention: 'short' });
        expect(await world.rewritten(`audits/${AUDIT}/`)).toEqual([]);
      },
    });
    expect(calls).toBeGreaterThanOrEqual(7);
  });

  it('twice at once leaves one record', async () => {
    for (const index of [0, 1, 2, 3]) await put(png(4, 4 + index), world, index);
    await Promise.all([judge([0, 1, 2, 3]), judge([0, 1, 2, 3])]);
    expect(await judged()).toEqual([record('0.ok.png.4x4_1.ok.png.4x5_2.ok.png.4x6_3.ok.png.4x7')]);
    expect(await world.rewritten(`audits/${AUDIT}/`)).toEqual([]);
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
    expect(written.sort()).toEqual([imageAt(0), imageAt(2)]);
    isAway = false;
    await judge([0, 1, 2]);
    expect(written).toEqual([imageAt(0), imageAt(2), imageAt(1)]);
    expect(await judged()).toEqual([record('0.ok.png.4x4_1.ok.png.4x4_2.ok.png.4x4')]);
  });

  it('leaves out the one of four that is gone', async () => {
    for (const index of [0, 1, 3]) await put(png(4, 4), world, index);
    expect([...(await judge([0, 1, 2, 3])).keys()]).toEqual([0, 1, 3]);
    expect(await judged()).toEqual([record('0.ok.png.4x4_1.ok.png.4x4_3.ok.png.4x4')]);
  });

  it('records up to eight by their index in one key, and readers merge all keys', async () => {
    const indexes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    for (const index of indexes) await put(png(1, 1 + index), world, index);
    await judge(indexes);
    const keys = await judged();
    expect(keys.map((key) => key.split('_').length)).toEqual([8, 2]);
    expect(keys[1]).toBe(record('8.ok.png.1x9_9.ok.png.1x10'));
    const read = await listJudgements(world.images, AUDIT, CELL, CELL);
    expect([...read.get(CELL)!].map(([index, { height }]) => [index, height])).toEqual(
      indexes.map((index) => [index, index + 1]),
    );
  });

  it('holds four heads at most, however many images there are', async () => {
    const indexes = Array.from({ length: 12 }, (_, index) => index);
    for (const index of indexes) await put(png(1, 1), world, index);
    const readRange = world.images.readRange.bind(world.images);
    let [now, most] = [0, 0];
    world.images.readRange = async (key, range) => {
      most = Math.max(most, ++now);
      return readRange(key, range).finally(() => now--);
    };
    await judge(indexes);
    expect(most).toBe(4);
  });

  it('keeps tags that others have given it', async () => {
    await put(png(4, 4));
    await world.images.setTags(KEY, { ...TAGS, project: 'jobs' });
    await judge();
    expect(await world.truth.images.tags(KEY)).toMatchObject({ project: 'jobs', status: 'ok' });
  });

  it.each<[string, Buffer | string]>([
    ['HTML', '<!doctype html><script>fetch("//evil.example")</script>'],
    ['SVG with a script', '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'],
    ['nothing', ''],
    ['one byte', 'x'],
    ['a truncated PNG', png(400, 300).subarray(0, -20)],
    ['a PNG of 30,000 × 30,000', bomb()],
  ])('one that is %s is quarantined, keeps its bytes, and is so every time', async (_what, bytes) => {
    await put(bytes);
    await judge();
    expect((await judge()).get(0)).toMatchObject({ status: 'quarantined' });
    expect(await world.truth.images.tags(KEY)).toMatchObject({ status: 'quarantined' });
    expect(await judged()).toHaveLength(1);
    expect((await world.truth.images.head(KEY))?.bytes).toBe(Buffer.byteLength(bytes));
  });

  it.each([[[]], [[0]], [[0, 1, 2, 3, 4, 5]]])(
    'without any left (of %j) leaves no record',
    async (indexes) => {
      expect((await judge(indexes)).size).toBe(0);
      expect(await world.keys('')).toEqual([]);
    },
  );
});

/** Its header claims what would be 900 million pixels. */
function bomb(): Buffer {
  const bytes = Buffer.from(png(1, 1));
  bytes.writeUInt32BE(30_000, 16);
  bytes.writeUInt32BE(30_000, 20);
  return bytes;
}

describe('backing up', () => {
  it.each(FAULTS)(
    'leaves one copy, equal in bytes, checksum and tags, when, at any call, %s',
    async (fault) => {
      const calls = await atEveryCall(cloud, fault, {
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
