import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { withCloud } from '../support/cloud.ts';
import { commandLine } from '../support/command.ts';
import { waitFor } from '../support/wait-for.ts';

/** The auditors' commands as processes, against the local cloud. */

const cloud = withCloud({ predictionSeconds: 0.1 });
const weaudit = commandLine(cloud);

const creates = () => cloud.cloud.standIn!.log().filter(({ kind }) => kind === 'create').length;
const requested = async (design: object): Promise<string> =>
  (await cloud.api('POST', '/api/audits', design)).body.id;
const withManifest = async (id: string): Promise<string> => {
  await waitFor(`the manifest of ${id}`, async () => {
    await cloud.cloud.invoke('reconcile', {});
    return (await cloud.api('GET', `/api/audits/${id}`)).body.manifest;
  });
  return id;
};

/** A model that runs until it is canceled. */
const NEVER = { model: 'simulated/unreliable', input: { outcome: 'never-starts' } };

describe('run', () => {
  test('in a pipe it prints plain lines, a table of results and the folder of the images, and exits with 0', async () => {
    const design = weaudit.file('two.json', {
      prompts: ['a cat', 'a dog'],
      models: ['simulated/flash'],
      samples: 2,
    });
    const { status, stdout, stderr } = await weaudit.run(['run', design]);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^Audit [0-9a-z]{26}: 4 predictions\./);
    expect(stderr).toContain('finished: 4/4 (4 succeeded)\n');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a pipe gets no cursor control
    expect(stdout + stderr).not.toMatch(/\u001b|\r/);
    expect(stdout).toMatch(/^prompt +simulated\/flash\na cat +2 succeeded\na dog +2 succeeded\n/);
    expect(stdout).toMatch(
      /4 images, [\d.]+ kB, in s3:\/\/weaudit-local-000000000000-images\/images\/[0-9a-z]{26}\/\n/,
    );
  });

  test('the same design, at once or later, resumes the existing audit, and nothing is requested twice', async () => {
    const design = { prompts: ['a bridge'], models: ['simulated/flash'], samples: 3 };
    const before = creates();
    const both = await Promise.all(
      [
        weaudit.file('a.json', design),
        weaudit.file('b.json', Object.fromEntries(Object.entries(design).reverse())),
      ].map((name) => weaudit.json(['run', name])),
    );
    const later = await weaudit.json(['run', weaudit.file('a.json', design)]);
    expect(new Set([...both, later].map(({ document }) => document.id)).size).toBe(1);
    expect(later).toMatchObject({ status: 0, document: { state: 'finished', counts: { succeeded: 3 } } });
    expect(creates() - before).toBe(3);
    const another = await weaudit.json(['run', weaudit.file('a.json', design), '--key', 'second time']);
    expect(another.document.id).not.toBe(later.document.id);
    expect(creates() - before).toBe(6);
  });

  test('a refusal is a finding and exits with 0; a failed prediction exits with 5', async () => {
    const refused = await weaudit.run(['run', '--prompt', 'a weapon', '--model', 'simulated/studio']);
    expect(refused).toMatchObject({ status: 0, stdout: expect.stringContaining('1 refused') });
    expect(refused.stdout).toMatch(/1 × refused: .*E005/);
    const failed = await weaudit.json([
      'run',
      '-p',
      'a tree',
      '-m',
      'simulated/unreliable',
      '--input',
      'outcome=out-of-memory',
    ]);
    expect(failed).toMatchObject({ status: 5, document: { counts: { failed: 1 } } });
  });

  test('a design that a model does not take, or that holds a secret, is refused in words and nothing is requested', async () => {
    const before = creates();
    const relay = ['run', '-p', 'a tree', '-m', 'simulated/relay'];
    const secret = await weaudit.run([
      ...relay,
      '-m',
      'simulated/lettering',
      '--input',
      'openai_api_key=sk-98765',
    ]);
    expect(secret.status).toBe(3);
    expect(secret.stderr).toContain('The input "openai_api_key" of the model "simulated/relay" is a secret');
    expect(secret.stderr).toContain('The model "simulated/lettering" takes no prompt');
    expect(secret.stdout + secret.stderr).not.toContain('sk-98765');
    const wrong = await weaudit.run([...relay, '--input', 'quality=best']);
    expect(wrong.stderr).toContain('takes "auto", "low" or "high" as "quality", not "best".');
    expect(creates()).toBe(before);
    expect((await weaudit.run([...relay, '--input', 'quality=high'])).stdout).toContain('1 succeeded');
  });

  test('a black image instead of a refusal is counted under its own name, while the audit runs and from its manifest', async () => {
    const black = ['--model', 'simulated/unreliable', '--input', 'outcome=black-image'];
    const { status, stdout } = await weaudit.run(['run', '--prompt', 'a vault', ...black, '--samples', '3']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^0 images \(besides 3 blank\), /m);
    const id = /images\/([0-9a-z]{26})\//.exec(stdout)![1]!;
    const images = { ok: 0, blank: 3, quarantined: 0, lost: 0, filtered: 0 };
    expect((await weaudit.json(['status', id])).document).toMatchObject({ images });
    await withManifest(id);
    expect((await weaudit.json(['status', id])).document).toMatchObject({ manifest: true, images });
    const list = await weaudit.run(['list']);
    expect(list.stdout).toMatch(
      new RegExp(`^${id} .* yes +3 succeeded; 0 images \\(besides 3 blank\\) +`, 'm'),
    );
  });

  test('factors from flags and from a CSV file are combined, and flags win over the file', async () => {
    const table = weaudit.file('factors.csv', 'size,animal\nsmall,cat\nlarge,dog\n,horse\n');
    const { status, document } = await weaudit.json([
      ...['run', table, '--template', 'a {size} {animal} {where}', '--factor', 'where=at sea,on land'],
      ...['--model', 'simulated/flash', '--name', 'Crossed', '--no-wait'],
    ]);
    expect({ status, predictions: document.predictions }).toEqual({ status: 0, predictions: 12 });
    const plan = await cloud.api('GET', `/api/audits/${document.id}/plan`);
    expect(plan.body.name).toBe('Crossed');
    expect(plan.body.prompts[11]).toEqual({
      text: 'a large horse on land',
      factors: { size: 'large', animal: 'horse', where: 'on land' },
    });
  });
});

describe('list, status, cancel and delete', () => {
  test('a running audit can be watched and canceled, and is deleted only after confirmation', async () => {
    const design = weaudit.file('slow.json', {
      prompts: ['snail'],
      models: [NEVER],
      samples: 4,
      name: 'Slow one',
    });
    const { document } = await weaudit.json(['run', design, '--no-wait']);
    const list = await weaudit.run(['list', '--limit', '1']);
    expect(list.stdout).toMatch(new RegExp(`^id .*\n${document.id} .* Slow one\n$`));

    expect(await weaudit.json(['cancel', document.id])).toMatchObject({ status: 0 });
    const watched = await weaudit.json(['status', document.id, '--watch']);
    expect(watched.document).toMatchObject({ state: 'canceled', counts: { waiting: 0, running: 0 } });
    expect(watched.document.counts.canceled).toBe(4);
    expect(watched.status).toBe(5);

    const unsure = await weaudit.run(['delete', document.id]);
    expect(unsure).toMatchObject({ status: 2, stderr: expect.stringMatching(/backup keeps.*--yes/s) });
    expect((await weaudit.run(['status', document.id])).status).toBe(0);
    expect((await weaudit.run(['delete', document.id, '--yes'])).status).toBe(0);
    expect((await weaudit.run(['status', document.id])).status).toBe(3);
  });
});

describe('download', () => {
  test('fills a folder that matches its checksums, and fetches only missing or damaged images when run again', async () => {
    const id = await withManifest(
      await requested({
        prompts: ['a <b>bold</b> cat', 'a weapon'],
        models: ['simulated/flash', 'simulated/studio'],
        samples: 2,
      }),
    );
    const folder = path.join(cloud.dataDir, 'evidence');
    const first = await weaudit.json(['download', id, folder]);
    expect(first).toMatchObject({
      status: 0,
      document: { complete: true, fetched: 6, kept: 0, manifest: true },
    });

    const images = readdirSync(path.join(folder, 'images')).sort();
    expect(images).toEqual([
      '00000-0.webp',
      '00001-0.webp',
      '00002-0.jpg',
      '00003-0.jpg',
      '00004-0.webp',
      '00005-0.webp',
    ]);
    const manifest = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8'));
    expect(readFileSync(path.join(folder, 'manifest.csv'), 'utf8').trim().split('\n')).toHaveLength(9);
    const sums = readFileSync(path.join(folder, 'SHA256SUMS'), 'utf8').trim().split('\n');
    for (const [i, name] of images.entries()) {
      const sha256 = createHash('sha256')
        .update(readFileSync(path.join(folder, 'images', name)))
        .digest('hex');
      expect(manifest.cells[Number(name.slice(0, 5))].images[0].sha256).toBe(sha256);
      expect(sums[i]).toBe(`${sha256}  images/${name}`);
    }
    const page = readFileSync(path.join(folder, 'index.html'), 'utf8');
    const thumbnail = (image: string) => `${image.split('.')[0]}.webp`;
    expect(readdirSync(path.join(folder, 'thumbnails')).sort()).toEqual(images.map(thumbnail));
    for (const name of images) {
      expect(page).toMatch(
        `<a href="images/${name}"><img loading="lazy" decoding="async" src="thumbnails/${thumbnail(name)}"`,
      );
      const bytes = readFileSync(path.join(folder, 'thumbnails', thumbnail(name)));
      expect(bytes.toString('latin1', 8, 12)).toBe('WEBP');
    }
    expect(page).toContain('a &lt;b&gt;bold&lt;/b&gt; cat');
    expect(page).toMatch(/class="none">refused: /);
    expect(page).not.toMatch(/<script|https?:/);

    rmSync(path.join(folder, 'images', images[0]!));
    rmSync(path.join(folder, 'thumbnails', thumbnail(images[3]!)));
    writeFileSync(path.join(folder, 'images', images[1]!), 'not what it was');
    writeFileSync(path.join(folder, 'images', `${images[2]}.part`), 'left by a broken run');
    const again = await weaudit.json(['download', id, folder]);
    expect(again).toMatchObject({ status: 0, document: { complete: true, fetched: 2, kept: 4 } });
    expect(readdirSync(path.join(folder, 'thumbnails'))).toHaveLength(6);

    // The part that the broken run left is no part of the download.
    const unlisted = await weaudit.run(['verify', folder]);
    expect(unlisted).toMatchObject({
      status: 5,
      stdout: expect.stringContaining(`${images[2]}.part: added`),
    });
    rmSync(path.join(folder, 'images', `${images[2]}.part`));
    const offline = { env: { WEAUDIT_URL: 'http://127.0.0.1:1', AWS_ENDPOINT_URL: 'http://127.0.0.1:1' } };
    expect(await weaudit.json(['verify', folder], offline)).toMatchObject({
      status: 0,
      document: { ok: true, files: 16, problems: [] },
    });
    const text = readFileSync(path.join(folder, 'manifest.json'), 'utf8');
    writeFileSync(path.join(folder, 'manifest.json'), text.replace('a weapon', 'a flower'));
    const bytes = readFileSync(path.join(folder, 'images', images[0]!));
    bytes[100]! ^= 1;
    writeFileSync(path.join(folder, 'images', images[0]!), bytes);
    rmSync(path.join(folder, 'images', images[5]!));
    writeFileSync(path.join(folder, 'images', '00006-0.png'), 'of another audit');
    const changed = await weaudit.run(['verify', folder], offline);
    expect(changed.status).toBe(5);
    expect(changed.stdout.split('\n').slice(0, 5)).toEqual([
      expect.stringMatching(`^images/${images[0]}: changed`),
      expect.stringMatching(`^images/${images[5]}: missing`),
      expect.stringMatching(/^manifest\.json: changed/),
      expect.stringMatching(/^images\/00006-0\.png: added/),
      expect.stringMatching(/^4 problems in /),
    ]);
    expect(await weaudit.run(['verify', 'evidence-of-nothing'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('There is no folder evidence-of-nothing'),
    });
  });
});
