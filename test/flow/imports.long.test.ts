import { createHash } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { type AddressDeps, acceptImport, parseImport, uploadAddresses } from '../../lib/audits/import.ts';
import { auditStatus, listPredictions } from '../../lib/audits/read.ts';
import { unsafeByCell } from '../../lib/audits/unsafe.ts';
import { pictureUpload, UPLOAD_MS } from '../../lib/cells/take-in.ts';
import { rangesOf } from '../../lib/records/blocks.ts';
import {
  cancelKey,
  imageKey,
  leasesPrefix,
  manifestKey,
  markerKey,
  planKey,
} from '../../lib/records/keys.ts';
import { cellAt, type Plan, readPlan } from '../../lib/records/plan.ts';
import { systemChance } from '../../lib/system.ts';
import { png } from '../support/images.ts';
import { atEveryCall, eachWorld, FAULTS, type World, world } from './world.ts';

/** Pictures that somebody has: from the request to the manifest. */

const MINUTE = 60_000;
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
/** The pictures of an import, by cell. */
const PICTURES = ['a1', 'a2', 'a3', 'b1', 'c1', 'c2'].map((name) => png(8, 8, name));
const PROMPT_OF = [0, 0, 0, 1, 2, 2];
const REQUEST = {
  model: 'midjourney v7',
  prompts: ['a doctor', { text: 'a nurse', factors: { job: 'nurse' } }, 'a chef'],
  pictures: PICTURES.map((bytes, place) => ({
    prompt: PROMPT_OF[place]!,
    sha256: sha256(bytes),
    bytes: bytes.length,
    format: 'png',
  })),
};
const BODY = JSON.stringify(REQUEST);
const ORIGIN = { caller: 'alice', request: 'r1', idempotencyKey: 'once', body: BODY };

eachWorld();

const importDeps = (of: World) => ({
  store: of.images,
  polls: of.polls,
  time: of.time,
  chance: systemChance,
  log: { error() {}, warn() {} },
});
const accept = (of = world, origin = ORIGIN) => acceptImport(importDeps(of), BODY, origin);

const addressDeps = (of: World): AddressDeps => ({
  store: of.images,
  polls: of.polls,
  readPlan: (audit) => readPlan(of.images, audit),
  presignUpload: async (key, { sha256 }, seconds) => ({ url: `${key}?${seconds}`, headers: { sha256 } }),
  uploadSeconds: 60,
});
const addresses = (id: string, query = {}, of = world) => uploadAddresses(addressDeps(of), id, query);

/** A picture arrives as its address admits it. */
async function arrive(of: World, plan: Plan, n: number, bytes = PICTURES[n]!): Promise<void> {
  const { bytes: _, sha256: __, ...upload } = pictureUpload(plan, n);
  await of.truth.images.create(imageKey(plan.id, n, 0), bytes, upload);
}

/** Delivers the messages of polls until none is left, or so many were; tag and backup do their work in between. */
async function deliver(of: World, id: string, most = 50): Promise<void> {
  for (let turn = 0; turn < most; turn++) {
    const next = of.polls.messages.shift();
    if (!next) return;
    of.pass(next.delaySeconds * 1_000 + 4_000);
    await of.poll(next.message);
    await of.judgeAndBackUp(id);
  }
}

const planOf = async (id: string, of = world): Promise<Plan> => (await readPlan(of.truth.images, id))!;
const readDeps = (of: World) => ({ ...of.endDeps, store: of.truth.images });
const manifestOf = async (id: string, of = world) =>
  // biome-ignore lint/suspicious/noExplicitAny: tests look into manifests freely
  (await of.truth.images.readJson<any>(manifestKey(id, 'json')))?.value;

describe('an import', () => {
  test('has a cell for each picture in the order of prompts, however many each has, and its plan pins their hashes', async () => {
    const { id, predictions } = await accept();
    const plan = await planOf(id);
    expect(predictions).toBe(6);
    expect(plan).toMatchObject({
      source: 'imported',
      createdBy: 'alice',
      samples: 3,
      counts: [3, 1, 2],
      cells: 6,
    });
    expect(plan.pictures!.map(({ sha256 }) => sha256)).toEqual(PICTURES.map(sha256));
    const cells = PICTURES.map((_, n) => cellAt(plan, n));
    expect(cells.map(({ prompt, sample }) => [prompt.text, sample])).toEqual([
      ['a doctor', 0],
      ['a doctor', 1],
      ['a doctor', 2],
      ['a nurse', 0],
      ['a chef', 0],
      ['a chef', 1],
    ]);
    expect(() => cellAt(plan, 6)).toThrow('has no cell 6');
  });

  test('becomes an audit like any other once its pictures come: judged, copied, with a manifest that says who imported them', async () => {
    const { id } = await accept();
    const plan = await planOf(id);
    expect((await addresses(id)).addresses.map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 5]);
    for (let n = 0; n < 3; n++) await arrive(world, plan, n);
    await deliver(world, id, 2);
    expect(await auditStatus(readDeps(world), id)).toMatchObject({
      ...{ state: 'running', source: 'imported', counts: { waiting: 3, running: 0, succeeded: 3 } },
    });
    expect((await addresses(id)).addresses.map(({ n }) => n)).toEqual([3, 4, 5]);
    for (let n = 3; n < 6; n++) await arrive(world, plan, n);
    await deliver(world, id);
    const manifest = await manifestOf(id);
    expect(manifest.audit).toMatchObject({ source: 'imported', createdBy: 'alice' });
    expect(manifest.audit).not.toHaveProperty('seed');
    expect(manifest.audit).not.toHaveProperty('pictures');
    for (const [n, cell] of manifest.cells.entries()) {
      expect(cell).toMatchObject({ status: 'succeeded', model: 'midjourney v7', seed: null });
      expect(cell.images).toMatchObject([{ sha256: sha256(PICTURES[n]!), status: 'ok' }]);
      for (const name of ['asked', 'returned', 'filtered', 'askedAt', 'predictionId'])
        expect(cell).not.toHaveProperty(name);
      const [key] = [imageKey(id, n, 0)];
      expect(await world.hash(key, world.truth.backup)).toBe(sha256(PICTURES[n]!));
      expect((await world.truth.images.tags(key))!.status).toBe('ok');
    }
    const [header = '', row = ''] = (await world.truth.images.readRange(
      manifestKey(id, 'csv'),
      'bytes=0-',
    ))!.bytes
      .toString()
      .split('\n');
    const columns = Object.fromEntries(header.split(',').map((name, i) => [name, row.split(',')[i]]));
    expect(columns).toMatchObject({
      source: 'imported',
      importedBy: 'alice',
      seed: '',
      asked: '',
      filtered: '',
    });
    expect(await auditStatus(readDeps(world), id)).toMatchObject({ state: 'finished', manifest: true });
    expect(world.queue.messages).toEqual([]);
    expect(await world.rewritten(`audits/${id}/`)).toEqual([]);
  });

  test('says of each picture what its bytes are, whatever was announced', async () => {
    const announced = ['jpeg', 'svg', undefined, 'png', 'gif', 'webp'];
    const pictures = REQUEST.pictures.map(({ format: _, ...picture }, n) => ({
      ...picture,
      ...(announced[n] ? { format: announced[n] } : {}),
    }));
    const { id } = await acceptImport(importDeps(world), JSON.stringify({ ...REQUEST, pictures }), ORIGIN);
    const plan = await planOf(id);
    for (const n of pictures.keys()) await arrive(world, plan, n);
    await deliver(world, id);
    const { cells } = await manifestOf(id);
    for (const [n, { images }] of cells.entries())
      expect(images).toMatchObject([{ contentType: 'image/png', file: `images/0000${n}-0.png` }]);
  });

  test('is the same import when it is requested again, and another one under another key', async () => {
    const first = await accept();
    expect(await accept(world, { ...ORIGIN, request: 'r2' })).toEqual(first);
    expect((await accept(world, { ...ORIGIN, idempotencyKey: 'twice' })).id).not.toBe(first.id);
  });

  test('whose pictures never come ends after three days, and says so of each', async () => {
    const { id } = await accept();
    const plan = await planOf(id);
    await arrive(world, plan, 1);
    await deliver(world, id, 1);
    world.pass(UPLOAD_MS - 10 * MINUTE);
    await deliver(world, id, 1);
    expect((await auditStatus(readDeps(world), id)).counts.waiting).toBe(5);
    world.pass(11 * MINUTE);
    await deliver(world, id);
    const { cells } = await manifestOf(id);
    expect(cells.map(({ status }: { status: string }) => status)).toEqual([
      ...['failed', 'succeeded', 'failed', 'failed', 'failed', 'failed'],
    ]);
    expect(cells[0].error).toBe(
      `the picture with the SHA-256 ${sha256(PICTURES[0]!)} was not uploaded within three days`,
    );
    await expect(addresses(id)).resolves.toMatchObject({ addresses: [] });
  });

  test('that is canceled keeps what has come, gives no more addresses, and takes nothing more', async () => {
    const { id } = await accept();
    const plan = await planOf(id);
    for (const n of [0, 3]) await arrive(world, plan, n);
    await world.truth.images.createJson(cancelKey(id), { at: '', by: 'alice' });
    await expect(addresses(id)).rejects.toMatchObject({ status: 409, message: /was canceled/ });
    await deliver(world, id);
    await arrive(world, plan, 5);
    world.pass(MINUTE);
    await deliver(world, id);
    const { cells } = await manifestOf(id);
    expect(cells.map(({ status }: { status: string }) => status)).toEqual([
      ...['succeeded', 'canceled', 'canceled', 'succeeded', 'canceled', 'canceled'],
    ]);
    expect(cells[5].error).toMatch(
      /^the import was canceled before the picture with the SHA-256 .* was uploaded$/,
    );
    expect((await world.truth.images.tags(imageKey(id, 5, 0)))!.status).toBe('pending');
  });

  test('refuses a file that somebody with access to the bucket wrote where a picture belongs', async () => {
    const { id } = await accept();
    const plan = await planOf(id);
    await arrive(world, plan, 0, png(8, 8, 'another'));
    await deliver(world, id, 1);
    const { predictions } = await listPredictions(readDeps(world), id, { limit: 1 });
    expect(predictions[0]).toMatchObject({
      status: 'failed',
      error: expect.stringContaining(`not ${sha256(PICTURES[0]!)}, which was announced`),
      images: [],
    });
  });

  test('refuses a picture that was uploaded with an encoding: a browser would show something else than was judged', async () => {
    const { id } = await accept();
    const plan = await planOf(id);
    const { bytes: _, sha256: __, ...upload } = pictureUpload(plan, 0);
    await world.truth.images.client.send(
      new PutObjectCommand({
        ...{ Bucket: 'images', Key: imageKey(id, 0, 0), Body: PICTURES[0]!, ChecksumAlgorithm: 'SHA256' },
        ...{ ContentType: upload.contentType, ContentEncoding: 'br', Tagging: 'status=pending' },
      }),
    );
    await deliver(world, id, 1);
    const { predictions } = await listPredictions(readDeps(world), id, { limit: 1 });
    expect(predictions[0]).toMatchObject({
      ...{
        status: 'failed',
        error: 'it was uploaded with the header Content-Encoding, which no picture needs',
        images: [],
      },
    });
  });

  test('waits for the judgement of a picture though the function that ended its cell died before the result', async () => {
    const { id } = await accept();
    await arrive(world, (await readPlan(world.images, id))!, 3);
    await world.truth.images.create(markerKey(id, 3, '.failed.99'), '');
    const cells: number[] = [];
    const range = { audit: id, from: 0, to: 5 };
    for await (const { cell } of unsafeByCell(world, range, { isImported: true })) cells.push(cell);
    expect(cells).toEqual([3]);
  });

  test('that is deleted leaves nothing, also of a picture that comes afterwards', async () => {
    const { id } = await accept();
    const plan = await planOf(id);
    await arrive(world, plan, 0);
    await deliver(world, id, 1);
    await world.truth.images.replaceJson(`open/${id}`, { at: '' });
    await world.truth.images.createJson(`deleted/${id}`, { at: '' });
    await expect(addresses(id)).rejects.toMatchObject({ status: 404 });
    world.pass(16 * MINUTE);
    await world.reconcile();
    // At an address that was given before.
    await arrive(world, plan, 4);
    world.pass(30 * MINUTE);
    await world.reconcile();
    world.pass(60 * MINUTE);
    for (let run = 0; run < 3; run++) await world.reconcile();
    const left = (await world.keys('')).filter((key) => !key.startsWith('idempotency/'));
    expect(left).toEqual([`deleted/${id}`]);
  });

  test('whose first messages were lost is taken up by reconcile, and nothing is ever requested for it', async () => {
    const { id } = await accept();
    const plan = await planOf(id);
    world.polls.messages = [];
    await arrive(world, plan, 0);
    await world.reconcile();
    expect(world.polls.messages).toEqual([]);
    world.pass(16 * MINUTE);
    await world.reconcile();
    await deliver(world, id, 2);
    expect((await auditStatus(readDeps(world), id)).counts.succeeded).toBe(1);
    world.polls.messages = [];
    world.pass(16 * MINUTE);
    await world.reconcile();
    expect(world.polls.messages).toHaveLength(1);
    expect(world.queue.messages).toEqual([]);
    // Nor by a message that has no business there.
    await world.ask(plan);
    expect(world.replicate.asked.size).toBe(0);
  });

  test('of several ranges begins a chain for each, and reconcile those whose first message was lost', async () => {
    const pictures = Array.from({ length: 230 }, (_, n) => ({
      ...{ prompt: n % 3, sha256: sha256(Buffer.from(String(n))), bytes: 9 },
    }));
    const body = JSON.stringify({ ...REQUEST, pictures });
    const { id } = await acceptImport(importDeps(world), body, { ...ORIGIN, body });
    const ranges = rangesOf(await planOf(id));
    expect(world.polls.messages.map(({ message }) => message)).toEqual(
      ranges.map((range) => ({ ...range, link: 0 })),
    );
    expect(ranges).toHaveLength(3);
    const [first] = world.polls.messages.splice(0);
    await world.poll(first!.message);
    world.polls.messages = [];
    world.pass(10 * MINUTE);
    // The first chain has moved meanwhile.
    await world.poll({ ...first!.message, link: 1 });
    world.pass(6 * MINUTE);
    await world.reconcile();
    const begun = world.polls.messages.filter(({ message }) => message.from > 0);
    expect(begun.map(({ message: { from } }) => from).sort((one, other) => one - other)).toEqual(
      ranges.slice(1).map(({ from }) => from),
    );
    expect(world.polls.messages.filter(({ message }) => message.from === 0)).toHaveLength(1);
    for (const { message } of begun) await world.poll(message);
    expect(await world.keys(leasesPrefix(id))).toHaveLength(3);
  });

  test('that is over is not begun again by a late copy of its first message', async () => {
    const { id } = await accept();
    const [first] = world.polls.messages;
    const plan = await planOf(id);
    for (const n of PICTURES.keys()) await arrive(world, plan, n);
    await deliver(world, id);
    world.pass(16 * MINUTE);
    await world.reconcile();
    await world.reconcile();
    expect(await world.keys(leasesPrefix(id))).toEqual([]);
    await world.poll(first!.message);
    expect(await world.keys(leasesPrefix(id))).toEqual([]);
  });

  test('looks soon again after a picture has come, and ever more rarely while none does', async () => {
    const { id } = await accept();
    const plan = await planOf(id);
    const delays: number[] = [];
    for (let turn = 0; turn < 40; turn++) {
      const { message, delaySeconds } = world.polls.messages.shift()!;
      delays.push(delaySeconds);
      world.pass(delaySeconds * 1_000);
      await world.poll(message);
    }
    expect(delays.at(-1)).toBe(300);
    await addresses(id);
    await arrive(world, plan, 0);
    const look = world.polls.messages.pop()!;
    expect(look.message.link).toBeUndefined();
    await world.poll(look.message);
    expect(world.polls.messages.at(-1)).toMatchObject({
      delaySeconds: 0,
      message: { link: expect.any(Number) },
    });
  });
});

describe('addresses', () => {
  test('come page by page, for the missing pictures alone, and live for as long as the deployment says', async () => {
    const { id } = await accept();
    const plan = await planOf(id);
    await arrive(world, plan, 1);
    const first = await addresses(id, { limit: 4 });
    expect(first).toEqual({
      addresses: [0, 2, 3].map((n) => ({
        n,
        url: `${imageKey(id, n, 0)}?60`,
        headers: { sha256: sha256(PICTURES[n]!) },
      })),
      cursor: '00004',
    });
    const second = await addresses(id, { limit: 4, cursor: first.cursor });
    expect(second.addresses.map(({ n }) => n)).toEqual([4, 5]);
    expect(second).not.toHaveProperty('cursor');
    await expect(addresses(id, { cursor: '00006' })).rejects.toMatchObject({ status: 400 });
  });

  test('are for imports only', async () => {
    const plan = await world.accept(1);
    await expect(addresses(plan.id)).rejects.toMatchObject({ status: 409, message: /requested from models/ });
  });
});

describe('a request for an import is refused', () => {
  const picture = REQUEST.pictures[0]!;
  test.each<[string, object, string]>([
    [
      'more than 50 MB',
      { pictures: [{ ...picture, bytes: 51 * 1024 * 1024 }] },
      '"pictures[0].bytes" must be at most 52428800',
    ],
    ['an empty file', { pictures: [{ ...picture, bytes: 0 }] }, '"pictures[0].bytes" must be at least 1'],
    [
      'no hash',
      { pictures: [{ ...picture, sha256: 'x' }] },
      '"pictures[0].sha256" must be 64 hexadecimal digits in lower case',
    ],
    [
      'a type of its own',
      { pictures: [{ ...picture, format: 'html' }] },
      '"pictures[0].format" must be png, jpeg, webp, gif, avif or svg',
    ],
    [
      'a prompt that there is not',
      { pictures: [{ ...picture, prompt: 3 }] },
      '"pictures[0].prompt" is 3, and there are 3 prompts',
    ],
    ['a prompt without pictures', { pictures: [picture] }, '"prompts[1]" has no picture'],
    ['a prompt twice', { prompts: ['a', 'b', 'a'] }, '"prompts[0]" and "prompts[2]" have the same text'],
    [
      'models to ask',
      { models: ['a/b'] },
      '"models" is not a known field (known: name, model, prompts, pictures',
    ],
  ])('that has %s', (_, change, words) => {
    expect(() => parseImport(JSON.stringify({ ...REQUEST, ...change }))).toThrow(words);
  });
});

describe.each(FAULTS)('if %s', (fault) => {
  const everything = async (of: World, id: string) => {
    const plan = await planOf(id, of);
    for (const { n } of (await addresses(id, {}, of)).addresses) await arrive(of, plan, n);
    for (let round = 0; round < 4 && !(await manifestOf(id, of)); round++) {
      await deliver(of, id);
      of.pass(16 * MINUTE);
      await of.reconcile();
    }
  };
  const check = async (of: World) => {
    const plans = (await of.keys('audits/')).filter((key) => key.endsWith('/audit.json'));
    expect(plans).toHaveLength(1);
    const plan = (await of.truth.images.readJson<Plan>(plans[0]!))!.value;
    const { cells } = await manifestOf(plan.id, of);
    expect(
      cells.map(({ images }: { images: { sha256: string }[] }) => images.map(({ sha256 }) => sha256)),
    ).toEqual(PICTURES.map((bytes) => [sha256(bytes)]));
    expect(await of.rewritten(`audits/${plan.id}/`)).toEqual([]);
    expect(await of.keys('open/')).toEqual([]);
    expect(of.queue.messages).toEqual([]);
  };

  test('at any call of the request, repeating it comes to one import', async () => {
    const calls = await atEveryCall(fault, {
      prepare: async () => {},
      act: (of) => accept(of),
      recover: async (of) => {
        const { id } = await accept(of, { ...ORIGIN, request: 'r2' });
        of.pass(16 * MINUTE);
        await of.reconcile();
        await everything(of, id);
        of.pass(16 * MINUTE);
        for (let run = 0; run < 2; run++) await of.reconcile();
      },
      check,
    });
    expect(calls).toBeGreaterThan(4);
  });

  test('at any call of poll, every picture ends in one result', async () => {
    const calls = await atEveryCall(fault, {
      prepare: async (of) => {
        const { id } = await accept(of);
        const plan = await planOf(id, of);
        for (const n of PICTURES.keys()) await arrive(of, plan, n);
      },
      act: async (of) => {
        await of.poll(of.polls.messages[0]!.message);
      },
      recover: async (of) => {
        const [key] = (await of.keys('audits/')).filter((key) => key.endsWith('/audit.json'));
        const id = key!.split('/')[1]!;
        expect(key).toBe(planKey(id));
        of.pass(3 * MINUTE);
        await everything(of, id);
        of.pass(16 * MINUTE);
        for (let run = 0; run < 2; run++) await of.reconcile();
      },
      check,
    });
    expect(calls).toBeGreaterThan(10);
  });
});
