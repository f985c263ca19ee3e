import { createHash } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { withCloud } from '../support/cloud.ts';
import { commandLine } from '../support/command.ts';
import { waitFor } from '../support/wait-for.ts';

/** The operators' commands as processes, with the local administrator's credentials. */

const IMAGES = 'weaudit-local-000000000000-images';
const BACKUP = 'weaudit-local-000000000000-backup';

/** A model that runs until it is canceled. */
const NEVER = ['-m', 'simulated/unreliable', '--input', 'outcome=never-starts'];

const cloud = withCloud({ predictionSeconds: 0.1 });
const weaudit = commandLine(cloud);
let s3: S3Client;
beforeAll(() => {
  s3 = cloud.s3();
});

const sha256 = async (Bucket: string, Key: string): Promise<string> => {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return createHash('sha256')
    .update(await Body!.transformToByteArray())
    .digest('hex');
};
const tagsOf = async (Bucket: string, Key: string) =>
  Object.fromEntries(
    (await s3.send(new GetObjectTaggingCommand({ Bucket, Key }))).TagSet!.map((tag) => [tag.Key, tag.Value]),
  );
const overwrite = (Bucket: string, Key: string) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body: 'not what it was' }));
const remove = (Bucket: string, Key: string) => s3.send(new DeleteObjectCommand({ Bucket, Key }));
const exists = async (Bucket: string, Prefix: string): Promise<string[]> =>
  ((await s3.send(new ListObjectsV2Command({ Bucket, Prefix }))).Contents ?? []).map(({ Key }) => Key!);
/** The number of versions and delete markers under a prefix. */
const versions = async (Bucket: string, Prefix: string): Promise<number> => {
  const { Versions = [], DeleteMarkers = [] } = await s3.send(
    new ListObjectVersionsCommand({ Bucket, Prefix }),
  );
  return Versions.length + DeleteMarkers.length;
};

/** The event of a result is delivered again. */
async function judgeAgain(id: string, cell: number): Promise<void> {
  const key = `audits/${id}/results/0000${cell}.json`;
  const event = { detail: { bucket: { name: IMAGES }, object: { key } } };
  expect(await cloud.cloud.invoke('tag', event)).toMatchObject({ ok: true });
}

/** Which images of a cell have an address in the API. */
async function shown(id: string, cell: number): Promise<boolean[]> {
  const { body } = await cloud.api('GET', `/api/audits/${id}/predictions`);
  return body.predictions[cell].images.map((image: object) => 'url' in image);
}

async function finishedAudit(prompt: string, samples: number, ...options: string[]): Promise<string> {
  const { document } = await weaudit.json([
    'run',
    '-p',
    prompt,
    '-m',
    'simulated/flash',
    '-n',
    String(samples),
    ...options,
  ]);
  await waitFor(`the manifest of "${prompt}" and its backup`, async () => {
    await cloud.cloud.invoke('reconcile', {});
    return (await exists(BACKUP, `audits/${document.id}/`)).length === 3;
  });
  return document.id;
}

describe('verify and restore', () => {
  test('missing and damaged objects are found by their bytes and restored, from an older version if necessary', async () => {
    const id = await finishedAudit('a boat', 7);
    const key = (n: number) => `images/${id}/0000${n}/0`;
    expect(await weaudit.json(['verify', id, '--local'])).toMatchObject({
      status: 0,
      document: { ok: true, bucket: { intact: 7 }, backup: { intact: 7 } },
    });
    const hashes = await Promise.all([0, 1, 2, 3, 4, 5, 6].map((n) => sha256(IMAGES, key(n))));
    const before = await tagsOf(IMAGES, key(0));

    await overwrite(IMAGES, key(0)); // damaged in the bucket
    await remove(IMAGES, key(1)); // missing in the bucket
    await overwrite(BACKUP, key(2)); // damaged in the backup
    await remove(BACKUP, key(3)); // missing in the backup
    await overwrite(IMAGES, key(4)); // both: an older version has it
    await overwrite(BACKUP, key(4));
    await weaudit.run(['purge', key(5), '--local', '--yes', '--reason', 'a test']);
    await remove(IMAGES, `audits/${id}/manifest.json`); // found in the backup

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

    // A late event makes `tag` judge the damaged bytes.
    for (const n of [0, 4]) await judgeAgain(id, n);
    const restored = await weaudit.json(['restore', id, '--local']);
    expect(restored).toMatchObject({ status: 0, document: { ok: true } });
    expect(new Set(restored.document.restored.map(({ outcome }: { outcome: string }) => outcome))).toEqual(
      new Set(['restored']),
    );
    expect(restored.document.restored).toHaveLength(7);
    for (const n of [0, 1, 2, 3, 4, 6])
      expect([await sha256(IMAGES, key(n)), await sha256(BACKUP, key(n))]).toEqual([hashes[n], hashes[n]]);
    await waitFor('tags as they were', async () => (await tagsOf(IMAGES, key(0))).status === 'ok');
    expect(await tagsOf(IMAGES, key(0))).toEqual(before);
    const { body } = await cloud.api('GET', `/api/audits/${id}/predictions`);
    expect(body.predictions.map((cell: { images: { status: string }[] }) => cell.images[0]?.status)).toEqual([
      'ok',
      'ok',
      'ok',
      'ok',
      'ok',
      'quarantined',
      'ok',
    ]);

    const after = await weaudit.run(['verify', id, '--local']);
    expect(after).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/bucket: 6 intact, 1 purged\n.*purged +purged +a test/s),
    });
  });

  test('images of one cell are restored together, each with its judgement', async () => {
    const id = await finishedAudit('a boot', 1, '--input', 'num_outputs=4');
    const key = (i: number) => `images/${id}/00000/${i}`;
    const judged = await exists(IMAGES, `audits/${id}/judged/`);
    for (const i of [0, 1, 3]) await overwrite(IMAGES, key(i));
    await judgeAgain(id, 0);
    expect(await shown(id, 0)).toEqual([false, false, true, false]);
    expect((await weaudit.json(['restore', id, '--local'])).document).toMatchObject({ ok: true });
    expect(await shown(id, 0)).toEqual([true, true, true, true]);
    expect(await exists(IMAGES, `audits/${id}/judged/`)).toEqual(judged);
  });

  test('an object without an intact version is listed and left unchanged, and the exit status is 5', async () => {
    const id = await finishedAudit('a kite', 1);
    const key = `images/${id}/00000/0`;
    for (const bucket of [IMAGES, BACKUP]) {
      const { Versions = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: key }));
      for (const { VersionId } of Versions)
        await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId }));
    }
    const { status, document } = await weaudit.json(['restore', id, '--local']);
    expect(status).toBe(5);
    expect(document.restored.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
      'no intact copy',
      'no intact copy',
    ]);
  });

  test('an audit without a manifest and an unknown audit are refused with the reason', async () => {
    const { document } = await weaudit.json(['run', '-p', 'a snail', ...NEVER, '--no-wait']);
    expect(await weaudit.run(['verify', document.id, '--local'])).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('no manifest yet'),
    });
    expect(await weaudit.run(['verify', '0'.repeat(26), '--local'])).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('no audit'),
    });
  });
});

describe('purge', () => {
  test('an image is removed in every version from both buckets, its tombstone keeps hash and reason, and the API has no address for it', async () => {
    const id = await finishedAudit('a lamp', 2);
    const key = `images/${id}/00001/0`;
    const hash = await sha256(IMAGES, key);
    const asked = await weaudit.run(['purge', key, '--local', '--reason', 'must not exist']);
    expect(asked).toMatchObject({ status: 2, stderr: expect.stringContaining('--yes') });
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
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: IMAGES, Key: `purged/${id}/00001/0` }));
    expect(JSON.parse(await Body!.transformToString())).toMatchObject({
      reason: 'must not exist',
      images: [{ key, sha256: [hash] }],
    });
    const { body } = await cloud.api('GET', `/api/audits/${id}/predictions`);
    expect(body.predictions[0].images[0].url).toEqual(expect.any(String));
    expect(body.predictions[1].images[0]).not.toHaveProperty('url');
    expect((await weaudit.run(['verify', id, '--local'])).status).toBe(0);
  });

  test('one image of a cell can be purged alone, and a late event does not restore it', async () => {
    const id = await finishedAudit('a comb', 1, '--input', 'num_outputs=3');
    await weaudit.run(['purge', `images/${id}/00000/1`, '--local', '--yes', '--reason', 'must not exist']);
    expect(await shown(id, 0)).toEqual([true, false, true]);
    expect(await exists(IMAGES, `audits/${id}/judged/`)).toEqual([
      expect.stringMatching(/\/00000\/0\.ok\.[^_]+_1\.quarantined\.[^_]+_2\.ok\.[^_]+$/),
    ]);
    await judgeAgain(id, 0);
    expect(await shown(id, 0)).toEqual([true, false, true]);
    expect(await exists(IMAGES, `images/${id}/`)).toHaveLength(2);
  });

  test('an audit is removed with its records, and a late webhook restores nothing', async () => {
    const id = await finishedAudit('a spoon', 2);
    const hashes = await Promise.all([0, 1].map((n) => sha256(IMAGES, `images/${id}/0000${n}/0`)));
    expect((await weaudit.run(['purge', id, '--local', '--yes', '--reason', 'all of it'])).status).toBe(0);
    for (const bucket of [IMAGES, BACKUP])
      for (const prefix of [`images/${id}/`, `audits/${id}/`]) expect(await versions(bucket, prefix)).toBe(0);
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: IMAGES, Key: `purged/${id}/audit` }));
    const tombstone = JSON.parse(await Body!.transformToString());
    expect(tombstone.reason).toBe('all of it');
    expect(tombstone.images.flatMap((image: { sha256: string[] }) => image.sha256).sort()).toEqual(
      hashes.sort(),
    );

    const secret = cloud.cloud.parameters.get('/weaudit/local/webhook-secrets')!;
    const path = `/webhooks/replicate/${id}/00000`;
    const delivery = JSON.stringify({
      id: 'late',
      status: 'succeeded',
      output: ['data:image/png;base64,AAAA'],
      webhook: `http://127.0.0.1${path}`,
    });
    const at = new Date();
    const answer = await cloud.api('POST', path, JSON.parse(delivery), {
      'webhook-id': 'msg_late',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': new Webhook(secret).sign('msg_late', at, delivery),
    });
    expect(answer.status).toBe(200);
    expect(await versions(IMAGES, `images/${id}/`)).toBe(0);
    expect(await weaudit.run(['verify', id, '--local'])).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('purged'),
    });
  });

  test('a running audit is removed completely once its predictions are canceled', async () => {
    const design = ['-p', 'a snail', ...NEVER, '-n', '5', '--key', 'purge'];
    const { document } = await weaudit.json(['run', ...design, '--no-wait']);
    const id = document.id;
    await waitFor('it is asked', async () => (await exists(IMAGES, `audits/${id}/dispatched/`)).length > 0);
    expect((await weaudit.run(['purge', id, '--local', '--yes', '--reason', 'now'])).status).toBe(0);
    for (const prefix of [`images/${id}/`, `audits/${id}/`]) expect(await versions(IMAGES, prefix)).toBe(0);
    const log = cloud.cloud.standIn!.log();
    const asked = log.filter((entry) => entry.kind === 'create' && entry.webhook?.includes(id));
    const over = log.filter((entry) => entry.kind === 'terminal').map(({ prediction }) => prediction);
    expect(asked.length).toBeGreaterThan(0);
    for (const entry of asked) expect(over).toContain('prediction' in entry && entry.prediction);
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
    await s3.send(
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
    for (const kind of ['tag', 'backup', 'cells']) queues.purge(`weaudit-local-${kind}-dead`);
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

    const listed = await weaudit.json(['redrive', '--local', '--list']);
    expect(listed.status).toBe(0);
    expect(listed.document).toHaveLength(4);
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
      ]),
    );
    expect([dead('tag'), dead('backup'), dead('cells')]).toEqual([1, 1, 2]);

    expect(await weaudit.run(['redrive', 'tag', '--local'])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('1 dead letter sent back, 0 kept'),
    });
    await waitFor('the image is judged again', async () => (await tagsOf(IMAGES, key)).status === 'ok');
    expect([dead('tag'), dead('backup'), dead('cells')]).toEqual([0, 1, 2]);

    const all = await weaudit.run(['redrive', '--local']);
    expect(all).toMatchObject({
      status: 5,
      stdout: expect.stringContaining('2 dead letters sent back, 1 kept'),
    });
    await waitFor('everything is done', () => cloud.cloud.idle());
    expect([dead('tag'), dead('backup'), dead('cells')]).toEqual([0, 0, 1]);
  });
});

describe('setup', () => {
  const parameter = (name: string) => cloud.cloud.parameters.get(`/weaudit/local/${name}`);
  const replicate = () => ['--replicate-url', `${cloud.cloud.endpoints.replicate}/v1`];

  test('an API token is shown once, stored as its hash, and works until it is revoked', async () => {
    const made = await weaudit.json([
      'setup',
      '--local',
      '--new-token',
      'alice',
      '--scope',
      'read',
      ...replicate(),
    ]);
    expect(made).toMatchObject({ status: 0, document: { replicateToken: 'kept', webhookSecret: 'kept' } });
    const token: string = made.document.newToken;
    expect(token).toMatch(/^wa_[\w-]{43}$/);
    expect(parameter('api-tokens')).not.toContain(token);
    expect(parameter('api-tokens')).toContain(createHash('sha256').update(token).digest('hex'));
    await waitFor(
      'the API has read the new list',
      async () => (await weaudit.run(['list', '--token', token])).status === 0,
    );
    const again = await weaudit.run(['setup', '--local', '--new-token', 'alice', ...replicate()]);
    expect(again).toMatchObject({ status: 2, stderr: expect.stringContaining('already exists') });
    // A token can be revoked while Replicate is unreachable.
    const nobody = ['--replicate-url', 'http://127.0.0.1:9/v1'];
    expect((await weaudit.run(['setup', '--local', '--revoke-token', 'alice', ...nobody])).status).toBe(0);
    expect(parameter('api-tokens')).not.toContain('alice');
  });

  test('a rotated webhook secret is put in front of the old one, which is kept; a wrong Replicate token changes nothing', async () => {
    const current = parameter('webhook-secrets')!;
    cloud.cloud.parameters.put('/weaudit/local/webhook-secrets', 'whsec_b2xk');
    const { document } = await weaudit.json(['setup', '--local', ...replicate()]);
    expect(document.webhookSecret).toBe('stored');
    expect(parameter('webhook-secrets')).toBe(`${current}\nwhsec_b2xk`);

    const token = parameter('replicate-token');
    const wrong = await weaudit.run(['setup', '--local', '--replace-replicate-token', ...replicate()], {
      env: { REPLICATE_API_TOKEN: 'r8_wrong' },
    });
    expect(wrong).toMatchObject({ status: 3, stderr: expect.stringContaining('rejected the token') });
    expect(wrong.stderr + wrong.stdout).not.toContain('r8_wrong');
    expect(parameter('replicate-token')).toBe(token);
    cloud.cloud.parameters.put('/weaudit/local/webhook-secrets', current);
  });
});

describe('smoke', () => {
  test('one image passes every step, each step is reported, and the audit is deleted', async () => {
    const { status, document } = await weaudit.json(['smoke', '--local']);
    expect(document.checks.filter(({ ok }: { ok?: boolean }) => ok === false)).toEqual([]);
    expect(document.checks.map(({ step }: { step: string }) => step)).toEqual([
      'queued',
      'webhook',
      'stored',
      'tagged',
      'backed up',
      'measured',
      'encrypted',
      'TLS only',
      'not public',
      'versioned',
    ]);
    expect(status).toBe(0);
    expect((await weaudit.run(['status', document.audit])).status).toBe(3);
  });
});
