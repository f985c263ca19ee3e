import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { fingerprint, sweep } from '../prepared.ts';

const run = promisify(execFile);

/** Everything the printed configuration depends on: the declarations, the plugins and the framework. */
const SOURCES = ['serverless.yml', 'package-lock.json', 'infra/**/*', 'build/**/*.cjs'];

/**
 * The configuration as `serverless print --stage <stage>` resolves it. The framework takes seconds to start, so the
 * result is kept in `cacheDir` until one of its sources changes.
 */
export async function printStack(root: string, stage: string, cacheDir: string): Promise<unknown> {
  const cached = path.join(cacheDir, `${stage}-${await fingerprint(root, SOURCES)}.json`);
  const known = await readFile(cached, 'utf8').catch(() => undefined);
  if (known !== undefined) return JSON.parse(known) as unknown;

  const cli = createRequire(path.join(root, 'package.json')).resolve('serverless/bin/serverless.js');
  let printed: string;
  try {
    // Only PATH and HOME: neither a profile nor a credential of the developer can influence the local stack.
    const { stdout } = await run(process.execPath, [cli, 'print', '--stage', stage, '--format', 'json'], {
      cwd: root,
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        SLS_TELEMETRY_DISABLED: '1',
        SLS_NOTIFICATIONS_MODE: 'off',
      },
      maxBuffer: 64 * 1024 * 1024,
    });
    printed = stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(
      `serverless.yml cannot be read, so the local cloud cannot know what to run. "npx serverless print --stage ${stage}" says:\n${`${stdout}\n${stderr}`.trim() || String(error)}`,
    );
  }
  const parsed = JSON.parse(printed.slice(printed.indexOf('{'))) as unknown;
  await mkdir(cacheDir, { recursive: true });
  // Written beside and renamed, so that two starts at once cannot read half a file.
  await writeFile(`${cached}.${process.pid}`, printed.slice(printed.indexOf('{')));
  await rename(`${cached}.${process.pid}`, cached);
  await sweep(cacheDir, path.basename(cached));
  return parsed;
}
