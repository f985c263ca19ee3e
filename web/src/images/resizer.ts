import type { ResizeAnswer, ResizeRequest } from './resize.ts';

/** The address of the worker. The build fills it in. */
declare const RESIZE_WORKER: string;

type Settle = { resolve: (blob: Blob) => void; reject: (error: Error) => void };

const WORKERS = 2;
const pending = new Map<number, Settle>();
let workers: Worker[] | undefined;
let count = 0;

function start(): Worker[] {
  return Array.from({ length: WORKERS }, () => {
    const worker = new Worker(RESIZE_WORKER, { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<ResizeAnswer>) => {
      const settle = pending.get(data.id);
      pending.delete(data.id);
      if ('blob' in data) settle?.resolve(data.blob);
      else settle?.reject(new Error(data.error));
    };
    return worker;
  });
}

/**
 * A copy of an image whose longest edge has at most `edge` pixels. In a browser without OffscreenCanvas it is the
 * original, which only costs memory.
 * @throws {Error} if the browser cannot decode the image
 */
export function resized(blob: Blob, edge: number): Promise<Blob> {
  if (typeof OffscreenCanvas === 'undefined') return Promise.resolve(blob);
  workers ??= start();
  const id = count++;
  const request: ResizeRequest = { id, blob, edge };
  return new Promise((resolve, reject) => {
    pending.set(id, { resolve, reject });
    workers![id % WORKERS]!.postMessage(request);
  });
}
