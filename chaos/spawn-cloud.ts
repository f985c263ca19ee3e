import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import type { StandInEvent } from '@weaudit/replicate-stand-in';
import type { Ports } from '../local/cloud.ts';

export interface CloudProcessOptions {
  dataDir: string;
  /** Free ports by default. */
  ports?: Partial<Ports>;
  /** The stand-in's typical time of a prediction. */
  predictionSeconds: number;
  /** Replaces variables that functions declare. */
  environment: Record<string, string>;
  /** Time limit of dispatch and poll. A message is redelivered a second later. */
  turnSeconds: number;
  /** Between two runs of reconcile. */
  reconcileSeconds: number;
}

export interface CloudProcess {
  process: ChildProcess;
  endpoints: { aws: string; api: string; replicate: string };
}

/** Starts a cloud in another process. */
export async function spawnCloud(options: CloudProcessOptions): Promise<CloudProcess> {
  const script = path.join(import.meta.dirname, 'cloud-process.ts');
  const child = spawn(process.execPath, [script, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  return { process: child, endpoints: JSON.parse(line) };
}

/** Kills it as a power cut would, and waits until its process has ended. */
export async function killCloud({ process: child }: CloudProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** The stand-in's log over all runs of a cloud, from its file. */
export function readLog(dataDir: string): StandInEvent[] {
  const database = new DatabaseSync(path.join(dataDir, 'replicate', 'replicate.sqlite'), { readOnly: true });
  const rows = database.prepare('SELECT seq, record FROM events ORDER BY seq').all();
  database.close();
  return rows.map(({ seq, record }) => ({ seq, ...JSON.parse(String(record)) }));
}
