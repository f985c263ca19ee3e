import { judgeImage } from '../../lib/images/judge.ts';
import { BackupMismatch, backUp } from '../../lib/storage/backup.ts';
import { imageKey } from '../../lib/storage/keys.ts';
import { png } from '../images.ts';
import { atEveryCall, FAULTS, FlowCloud, type World } from './flow-cloud.ts';

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

const put = (bytes: Buffer | string, in_ = world) => in_.truth.images.create(KEY, bytes, { tags: TAGS });
const judged = (in_ = world) => in_.keys(`audits/${AUDIT}/judged/`);

describe('judging an image', () => {
  it.each(FAULTS)('leaves four tags and one record when, at any call, %s', async (fault) => {
    const calls = await atEveryCall(cloud, fault, {
      prepare: async (world) => {
        await put(png(40, 30), world);
      },
      act: (world) => judgeImage(world.images, KEY),
      recover: async (world) => {
        await judgeImage(world.images, KEY);
      },
      check: async (world) => {
        expect(await world.truth.images.tags(KEY)).toEqual({
          status: 'ok',
          format: 'png',
          size: 'small',
          retention: 'short',
        });
        expect(await judged(world)).toEqual([`audits/${AUDIT}/judged/00007/0.ok.png.40x30`]);
      },
    });
    expect(calls).toBeGreaterThanOrEqual(4);
  });

  it('keeps tags that others have given it', async () => {
    await put(png(4, 4));
    await world.images.setTags(KEY, { ...TAGS, project: 'jobs' });
    await judgeImage(world.images, KEY);
    expect(await world.truth.images.tags(KEY)).toMatchObject({ project: 'jobs', status: 'ok' });
  });

  it.each<[string, Buffer | string]>([
    ['HTML', '<!doctype html><script>fetch("//evil.example")</script>'],
    ['SVG with a script', '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'],
    ['nothing', ''],
    ['one byte', 'x'],
    ['a truncated PNG', png(400, 300).subarray(0, -20)],
    ['a PNG of 30,000 × 30,000', bomb()],
  ])('that is %s quarantines it, keeps its bytes, and does it the same every time', async (_what, bytes) => {
    await put(bytes);
    await judgeImage(world.images, KEY);
    const again = await judgeImage(world.images, KEY);
    expect(again).toMatchObject({ status: 'quarantined' });
    expect(await world.truth.images.tags(KEY)).toMatchObject({ status: 'quarantined' });
    expect(await judged()).toHaveLength(1);
    expect((await world.truth.images.head(KEY))?.bytes).toBe(Buffer.byteLength(bytes));
  });

  it.each([KEY, `audits/${AUDIT}/audit.json`, 'images/../00000/0', 'images/x/00000/0', ''])(
    'that is not there, or is none (%j), does nothing',
    async (key) => {
      expect(await judgeImage(world.images, key)).toBeUndefined();
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
    await judgeImage(world.images, KEY);
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
