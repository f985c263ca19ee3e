import { createHash } from 'node:crypto';
import { DeleteObjectCommand, GetObjectCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { Webhook } from 'standardwebhooks';
import { BACKUP, buckets, IMAGES } from '../support/buckets.ts';
import { withCloud } from '../support/cloud.ts';
import { commandLine } from '../support/command.ts';
import { waitFor } from '../support/wait-for.ts';

/** The operators' other commands and cases, as processes with the local administrator's credentials. */

/** A model that runs until it is canceled. */
const NEVER = ['-m', 'simulated/unreliable', '--input', 'outcome=never-starts'];

const cloud = withCloud({ predictionSeconds: 0.1 });
const weaudit = commandLine(cloud);
const { finishedAudit, judgeAgain, keys, overwrite, s3, sha256, shown, versions } = buckets(cloud);

describe('verify and restore', () => {
  test('images of one cell are restored together, each with its judgement', async () => {
    const id = await finishedAudit('a boot', 1, { num_outputs: 4 });
    const key = (i: number) => `images/${id}/00000/${i}`;
    const judgements = async () =>
      (await keys(IMAGES, `audits/${id}/judged/`)).flatMap((one) => one.split('/').at(-1)!.split('_')).sort();
    const judged = await judgements();
    for (const i of [0, 1, 3]) await overwrite(IMAGES, key(i));
    await judgeAgain(id, 0);
    expect(await shown(id, 0)).toEqual([false, false, true, false]);
    expect((await weaudit.json(['restore', id, '--local'])).document).toMatchObject({ ok: true });
    expect(await shown(id, 0)).toEqual([true, true, true, true]);
    expect(await judgements()).toEqual(judged);
    expect(await keys(IMAGES, `renditions/${id}/`)).toHaveLength(4);
  });

  test('an object without an intact version is listed and left unchanged, and the exit status is 5', async () => {
    const id = await finishedAudit('a kite', 1);
    const key = `images/${id}/00000/0`;
    for (const bucket of [IMAGES, BACKUP]) {
      const { Versions = [] } = await s3().send(
        new ListObjectVersionsCommand({ Bucket: bucket, Prefix: key }),
      );
      for (const { VersionId } of Versions)
        await s3().send(new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId }));
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
  test('one image of a cell can be purged alone, and a late event does not restore it', async () => {
    const id = await finishedAudit('a comb', 1, { num_outputs: 3 });
    await weaudit.run(['purge', `images/${id}/00000/1`, '--local', '--yes', '--reason', 'must not exist']);
    expect(await shown(id, 0)).toEqual([true, false, true]);
    expect(await keys(IMAGES, `audits/${id}/judged/`)).toEqual([
      expect.stringMatching(/\/00000\/0\.ok\.[^_]+_1\.quarantined\.[^_]+_2\.ok\.[^_]+$/),
    ]);
    await judgeAgain(id, 0);
    expect(await shown(id, 0)).toEqual([true, false, true]);
    expect(await keys(IMAGES, `images/${id}/`)).toHaveLength(2);
  });

  test('an audit is removed with its records, and a late webhook restores nothing', async () => {
    const id = await finishedAudit('a spoon', 2);
    const hashes = await Promise.all([0, 1].map((n) => sha256(IMAGES, `images/${id}/0000${n}/0`)));
    expect((await weaudit.run(['purge', id, '--local', '--yes', '--reason', 'all of it'])).status).toBe(0);
    for (const bucket of [IMAGES, BACKUP])
      for (const prefix of [`images/${id}/`, `renditions/${id}/`, `audits/${id}/`])
        expect(await versions(bucket, prefix)).toBe(0);
    expect(await keys(IMAGES, `deleted/${id}`)).toEqual([`deleted/${id}`]);
    const { Body } = await s3().send(new GetObjectCommand({ Bucket: IMAGES, Key: `purged/${id}/audit` }));
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

  test('a running audit is removed completely once its predictions are canceled, while another one runs', async () => {
    const run = async (key: string): Promise<string> => {
      const design = ['-p', 'a snail', ...NEVER, '-n', '5', '--key', key];
      const { document } = await weaudit.json(['run', ...design, '--no-wait']);
      const bindings = `audits/${document.id}/dispatched/`;
      await waitFor('it is asked', async () => (await keys(IMAGES, bindings)).length > 0);
      return document.id;
    };
    const other = await run('beside');
    const id = await run('purge');
    expect((await weaudit.run(['purge', id, '--local', '--yes', '--reason', 'now'])).status).toBe(0);
    for (const prefix of [`images/${id}/`, `audits/${id}/`]) expect(await versions(IMAGES, prefix)).toBe(0);
    const log = cloud.cloud.standIn!.log();
    const asked = log.filter((entry) => entry.kind === 'create' && entry.webhook?.includes(id));
    const over = log.filter((entry) => entry.kind === 'terminal').map(({ prediction }) => prediction);
    expect(asked.length).toBeGreaterThan(0);
    for (const entry of asked) expect(over).toContain('prediction' in entry && entry.prediction);
    expect(await keys(IMAGES, `audits/${other}/dispatched/`)).toHaveLength(5);
    await weaudit.run(['cancel', other]);
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
    const authorization = `Bearer ${token}`;
    await waitFor(
      'the API has read the new list',
      async () => (await cloud.api('GET', '/api/audits', undefined, { authorization })).status === 200,
    );
    expect((await weaudit.run(['list', '--token', token])).status).toBe(0);
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
      'concurrency',
      'webhook URL',
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
