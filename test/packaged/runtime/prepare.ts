import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** AWS's own client of the Runtime API for Node.js: the program that loads a handler on Lambda. */
const CLIENT = 'aws-lambda-ric@4.0.2';
/** What builds its native part. */
const TOOLS = ['g++', 'make', 'cmake', 'autoreconf', 'libtoolize', 'python3', 'xz'];
/** What other test tools say for "skipped": not 0, so that nothing takes it for a pass. */
const SKIPPED = 77;

const folder = join(import.meta.dirname, '..', '..', '..', '.build', 'runtime');
const packages = join(folder, 'node_modules');
/** Starts a handler: `index.mjs functions/api.handler`. */
export const runtimeClient = join(packages, 'aws-lambda-ric', 'index.mjs');

const isBuilt = () => existsSync(join(packages, 'aws-lambda-ric', 'rapid-client.node'));
const isThere = (tool: string) => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0;

/** Why the client cannot be built here, or undefined. */
function obstacle(): string | undefined {
  if (process.platform !== 'linux') return `it is built on Linux only, and this is ${process.platform}`;
  const missing = TOOLS.filter((tool) => !isThere(tool));
  return missing.length > 0 ? `${missing.join(', ')} missing` : undefined;
}

/** Builds the client once. The headers that it wants are those of the Node.js that the project uses. */
function build(): void {
  console.log(`Building ${CLIENT} in ${folder}. This takes some minutes, once.`);
  const [name = '', version = ''] = CLIENT.split('@');
  const headers = `node-linux-${process.arch}`;
  const dependencies = { [name]: version, [headers]: process.versions.node };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
  const { status } = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--prefix', folder], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, npm_config_nodedir: join(packages, headers) },
  });
  if (status === 0 && isBuilt()) return;
  console.error(`${CLIENT} could not be built. The lines above say why.`);
  process.exitCode = 1;
}

if (import.meta.main && !isBuilt()) {
  const why = obstacle();
  if (why) {
    console.warn(
      `SKIPPED, and so nothing is proved: AWS's runtime client cannot be built here: ${why}. On Debian: apt-get install g++ make cmake autoconf automake libtool python3 xz-utils. This ends with ${SKIPPED}, which is neither a pass nor a failure.`,
    );
    process.exitCode = SKIPPED;
  } else build();
}
