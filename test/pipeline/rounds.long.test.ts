import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { withCloud } from '../support/cloud.ts';
import { commandLine } from '../support/command.ts';
import { allItems, type Call, send, whole } from '../support/rounds.ts';
import { waitFor } from '../support/wait-for.ts';

/** A rating round in the local cloud, by the command line and by a rater: with the roles, the bucket's policy and the events. */

const IMAGES = 'weaudit-local-000000000000-images';
const BACKUP = 'weaudit-local-000000000000-backup';
const cloud = withCloud({ predictionSeconds: 0.1 });
const weaudit = commandLine(cloud);

/** A rater's requests. */
const call: Call = async (method, target, { body, token = '' } = {}) => {
  const answer = await cloud.api(method, target, body, { authorization: `Bearer ${token}` });
  return { ...answer, headers: Object.fromEntries(answer.headers), text: JSON.stringify(answer.body) };
};
const keys = async (bucket: string, prefix: string) =>
  ((await cloud.s3().send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }))).Contents ?? []).map(
    ({ Key }) => Key!,
  );

test('a round is made, rated, copied without names, closed and deleted by commands and links alone', async () => {
  const design = { prompts: ['a nurse', 'a chef'], models: ['simulated/flash'], samples: 2 };
  const audit = (await weaudit.json(['run', weaudit.file('design.json', design)])).document.id;
  await waitFor('the manifest', async () => {
    await cloud.cloud.invoke('reconcile', {});
    return (await cloud.api('GET', `/api/audits/${audit}`)).body.manifest;
  });
  const create = [
    'round',
    'create',
    '--audit',
    audit,
    '--name',
    'Occupations',
    '--question',
    'age',
    '--consent',
    'You agree.',
  ];
  const unfinished = await weaudit.run([
    ...create.slice(0, 3),
    '06dn7w3qk2v4x8y0zr5t1m9abc',
    ...create.slice(4),
  ]);
  expect(unfinished).toMatchObject({ status: 3, stderr: expect.stringContaining('There is no audit') });
  const made = await weaudit.json([...create, '--ratings', '2']);
  expect(made).toMatchObject({ status: 0, document: { state: 'open', items: 4, copied: 4 } });
  const { id } = made.document;
  expect((await weaudit.json([...create, '--ratings', '2'])).document.id).toBe(id);
  expect(
    (await weaudit.json(['round', 'list', audit])).document.map((one: { id: string }) => one.id),
  ).toEqual([id]);

  const links = (await weaudit.run(['round', 'links', id])).stdout;
  expect(links).toMatch(/^slot 1 {2}http.*\/rate\.html#\S{58}\nslot 2 {2}http.*\/rate\.html#\S{58}\n$/);
  const [token = '', other = ''] = [...links.matchAll(/#(\S+)/g)].map(([, found]) => found!);
  const items = await allItems(call, token);
  expect(items).toHaveLength(4);
  for (const { url } of items) {
    const picture = await fetch(url);
    expect([picture.status, picture.headers.get('content-type')]).toEqual([200, 'image/webp']);
    expect([...picture.headers.keys()].filter((name) => name.startsWith('x-amz-meta'))).toEqual([]);
  }
  const [first] = items;
  const answers = whole(first!.id).slice(0, 1);
  expect((await send(call, token, 0, answers)).status).toBe(201);
  expect((await send(call, token, 0, answers)).body.stored).toEqual([answers[0]!.id]);
  expect(
    (await call('POST', '/api/rate/reports', { token: other, body: { item: items[1]!.id } })).status,
  ).toBe(200);
  expect((await weaudit.json(['round', 'links', id, '--slot', '2', '--name', 'Ann Example'])).status).toBe(0);
  expect((await call('GET', '/api/rate', { token: other })).status).toBe(403);
  const status = (await weaudit.run(['round', 'status', id])).stdout;
  expect(status).toMatch(/open: 4 pictures, 2 ratings each/);
  expect(status).toMatch(/1 +rater 1 +1 of 4 +0\n2 +Ann Example +0 of 4 +0/);
  const [hidden] = (await weaudit.json(['round', 'status', id])).document.reported;
  expect((await weaudit.run(['round', 'clear', id, hidden])).status).toBe(0);
  expect(await allItems(call, token)).toHaveLength(4);
  expect((await weaudit.run(['round', 'forget', id, '--yes'])).status).toBe(0);
  expect((await weaudit.json(['round', 'status', id])).stdout).not.toContain('Ann Example');
  expect((await weaudit.run(['round', 'withdraw', id, '--slot', '2', '--yes'])).status).toBe(0);
  expect((await weaudit.run(['round', 'close', id, '--yes'])).status).toBe(0);
  expect((await send(call, token, 1, answers)).body.closed).toBe(true);
  expect((await cloud.api('GET', `/api/rounds/${id}/snapshot`)).status).toBe(409);

  await waitFor('events are handled', () => cloud.cloud.idle());
  const prefix = `rounds/${id}/`;
  expect((await keys(BACKUP, prefix)).map((key) => key.slice(prefix.length))).toEqual([
    'closed.json',
    'labels/1.1/00000.json',
    ...[`reported/${items[1]!.id}`, `reported/${items[1]!.id}.cleared`],
    'round.json',
    ...['slots/1/1', 'slots/2/1', 'slots/2/2', 'withdrawn/2.2'],
  ]);
  expect(await keys(BACKUP, 'codebooks/')).toEqual(await keys(IMAGES, 'codebooks/'));
  expect(await keys(BACKUP, `audits/${audit}/rounds/`)).toHaveLength(1);

  expect((await weaudit.run(['round', 'delete', id, '--yes'])).status).toBe(0);
  await cloud.cloud.invoke('reconcile', {});
  expect(await keys(IMAGES, prefix)).toEqual([]);
  expect((await weaudit.run(['round', 'status', id])).status).toBe(3);
  expect(cloud.warnings).toEqual([]);
});
