import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { GetObjectCommand, PutObjectTaggingCommand } from '@aws-sdk/client-s3';
import { BACKUP, buckets, IMAGES } from '../support/buckets.ts';
import { withCloud } from '../support/cloud.ts';
import { commandLine } from '../support/command.ts';
import { waitFor } from '../support/wait-for.ts';

/** The operators' commands that change data, as processes with the local administrator's credentials. */

const cloud = withCloud({ predictionSeconds: 0.1 });
const weaudit = commandLine(cloud);
const { create, finishedAudit, judgeAgain, keys, overwrite, remove, s3, sha256, shown, tags, versions } =
  buckets(cloud);

describe('verify and restore', () => {
  test('missing and damaged objects are found by their bytes and restored, from an older version if necessary', async () => {
    const id = await finishedAudit('a boat', 7);
    const key = (n: number) => `images/${id}/0000${n}/0`;
    expect(await weaudit.json(['verify', id, '--local'])).toMatchObject({
      status: 0,
      document: { ok: true, bucket: { intact: 7 }, backup: { intact: 7 } },
    });
    const hashes = await Promise.all([0, 1, 2, 3, 4, 5, 6].map((n) => sha256(IMAGES, key(n))));
    const before = await tags(IMAGES, key(0));

    await overwrite(IMAGES, key(0)); // damaged in the bucket
    await remove(IMAGES, key(1)); // missing in the bucket
    await overwrite(BACKUP, key(2)); // damaged in the backup
    await remove(BACKUP, key(3)); // missing in the backup
    await overwrite(IMAGES, key(4)); // both: an older version has it
    await overwrite(BACKUP, key(4));
    await weaudit.run(['purge', key(5), '--local', '--yes', '--reason', 'a test']);
    await remove(IMAGES, `audits/${id}/manifest.json`); // found in the backup
    await remove(IMAGES, `renditions/${id}/00006/0`); // made again from its image

    const found = await weaudit.json(['verify', id, '--local']);
    expect(found.status).toBe(5);
    expect(
      found.document.images.map(({ bucket, backup }: Record<string, string>) => [bucket, backup]),
    ).toEqual([
      ['damaged', 'intact'],
      ['missing', 'intact'],
      ['intact', 'damaged'],
      ['intact', 'missing'],
      ['damaged', 'damaged'],
      ['purged', 'purged'],
      ['intact', 'intact'],
    ]);
    expect(found.document.faults).toEqual([{ image: key(6), state: 'no rendition' }]);

    // A late event makes `tag` judge the damaged bytes.
    for (const n of [0, 4]) await judgeAgain(id, n);
    const restored = await weaudit.json(['restore', id, '--local']);
    expect(restored).toMatchObject({ status: 0, document: { ok: true } });
    expect(new Set(restored.document.restored.map(({ outcome }: { outcome: string }) => outcome))).toEqual(
      new Set(['restored']),
    );
    expect(restored.document.restored).toHaveLength(8);
    expect(await keys(IMAGES, `renditions/${id}/`)).toEqual(
      [0, 1, 2, 3, 4, 6].map((n) => `renditions/${id}/0000${n}/0`),
    );
    for (const n of [0, 1, 2, 3, 4, 6])
      expect([await sha256(IMAGES, key(n)), await sha256(BACKUP, key(n))]).toEqual([hashes[n], hashes[n]]);
    await waitFor('tags as they were', async () => (await tags(IMAGES, key(0))).status === 'ok');
    expect(await tags(IMAGES, key(0))).toEqual(before);
    const { body } = await cloud.api('GET', `/api/audits/${id}/predictions`);
    expect(body.predictions.map((cell: { images: { status: string }[] }) => cell.images[0]?.status)).toEqual([
      ...['ok', 'ok', 'ok', 'ok', 'ok', 'quarantined', 'ok'],
    ]);

    const after = await weaudit.run(['verify', id, '--local']);
    expect(after).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/bucket: 6 intact, 1 purged\n.*purged +purged +a test/s),
    });
  });
});

describe('rejudge', () => {
  test('an older audit gets the present judgements and renditions, and what people see otherwise now is listed', async () => {
    const id = await finishedAudit('a sail', 2);
    const judged = await keys(IMAGES, `audits/${id}/judged/`);
    for (const key of [...judged, ...(await keys(IMAGES, `renditions/${id}/`))]) await remove(IMAGES, key);
    // What was recorded without a decoder.
    await create(IMAGES, `audits/${id}/judged/00000/0.ok.webp.512x512`);
    await create(IMAGES, `audits/${id}/judged/00001/0.quarantined.webp.512x512`);
    expect(await weaudit.json(['verify', id, '--local'])).toMatchObject({
      status: 0,
      document: { ok: true, faults: [], older: 2 },
    });
    expect(await shown(id, 1)).toEqual([false]);

    expect(await weaudit.run(['rejudge', id, '--local'])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/2 of 2 images need the present decoder.*about \$0\.01.*--yes/s),
    });
    expect(await keys(IMAGES, `renditions/${id}/`)).toEqual([]);

    expect(await weaudit.run(['rejudge', id, '--local', '--yes'])).toMatchObject({
      status: 0,
      stdout: `2 images judged, 2 renditions made.\n1 image was quarantined and is shown now:\n  images/${id}/00001/0\n`,
    });
    expect(await keys(IMAGES, `renditions/${id}/`)).toHaveLength(2);
    expect(await shown(id, 1)).toEqual([true]);
    expect(await weaudit.json(['rejudge', id, '--local'])).toMatchObject({
      status: 0,
      document: { judged: 0, unanswered: 0 },
    });
    expect(await weaudit.json(['verify', id, '--local'])).toMatchObject({
      status: 0,
      document: { older: 0 },
    });
  });
});

describe('reread', () => {
  test('says that results which were just written would not change, and refuses an unknown audit', async () => {
    const { document } = await weaudit.json([
      'run',
      '-p',
      'a gore scene',
      '-m',
      'simulated/sketch',
      '-n',
      '2',
    ]);
    expect(await weaudit.json(['reread', document.id, '--local'])).toMatchObject({
      status: 0,
      document: { audit: document.id, results: 2, changed: [] },
    });
    expect(await weaudit.run(['reread', document.id, '--local'])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('Nothing would change.'),
    });
    expect(await weaudit.run(['reread', '0'.repeat(26), '--local'])).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('no audit'),
    });
  });
});

describe('purge', () => {
  test('an image is removed in every version from both buckets, its tombstone keeps hash and reason, and the API has no address for it', async () => {
    const id = await finishedAudit('a lamp', 2);
    const key = `images/${id}/00001/0`;
    const rendition = key.replace('images/', 'renditions/');
    const hash = await sha256(IMAGES, key);
    expect(await versions(IMAGES, rendition)).toBe(1);
    const asked = await weaudit.run(['purge', key, '--local', '--reason', 'must not exist']);
    expect(asked).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/1 image, 1 rendition, .*--yes/s),
    });
    expect(await sha256(BACKUP, key)).toBe(hash);

    expect(
      (
        await weaudit.run([
          'purge',
          `s3://${IMAGES}/${key}`,
          '--local',
          '--yes',
          '--reason',
          'must not exist',
        ])
      ).status,
    ).toBe(0);
    expect([await versions(IMAGES, key), await versions(BACKUP, key)]).toEqual([0, 0]);
    await judgeAgain(id, 1); // a late event
    expect(await versions(IMAGES, rendition)).toBe(0);
    const { Body } = await s3().send(new GetObjectCommand({ Bucket: IMAGES, Key: `purged/${id}/00001/0` }));
    expect(JSON.parse(await Body!.transformToString())).toMatchObject({
      reason: 'must not exist',
      images: [{ key, sha256: [hash] }],
    });
    const { body } = await cloud.api('GET', `/api/audits/${id}/predictions`);
    expect(body.predictions[0].images[0].url).toEqual(expect.any(String));
    expect(body.predictions[1].images[0]).not.toHaveProperty('url');
    expect((await weaudit.run(['verify', id, '--local'])).status).toBe(0);
  });
});

describe('budget', () => {
  test('is shown before and after it is set, and refuses what does not fit; a dry run says so before', async () => {
    const price = ['budget', 'price', 'simulated/flash', '--per-image', '0.04', '--local'];
    expect(await weaudit.run(price)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('free before, $0.04 an image now'),
    });
    expect(await weaudit.run(['budget', 'set', '0.1', '--local'])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/none before, \$0\.10 now.*\$0\.10 are left/),
    });
    const run = (samples: string) => ['run', '-p', 'a budget', '-m', 'simulated/flash', '-n', samples];
    expect(await weaudit.json([...run('3'), '--dry-run'])).toMatchObject({
      status: 3,
      document: { predictions: 3, most: 0.12, left: 0.1 },
    });
    expect(await weaudit.run(run('3'))).toMatchObject({
      status: 3,
      stderr: expect.stringContaining("may cost $0.12, and $0.10 of this month's budget are left"),
    });
    expect((await weaudit.run(run('2'))).status).toBe(0);
    const { document } = await weaudit.json(['budget', '--local']);
    expect(document.reserved + document.spent).toBeCloseTo(0.08);
    expect(document).toMatchObject({ monthly: 0.1, prices: { 'simulated/flash': { perImage: 0.04 } } });
    expect(await weaudit.run(['budget', 'set', 'none', '--local'])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('$0.10 before, none now'),
    });
  });
});

describe('evidence', () => {
  test('the bytes of an output are saved from the backup alone, if they are what the manifest names', async () => {
    const id = await finishedAudit('a cup', 2);
    const key = `images/${id}/00001/0`;
    // Where the bucket shows an output to nobody, as it does what is quarantined.
    await remove(IMAGES, key);
    const parent = await mkdtemp(path.join(tmpdir(), 'weaudit-evidence-'));
    // It is created.
    const folder = path.join(parent, 'evidence');
    const save = (cell: number) =>
      weaudit.json(['evidence', id, String(cell), '--local', '--output', folder]);
    const saved = await save(1);
    const file = path.join(folder, `${id}-00001-0.bin`);
    expect(saved).toMatchObject({ status: 0, document: { key, file } });
    const found = createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
    expect([found, found]).toEqual([saved.document.sha256, await sha256(BACKUP, key)]);
    // Nothing is replaced, and what is damaged or unknown is not saved.
    expect((await save(1)).status).toBe(2);
    await overwrite(BACKUP, `images/${id}/00000/0`);
    expect((await save(0)).status).toBe(5);
    expect((await save(7)).status).toBe(3);
    expect(await readdir(folder)).toEqual([`${id}-00001-0.bin`]);
    await rm(parent, { recursive: true });
  });
});

describe('redrive', () => {
  const dead = (kind: string) => cloud.cloud.queues.counts(`weaudit-local-${kind}-dead`).visible;

  test('lists dead letters of every kind with their reasons, and sends each back to where it failed', async () => {
    const id = await finishedAudit('a door', 2);
    const key = `images/${id}/00000/0`;
    const result = `audits/${id}/results/00000.json`;
    const s3Event = (type: string, object: string) => ({
      source: 'aws.s3',
      'detail-type': type,
      detail: { bucket: { name: IMAGES }, object: { key: object } },
    });
    await s3().send(
      new PutObjectTaggingCommand({
        Bucket: IMAGES,
        Key: key,
        Tagging: {
          TagSet: [
            { Key: 'status', Value: 'pending' },
            { Key: 'retention', Value: 'short' },
          ],
        },
      }),
    );
    const { queues } = cloud.cloud;
    // Earlier tests leave dead letters of their own.
    for (const kind of ['tag', 'backup', 'cells', 'polls']) queues.purge(`weaudit-local-${kind}-dead`);
    queues.send(
      'weaudit-local-tag-dead',
      JSON.stringify({
        requestContext: { condition: 'RetriesExhausted' },
        requestPayload: s3Event('Object Created', result),
        responsePayload: { errorType: 'TimeoutError', errorMessage: 'S3 did not answer' },
      }),
    );
    queues.send(
      'weaudit-local-backup-dead',
      JSON.stringify(s3Event('Object Created', `audits/${id}/audit.json`)),
      {
        attributes: {
          ERROR_CODE: { DataType: 'String', StringValue: 'NO_PERMISSIONS' },
          ERROR_MESSAGE: { DataType: 'String', StringValue: 'not allowed' },
        },
      },
    );
    queues.send('weaudit-local-cells-dead', JSON.stringify({ audit: id, from: 0, to: 1 }));
    queues.send('weaudit-local-cells-dead', 'no range');
    queues.send('weaudit-local-polls-dead', JSON.stringify({ audit: id, from: 0, to: 1, link: 3 }));

    const listed = await weaudit.json(['redrive', '--local', '--list']);
    expect(listed.status).toBe(0);
    expect(listed.document).toHaveLength(5);
    expect(listed.document).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          kind: 'tag',
          about: result,
          reason: 'TimeoutError: S3 did not answer',
          outcome: 'kept',
        }),
        expect.objectContaining({
          kind: 'backup',
          about: `audits/${id}/audit.json`,
          reason: 'NO_PERMISSIONS: not allowed',
        }),
        expect.objectContaining({ kind: 'cells', about: `audit ${id}, cells 0 to 1` }),
        expect.objectContaining({ kind: 'cells', about: 'not a range of cells' }),
        expect.objectContaining({
          kind: 'polls',
          about: `audit ${id}, cells 0 to 1`,
          reason: "poll failed on every delivery; see poll's log",
        }),
      ]),
    );
    expect([dead('tag'), dead('backup'), dead('cells'), dead('polls')]).toEqual([1, 1, 2, 1]);

    expect(await weaudit.run(['redrive', 'tag', '--local'])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('1 dead letter sent back, 0 kept'),
    });
    await waitFor('the image is judged again', async () => (await tags(IMAGES, key)).status === 'ok');
    expect([dead('tag'), dead('backup'), dead('cells')]).toEqual([0, 1, 2]);

    const all = await weaudit.run(['redrive', '--local']);
    expect(all).toMatchObject({
      status: 5,
      stdout: expect.stringContaining('3 dead letters sent back, 1 kept'),
    });
    await waitFor('everything is done', () => cloud.cloud.idle());
    expect([dead('tag'), dead('backup'), dead('cells'), dead('polls')]).toEqual([0, 0, 1, 0]);
  });
});
