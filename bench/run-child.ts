import { spawn } from 'node:child_process';
import path from 'node:path';

export interface ChildJob {
  /** Absolute path of a bundle that exports `handler`: `.cjs` or `.mjs`. */
  bundle: string;
  /** Handled one after the other. */
  events: unknown[];
}

/** What a child measured of itself. Times in ms, memory in MB (2^20 bytes), CPU in ms. */
export interface ChildResult {
  initMs: number;
  /** After the bundle was loaded, before the first event. */
  rssMb: number;
  peakMb: number;
  events: { ms: number; cpuMs: number; peakMb: number; result: unknown }[];
}

const CHILD = path.join(import.meta.dirname, 'child.cjs');

/**
 * Runs a handler in its own process. Node sometimes hangs while it exits, and a stalled server would block it forever, so a
 * child that does not answer in time is killed, and its run fails.
 * @throws {Error} with what the child wrote to stderr
 */
export function runChild(
  job: ChildJob,
  environment: Record<string, string>,
  limitMs = 30_000,
): Promise<ChildResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD], {
      env: environment,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
    let answer = '';
    let errors = '';
    const limit = setTimeout(() => child.kill('SIGKILL'), limitMs);
    child.stdio[3]!.on('data', (chunk) => {
      answer += chunk;
      // The answer is complete; do not wait for the exit.
      if (answer.endsWith('\n')) child.kill('SIGKILL');
    });
    child.stdout!.on('data', () => {});
    child.stderr!.on('data', (chunk) => {
      errors += chunk;
    });
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(limit);
      const result = answer.endsWith('\n')
        ? (JSON.parse(answer) as ChildResult & { error?: string })
        : undefined;
      if (result && result.error === undefined) resolve(result);
      else
        reject(
          new Error(
            `${path.basename(job.bundle)} did not finish within ${limitMs} ms: ${result?.error ?? errors.slice(-2_000)}`,
          ),
        );
    });
    child.stdin!.end(JSON.stringify(job));
  });
}
