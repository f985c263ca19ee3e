import { isPassing, readPredictions } from '../api/client.ts';
import type { Plan, Prediction } from '../api/types.ts';

/** Cells that the API answers at a time. */
export const BLOCK = 100;
const AT_ONCE = 3;
const RETRY_MS = 3_000;
/** Presigned addresses hold for an hour at least. */
const ADDRESS_MS = 3_500_000;

interface Block {
  predictions: Prediction[];
  /** Milliseconds. */
  readAt: number;
  /** Something in it may still change. */
  open: boolean;
}

const isOpen = ({ status, images }: Prediction) =>
  status === 'waiting' || status === 'running' || images.some((image) => image.status === 'pending');

/**
 * An audit's predictions as far as they are loaded, in blocks of a hundred. What is looked at is loaded first,
 * the rest when nothing else is to do; a block in which nothing can change any more is never asked for again.
 */
export class Cells {
  readonly plan: Plan;
  readonly #blocks = new Map<number, Block>();
  readonly #listeners = new Set<() => void>();
  readonly #onProblem: (error: unknown) => void;
  readonly #loading = new Map<number, Promise<void>>();
  /** Blocks to load, next one last. */
  #queue: number[] = [];
  /** Blocks that are looked at, by who looks. */
  readonly #looks = new Map<string, Set<number>>();
  #closed = false;

  constructor(plan: Plan, onProblem: (error: unknown) => void) {
    this.plan = plan;
    this.#onProblem = onProblem;
    this.#queue = Array.from({ length: this.#count }, (_, i) => this.#count - 1 - i);
  }

  get #count(): number {
    return Math.ceil(this.plan.cells / BLOCK);
  }

  /** Loaded cells; all of them once everything is there. */
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
   * Says which cells a view looks at; their blocks come first.
   * @returns a function that ends the look
   */
  want(view: string, cells: Iterable<number>): () => void {
    const blocks = new Set([...cells].map((n) => Math.floor(n / BLOCK)));
    this.#looks.set(view, blocks);
    // The queue is worked from its end.
    for (const block of [...blocks].reverse()) if (!this.#blocks.has(block)) this.#next(block);
    this.#work();
    return () => {
      if (this.#looks.get(view) === blocks) this.#looks.delete(view);
    };
  }

  /** Something has changed: looks again at what is looked at and still open, and at one open block besides. */
  refresh(): void {
    const open = [...this.#blocks].filter(([, block]) => block.open).map(([number]) => number);
    const wanted = new Set([...this.#looks.values()].flatMap((blocks) => [...blocks]));
    const seen = open.filter((number) => wanted.has(number));
    // The one that was read longest ago: in the end all come round.
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
   * The address of an image, read anew if the one at hand may have run out.
   * @param expired the address that the bucket refused just now
   */
  async address(n: number, index: number, expired?: string): Promise<string | undefined> {
    const number = Math.floor(n / BLOCK);
    const block = this.#blocks.get(number);
    const known = () => this.at(n)?.images.find((image) => image.index === index)?.url;
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
        if (isPassing(error))
          setTimeout(() => {
            this.#queue.unshift(block);
            this.#work();
          }, RETRY_MS);
      });
    }
  }

  /** Several who want the same block wait for the same answer. */
  #load(number: number): Promise<void> {
    const under = this.#loading.get(number);
    if (under) return under;
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
