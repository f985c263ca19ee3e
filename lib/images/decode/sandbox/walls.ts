import module from 'node:module';
import nodeProcess from 'node:process';
import { isMainThread, workerData } from 'node:worker_threads';
import { process } from './process.ts';

const PAGE_BYTES = 65_536;

/** Set to 1 by any thread that was refused more memory. */
export const memoryFlag: Int32Array = isMainThread
  ? new Int32Array(new SharedArrayBuffer(4))
  : (workerData as Int32Array);

/** The language itself, and what bundle and glue use of Node. Everything else goes, above all what reaches a network. */
const KEPT = new Set([
  ...[
    'Object',
    'Function',
    'Array',
    'Number',
    'parseFloat',
    'parseInt',
    'isNaN',
    'isFinite',
    'Infinity',
    'NaN',
    'undefined',
    'Boolean',
  ],
  ...['String', 'Symbol', 'Date', 'Promise', 'RegExp', 'Error', 'AggregateError', 'EvalError', 'RangeError'],
  ...[
    'ReferenceError',
    'SyntaxError',
    'TypeError',
    'URIError',
    'globalThis',
    'JSON',
    'Math',
    'ArrayBuffer',
    'Atomics',
  ],
  ...['Uint8Array', 'Int8Array', 'Uint16Array', 'Int16Array', 'Uint32Array', 'Int32Array', 'Float32Array'],
  ...[
    'Float64Array',
    'Uint8ClampedArray',
    'BigUint64Array',
    'BigInt64Array',
    'DataView',
    'Map',
    'BigInt',
    'Set',
  ],
  ...[
    'WeakMap',
    'WeakSet',
    'WeakRef',
    'FinalizationRegistry',
    'Proxy',
    'Reflect',
    'SharedArrayBuffer',
    'WebAssembly',
  ],
  ...['decodeURI', 'decodeURIComponent', 'encodeURI', 'encodeURIComponent', 'escape', 'unescape', 'Iterator'],
  ...['Buffer', 'TextDecoder', 'TextEncoder', 'performance', 'queueMicrotask', 'structuredClone', 'URL'],
  ...['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'],
]);

/** As much of it as is used here; Node's types leave it out. */
interface Memory {
  readonly buffer: SharedArrayBuffer;
  grow(pages: number): number;
}
interface MemoryDescriptor {
  maximum: number;
}
const wasm = Reflect.get(globalThis, 'WebAssembly') as {
  Memory: { new (descriptor: MemoryDescriptor): Memory; prototype: Memory };
};

/** What the codecs allocate from. */
let memory: Memory | undefined;

/** Whether the codecs were refused memory since this was last asked. */
export const wasRefusedMemory = (): boolean => Atomics.exchange(memoryFlag, 0, 0) === 1;

/** Whether the codecs have so much memory that they do not even ask for the double of it. */
export const isNearlyOutOfMemory = (memoryBytes: number): boolean =>
  (memory?.buffer.byteLength ?? 0) > memoryBytes / 2;

/** Bounds what the codecs may allocate, and takes from the realm what no decoder needs. */
export function raiseWalls(memoryBytes: number): void {
  const { Memory } = wasm;
  const { grow } = Memory.prototype;
  Memory.prototype.grow = function (this: Memory, pages: number) {
    try {
      return grow.call(this, pages);
    } catch (error) {
      Atomics.store(memoryFlag, 0, 1);
      throw error;
    }
  };
  const maximum = Math.floor(memoryBytes / PAGE_BYTES);
  wasm.Memory = new Proxy(Memory, {
    construct(target, [descriptor]) {
      memory = new target({ ...descriptor, maximum: Math.min(descriptor.maximum, maximum) });
      return memory;
    },
  });
  for (const name of Object.getOwnPropertyNames(globalThis))
    if (!KEPT.has(name)) Reflect.deleteProperty(globalThis, name);
  const silent = () => {};
  Object.assign(globalThis, { process, console: { log: silent, error: silent, warn: silent } });
}

const refuse = (name: unknown): never => {
  throw new Error(`The sandbox loads nothing: ${name}`);
};

/** From here on no module is loaded, in whatever way it is asked for. */
export function closeDoor(): void {
  module.registerHooks({ resolve: refuse });
  (module as unknown as { _load: (name: string) => never })._load = refuse;
  nodeProcess.getBuiltinModule = refuse;
}
