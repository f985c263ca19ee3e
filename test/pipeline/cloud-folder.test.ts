import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LocalError } from '@weaudit/aws-emulator/local-error';
import { startCloud } from '../../local/cloud.ts';

const FILES = [
  'lock.sqlite',
  'queue.sqlite',
  's3/objects.sqlite',
  'replicate/replicate.sqlite',
  'parameters.json',
];
const FOLDERS = ['s3', 's3/bodies', 'replicate', 'logs'];

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(path.join(tmpdir(), 'weaudit-folder-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const start = () => startCloud({ dataDir, warn: () => {} });
/** A path in the data folder; what is above it is made. */
function at(name: string): string {
  const file = path.join(dataDir, name);
  mkdirSync(path.dirname(file), { recursive: true });
  return file;
}

/** One sentence or two: the data folder, what is wrong with which file, and the way out. */
async function expectRefused(file: string, problem: RegExp, wayOut: RegExp): Promise<void> {
  const error: unknown = await start().then(
    (cloud) => cloud.stop(),
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(LocalError);
  const { message } = error as LocalError;
  expect(message).toContain(`The data folder ${dataDir} cannot be used: ${file} `);
  expect(message).toMatch(problem);
  expect(message).toMatch(wayOut);
  expect(message).toMatch(/--data <folder>\.$/);
}

test.each(FILES)('%s that is corrupt is named, with the way out', async (name) => {
  const file = at(name);
  writeFileSync(file, 'neither a database nor JSON'.repeat(400));
  await expectRefused(
    file,
    /cannot be read as (a database|JSON) \(/,
    /Restore it from a copy, or move it away/,
  );
});

test.each(FILES)('a folder that stands where %s must be is named, with the way out', async (name) => {
  const file = at(name);
  mkdirSync(file);
  await expectRefused(file, /is a folder where a file must be/, /Move it away/);
});

test.each(FOLDERS)(
  'a file that stands where the folder %s must be is named, with the way out',
  async (name) => {
    const file = at(name);
    writeFileSync(file, '');
    await expectRefused(file, /because a file is in its place/, /Move it away/);
  },
);
