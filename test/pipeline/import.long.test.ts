import { once } from 'node:events';
import path from 'node:path';
import { BACKUP, buckets, IMAGES } from '../support/buckets.ts';
import { withCloud } from '../support/cloud.ts';
import { commandLine } from '../support/command.ts';
import { shaded } from '../support/images.ts';
import { writeFiles } from '../support/pictures.ts';
import { waitFor } from '../support/wait-for.ts';

const PICTURES = 2_000;
const PROMPTS = 40;
/** The process is killed when so many pictures are there. */
const KILL_AT = [1, 300, 750, 1_200, 1_700];

const cloud = withCloud();
const weaudit = commandLine(cloud);
const { keys, versions } = buckets(cloud);

test('of 2,000 pictures, whose import is killed five times, all are there once, and verify finds them intact', async () => {
  const folder = path.join(cloud.dataDir, 'pictures');
  const name = (n: number) => `${n % PROMPTS}/${n}.png`;
  writeFiles(
    folder,
    Object.fromEntries(Array.from({ length: PICTURES }, (_, n) => [name(n), shaded(name(n))])),
  );
  const rows = Array.from({ length: PROMPTS }, (_, n) => `a photo of person ${n},${n}`);
  const table = weaudit.file('table.csv', ['prompt,file', ...rows].join('\n'));
  const args = ['import', folder, '--prompts', table, '--model', 'midjourney v7'];

  const there: number[] = [];
  for (const most of KILL_AT) {
    const process = weaudit.start(args);
    const exit = once(process, 'exit');
    await waitFor(`${most} pictures`, async () => (await keys(IMAGES, 'images/')).length >= most);
    process.kill('SIGKILL');
    expect(await exit).toEqual([null, 'SIGKILL']);
    there.push((await keys(IMAGES, 'images/')).length);
  }
  // Each was killed at work, and the next one resumed what was there.
  expect(there).toEqual([...there].sort((one, other) => one - other));
  expect(there.at(-1)).toBeLessThan(PICTURES);
  const left = PICTURES - (await keys(IMAGES, 'images/')).length;
  const { status, document } = await weaudit.json([...args, '--no-wait']);
  expect([status, document.pictures]).toEqual([0, PICTURES]);
  expect(document.uploaded).toBeLessThanOrEqual(left);

  expect((await cloud.api('GET', '/api/audits')).body.audits).toHaveLength(1);
  for (let copies = 200; copies <= PICTURES; copies += 200)
    await waitFor(`${copies} copies`, async () => (await keys(BACKUP, 'images/')).length >= copies);
  await waitFor('the manifest', async () => {
    await cloud.cloud.invoke('reconcile', {});
    return (await cloud.api('GET', `/api/audits/${document.id}`)).body.manifest;
  });
  expect((await cloud.api('GET', `/api/audits/${document.id}`)).body).toMatchObject({
    ...{ state: 'finished', counts: { succeeded: PICTURES }, images: { ok: PICTURES } },
  });
  const images = await keys(IMAGES, `images/${document.id}/`);
  expect(images).toHaveLength(PICTURES);
  // Once: no object was written a second time, or had a version that was replaced.
  expect(await keys(BACKUP, `images/${document.id}/`)).toEqual(images);
  expect(await versions(IMAGES, `images/${document.id}/00000/`)).toBe(1);
  const verified = await weaudit.json(['verify', document.id, '--local']);
  expect([verified.status, verified.document]).toMatchObject([
    0,
    { ok: true, bucket: { intact: PICTURES }, backup: { intact: PICTURES } },
  ]);
});
