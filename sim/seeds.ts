import { Worker } from 'node:worker_threads';
import { everythingAtOnce } from './everything.ts';
import { play, type Run } from './run.ts';
import { deployedStack } from './stack.ts';

export interface Seeds {
  from: number;
  count: number;
  /** Of each seed. */
  cells: number;
  /** Threads that play at once; with one, this thread plays. */
  cores: number;
  /** Ends it: the seeds that are being played are played to their end. */
  signal: AbortSignal;
  onRun: (run: Run) => void;
}

/** Plays seeds in their order, until one of them breaks a promise. Each is played as it would be alone. */
export async function playSeeds(seeds: Seeds): Promise<void> {
  let next = seeds.from;
  let isBroken = false;
  const take = () =>
    isBroken || seeds.signal.aborted || next >= seeds.from + seeds.count ? undefined : next++;
  const played = (run: Run) => {
    // Of two that break a promise at the same time one is told.
    if (!isBroken) seeds.onRun(run);
    isBroken ||= run.violations.length > 0;
  };
  if (seeds.cores > 1)
    await Promise.all(
      Array.from({ length: Math.min(seeds.cores, seeds.count) }, () => inThread(seeds, take, played)),
    );
  else await here(seeds, take, played);
}

type Take = () => number | undefined;

async function here({ cells }: Seeds, take: Take, played: (run: Run) => void): Promise<void> {
  const stack = await deployedStack();
  for (let seed = take(); seed !== undefined; seed = take())
    played(await play(everythingAtOnce(seed, cells), seed, stack));
}

function inThread({ cells }: Seeds, take: Take, played: (run: Run) => void): Promise<void> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url));
  return new Promise<void>((resolve, reject) => {
    worker.on('message', (message: Run | 'ready') => {
      if (message !== 'ready') played(message);
      const seed = take();
      if (seed === undefined) resolve();
      else worker.postMessage({ seed, cells });
    });
    worker.on('error', reject);
  }).finally(() => worker.terminate());
}
