#!/usr/bin/env node
// Plain JavaScript, so that any Node can read it: it finds a Node that runs TypeScript and starts the program there.
import { spawn } from 'node:child_process';
import module from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Node 24 runs the sources as they are; it comes with the project's own packages. */
const NEEDED = 24;

if (Number(process.versions.node.split('.')[0]) >= NEEDED) {
  // What was compiled once starts in half the time from then on.
  module.enableCompileCache();
  await import('./main.ts');
} else startUnderNeededNode();

function startUnderNeededNode() {
  let node;
  try {
    const folder = dirname(module.createRequire(import.meta.url).resolve('node/package.json'));
    node = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  } catch {
    console.error(
      `weaudit needs Node ${NEEDED}; this is ${process.version}. Run "npm ci" in the project's folder: it brings one along.`,
    );
    process.exit(1);
  }
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both; the child decides what it means, and this one waits for it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => {
      if (signal !== 'SIGINT') child.kill(signal);
    });
  child.on('error', (error) => {
    console.error(`${node} could not be started (${error.message}). Run "npm ci" again.`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal ?? ''] ?? 0)));
}
