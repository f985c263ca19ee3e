import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface S3Process {
  url: string;
  /** SIGKILL, and wait until it is gone. */
  kill(): Promise<void>;
  /** The most memory it ever had, in bytes. */
  peakMemory(): Promise<number>;
}

async function answer<T>(child: ChildProcess): Promise<T> {
  const [message] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`The S3 process ended with ${code} before it answered.`);
    }),
  ]);
  return message as T;
}

/** Starts `s3-child.ts` on a data folder. */
export async function startS3Process(dataDir: string, mode = ''): Promise<S3Process> {
  const child = fork(fileURLToPath(new URL('s3-child.ts', import.meta.url)), [dataDir, mode], {
    env: { ...process.env, NODE_OPTIONS: '--disable-warning=ExperimentalWarning' },
    execArgv: [],
  });
  const { url } = await answer<{ url: string }>(child);
  return {
    url,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
    async peakMemory() {
      child.send('memory');
      return (await answer<{ maxRssKb: number }>(child)).maxRssKb * 1024;
    },
  };
}
