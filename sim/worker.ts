import { parentPort } from 'node:worker_threads';
import { everythingAtOnce } from './everything.ts';
import { play } from './run.ts';
import { deployedStack } from './stack.ts';

// A thread of seeds.ts: it plays the seeds that it is sent.
Error.stackTraceLimit = 3;
const stack = await deployedStack();
parentPort!.on('message', async ({ seed, cells }: { seed: number; cells: number }) => {
  parentPort!.postMessage(await play(everythingAtOnce(seed, cells), seed, stack));
});
parentPort!.postMessage('ready');
