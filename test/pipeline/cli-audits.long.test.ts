import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { withCloud } from '../support/cloud.ts';
import { commandLine, hasTerminal } from '../support/command.ts';

/** The auditors' commands as processes: mistakes, configuration, other forms of a download, and a terminal. */

const cloud = withCloud({ predictionSeconds: 0.1 });
const weaudit = commandLine(cloud);
const onTerminal = hasTerminal() ? test : test.skip;

const audit = async (design: object): Promise<string> => {
  const { status, document } = await weaudit.json(['run', weaudit.file('design.json', design)]);
  expect(status).toBe(0);
  return document.id;
};

/** A model that runs until it is canceled. */
const NEVER = { model: 'simulated/unreliable', input: { outcome: 'never-starts' } };

test('each mistake has its exit status and a message, also as JSON', async () => {
  const design = weaudit.file('fine.json', { prompts: ['x'], models: ['simulated/flash'], samples: 1 });
  const cases: [args: string[], env: Record<string, string>, status: number, words: RegExp][] = [
    [['run'], {}, 2, /No prompt given/],
    [['run', design, '--samples', 'many'], {}, 2, /whole number/],
    [['run', design, '--model', 'nobody/nothing'], {}, 3, /nobody\/nothing/],
    [['run', design], { WEAUDIT_TOKEN: 'wrong' }, 3, /token is unknown/],
    [['status', '0'.repeat(26)], {}, 3, /no audit/],
    [['list'], { WEAUDIT_URL: 'http://127.0.0.1:1' }, 4, /cannot be reached/],
    [['verify', '0'.repeat(26)], {}, 2, /--stage/],
  ];
  await Promise.all(
    cases.map(async ([args, env, status, words]) => {
      const plain = await weaudit.run(args, { env });
      expect({ args, status: plain.status, stdout: plain.stdout }).toEqual({ args, status, stdout: '' });
      expect(plain.stderr).toMatch(words);
      expect(plain.stderr).not.toMatch(/\n +at /);
    }),
  );
  const { status, document } = await weaudit.json(['status', '0'.repeat(26)]);
  expect({ status, document }).toEqual({
    status: 3,
    document: { error: { status: 3, message: expect.any(String) } },
  });
});

describe('configuration', () => {
  test('flags win over the environment, the environment over the file', async () => {
    const config = weaudit.file('weaudit.json', { url: 'http://127.0.0.1:1', token: 'wrong' });
    const { api } = cloud.cloud.endpoints;
    const inFile = { WEAUDIT_CONFIG: config, WEAUDIT_URL: '', WEAUDIT_TOKEN: '' };
    expect((await weaudit.run(['list'], { env: inFile })).status).toBe(4);
    expect((await weaudit.run(['list'], { env: { ...inFile, WEAUDIT_URL: api } })).status).toBe(3);
    expect(
      (await weaudit.run(['list', '--token', 'local'], { env: { ...inFile, WEAUDIT_URL: api } })).status,
    ).toBe(0);
  });
});

describe('download', () => {
  test('--format imagefolder writes one line of metadata for each image, all with the same columns', async () => {
    const id = await audit({
      ...{ template: 'a {color} ball', factors: { color: ['red', 'blue'] } },
      ...{ models: ['simulated/portrait', 'simulated/studio'], samples: 1 },
    });
    const folder = path.join(cloud.dataDir, 'dataset');
    expect((await weaudit.run(['download', id, folder, '--format', 'imagefolder'])).status).toBe(0);
    const lines = readFileSync(path.join(folder, 'train', 'metadata.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(4);
    expect(new Set(lines.map((line) => Object.keys(line).join())).size).toBe(1);
    expect(lines[2]).toMatchObject({
      file_name: '00002-0.png',
      prompt: 'a blue ball',
      model: 'simulated/portrait',
      factor_color: 'blue',
    });
    expect(readdirSync(path.join(folder, 'train')).sort()).toEqual([
      ...lines.map((line) => line.file_name),
      'metadata.jsonl',
    ]);
  });

  test('of a running audit it downloads the existing images and exits with 5', async () => {
    const design = weaudit.file('still.json', {
      prompts: ['snail'],
      models: [NEVER],
      samples: 2,
      name: 'Still running',
    });
    const { document } = await weaudit.json(['run', design, '--no-wait']);
    mkdirSync(path.join(cloud.dataDir, 'partial'));
    const { status, stdout } = await weaudit.run([
      'download',
      document.id,
      path.join(cloud.dataDir, 'partial'),
    ]);
    expect({ status, stdout }).toEqual({ status: 5, stdout: expect.stringContaining('still running') });
  });
});

describe('on a terminal', () => {
  onTerminal('run draws progress bars in place', async () => {
    const { status, stdout } = await weaudit.terminal([
      'run',
      '-p',
      'a clock',
      '-m',
      'simulated/flash',
      '-n',
      '2',
    ]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/finished +[█░]+ 2\/2 \(2 succeeded\)/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the cursor is hidden, then shown again
    expect(stdout).toMatch(/\u001b\[\?25l.*\u001b\[\?25h/s);
    expect(stdout).toContain('2 images');
  });

  onTerminal('delete asks, and changes nothing unless the word is typed', async () => {
    const id = await audit({ prompts: ['a pencil'], models: ['simulated/flash'], samples: 1 });
    const no = await weaudit.terminal(['delete', id], { input: 'no\n' });
    expect(no).toMatchObject({ status: 2, stdout: expect.stringContaining('Nothing was changed') });
    expect((await weaudit.run(['status', id])).status).toBe(0);
    const yes = await weaudit.terminal(['delete', id], { input: 'delete\n' });
    expect(yes).toMatchObject({ status: 0, stdout: expect.stringContaining('is being deleted') });
  });
});
