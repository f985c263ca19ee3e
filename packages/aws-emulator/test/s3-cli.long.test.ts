import { execFile, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { type Endpoint, startEndpoint } from './s3-endpoint.ts';

const run = promisify(execFile);
const installed = spawnSync('aws', ['--version']).status === 0;
const withCli = installed ? test : test.skip;

let s3: Endpoint;
let folder: string;
beforeAll(async () => {
  s3 = await startEndpoint();
  folder = await mkdtemp(join(tmpdir(), 'weaudit-cli-'));
});
afterAll(async () => {
  await s3.end();
  await rm(folder, { recursive: true, force: true });
});

async function aws(...args: string[]): Promise<string> {
  const environment = {
    PATH: process.env.PATH,
    HOME: folder,
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_DEFAULT_REGION: 'eu-central-1',
  };
  const url = s3.url.replace('127.0.0.1', 'localhost');
  const { stdout } = await run('aws', ['--endpoint-url', url, ...args], { env: environment });
  return stdout;
}

// Skipped where there is no AWS CLI: it is no dependency of this project.
withCli(
  'the AWS CLI syncs a folder there and back, lists and removes it',
  async () => {
    const [there, back] = [join(folder, 'there'), join(folder, 'back')];
    await mkdir(join(there, 'sub dir'), { recursive: true });
    const files: Record<string, Buffer> = {
      'a+b%20c.txt': Buffer.from('signs'),
      empty: Buffer.alloc(0),
      // Beyond 8 MB the CLI uploads and downloads in parts.
      'large.bin': Buffer.alloc(9_000_000, 'large'),
      'sub dir/é ü.txt': Buffer.from('accents'),
    };
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(there, name), bytes);

    await aws('s3', 'sync', there, 's3://versioned/folder', '--no-progress');
    const listed = await aws('s3', 'ls', '--recursive', 's3://versioned/folder/');
    for (const name of Object.keys(files)) expect(listed).toContain(`folder/${name}`);

    await aws('s3', 'sync', 's3://versioned/folder', back, '--no-progress');
    expect(await readdir(back)).toHaveLength(4);
    for (const [name, bytes] of Object.entries(files)) {
      expect((await readFile(join(back, name))).equals(bytes)).toBe(true);
    }
    await aws('s3', 'rm', '--recursive', 's3://versioned/folder');
    const left = await s3.client.send(new ListObjectsV2Command({ Bucket: 'versioned' }));
    expect(left.KeyCount).toBe(0);
  },
  60_000,
);
