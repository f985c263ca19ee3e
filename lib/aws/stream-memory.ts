import { setFlagsFromString } from 'node:v8';

/**
 * Sets V8's collector for functions that move large bodies through a small heap. Called when everything is loaded: a
 * changed flag makes V8 refuse the code cache of Node.js's own modules, which costs a cold start 25 ms.
 *
 * - Streams leave buffers behind faster than a lazy collector frees them: a young generation that never grows keeps
 *   them few. `NODE_OPTIONS=--max-semi-space-size` would say the same, but Lambda's start script may give V8 its own
 *   value on the command line, which weighs more.
 * - Buffers that outlive two collections of a small young generation count as old ones. By itself V8 collects the old
 *   ones whenever they have grown by about 8 MB, marking the whole heap each time: a third of the processor time of a
 *   stored megabyte. At three times its size (`heap-growing-percent` is what comes on top) it does so hardly ever.
 */
export function tuneHeapForStreams(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=200');
}
