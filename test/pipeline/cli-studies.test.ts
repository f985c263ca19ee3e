import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import type { Study } from '../../lib/contract/answers.ts';
import { withCloud } from '../support/cloud.ts';
import { commandLine } from '../support/command.ts';
import { waitFor } from '../support/wait-for.ts';

/** Studies by the command line, against the local cloud. */

const cloud = withCloud({ predictionSeconds: 0.1 });
const weaudit = commandLine(cloud);

const creates = () => cloud.cloud.standIn!.log().filter(({ kind }) => kind === 'create').length;
const membersOf = async (id: string): Promise<string[]> =>
  ((await cloud.api('GET', `/api/studies/${id}`)).body as Study).audits.map((audit) => audit.id);
const withManifests = (study: string) =>
  waitFor('all manifests', async () => {
    await cloud.cloud.invoke('reconcile', {});
    const { audits } = (await cloud.api('GET', `/api/studies/${study}`)).body as Study;
    return audits.every(({ finished }) => finished);
  });

test('fresh samples of the same prompts join a study: one line in the list, one status, one folder, one manifest', async () => {
  const name = 'Nurses 2026';
  const design = weaudit.file('nurses.json', {
    prompts: ['a nurse', 'a "doctor", tall'],
    models: ['simulated/flash'],
    samples: 2,
  });
  const run = ['run', design, '--study', name];
  const first = await weaudit.json(run);
  expect(first).toMatchObject({ status: 0, document: { predictions: 4, state: 'finished' } });
  const { study, id } = first.document;
  const template = ['--template', 'a {job}', '--factor', 'job=judge', '-m', 'simulated/flash'];
  const second = await weaudit.json([...run, '--key', 'fresh']);
  const third = await weaudit.json(['run', ...template, '--study', name]);
  const ids = [id, second.document.id, third.document.id];
  expect(await membersOf(study)).toEqual(ids);
  // The same command, with and without the study, finds the audit.
  const before = creates();
  for (const again of [run, ['run', design]]) expect((await weaudit.json(again)).document.id).toBe(id);
  expect(creates()).toBe(before);
  expect(await membersOf(study)).toEqual(ids);

  const other = (await weaudit.json(['run', '-p', 'alone', '-m', 'simulated/flash'])).document.id;
  await withManifests(study);
  const list = (await weaudit.run(['list'])).stdout;
  const outcome = '9 succeeded; 9 images';
  expect(list).toMatch(new RegExp(`^${study} .* local +9 +3 of 3 +${outcome} +${name}$`, 'm'));
  expect(list).toContain(other);
  for (const hidden of ids) expect(list).not.toContain(hidden);
  const all = (await weaudit.json(['list', '--all'])).document.map((one: { id: string }) => one.id);
  expect(all).toEqual([other, ...ids.toReversed()]);
  const listed = await weaudit.json(['list', name]);
  expect(listed.document.map((one: { id: string }) => one.id)).toEqual(ids);

  const status = await weaudit.run(['status', study, '--watch']);
  expect(status).toMatchObject({ status: 0 });
  expect(status.stdout).toContain(
    `${name} (${study})\n3 audits, all finished: 9 succeeded (9 predictions)\n`,
  );
  for (const one of ids) expect(status.stdout).toContain(one);
  expect((await weaudit.json(['status', name])).document).toMatchObject({
    ...{ id: study, predictions: 9, counts: { succeeded: 9 } },
    audits: ids.map((one) => ({ id: one, state: 'finished' })),
  });

  const folder = path.join(cloud.dataDir, 'evidence');
  const download = await weaudit.json(['download', name, folder]);
  expect(download).toMatchObject({ status: 0, document: { study, complete: true, manifest: true } });
  const csv = parse(readFileSync(path.join(folder, 'manifest.csv')), { columns: true, bom: true }) as Record<
    string,
    string
  >[];
  expect(csv.map(({ audit }) => audit)).toEqual([...Array(4).fill(ids[0]), ...Array(4).fill(ids[1]), ids[2]]);
  expect(csv.map((row) => [row.prompt, row['factor:job']]).slice(3, 9)).toEqual([
    ['a "doctor", tall', ''],
    ['a nurse', ''],
    ['a nurse', ''],
    ['a "doctor", tall', ''],
    ['a "doctor", tall', ''],
    ['a judge', 'judge'],
  ]);
  const merged = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8'));
  expect(merged.study).toMatchObject({ id: study, name });
  expect(merged.audits.map(({ audit }: { audit: { id: string } }) => audit.id)).toEqual(ids);
  const own = ids.flatMap((audit) =>
    JSON.parse(readFileSync(path.join(folder, audit, 'manifest.json'), 'utf8')).cells.map(
      ({ images, ...cell }: { images: { file: string }[] }) => ({
        audit,
        ...cell,
        images: images.map((image) => ({ ...image, file: `${audit}/${image.file}` })),
      }),
    ),
  );
  expect(merged.cells).toEqual(own);
  expect(csv.every(({ file = '' }) => existsSync(path.join(folder, file)))).toBe(true);
  // Seeds of fresh samples are others.
  const seeds = (audit: string) => new Set(csv.filter((row) => row.audit === audit).map((row) => row.seed));
  expect([...seeds(ids[0])].filter((seed) => seeds(ids[1]).has(seed))).toEqual([]);

  const verified = await weaudit.run(['verify', folder]);
  expect(verified).toMatchObject({ status: 0 });
  const sums = spawnSync('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect({ ...sums }).toMatchObject({ status: 0, stdout: '' });
  const [removed = ''] = readdirSync(path.join(folder, ids[1], 'images'));
  rmSync(path.join(folder, ids[1], 'images', removed));
  const damaged = await weaudit.run(['verify', folder]);
  expect(damaged.status).toBe(5);
  expect(damaged.stdout + damaged.stderr).toContain(`${ids[1]}/images/${removed}`);

  expect(await weaudit.run(['cancel', name])).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('0 audits of "Nurses 2026" canceled; 3 audits had finished'),
  });
  await cloud.api('DELETE', `/api/audits/${ids[1]}`);
  expect((await weaudit.json(['status', name])).document).toMatchObject({ predictions: 5 });
  expect(await weaudit.json(['delete', name, '--yes'])).toMatchObject({
    document: { id: study, state: 'deleted' },
  });
  const gone = await weaudit.run(['status', name]);
  expect(gone).toMatchObject({ status: 3, stderr: expect.stringContaining('no study "Nurses 2026"') });
  expect((await weaudit.json(['status', ids[0]])).document.state).toBe('finished');
});

test('a table that is too large is refused with the advice to make a study of it, whose audits a dry run shows', async () => {
  const prompts = Array.from({ length: 1_001 }, (_, i) => `prompt ${i}`);
  const table = weaudit.file('large.csv', `prompt\n${prompts.join('\n')}\n`);
  const run = ['run', table, '--model', 'simulated/slow', '--name', 'Large'];
  const refused = await weaudit.run(run);
  expect(refused.status).toBe(2);
  expect(refused.stderr).toMatch(/1,001 prompts is too large.*Pass --study "a name" to run it as 2 audits/);
  expect(refused.stderr).toContain('Nothing was started.');
  const large = [...run, '--study', 'Large table', '--no-wait'];
  const dry = await weaudit.run([...large, '--dry-run']);
  expect(dry.status).toBe(0);
  expect(dry.stdout).toMatch(/^2 audits with 1,001 prompts: 1,001 predictions\n/);
  expect(dry.stdout).toMatch(/^2 +1 +1 +\$0\.00 +"prompt 1000"$/m);
  expect((await cloud.api('GET', '/api/studies')).body.studies).toEqual([]);
});
