import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Mounts need a namespace of users and one of mounts, which Linux alone has, and not everywhere. */
const NAMESPACES = ['-U', '-r', '-m'];
export const canMount =
  process.platform === 'linux' &&
  spawnSync('unshare', [...NAMESPACES, 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]).status === 0;

export interface SmallDisk {
  /** Its path for programs that `run` starts. */
  folder: string;
  /** Starts a program of Node that sees the disk. */
  run(...args: string[]): ChildProcess;
  /** Leaves not one byte free. */
  fill(): void;
  /** Removes what `fill` wrote. */
  free(): void;
  end(): Promise<void>;
}

/** A disk of its own of so many megabytes, in memory. Only where `canMount`. */
export async function smallDisk(megabytes: number): Promise<SmallDisk> {
  const folder = mkdtempSync(path.join(tmpdir(), 'small-disk-'));
  const script = `mount -t tmpfs -o size=${megabytes}m tmpfs "$0" && echo mounted && exec sleep infinity`;
  const holder = spawn('unshare', [...NAMESPACES, 'sh', '-c', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  const filler = `/proc/${holder.pid}/root${folder}/filler`;
  return {
    folder,
    run: (...args) =>
      spawn(
        'nsenter',
        ['--preserve-credentials', '-U', '-m', '-t', String(holder.pid), process.execPath, ...args],
        { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '' } },
      ),
    fill() {
      const file = openSync(filler, 'a');
      try {
        for (const bytes of [Buffer.alloc(65_536), Buffer.alloc(1)]) writeUntilFull(file, bytes);
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    async end() {
      holder.kill('SIGKILL');
      if (holder.signalCode === null) await once(holder, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function writeUntilFull(file: number, bytes: Buffer): void {
  try {
    for (;;) writeSync(file, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
