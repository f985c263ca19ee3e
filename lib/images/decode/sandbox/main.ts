import { readSync, writeSync } from 'node:fs';
import nodeProcess from 'node:process';
import { isMainThread } from 'node:worker_threads';
import { answer, EXIT, REQUEST_HEAD } from '../frames.ts';
import { closeDoor, memoryFlag, raiseWalls } from './walls.ts';

/**
 * The program of the decoder's process. It reads an image from standard input, says on standard output what it is, and
 * reads the next. It ends with its input, or when an image is too much for it.
 */
const [memoryBytes, pixels, processorMs] = nodeProcess.argv.slice(2).map(Number) as [number, number, number];

/** How often an image's processor time is looked at, in milliseconds. */
const WATCH_MS = 50;

function processorUsed(): number {
  const { user, system } = nodeProcess.cpuUsage();
  return Math.round((user + system) / 1_000);
}

/** Fills a buffer from standard input; false if that ends first. */
function fill(buffer: Buffer): boolean {
  for (let at = 0; at < buffer.length; ) {
    const read = readSync(0, buffer, at, buffer.length - at, null);
    if (read === 0) return false;
    at += read;
  }
  return true;
}

function write(bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

async function serve(): Promise<void> {
  const { look } = await import('./look.ts');
  closeDoor();
  const exit = (code: number) =>
    nodeProcess.exit(Atomics.load(memoryFlag, 0) === 1 ? EXIT.tooMuchMemory : code);
  nodeProcess.on('uncaughtException', () => exit(EXIT.crashed));
  // It is ready.
  write(answer('', Buffer.alloc(0)));
  const head = Buffer.alloc(REQUEST_HEAD);
  while (fill(head)) {
    const bytes = Buffer.allocUnsafeSlow(head.readUInt32BE());
    if (!fill(bytes)) return;
    const before = processorUsed();
    Atomics.store(memoryFlag, 0, 0);
    const watch = setInterval(() => {
      if (processorUsed() - before > processorMs) nodeProcess.exit(EXIT.tooSlow);
    }, WATCH_MS);
    const { rendition = Buffer.alloc(0), ...found } = await look(bytes, pixels);
    clearInterval(watch);
    // The codecs say of memory that they were refused only that they failed.
    if (found.reason === 'damaged' && Atomics.load(memoryFlag, 0) === 1) found.reason = 'too-much-memory';
    const facts = {
      ...found,
      processorMs: processorUsed() - before,
      peakMemoryMb: Math.ceil(nodeProcess.resourceUsage().maxRSS / 1_024),
    };
    write(answer(JSON.stringify(facts), rendition));
  }
}

async function main(): Promise<void> {
  raiseWalls(memoryBytes);
  if (isMainThread) return serve();
  // One of the codecs' threads.
  await import('@img/sharp-wasm32/sharp.node' as string);
  closeDoor();
}

void main().then(() => {
  if (isMainThread) nodeProcess.exit(0);
});
