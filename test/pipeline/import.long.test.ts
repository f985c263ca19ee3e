import { once } from 'node:events';
import path from 'node:path';
import { BACKUP, buckets, IMAGES } from '../support/buckets.ts';
import { withCloud } from '../support/cloud.ts';
import { commandLine } from '../support/command.ts';
import { shaded } from '../support/images.ts';
import { writeFiles } from '../support/pictures.ts';
import { waitFor } from '../support/wait-for.ts';

/** Several requests for addresses, and more blocks than are judged at once. */
const PICTURES = 400;
const PROMPTS = 40;
/** The process is killed by so many uploads, those of the processes before it included. */
const KILL_AT = [1, 60, 150, 240, 340];

let onUpload = () => {};
const cloud = withCloud({
  faults: {
    s3: (handle) => (request, response) => {
      if (request.method === 'PUT' && request.url?.includes('X-Amz-Signature')) onUpload();
      return handle(request, response);
    },
  },
});
const weaudit = commandLine(cloud);
const { keys, versions } = buckets(cloud);

test('of 400 pictures, whose import is killed five times, all are there once, and verify finds them intact', async () => {
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
  let uploads = 0;
  for (const most of KILL_AT) {
    const process = weaudit.start(args);
    onUpload = () => {
      if (++uploads >= most) process.kill('SIGKILL');
    };
    expect(await once(process, 'exit')).toEqual([null, 'SIGKILL']);
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
  for (let copies = 100; copies <= PICTURES; copies += 100)
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
