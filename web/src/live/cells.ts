import { PAGE } from '../../../lib/limits.ts';
import { isTemporary, readPredictions } from '../api/client.ts';
import type { Plan, Prediction } from '../api/types.ts';

/** Cells in one answer of the API. */
export const BLOCK = PAGE.most;
const AT_ONCE = 3;
const RETRY_MS = 3_000;
/** Addresses of a block are mostly valid for so long. One whose credentials end sooner is renewed when its image is loaded. */
const ADDRESS_MS = 3_500_000;

interface Block {
  predictions: Prediction[];
  /** Milliseconds. */
  readAt: number;
  /** Whether something in it may still change. */
  open: boolean;
}

/** Which of an image's files: the small one for tiles, or the bytes that the model returned. */
export type Size = 'rendition' | 'original';

const isOpen = ({ status, images }: Prediction) =>
  status === 'waiting' || status === 'running' || images.some((image) => image.status === 'pending');

/**
 * The loaded predictions of an audit, in blocks of a hundred. Blocks in sight are loaded first, the others after them.
 * A block in which nothing can change any more is not loaded again.
 */
export class Cells {
  readonly plan: Plan;
  readonly #blocks = new Map<number, Block>();
  readonly #listeners = new Set<() => void>();
  readonly #onProblem: (error: unknown) => void;
  readonly #loading = new Map<number, Promise<void>>();
  /** Blocks to load; the next one is last. */
  #queue: number[] = [];
  /** Blocks in sight, by view. */
  readonly #inSight = new Map<string, Set<number>>();
  #closed = false;

  constructor(plan: Plan, onProblem: (error: unknown) => void) {
    this.plan = plan;
    this.#onProblem = onProblem;
    this.#queue = Array.from({ length: this.#count }, (_, i) => this.#count - 1 - i);
  }

  get #count(): number {
    return Math.ceil(this.plan.cells / BLOCK);
  }

  /** Number of loaded cells. */
  get loaded(): number {
    let cells = 0;
    for (const { predictions } of this.#blocks.values()) cells += predictions.length;
    return cells;
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  at(n: number): Prediction | undefined {
    return this.#blocks.get(Math.floor(n / BLOCK))?.predictions[n % BLOCK];
  }

  /**
   * Says which cells a view shows; their blocks are loaded first.
   * @returns a function to call when the view no longer shows them
   */
  want(view: string, cells: Iterable<number>): () => void {
    const blocks = new Set([...cells].map((n) => Math.floor(n / BLOCK)));
    this.#inSight.set(view, blocks);
    // The last block of the queue is loaded first.
    for (const block of [...blocks].reverse())
      if (!this.#blocks.has(block) && !this.#loading.has(block)) this.#next(block);
    this.#work();
    return () => {
      if (this.#inSight.get(view) === blocks) this.#inSight.delete(view);
    };
  }

  /** Something has changed: loads the open blocks in sight again, and one other open block. */
  refresh(): void {
    const open = [...this.#blocks].filter(([, block]) => block.open).map(([number]) => number);
    const wanted = new Set([...this.#inSight.values()].flatMap((blocks) => [...blocks]));
    const seen = open.filter((number) => wanted.has(number));
    // The one that was read longest ago, so that every block gets its turn.
    const other = open
      .filter((number) => !wanted.has(number))
      .sort((x, y) => this.#blocks.get(x)!.readAt - this.#blocks.get(y)!.readAt)[0];
    if (other !== undefined) this.#next(other);
    for (const block of seen.reverse()) this.#next(block);
    this.#work();
  }

  get hasOpen(): boolean {
    for (const block of this.#blocks.values()) if (block.open) return true;
    return this.#blocks.size < this.#count;
  }

  /**
   * The address of an image, read again if the known one may have expired. Images that were judged before there were
   * renditions have only the original.
   * @param expired the address that the bucket just refused
   */
  async address(n: number, index: number, size: Size, expired?: string): Promise<string | undefined> {
    const number = Math.floor(n / BLOCK);
    const block = this.#blocks.get(number);
    const known = () => {
      const image = this.at(n)?.images.find((image) => image.index === index);
      return size === 'rendition' ? (image?.rendition ?? image?.url) : image?.url;
    };
    const isOld = block && Date.now() - block.readAt > ADDRESS_MS;
    if (!block || isOld || (expired !== undefined && known() === expired)) await this.#load(number);
    return known();
  }

  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#listeners.clear();
  }

  #next(block: number): void {
    this.#queue = this.#queue.filter((queued) => queued !== block);
    this.#queue.push(block);
  }

  #work(): void {
    while (!this.#closed && this.#loading.size < AT_ONCE) {
      const block = this.#queue.pop();
      if (block === undefined) return;
      this.#load(block).catch((error) => {
        this.#onProblem(error);
        if (isTemporary(error))
          setTimeout(() => {
            this.#queue.unshift(block);
            this.#work();
          }, RETRY_MS);
      });
    }
  }

  /** Callers that want the same block share one request. */
  #load(number: number): Promise<void> {
    const running = this.#loading.get(number);
    if (running) return running;
    const load = (async () => {
      const from = number * BLOCK;
      const limit = Math.min(BLOCK, this.plan.cells - from);
      const readAt = Date.now();
      const { predictions } = await readPredictions(this.plan.id, from, limit);
      this.#blocks.set(number, { predictions, readAt, open: predictions.some(isOpen) });
      for (const listener of [...this.#listeners]) listener();
    })().finally(() => {
      this.#loading.delete(number);
      queueMicrotask(() => this.#work());
    });
    this.#loading.set(number, load);
    return load;
  }
}
