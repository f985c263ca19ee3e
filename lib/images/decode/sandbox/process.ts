import nodeProcess from 'node:process';

/**
 * What sharp and its glue see of the process: enough to start, and nothing of the machine, its environment or its
 * files. esbuild puts it instead of every global `process` in the bundle.
 */
export const process = {
  versions: { node: nodeProcess.versions.node },
  version: nodeProcess.version,
  platform: 'linux',
  arch: 'wasm32',
  argv: [] as string[],
  // One image at a time, on one thread.
  env: { VIPS_CONCURRENCY: '1', UV_THREADPOOL_SIZE: '1' },
  stdin: { fd: 0 },
  exitCode: undefined as number | undefined,
  cwd: () => '/',
  // The numbers of Linux, which the glue translates to and from.
  binding: () => ({
    fs: {
      O_APPEND: 1024,
      O_CREAT: 64,
      O_EXCL: 128,
      O_NOCTTY: 256,
      O_RDONLY: 0,
      O_RDWR: 2,
      O_SYNC: 1052672,
      O_TRUNC: 512,
      O_WRONLY: 1,
      O_NOFOLLOW: 131072,
    },
  }),
  on(name: string, listener: (error: Error) => void) {
    if (name === 'uncaughtException') nodeProcess.on(name, listener);
  },
  once() {},
  emitWarning() {},
  nextTick: nodeProcess.nextTick,
  exit: (code?: number) => nodeProcess.exit(code),
};
