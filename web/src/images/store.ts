import type { Cells } from '../live/cells.ts';
import { Recent } from './cache.ts';
import { keepRendition, keptRendition } from './kept.ts';
import { resized } from './resizer.ts';

/** Longest edge of a rendition in pixels: sharp in the largest tile on a screen with two pixels per point. */
const EDGE = 400;
/** Fewer than a browser's connections to one server, so that an opened image does not wait for a wall. */
const AT_ONCE = 4;
/** Room for several thousand renditions of about 15 kB. */
const RENDITION_BYTES = 96 * 1024 * 1024;
/** Room for the images opened last, so that going back to one is instant. */
const ORIGINAL_BYTES = 64 * 1024 * 1024;

/** Why an image cannot be shown, as a sentence for the person at the page. */
export class ImageProblem extends Error {
  override name = 'ImageProblem';
  /** Whether a retry later may succeed. */
  readonly temporary: boolean;
  constructor(message: string, temporary = false) {
    super(message);
    this.temporary = temporary;
  }
}

interface Job {
  key: string;
  cells: Cells;
  n: number;
  index: number;
  signal: AbortSignal;
  resolve: (blob: Blob) => void;
  reject: (error: unknown) => void;
}

/**
 * The images of a page. Each original is fetched once and scaled to a small rendition for walls; the browser's own
 * cache keeps it while its address is valid. Images that came into sight last are loaded first.
 */
class ImageStore {
  readonly #renditions = new Recent<Blob>(RENDITION_BYTES);
  readonly #originals = new Recent<Blob>(ORIGINAL_BYTES);
  readonly #fetching = new Map<string, Promise<Blob>>();
  /** Groups of images that came into sight together, in their order. The last group is loaded first. */
  readonly #groups: Job[][] = [];
  #collecting = false;
  #running = 0;

  /** The small copy, if it is in memory. */
  peek(cells: Cells, n: number, index: number): Blob | undefined {
    return this.#renditions.get(keyOf(cells, n, index));
  }

  /** The small copy. Aborting a request that has not started costs nothing. */
  rendition(cells: Cells, n: number, index: number, signal: AbortSignal): Promise<Blob> {
    const key = keyOf(cells, n, index);
    const kept = this.#renditions.get(key);
    if (kept) return Promise.resolve(kept);
    return new Promise((resolve, reject) => {
      this.#collect({ key, cells, n, index, signal, resolve, reject });
    });
  }

  /** The bytes that the model returned, unchanged. */
  async original(cells: Cells, n: number, index: number): Promise<Blob> {
    const key = keyOf(cells, n, index);
    const kept = this.#originals.get(key);
    if (kept) return kept;
    const blob = await this.#fetch(key, cells, n, index);
    this.#originals.set(key, blob, blob.size);
    return blob;
  }

  #collect(job: Job): void {
    if (this.#collecting) this.#groups.at(-1)!.push(job);
    else {
      this.#collecting = true;
      this.#groups.push([job]);
      queueMicrotask(() => {
        this.#collecting = false;
        this.#work();
      });
    }
  }

  #next(): Job | undefined {
    while (this.#groups.at(-1)?.length === 0) this.#groups.pop();
    return this.#groups.at(-1)?.shift();
  }

  #work(): void {
    while (this.#running < AT_ONCE) {
      const job = this.#next();
      if (!job) return;
      if (job.signal.aborted) continue;
      this.#running++;
      this.#render(job)
        .then(job.resolve, job.reject)
        .finally(() => {
          this.#running--;
          this.#work();
        });
    }
  }

  async #render({ key, cells, n, index }: Job): Promise<Blob> {
    const kept = this.#renditions.get(key) ?? (await keptRendition(key));
    if (kept) {
      this.#renditions.set(key, kept, kept.size);
      return kept;
    }
    const original = this.#originals.get(key) ?? (await this.#fetch(key, cells, n, index));
    const small = await resized(original, EDGE).catch(() => {
      throw new ImageProblem(
        'This browser cannot display the image. Download it to open it in another program.',
      );
    });
    this.#renditions.set(key, small, small.size);
    keepRendition(key, small);
    return small;
  }

  #fetch(key: string, cells: Cells, n: number, index: number): Promise<Blob> {
    const running = this.#fetching.get(key);
    if (running) return running;
    const fetching = fetchImage(cells, n, index).finally(() => this.#fetching.delete(key));
    this.#fetching.set(key, fetching);
    return fetching;
  }
}

export const images = new ImageStore();

const keyOf = (cells: Cells, n: number, index: number) => `${cells.plan.id}/${n}/${index}`;

/** Always with CORS, because a browser does not reuse what it fetched without. */
const answer = (url: string): Promise<Response> =>
  fetch(url, { mode: 'cors', credentials: 'omit', referrerPolicy: 'no-referrer' }).catch(interrupted);

/** Fetches an image. An expired address is renewed without a word. */
async function fetchImage(cells: Cells, n: number, index: number): Promise<Blob> {
  const url = await cells.address(n, index);
  if (!url) throw new ImageProblem('The image is no longer available. It may have been deleted.');
  let response = await answer(url);
  if (response.status === 403 || response.status === 400) {
    const renewed = await cells.address(n, index, url);
    if (renewed && renewed !== url) response = await answer(renewed);
  }
  if (response.ok) return response.blob().catch(interrupted);
  if (response.status >= 500 || response.status === 429)
    throw new ImageProblem('The image could not be loaded. The page retries automatically.', true);
  throw new ImageProblem(
    `The image could not be loaded (status ${response.status}). Reload the page. If it persists, tell an operator.`,
  );
}

/** No answer arrived, or only a part of one. */
function interrupted(): never {
  throw new ImageProblem(
    navigator.onLine
      ? 'The image could not be loaded. The page retries automatically.'
      : 'You are offline. The image loads when you reconnect.',
    true,
  );
}
