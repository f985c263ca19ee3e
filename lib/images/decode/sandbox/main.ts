import { readSync, writeSync } from 'node:fs';
import nodeProcess from 'node:process';
import { isMainThread } from 'node:worker_threads';
import { answer, EXIT, REQUEST_HEAD } from '../frames.ts';
import type { Found } from './look.ts';
import { closeDoor, isNearlyOutOfMemory, raiseWalls, wasRefusedMemory } from './walls.ts';

/**
 * The program of the decoder's process. It reads an image from standard input, says on standard output what it is, and
 * reads the next. It ends with its input, or when an image is too much for it.
 */
const [memoryBytes, pixels, processorMs] = nodeProcess.argv.slice(2).map(Number) as [number, number, number];

/** How often an image's processor time is looked at, in milliseconds. */
const WATCH_MS = 50;
/** Less than that between two looks is what looking itself takes: a thread that crashed leaves the others waiting. */
const IDLE_MS = 2;
const MOST_IDLE = 100;

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

/** Ends the process when an image takes too long: too much of the processor, or none at all. @returns what stops it */
function watch(): () => void {
  const began = processorUsed();
  let before = began;
  let idle = 0;
  const timer = setInterval(() => {
    const now = processorUsed();
    idle = now - before < IDLE_MS ? idle + 1 : 0;
    before = now;
    if (now - began > processorMs || idle > MOST_IDLE) nodeProcess.exit(EXIT.tooSlow);
  }, WATCH_MS);
  return () => clearInterval(timer);
}

async function serve(): Promise<void> {
  const { look } = await import('./look.ts');
  closeDoor();
  nodeProcess.on('uncaughtException', () =>
    nodeProcess.exit(
      wasRefusedMemory() || isNearlyOutOfMemory(memoryBytes) ? EXIT.tooMuchMemory : EXIT.crashed,
    ),
  );
  // It is ready.
  write(answer('', Buffer.alloc(0)));
  const head = Buffer.alloc(REQUEST_HEAD);
  while (fill(head)) {
    const bytes = Buffer.allocUnsafeSlow(head.readUInt32BE());
    if (!fill(bytes)) return;
    const began = processorUsed();
    wasRefusedMemory();
    const stop = watch();
    const say = ({ rendition = Buffer.alloc(0), ...found }: Found) => {
      const facts = {
        ...found,
        processorMs: processorUsed() - began,
        peakMemoryMb: Math.ceil(nodeProcess.resourceUsage().maxRSS / 1_024),
      };
      write(answer(JSON.stringify(facts), rendition));
    };
    const found = await look(bytes, pixels, (known) => say({ ...known, reason: 'crashed' }));
    stop();
    // The codecs say of memory that they were refused only that they failed.
    if (found.reason === 'damaged' && wasRefusedMemory()) found.reason = 'too-much-memory';
    say(found);
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
