import type { Cells } from '../live/cells.ts';
import { Recent } from './cache.ts';
import { keepRendition, keptRendition } from './kept.ts';
import { resized } from './resizer.ts';

/** Longest edge of a rendition in pixels: sharp in the largest tile of a screen with two pixels a point. */
const EDGE = 400;
/** Fewer than a browser opens to one server, so that an image that is opened need not wait for a wall. */
const AT_ONCE = 4;
/** Renditions are about 15 kB each, so these are some thousand. */
const RENDITION_BYTES = 96 * 1024 * 1024;
/** The images opened last, so that going back and forth between some is instant. */
const ORIGINAL_BYTES = 64 * 1024 * 1024;

/** Why an image cannot be shown, as a sentence. */
export class ImageProblem extends Error {
  override name = 'ImageProblem';
  /** True where asking again later may well succeed. */
  readonly passing: boolean;
  constructor(message: string, passing = false) {
    super(message);
    this.passing = passing;
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
 * The images of a page. An original is fetched once and gives a small rendition for walls; the browser's own cache
 * keeps it for as long as its address holds. What came into sight last is loaded first.
 */
class ImageStore {
  readonly #renditions = new Recent<Blob>(RENDITION_BYTES);
  readonly #originals = new Recent<Blob>(ORIGINAL_BYTES);
  readonly #fetching = new Map<string, Promise<Blob>>();
  /** What came into sight together, in its order; the last group goes first. */
  readonly #groups: Job[][] = [];
  #collecting = false;
  #running = 0;

  /** A small copy if it is at hand. */
  peek(cells: Cells, n: number, index: number): Blob | undefined {
    return this.#renditions.get(keyOf(cells, n, index));
  }

  /** A small copy. Aborting a request that has not begun costs nothing. */
  rendition(cells: Cells, n: number, index: number, signal: AbortSignal): Promise<Blob> {
    const key = keyOf(cells, n, index);
    const kept = this.#renditions.get(key);
    if (kept) return Promise.resolve(kept);
    return new Promise((resolve, reject) => {
      this.#collect({ key, cells, n, index, signal, resolve, reject });
    });
  }

  /** The very bytes that the model returned. */
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
      throw new ImageProblem('This browser cannot show the image. Download it to look at it elsewhere.');
    });
    this.#renditions.set(key, small, small.size);
    keepRendition(key, small);
    return small;
  }

  #fetch(key: string, cells: Cells, n: number, index: number): Promise<Blob> {
    const under = this.#fetching.get(key);
    if (under) return under;
    const fetching = fetchImage(cells, n, index).finally(() => this.#fetching.delete(key));
    this.#fetching.set(key, fetching);
    return fetching;
  }
}

export const images = new ImageStore();

const keyOf = (cells: Cells, n: number, index: number) => `${cells.plan.id}/${n}/${index}`;

/** Always with CORS: a browser does not reuse what it fetched without. */
const answer = (url: string): Promise<Response> =>
  fetch(url, { mode: 'cors', credentials: 'omit', referrerPolicy: 'no-referrer' }).catch(cut);

/** Fetches an image; an address that ran out is renewed unseen. */
async function fetchImage(cells: Cells, n: number, index: number): Promise<Blob> {
  const url = await cells.address(n, index);
  if (!url) throw new ImageProblem('The image is not there any more.');
  let response = await answer(url);
  if (response.status === 403 || response.status === 400) {
    const renewed = await cells.address(n, index, url);
    if (renewed && renewed !== url) response = await answer(renewed);
  }
  if (response.ok) return response.blob().catch(cut);
  if (response.status >= 500 || response.status === 429)
    throw new ImageProblem('The image could not be loaded. The page tries again.', true);
  throw new ImageProblem(
    `The image could not be loaded (${response.status}). Reload the page; if it stays, tell an operator.`,
  );
}

/** No answer came, or only a part of one. */
function cut(): never {
  throw new ImageProblem(
    navigator.onLine
      ? 'The image could not be loaded. The page tries again.'
      : 'You are offline; the image is not loaded yet.',
    true,
  );
}
