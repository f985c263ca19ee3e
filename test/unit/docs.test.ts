import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { EXIT } from '../../cli/exit.ts';
import { createProgram } from '../../cli/program.ts';

const readAll = async (folder: string) => {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.test.ts'));
  return (await Promise.all(files.map((file) => readFile(path.join(folder, file), 'utf8')))).join('\n');
};

/** Keys of objects in S3 that look like paths of this repository. */
const OBJECTS = ['ledger/settings.json'];

test('every path and link in a document exists', async () => {
  const listed = await readdir('docs', { recursive: true });
  const documents = [
    ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'],
    ...listed.filter((file) => file.endsWith('.md')).map((file) => path.join('docs', file)),
  ];
  const missing: string[] = [];
  let checked = 0;
  for (const document of documents) {
    const text = await readFile(document, 'utf8');
    const paths = [...text.matchAll(/`((?:[a-z-]+\/)+[\w.-]+\.[a-z]+)`/g)]
      .map(([, file = '']) => file)
      .filter((file) => !OBJECTS.includes(file));
    const links = [...text.matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, file = '']) =>
      path.join(path.dirname(document), file),
    );
    for (const file of [...paths.filter((one) => existsSync(one.split('/')[0]!)), ...links]) {
      checked++;
      if (!existsSync(file)) missing.push(`${document}: ${file}`);
    }
  }
  expect(missing).toEqual([]);
  expect(checked).toBeGreaterThan(100);
});

test('CONTRIBUTING.md says what is in every folder of the top level', async () => {
  const [text, entries, ignored] = await Promise.all([
    readFile('CONTRIBUTING.md', 'utf8'),
    readdir('.', { withFileTypes: true }),
    readFile('.gitignore', 'utf8'),
  ]);
  const folders = entries
    .filter((entry) => entry.isDirectory() && entry.name !== '.git')
    .map(({ name }) => `${name}/`)
    .filter((name) => !ignored.split('\n').includes(name));
  expect(folders.length).toBeGreaterThan(10);
  expect(folders.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});

test('docs/security.md names tests that exist, and one for everything that is met', async () => {
  const [text, tests] = await Promise.all([readFile('docs/security.md', 'utf8'), readAll('test/packaged')]);
  const rows = text.split('\n').filter((line) => /^\| (S3|Lambda|SQS|CloudFront|APIGateway)\./.test(line));
  expect(rows.length).toBeGreaterThan(30);
  for (const row of rows) {
    const [, control, , verdict, , named] = row.split('|').map((cell) => cell.trim());
    expect([control, verdict]).toEqual([control, expect.stringMatching(/^(met|not met|by parameter|–)$/)]);
    const title = /^`(.*)`$/.exec(named ?? '')?.[1];
    if (verdict === 'met' || verdict === 'by parameter')
      expect([control, title]).toEqual([control, expect.any(String)]);
    if (title) expect([title, tests.includes(`'${title}'`)]).toEqual([title, true]);
  }
});

test('docs/reliability.md names a test that exists for every hostile input', async () => {
  const text = await readFile('docs/reliability.md', 'utf8');
  const rows = [...text.matchAll(/ \| `(.+)` in `([a-z/-]+\.test\.ts)` \|$/gm)];
  expect(rows.length).toBeGreaterThan(30);
  for (const [, title, file = ''] of rows) {
    const tests = await readFile(file, 'utf8');
    expect([file, title, tests.includes(`'${title}'`)]).toEqual([file, title, true]);
  }
});

test('docs/command-line.md has every command, flag and exit status, and names no flag that does not exist', async () => {
  const text = await readFile('docs/command-line.md', 'utf8');
  const { commands } = createProgram(() => {});
  const usages = commands.map((command) => {
    const args = command.registeredArguments.map((one) =>
      one.required ? ` <${one.name()}>` : ` [${one.name()}]`,
    );
    return `| \`${command.name()}${args.join('')}\` |`;
  });
  expect(usages.filter((usage) => !text.includes(usage))).toEqual([]);
  const all = commands.flatMap((command) => [command, ...command.commands]);
  const flags = new Set(all.flatMap(({ options }) => options.map(({ long }) => long)));
  const named = new Set([...text.matchAll(/--[a-z][a-z-]*/g)].map(([flag]) => flag));
  expect([...flags].filter((flag) => !named.has(flag!))).toEqual([]);
  expect([...named].filter((flag) => !flags.has(flag))).toEqual(['--help', '--check']);
  const statuses = [...text.matchAll(/^\| (\d+) \|/gm)].map(([, status]) => Number(status));
  expect(statuses).toEqual(Object.values(EXIT));
});

test('docs/operations.md explains every parameter of the stack', async () => {
  const { params } = parse(await readFile('serverless.yml', 'utf8'), { logLevel: 'silent' }) as {
    params: { default: Record<string, unknown>; local: Record<string, unknown> };
  };
  const operations = await readFile('docs/operations.md', 'utf8');
  // What only tells one machine from AWS is nobody's to set.
  const internal = Object.keys(params.local).filter(
    (name) =>
      ![
        'models',
        'dispatchTimeout',
        'queueVisibility',
        'overdue',
        'resend',
        'settle',
        'reconcileRate',
      ].includes(name),
  );
  const names = [
    ...Object.keys(params.default).filter((name) => !internal.includes(name)),
    'backupBucket',
    'reservedConcurrency',
  ];
  expect(names.filter((name) => !operations.includes(`\`${name}\``))).toEqual([]);
});
