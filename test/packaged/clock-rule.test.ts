import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** build/clock.grit, the lint rule by which no test is judged by the clock. */

const ROOT = path.join(import.meta.dirname, '..', '..');

const REFUSED = [
  "import { setTimeout as sleep } from 'node:timers/promises';",
  'setTimeout(() => {}, 20);',
  'await new Promise((resolve) => setTimeout(resolve, 20));',
  'const start = performance.now();',
  'expect(Date.now() - start).toBeLessThan(2_000);',
  'const left = end - Date.now();',
  'while (Date.now() < end) look();',
  'jest.setTimeout(60_000);',
  "test('slow', async () => {}, 60_000);",
  'beforeAll(async () => {}, 60_000);',
  "test.each([1])('slow', async () => {}, 60_000);",
  'finish(AbortSignal.timeout(5_000));',
];
const ALLOWED = [
  "import { setImmediate } from 'node:timers/promises';",
  'const stale = new Date(Date.now() - 301_000);',
  'const old = new Date(Date.now() - days * DAY_MS);',
  "test('quick', async () => {});",
  'finish(AbortSignal.timeout(600_000));',
];

/** The lines of a test file that the rule reports. */
async function reported(lines: string[]): Promise<string[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'clock-rule-'));
  try {
    const plugins = [path.join(ROOT, 'build', 'clock.grit')];
    const linter = { rules: { preset: 'none' } };
    await writeFile(path.join(folder, 'biome.json'), JSON.stringify({ plugins, linter }));
    await writeFile(path.join(folder, 'a.test.ts'), lines.join('\n'));
    const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');
    const args = [biome, 'lint', '--reporter=github', '--max-diagnostics=100'];
    const output = await new Promise<string>((resolve) =>
      execFile(process.execPath, args, { cwd: folder }, (_error, stdout) => resolve(stdout)),
    );
    const numbers = [...output.matchAll(/a\.test\.ts,line=(\d+)/g)].map(([, line]) => Number(line));
    return [...new Set(numbers)].sort((a, b) => a - b).map((line) => lines[line - 1]!);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('a test that sleeps, measures time or has a limit of its own is refused, and nothing else is', async () => {
  expect(await reported([...REFUSED, ...ALLOWED])).toEqual(REFUSED);
});
