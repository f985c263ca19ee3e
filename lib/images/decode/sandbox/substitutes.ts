import { readFileSync as readFile } from 'node:fs';
import path from 'node:path';
import * as threads from 'node:worker_threads';
import { memoryFlag } from './walls.ts';

/**
 * What sharp and its WebAssembly glue get instead of Node's modules for files, the machine, child processes,
 * randomness and threads. The glue links Emscripten's raw file system, which would open any path of the machine.
 */

const refuse = (name: string) => () => {
  throw Object.assign(new Error(`${name} is not there in the sandbox`), { code: 'ENOENT' });
};

// node:fs, node:tty
export const constants = {};
/** The glue reads one file: its WebAssembly. Whatever it asks for, it gets that. */
export const readFileSync = () => readFile(path.join(__dirname, 'codecs.wasm'));
/** It looks at standard input, output and error when it starts. */
export const fstatSync = (fd: number) => ({ ino: fd, mode: 0o20000, size: 0 });
export const isatty = () => false;
/** What the codecs print goes nowhere: standard output carries answers. */
export const writeSync = (_fd: number, bytes: { length: number }) => bytes.length;
export const openSync = refuse('openSync');
export const lstatSync = refuse('lstatSync');
export const statSync = refuse('statSync');
export const readSync = refuse('readSync');
export const closeSync = () => {};

// node:os, detect-libc, node:child_process
export const cpus = () => [{}];
export const availableParallelism = () => 1;
export const familySync = () => null;
export const GLIBC = 'glibc';
export const MUSL = 'musl';
export const spawnSync = refuse('spawnSync');

// node:crypto
export const randomFillSync = (view: Uint8Array) => view.fill(4);

// node:worker_threads: the glue's threads are this program again, whatever it asks to be run.
export const { isMainThread, parentPort } = threads;
export const workerData = isMainThread ? null : 'em-pthread';
export function Worker() {
  const worker = new threads.Worker(__filename, {
    workerData: memoryFlag,
    env: {},
    stdout: true,
    stderr: true,
  });
  // Its methods, and no way to its class, which would run any code.
  return {
    on: (name: string, listener: (value: unknown) => void) => void worker.on(name, listener),
    postMessage: (message: unknown) => worker.postMessage(message),
    terminate: () => void worker.terminate(),
    ref: () => worker.ref(),
    unref: () => worker.unref(),
  };
}
