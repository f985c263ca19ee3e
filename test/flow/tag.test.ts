import type { Context } from 'aws-lambda';
import sharp from 'sharp';
import { listVersions } from '../../lib/aws/versions.ts';
import { createTag, type TagPorts } from '../../lib/handlers/tag.ts';
import { createDecoder, LIMITS } from '../../lib/images/decode/decoder.ts';
import {
  cellJudgementsPrefix,
  deletedKey,
  imageKey,
  renditionKey,
  resultKey,
} from '../../lib/records/keys.ts';
import { systemTime } from '../../lib/system.ts';
import { looked } from '../../sim/look.ts';
import { preparedDecoder } from '../support/decoder.ts';
import { png } from '../support/images.ts';
import { eachWorld, world } from './world.ts';

/** The function `tag`, given events as S3 sends them. */

const AUDIT = '7zzzzzzzzzzzzzzzzzzzzzzzzz';
const CELL = 7;
const MINUTES_15 = 900_000;

eachWorld();

const warned: Record<string, unknown>[] = [];
const log = {
  ...{ info() {}, error() {}, appendKeys() {}, resetKeys() {} },
  warn: (_message: string, about: Record<string, unknown> = {}) => void warned.push(about),
};
const event = (kind = 'Object Created') => ({
  'detail-type': kind,
  detail: { bucket: { name: 'images' }, object: { key: resultKey(AUDIT, CELL) } },
});
/** Gives `tag` an event. */
const tag = (ports: Partial<TagPorts> = {}, kind?: string) => {
  const canned = { store: world.images, look: async (image: Uint8Array) => looked(image) };
  const context = { getRemainingTimeInMillis: () => MINUTES_15 } as Context;
  return createTag({ ...canned, time: systemTime, log, publish() {}, ...ports }, { METRICS_MODELS: 'a/b' })(
    event(kind),
    context,
  );
};
const records = () => world.keys(cellJudgementsPrefix(AUDIT, CELL));

/** A result that names these images, which are stored. */
async function store(images: (Buffer | string)[]): Promise<void> {
  for (const [index, bytes] of images.entries())
    await world.truth.images.create(imageKey(AUDIT, CELL, index), bytes, {
      tags: { status: 'pending', retention: 'short' },
    });
  const named = images.map((_, index) => ({ index, key: imageKey(AUDIT, CELL, index) }));
  await world.truth.images.createJson(resultKey(AUDIT, CELL), { audit: AUDIT, cell: CELL, images: named });
}

test('a run whose time is up says so and keeps what is recorded; the next delivery continues behind it', async () => {
  await store(Array.from({ length: 10 }, (_, index) => png(1, 1 + index)));
  const end = new AbortController();
  const waits: number[] = [];
  const timeout = (ms: number) => {
    waits.push(ms);
    return end.signal;
  };
  const seen: number[] = [];
  const look: TagPorts['look'] = async (image) => {
    const found = looked(image);
    seen.push(found.height);
    if (seen.length === 9) end.abort();
    return found;
  };
  await expect(tag({ look, time: { ...systemTime, timeout } })).rejects.toThrow(
    /^Time was up before all images .* What is recorded is kept/,
  );
  // It ends by itself, with time left to record.
  expect(waits).toEqual([MINUTES_15 - 10_000]);
  expect((await records()).map((key) => key.split('_').length)).toEqual([8]);
  expect((await tag({ look })).images).toHaveLength(10);
  expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 10]);
  expect((await records()).map((key) => key.split('_').length)).toEqual([8, 2]);
});

test('an image that no result names is judged if it is requested, and not before', async () => {
  await store([png(4, 4)]);
  await world.truth.images.create(imageKey(AUDIT, CELL, 1), png(5, 5), { tags: { status: 'pending' } });
  expect((await tag()).images).toMatchObject([{ index: 0 }]);
  expect((await tag({}, 'Object Tags Added')).images).toMatchObject([{ index: 0 }, { index: 1, width: 5 }]);
});

test('an event without its result judges nothing: the audit was deleted', async () => {
  await world.truth.images.create(imageKey(AUDIT, CELL, 0), png(4, 4), { tags: { status: 'pending' } });
  for (const kind of ['Object Created', 'Object Tags Added'])
    expect((await tag({}, kind)).images).toEqual([]);
  expect(await records()).toEqual([]);
});

test("an event without its result leaves no bytes of the cell's renditions if the audit was deleted", async () => {
  const { images } = world.truth;
  const left = renditionKey(AUDIT, CELL, 0);
  const hidden = renditionKey(AUDIT, CELL, 10);
  const other = renditionKey(AUDIT, CELL + 1, 0);
  for (const key of [left, hidden, other]) await images.create(key, 'made by a run that died');
  await images.delete([hidden]);
  const bytes = async () => {
    const found: string[] = [];
    for await (const { key, isMarker } of listVersions(images, 'renditions/')) if (!isMarker) found.push(key);
    return found;
  };
  await tag();
  expect(await bytes()).toEqual([left, hidden, other]);
  await images.create(deletedKey(AUDIT), '');
  await tag();
  expect(await bytes()).toEqual([other]);
});

describe('a poison image costs itself', () => {
  test('one that takes too long, by the decoder', async () => {
    const background = '#876';
    const large = sharp({ create: { width: 7_000, height: 7_000, channels: 3, background } });
    await store([png(4, 4), await large.avif({ effort: 0 }).toBuffer(), png(5, 5)]);
    const decoder = createDecoder(await preparedDecoder(), { ...LIMITS, processorMs: 800 });
    try {
      const { images } = await tag({ look: decoder.look });
      expect(images).toMatchObject([
        { index: 0, status: 'ok' },
        { index: 1, status: 'quarantined', reason: 'took too long to decode', width: 7_000 },
        { index: 2, status: 'ok' },
      ]);
      expect(warned.at(-1)).toMatchObject({ index: 1, reason: 'took too long to decode' });
    } finally {
      decoder.close();
    }
  });

  test('a decoder that cannot be started judges nothing, and the event is delivered again', async () => {
    await store([png(4, 4)]);
    const decoder = createDecoder('/nowhere');
    try {
      await expect(tag({ look: decoder.look })).rejects.toThrow('The image decoder did not start');
    } finally {
      decoder.close();
    }
    expect(await records()).toEqual([]);
    expect(await world.truth.images.tags(imageKey(AUDIT, CELL, 0))).toMatchObject({ status: 'pending' });
  });
});
