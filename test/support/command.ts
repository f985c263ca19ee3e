import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestCloud } from './cloud.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const WEAUDIT = path.join(ROOT, 'cli', 'weaudit.js');
/** A command that hangs fails its test with what it said, not the whole run. */
const LIMIT_MS = 300_000;

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** What it reads on standard input. */
  input?: string;
  env?: Record<string, string>;
}

/** What a terminal shows is made by util-linux's `script`; undefined where there is none. */
export const hasTerminal = (): boolean => {
  const found = spawnSync('script', ['--version'], { encoding: 'utf8' });
  return found.status === 0 && found.stdout.includes('util-linux');
};

async function ended(command: string, args: string[], env: NodeJS.ProcessEnv, input: string): Promise<Ended> {
  const child = spawn(command, args, { cwd: ROOT, env, timeout: LIMIT_MS });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [stdout, stderr, status] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.on('close', resolve)),
  ]);
  return { status, stdout, stderr };
}

/** The command line as a process of its own, in a pipe or on a terminal, against a test's cloud. */
export function commandLine(test: Pick<TestCloud, 'cloud' | 'dataDir'>) {
  const environment = (env: Record<string, string> = {}) => ({
    PATH: process.env.PATH,
    HOME: test.dataDir,
    WEAUDIT_URL: test.cloud.endpoints.api,
    AWS_ENDPOINT_URL: test.cloud.endpoints.aws,
    ...env,
  });
  const run = (args: string[], { input = '', env }: RunOptions = {}) =>
    ended(process.execPath, [WEAUDIT, ...args], environment(env), input);
  return {
    run,
    /** Starts a command, for a test that ends it itself. */
    start: (args: string[]) =>
      spawn(process.execPath, [WEAUDIT, ...args], {
        cwd: ROOT,
        env: environment(),
        stdio: 'ignore',
        timeout: LIMIT_MS,
      }),
    /** As `run`, with `--json`, and the document it printed. */
    // biome-ignore lint/suspicious/noExplicitAny: tests look into documents freely
    async json(args: string[], options?: RunOptions): Promise<Ended & { document: any }> {
      const result = await run([...args, '--json'], options);
      return { ...result, document: JSON.parse(result.stdout) };
    },
    /** Writes a file for a command to read: text, bytes, or anything else as JSON. @returns its path */
    file(name: string, content: unknown): string {
      const target = path.join(test.dataDir, name);
      const isRaw = typeof content === 'string' || content instanceof Uint8Array;
      writeFileSync(target, isRaw ? content : JSON.stringify(content));
      return target;
    },
    /** On a pseudo-terminal, where both streams are one. */
    terminal: (args: string[], { input = '', env }: RunOptions = {}) => {
      const quoted = [process.execPath, WEAUDIT, ...args].map((arg) => `'${arg.replaceAll("'", "'\\''")}'`);
      return ended(
        'script',
        ['-qec', quoted.join(' '), '/dev/null'],
        environment({ TERM: 'xterm', ...env }),
        input,
      );
    },
  };
}

/** A script of the project (not TypeScript's: any program) with the test's cloud in its environment. */
export const runProgram = (args: string[], env: Record<string, string>): Promise<Ended> =>
  ended(process.execPath, args, { PATH: process.env.PATH, HOME: process.env.HOME, ...env }, '');
