import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { waitFor } from '../support/wait-for.ts';

const START = path.join(import.meta.dirname, '..', '..', 'local', 'start.js');
const ANY_PORTS = ['--port-api', '0', '--port-aws', '0', '--port-replicate', '0'];
const folder = mkdtempSync(path.join(tmpdir(), 'weaudit-start-'));
const children: ChildProcess[] = [];

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Durable files below a folder. */
const contents = (below: string) =>
  readdirSync(below, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/-(wal|shm)$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name));

/** Starts `npm start` as a script would, without a terminal. */
function start(args: string[], environment: Record<string, string> = {}, node: string[] = []) {
  const { REPLICATE_API_TOKEN: _, ...rest } = process.env;
  const child = spawn(process.execPath, [...node, START, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...rest, ...environment, NODE_OPTIONS: '' },
  });
  children.push(child);
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => (output.text += String(data)));
  return { child, output, exited: once(child, 'exit') as Promise<[number | null]> };
}

test('it starts, says where and what to try, finishes the demo audit, refuses a second on its folder, also one with --fresh that would delete its data, and ends cleanly', async () => {
  const data = ['--data', path.join(folder, 'data')];
  const { child, output, exited } = start([...ANY_PORTS, ...data, '--demo', '--seconds', '0.1']);
  await waitFor('it is ready', () => /ready after [\d.]+ s/.test(output.text));
  expect(output.text).toMatch(/API and page +http:\/\/localhost:\d+ +\(token: local;/);
  expect(output.text).toContain('npm run audit -- events/audits/occupations.json');
  await waitFor('the demo audit is finished', () =>
    /The demo audit \w{26} is finished: 4 pictures/.test(output.text),
  );
  const second = start([...ANY_PORTS, ...data]);
  expect(await second.exited).toEqual([1, null]);
  expect(second.output.text).toMatch(/^The data folder .* is in use by another local cloud\..*--data/);

  const before = contents(data[1]!);
  const fresh = start([...ANY_PORTS, ...data, '--fresh']);
  expect(await fresh.exited).toEqual([1, null]);
  expect(fresh.output.text).toMatch(/^The data folder .* is in use by another local cloud\..*--data/);
  expect(contents(data[1]!)).toEqual(expect.arrayContaining(before));
  child.kill('SIGINT');
  expect(await exited).toEqual([0, null]);
});

describe('a problem that a person can fix is one sentence and status 1', () => {
  const occupied = http.createServer();
  beforeAll(async () => {
    await new Promise<void>((resolve) => occupied.listen(0, '127.0.0.1', resolve));
    writeFileSync(path.join(folder, 'file'), '');
  });
  afterAll(() => void occupied.close());

  test.each<[string, () => string[], RegExp, Record<string, string>?]>([
    [
      'a port in use',
      () => ['--port-api', String((occupied.address() as AddressInfo).port)],
      /^Port \d+, which the API needs, is in use\. .*--port-api/,
    ],
    [
      'a folder that cannot be',
      () => [...ANY_PORTS, '--data', path.join(folder, 'file')],
      /^The data folder .* cannot be used: .* a file is in its place\. .*--data/,
    ],
    ['an option that does not exist', () => ['--nonsense'], /unknown option '--nonsense'/],
    ['a port that is none', () => ['--port-aws', 'many'], /whole number from 0 to 65535/],
    ['real Replicate without a token', () => ['--replicate=real'], /needs a token .*REPLICATE_API_TOKEN/],
    [
      'real Replicate without a yes',
      () => ['--replicate=real'],
      /cost money[^\n]*\nThis is not an interactive terminal\. Add --yes to confirm/,
      { REPLICATE_API_TOKEN: 'r8_x' },
    ],
  ])('%s', async (_, args, sentence, environment = {}) => {
    const { output, exited } = start(args(), environment);
    expect(await exited).toEqual([1, null]);
    expect(output.text).toMatch(sentence);
    expect(output.text).not.toMatch(/^\s+at /m);
  });

  test('an older Node', async () => {
    const older =
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } });";
    const { output, exited } = start([], {}, [
      '--import',
      `data:text/javascript,${encodeURIComponent(older)}`,
    ]);
    expect(await exited).toEqual([1, null]);
    expect(output.text).toMatch(
      /^The local cloud needs Node 24; this is .*Run "npm ci", then "npm start"[^\n]*\n$/,
    );
  });
});
