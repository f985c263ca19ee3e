import { createHash } from 'node:crypto';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { BACKUP, buckets, IMAGES } from '../support/buckets.ts';
import { withCloud } from '../support/cloud.ts';
import { commandLine, hasTerminal } from '../support/command.ts';
import { shaded } from '../support/images.ts';
import { writeFiles } from '../support/pictures.ts';
import { waitFor } from '../support/wait-for.ts';

/** Pictures that somebody has, from a folder to the manifest, against the local cloud. */

const cloud = withCloud();
const weaudit = commandLine(cloud);
const onTerminal = hasTerminal() ? test : test.skip;
const { keys, sha256, tags } = buckets(cloud);
const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** A folder of its own with pictures and a table, and the arguments that import it. */
function folderOf(name: string, files: Record<string, string | Buffer>, table: string) {
  const folder = path.join(cloud.dataDir, name);
  writeFiles(folder, { ...files, 'table.csv': table });
  return {
    folder,
    args: ['import', folder, '--prompts', path.join(folder, 'table.csv'), '--model', 'midjourney v7'],
  };
}
const withManifest = (id: string) =>
  waitFor(`the manifest of ${id}`, async () => {
    await cloud.cloud.invoke('reconcile', {});
    return (await cloud.api('GET', `/api/audits/${id}`)).body.manifest;
  });

describe('import', () => {
  const names = [
    'alice_a_doctor_[1].png',
    'alice_a_doctor_[2].png',
    'nurses/1.png',
    'nurses/2.png',
    'nurses/10.png',
  ];
  const files = Object.fromEntries(names.map((name) => [name, shaded(name)]));
  const table = [
    'file;Prompt;gender',
    'alice_a_doctor_[1].png;a photo of a doctor;female',
    'alice_a_doctor_[2].png;a photo of a doctor;female',
    'nurses;a photo of a nurse;male',
  ].join('\n');

  test('makes an audit of a folder, judged, tagged, copied and in a manifest that says who imported it, and verify finds it intact', async () => {
    const { args } = folderOf('mine', { ...files, 'notes.txt': 'mine', 'unused.png': shaded('') }, table);
    const { status, stderr, stdout } = await weaudit.run(args);
    expect(stderr).toContain('1 picture in no row of the table is not imported: unused.png.\n');
    expect(stderr).toMatch(/^Audit [0-9a-z]{26}: 5 pictures, /m);
    expect(stderr).toContain('uploaded: 5/5\n');
    expect(stderr).not.toContain('requested');
    expect(stdout).toMatch(/a photo of a doctor +2 succeeded\na photo of a nurse +3 succeeded\n/);
    expect(status).toBe(0);
    const id = /Audit ([0-9a-z]{26})/.exec(stderr)![1]!;
    await withManifest(id);
    const { body } = await cloud.api('GET', `/api/audits/${id}/predictions`);
    for (const [n, cell] of body.predictions.entries()) {
      expect(cell).toMatchObject({ status: 'succeeded', model: 'midjourney v7', seed: null });
      const key = `images/${id}/0000${n}/0`;
      expect(await sha256(IMAGES, key)).toBe(hash(files[names[n]!]!));
      expect(await sha256(BACKUP, key)).toBe(hash(files[names[n]!]!));
      expect(await tags(IMAGES, key)).toMatchObject({ status: 'ok', format: 'png', retention: 'standard' });
    }
    expect(body.predictions.map(({ sample, factors }: Record<string, unknown>) => [sample, factors])).toEqual(
      [
        ...[
          [0, { gender: 'female' }],
          [1, { gender: 'female' }],
        ],
        ...[
          [0, { gender: 'male' }],
          [1, { gender: 'male' }],
          [2, { gender: 'male' }],
        ],
      ],
    );
    expect((await weaudit.json(['verify', id, '--local'])).document).toMatchObject({
      ok: true,
      bucket: { intact: 5 },
      backup: { intact: 5 },
    });
    const { document } = await weaudit.json([...args, '--no-wait']);
    expect(document).toEqual({ id, pictures: 5, uploaded: 0 });
    // From another folder, with a table that says the same: the pictures are the same.
    const moved = folderOf('moved', files, table.replaceAll(';', '\t').replace('Prompt', 'prompt'));
    expect((await weaudit.json([...moved.args, '--no-wait'])).document).toEqual(document);
    const other = await weaudit.json([...args, '--no-wait', '--key', 'again']);
    expect(other.document.id).not.toBe(id);
    expect(other.document.uploaded).toBe(5);
  });

  test('is purged, rejudged and deleted like any audit', async () => {
    const { args } = folderOf('gone', files, `${table}\n`);
    const more = ['--name', 'to be deleted', '--retention', 'short', '--study', 'Imports 2026'];
    const { document } = await weaudit.json([...args, ...more]);
    const { body } = await cloud.api('GET', '/api/studies');
    expect(body.studies).toMatchObject([{ name: 'Imports 2026', audits: [document.id] }]);
    expect(document).toMatchObject({ state: 'finished', counts: { succeeded: 5 }, pictures: 5 });
    await withManifest(document.id);
    const key = `images/${document.id}/00002/0`;
    expect((await weaudit.run(['purge', key, '--local', '--yes', '--reason', 'a test'])).status).toBe(0);
    expect((await weaudit.json(['rejudge', document.id, '--local'])).status).toBe(0);
    expect((await weaudit.json(['verify', document.id, '--local'])).document).toMatchObject({
      ok: true,
      bucket: { intact: 4, purged: 1 },
    });
    expect((await weaudit.json(['reread', document.id, '--local'])).document.changed).toEqual([]);
    await weaudit.run(['delete', document.id, '--yes']);
    await waitFor('nothing is left', async () => {
      await cloud.cloud.invoke('reconcile', {});
      return (await keys(IMAGES, `images/${document.id}/`)).length === 0;
    });
  });

  onTerminal('draws its progress in place', async () => {
    const { args } = folderOf('bars', files, table);
    const { status, stdout } = await weaudit.terminal([...args, '--name', 'on a terminal']);
    expect(status).toBe(0);
    for (const row of ['read', 'uploaded', 'finished'])
      expect(stdout).toMatch(new RegExp(`${row} +[█░]+ 5/5`));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the cursor is hidden, then shown again
    expect(stdout).toMatch(/\u001b\[\?25l.*\u001b\[\?25h/s);
    expect(stdout).toContain('5 images');
  });

  test('with --dry-run shows which files belong to which prompts, and needs no server', async () => {
    const { args } = folderOf('dry', files, table);
    const offline = { env: { WEAUDIT_URL: 'http://127.0.0.1:1' } };
    const { status, stdout } = await weaudit.run([...args, '--dry-run'], offline);
    expect([status, stdout]).toEqual([
      0,
      expect.stringMatching(
        /^5 pictures of 2 prompts, .*\n\nprompt +pictures +files\na photo of a doctor +2 +alice_a_doctor_\[1\]\.png … .*\na photo of a nurse +3 +nurses\/1\.png … nurses\/10\.png\n/s,
      ),
    ]);
  });
});

test('an address takes the announced file alone, once: no text, no other bytes, nothing larger, nothing that looks judged', async () => {
  const picture = shaded('announced');
  const accepted = await cloud.api('POST', '/api/imports', {
    ...{ model: 'x', prompts: ['y'] },
    pictures: [{ prompt: 0, sha256: hash(picture), bytes: picture.length, format: 'png' }],
  });
  const { body } = await cloud.api('POST', `/api/imports/${accepted.body.id}/addresses`);
  const [{ url, headers }] = body.addresses;
  const { 'content-length': _, ...rest } = headers;
  const put = (sent: Record<string, string>, bytes: Buffer | string, method = 'PUT') =>
    fetch(url, { method, headers: sent, body: bytes }).then(({ status }) => status);
  expect(await put(rest, 'a text')).toBe(403);
  expect(await put(rest, Buffer.alloc(picture.length))).toBe(400);
  expect(await put(rest, Buffer.alloc(51 * 1024 * 1024))).toBe(403);
  expect(await put({ ...rest, 'x-amz-tagging': 'status=ok&retention=standard' }, picture)).toBe(403);
  expect(await put({ ...rest, 'content-type': 'text/html' }, picture)).toBe(403);
  expect(await put({}, '', 'DELETE')).toBe(403);
  expect(await keys(IMAGES, `images/${accepted.body.id}/`)).toEqual([]);
  expect(await put(rest, picture)).toBe(200);
  expect(await put(rest, picture)).toBe(412);
  // Nobody is shown what was not judged yet, or reads it at the address of the upload.
  expect((await fetch(url)).status).toBe(403);
});

describe('a mistake', () => {
  test('is named by its row and its file, and nothing is started', async () => {
    const { args } = folderOf('text', { 'a.png': 'text' }, 'prompt,file\na,a.png');
    const { status, stdout, stderr } = await weaudit.run(args);
    const words = /row 2: a\.png is no PNG, JPEG, WebP, GIF, AVIF or SVG/;
    expect([status, stdout, stderr]).toEqual([2, '', expect.stringMatching(words)]);
    expect(stderr).not.toMatch(/\n +at /);
  });

  test('no folder', async () => {
    const { args } = folderOf('nowhere', {}, 'prompt,file\na,a.png');
    const { status, stderr } = await weaudit.run(['import', '/nowhere', ...args.slice(2)]);
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining('The folder /nowhere cannot be read: no such file'),
    ]);
  });

  test('folders are named like their prompts or numbers', async () => {
    const { args } = folderOf(
      'folders',
      { 'A_photo-of_a DOCTOR/x.png': shaded('x'), '02/y.png': shaded('y') },
      'prompt,job\na photo of a doctor.,doctor\na nurse,nurse',
    );
    const numbers = await weaudit.run([...args, '--no-wait', '--reference', 'job']);
    expect([numbers.status, numbers.stderr]).toEqual([
      3,
      expect.stringContaining('The "reference" must be a number, such as 0.87'),
    ]);
    const { document } = await weaudit.json([...args, '--dry-run']);
    expect(document.prompts).toEqual([
      { text: 'a photo of a doctor.', factors: { job: 'doctor' }, pictures: ['A_photo-of_a DOCTOR/x.png'] },
      { text: 'a nurse', factors: { job: 'nurse' }, pictures: ['02/y.png'] },
    ]);
  });
});
